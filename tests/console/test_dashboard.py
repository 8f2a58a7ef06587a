"""The dashboard: first steps, what is wrong now, numbers that lead to their messages, and few statements."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailadmin.console.charts import HEIGHT, WIDTH, Bucket, bars
from mailadmin.console.figures import PERIODS, buckets, figures
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import AuditEntry, IntegratedService, OAuthService, RouteState, SandboxServer, SmtpConnection
from tests.console.rows_to_watch import delivery, finished_test, plain_row

pytestmark = pytest.mark.django_db


def shown(client: Client, **query: Any) -> str:
    response = client.get(reverse("mailadmin:dashboard"), query)
    assert response.status_code == 200
    return response.content.decode()


def service(**values: Any) -> IntegratedService:
    row = IntegratedService(
        name="Contoso app", tenant="contoso.org", client_id="5a5db0c5-0000-4000-8000-000000000002", **values
    )
    row.set_secret("a client secret")
    row.save()
    return row


def stopped(row: SmtpConnection | OAuthService, reason: str = "The password is wrong.") -> None:
    RouteState.objects.create(
        kind=row.kind, route_id=row.pk, stopped=True, failing=True, since=timezone.now(), reason=reason
    )


def test_an_empty_console_shows_three_steps_and_nothing_else(admin_client: Client) -> None:
    text = shown(admin_client)
    assert "Three steps to the first message" in text
    assert reverse("mailadmin:smtp-new") in text
    assert "Delivery order" not in text
    assert "python manage.py sandbox" in text  # it is allowed in the tests, but does not run


def test_n17_the_sandbox_is_offered_while_it_runs(admin_client: Client, viewer_client: Client) -> None:
    SandboxServer.objects.create(pk=1, beat_at=timezone.now(), credentials={"user": "x"})
    assert "Add the sandbox" in shown(admin_client)
    assert "Add the sandbox" not in shown(viewer_client)


def test_the_guide_goes_on_as_its_steps_are_done(admin_client: Client) -> None:
    row = plain_row(25)
    text = shown(admin_client)
    assert reverse("mailadmin:test-start", args=["smtp", row.pk]) in text
    assert "Messages per hour" not in text
    finished_test("ok")
    assert "A test went through." in shown(admin_client)
    delivery()
    assert "Three steps" not in shown(admin_client)


def test_each_number_leads_to_its_messages(viewer_client: Client) -> None:
    plain_row(25)
    delivery()
    delivery(DeliveryState.FALLBACK, duration_ms=1200)
    delivery(DeliveryState.FAILED)
    delivery(DeliveryState.UNSURE)
    delivery(DeliveryState.SENT, minutes_ago=60 * 24 * 3)
    text = shown(viewer_client)
    assert "<strong>2</strong><span>sent</span>" in text
    assert "<strong>1</strong><span>of them by fallback</span>" in text
    assert "<strong>2</strong><span>failed or unclear</span>" in text
    assert "<strong>800 ms</strong><span>median time</span>" in text
    assert f"{reverse('mailadmin:log-list')}?state=problem&amp;since=" in text
    assert "<strong>3</strong><span>sent</span>" in shown(viewer_client, period="7d")
    assert 'class="bar-failed"' in text
    assert "style=" not in text


def test_a_stopped_route_is_told_with_its_reason_and_the_ways_to_mend_it(
    admin_client: Client, operator_client: Client, viewer_client: Client
) -> None:
    row = plain_row(25)
    stopped(row)
    resume = reverse("mailadmin:route-resume", args=["smtp", row.pk])
    text = shown(admin_client)
    assert "“Relay A” is stopped: no message goes by it." in text
    assert "The password is wrong." in text
    assert resume in text
    assert resume not in shown(operator_client)
    assert reverse("mailadmin:test-start", args=["smtp", row.pk]) not in shown(viewer_client)
    assert operator_client.post(resume).status_code == 403
    admin_client.post(resume)
    assert RouteState.objects.count() == 0
    assert AuditEntry.objects.get(action="resumed").object_name == "Relay A"
    assert "is stopped" not in shown(admin_client)


def test_n3_a_resting_route_tells_until_when_and_can_be_used_again(
    admin_client: Client, operator_client: Client
) -> None:
    """N3. The circuit breaker is on the dashboard."""
    row = plain_row(25)
    delivery()
    until = timezone.now() + timedelta(seconds=40)
    RouteState.objects.create(
        kind="smtp", route_id=row.pk, failing=True, since=timezone.now(), reason="It timed out.", open_until=until
    )
    text = shown(admin_client)
    assert "Resting" in text
    assert f"It rests until {timezone.localtime(until):%H:%M:%S}; then one message tries it. It timed out." in text
    assert reverse("mailadmin:route-resume", args=["smtp", row.pk]) in text
    assert "Use it again" not in shown(operator_client)
    RouteState.objects.update(open_until=timezone.now())
    assert "Failing" in shown(admin_client)


def test_p7_a_paused_route_tells_who_paused_it(operator_client: Client, viewer_client: Client) -> None:
    """P7."""
    row = plain_row(25)
    delivery()
    RouteState.objects.create(
        kind="smtp", route_id=row.pk, paused=True, paused_by="otto", since=timezone.now(), failing=True
    )
    text = shown(operator_client)
    assert "No message goes by it until it is resumed. By otto." in text
    assert reverse("mailadmin:route-pause", args=["smtp", row.pk]) in text
    assert reverse("mailadmin:route-pause", args=["smtp", row.pk]) not in shown(viewer_client)


def test_the_numbers_count_what_the_log_finds_for_them(viewer_client: Client) -> None:
    """Each state once in the last hour: the bars, the numbers and the filters say the same."""
    plain_row(25)
    for state in DeliveryState:
        delivery(state)
    delivery(DeliveryState.SENDING, minutes_ago=60)
    delivery(DeliveryState.SENDING, minutes_ago=60, mode="queued")  # a worker has it, however long that takes
    found = PERIODS["24h"]
    total = figures(buckets(found, timezone.now()), found.starts(timezone.now())[0])
    assert (total.sent, total.fallback) == (3, 1)
    listed = viewer_client.get(reverse("mailadmin:log-list"), {"state": "problem"}).content.decode()
    assert total.failed == listed.count('<th scope="row"')
    assert total.median_ms == 400


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        (6, "The client secret of “Contoso app” ends in 6 days."),
        (1, "The client secret of “Contoso app” ends in 1 day."),
        (0, "The client secret of “Contoso app” ends today."),
        (-1, "The client secret of “Contoso app” ended on"),
        (31, None),
    ],
)
def test_the_end_of_a_client_secret_is_told_in_time(admin_client: Client, days: int, sentence: str | None) -> None:
    plain_row(25)
    service(credential_ends_on=timezone.localdate() + timedelta(days=days))
    text = shown(admin_client)
    assert (sentence or "client secret of") in text if sentence else "client secret of" not in text
    assert ("Renew it without a gap" in text) is bool(sentence)


@pytest.mark.parametrize(("days", "words"), [(9, "ends in 9 days."), (-2, "ended on")])
def test_n5_the_end_of_a_certificate_is_told_by_its_own_word(admin_client: Client, days: int, words: str) -> None:
    """N5."""
    plain_row(25)
    row = service(credential_ends_on=timezone.localdate() + timedelta(days=days), credential_kind="certificate")
    assert f"The certificate of “{row.name}” {words}" in shown(admin_client)


def test_fallback_is_told_while_the_newest_message_went_by_it(viewer_client: Client) -> None:
    plain_row(25, name="First", order=0)
    second = plain_row(26, name="Second", order=1)
    delivery(DeliveryState.FALLBACK, route_name="Second", route_id=second.pk)
    assert "“First” did not take the latest message, so “Second” sent it." in shown(viewer_client)
    delivery(DeliveryState.SENT, route_name="First", minutes_ago=0)
    assert "Mail goes by fallback now." not in shown(viewer_client)


def test_routes_that_are_all_switched_off_are_an_error(viewer_client: Client) -> None:
    plain_row(25, enabled=False)
    assert "No mail can leave: every connection is switched off." in shown(viewer_client)


def test_a_missing_encryption_key_is_an_error(viewer_client: Client, settings: Any) -> None:
    settings.MAILADMIN = settings.MAILADMIN | {"KEY_FILE": "/nowhere/keys"}
    assert "The encryption key is missing" in shown(viewer_client)


def test_the_number_of_statements_does_not_grow(
    viewer_client: Client, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    plain_row(25)
    delivery(attempts=({},))
    with django_assert_max_num_queries(38) as few:
        shown(viewer_client)
    for number in range(4):
        stopped(plain_row(26 + number, name=f"Relay {number}"))
        delivery(DeliveryState.FALLBACK, attempts=({}, {}), to=("a@example.org", "b@example.org"))
        finished_test("failed")
    with django_assert_num_queries(len(few.captured_queries)):
        shown(viewer_client)


def test_bars_stand_on_each_other_and_inside_the_picture() -> None:
    chart = bars([Bucket("1", "1", 1000, 5, 1), Bucket("2", "2"), Bucket("3", "3", 0, 0, 1006)])
    assert chart.top == 1006
    assert [block.kind for block in chart.blocks] == ["sent", "fallback", "failed", "failed"]
    assert all(block.height >= 2 for block in chart.blocks)  # one failure in a thousand can be seen
    assert all(0 <= block.y <= HEIGHT and block.x + block.width <= WIDTH for block in chart.blocks)
    assert bars([Bucket("1", "1")]).empty


def test_the_worst_few_are_open_and_the_rest_is_folded_with_a_count(viewer_client: Client) -> None:
    delivery()
    for number in range(limits.BANNERS_OPEN + 2):
        finished_test("ok", route_id=plain_row(25 + number, name=f"Relay {number}").pk)
    row = SmtpConnection.objects.get(name="Relay 4")
    stopped(row)
    SmtpConnection.objects.exclude(pk=row.pk).update(port=99, changed_at=timezone.now())
    text = shown(viewer_client)
    before, _, folded = text.partition("2 more things to look at")
    assert before.count('class="banner ') == limits.BANNERS_OPEN
    assert before.index("“Relay 4” is stopped") < before.index("was changed and not tested since")
    assert folded.count("was changed and not tested since") == 2


def test_n13_a_change_that_was_not_tested_can_be_tested_from_there(
    operator_client: Client, viewer_client: Client
) -> None:
    """N13."""
    row = plain_row(25)
    delivery()
    finished_test("ok", route_id=row.pk)
    row.port = 26
    row.save()
    start = reverse("mailadmin:test-start", args=["smtp", row.pk])
    text = shown(operator_client)
    assert "“Relay A” was changed and not tested since." in text
    assert start in text
    assert f'href="{reverse("mailadmin:smtp-edit", args=[row.pk])}"' not in text  # not for those who may not change it
    assert start not in shown(viewer_client)


def test_while_the_first_steps_are_shown_no_banner_repeats_them(admin_client: Client) -> None:
    plain_row(25)
    assert "was never tested" not in shown(admin_client)
    finished_test("ok")
    delivery()
    assert "“Relay A” was never tested." in shown(admin_client)


def test_n11_a_schedule_without_anybody_is_told_with_what_starts_it(admin_client: Client) -> None:
    """N11."""
    row = plain_row(25)
    finished_test("ok", route_id=row.pk)
    SmtpConnection.objects.update(created_at=timezone.now() - timedelta(hours=2))
    text = shown(admin_client)
    assert "Scheduled tests do not run: nobody looked after them so far." in text
    assert "python manage.py mailworker" in text
    assert "python manage.py mailadmin_health --probe" in text

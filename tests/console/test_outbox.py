"""The outbox page: whether something is stuck and why, what waits, who works, and few statements however much waits."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from mailadmin.console import outbox
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState, Priority
from mailadmin.core.preferences import Preferences, Sending
from mailadmin.models import AuditEntry, Delivery, OutboxEntry, RouteState, Settings
from mailadmin.watch.outbox import Counted, overview, server_now
from mailadmin.watch.waiting import Why
from tests.console.rows_to_watch import delivery, plain_row
from tests.console.waiting_rows import claimed, crashed, unsure, waiting, worker

pytestmark = pytest.mark.django_db


def shown(client: Client, **query: Any) -> str:
    response = client.get(reverse("mailadmin:outbox"), query)
    assert response.status_code == 200
    return response.content.decode()


def said(client: Client) -> str:
    """Return the verdict in the part that is asked for again and again."""
    text = client.get(reverse("mailadmin:outbox-now")).content.decode()
    return text[text.index("<strong>") + 8 : text.index("</strong>")].replace("&#x27;", "'")


def press(client: Client, action: str, *entries: OutboxEntry, **more: Any) -> str:
    values = {"action": action, "message": [str(entry.pk) for entry in entries]} | more
    response = client.post(reverse("mailadmin:outbox-act"), values, follow=True)
    return response.content.decode()


def state(entry: OutboxEntry) -> str:
    entry.delivery.refresh_from_db()
    return str(entry.delivery.state)


# -- the verdict -------------------------------------------------------------------------------------------


def test_an_empty_outbox_says_so_and_teaches_how_messages_come_there(viewer_client: Client) -> None:
    assert said(viewer_client) == "Nothing waits."
    worker()
    assert said(viewer_client) == "Nothing waits. 1 worker runs."
    assert "The outbox is empty" in shown(viewer_client)


def test_p7_what_waits_without_a_worker_is_told_with_the_command_that_starts_one(viewer_client: Client) -> None:
    """P7."""
    waiting()
    waiting(due_in=-10)
    worker(beat=limits.WORKER_LOST_SECONDS + 5)
    text = "2 messages wait and no worker runs. Start one with: python manage.py mailworker"
    assert said(viewer_client) == text
    assert "banner-warning" in shown(viewer_client)
    waiting(due_in=-2 * 3600)
    assert said(viewer_client).startswith("3 messages wait and no worker runs; the oldest is due for 2 hours. Start")
    page = shown(viewer_client)
    assert "banner-error" in page
    assert "Gone" in page


def test_p7_what_is_being_sent_is_told_calmly(viewer_client: Client) -> None:
    """P7."""
    waiting(due_in=-180)
    worker(), worker("mail2:8")
    assert said(viewer_client) == "1 message waits; the oldest is due for 3 minutes; 2 workers run."
    OutboxEntry.objects.update(due_at=OutboxEntry.objects.get().give_up_at)
    assert said(viewer_client) == "1 message waits; none is due now; 2 workers run."


def test_n9_mail_that_is_held_is_told_before_all_else(viewer_client: Client) -> None:
    """N9."""
    row = Settings.load()
    row.sending = Sending.HELD
    row.save()
    waiting(due_in=-7200)
    assert said(viewer_client) == "1 message waits: All mail is held by the settings."
    assert "It waits: All mail is held by the settings." in shown(viewer_client)


def test_n3_what_waits_for_a_person_comes_first(viewer_client: Client, operator_client: Client) -> None:
    """N3. With who may have got it, and what a crash left behind."""
    unsure("Receipt", to=("ann@example.org", "bob@example.org"), waits_because="The connection failed.")
    crashed("Poison", crash_report="Traceback: <b>boom</b>")
    assert said(viewer_client) == "2 messages need a decision."
    page = shown(viewer_client)
    assert "ann@example.org, bob@example.org may have got it. The connection failed." in page
    assert "Traceback: &lt;b&gt;boom&lt;/b&gt;" in page
    assert "Send again" not in page  # a viewer decides nothing
    for word in ("Send again", "It arrived", "It did not", "Release", "Cancel"):
        assert word in shown(operator_client)


# -- the numbers -------------------------------------------------------------------------------------------


def test_each_reason_has_its_number_and_leads_to_its_messages(viewer_client: Client) -> None:
    waiting("Due")
    waiting("Paused", shelf="paused", label="news")
    waiting("Again", due_in=600, tries=2, waits_because="Relay A was busy.")
    waiting("Later", due_in=600)
    claimed(subject="Busy")
    claimed(subject="Orphan", until=-5)
    counts = overview(Preferences()).counts
    wanted = {Why.DUE, Why.PAUSED, Why.AGAIN, Why.SCHEDULED, Why.CLAIMED, Why.LOST}
    assert {reason for reason, count in counts.items() if count} == wanted
    assert all(counts[reason] == Counted(1) for reason in wanted)
    text = shown(viewer_client, why="again")
    assert "Again" in text
    assert "Relay A was busy." in text
    assert ">Later<" not in text
    assert f"{reverse('mailadmin:outbox')}?why=lost" in text


def test_more_than_a_bound_is_not_counted(viewer_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OUTBOX_COUNTED", 2)
    for _ in range(4):
        waiting()
    assert said(viewer_client).startswith("More than 2 messages wait and no worker runs.")


def test_p7_the_number_of_statements_does_not_grow_with_what_waits(
    operator_client: Client, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    """P7."""
    plain_row(25)
    waiting()
    unsure()
    with django_assert_max_num_queries(24) as few:
        shown(operator_client)
    for number in range(12):
        waiting(f"Number {number}", to=("a@example.org", "b@example.org"), label=f"label {number}")
        unsure()
        crashed()
        worker(f"mail{number}:1")
    with django_assert_num_queries(len(few.captured_queries)):
        shown(operator_client)
    with django_assert_max_num_queries(12):
        said(operator_client)


# -- the table ---------------------------------------------------------------------------------------------


def test_pages_follow_each_other_without_a_gap_although_rows_come_and_go(
    viewer_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PAGE_ROWS", 3)
    rows = sorted((waiting() for _ in range(7)), key=lambda row: row.pk)  # two of one millisecond are in any order
    for place, row in enumerate(rows):
        Delivery.objects.filter(pk=row.pk).update(subject=f"Number {place}")
    around = overview(Preferences()).around
    lines, following = outbox.page({}, None, around)
    assert [line.entry.delivery.subject for line in lines] == ["Number 0", "Number 1", "Number 2"]
    rows[1].delete()  # sent meanwhile
    lines, following = outbox.page({}, following, around)
    assert [line.entry.delivery.subject for line in lines] == ["Number 3", "Number 4", "Number 5"]
    text = shown(viewer_client, after=str(following), why="due")
    assert "Number 6" in text
    assert "From the beginning" in text
    assert "Later ones" not in text
    assert "Number 0" in shown(viewer_client, after="no cursor")


def test_messages_are_found_by_label_and_by_route(viewer_client: Client) -> None:
    first, second = plain_row(25, name="First"), plain_row(26, name="Second")
    waiting("By the first", label="news", only_route=str(first.key))
    tried = waiting("Tried by the second", tries=1)
    tried.delivery.attempts.create(
        number=1, started_at=tried.queued_at, duration_ms=5, route_kind="smtp", route_id=second.pk, accepted=False
    )
    text = shown(viewer_client, label="news")
    assert "By the first" in text
    assert "Tried by the second" not in text
    text = shown(viewer_client, route=str(second.key))
    assert "Tried by the second" in text
    assert "By the first" not in text
    assert "No waiting message fits" in shown(viewer_client, label="nothing")
    assert "nothing was looked for" in shown(viewer_client, why="nonsense")


def test_an_unusual_priority_is_shown(viewer_client: Client) -> None:
    waiting(priority=Priority.URGENT)
    assert "Urgent" in shown(viewer_client)
    OutboxEntry.objects.update(priority=Priority.NORMAL)
    assert "Urgent" not in shown(viewer_client)


# -- what people do ----------------------------------------------------------------------------------------


def test_p7_ticked_messages_are_cancelled_with_an_audit_entry_each(operator_client: Client) -> None:
    """P7."""
    rows = [waiting(f"Number {place}") for place in range(3)]
    busy = claimed(subject="Busy")
    text = press(operator_client, "cancel", rows[0], rows[1], busy)
    assert "2 messages are cancelled; 1 was not: being sent, or over." in text
    assert [state(row) for row in (*rows, busy)] == ["cancelled", "cancelled", "queued", "queued"]
    audited = AuditEntry.objects.filter(action="cancelled")
    assert {entry.object_id for entry in audited} == {str(row.pk) for row in rows[:2]}


def test_p7_a_scheduled_message_can_be_sent_now(operator_client: Client) -> None:
    """P7."""
    row = waiting(due_in=3600)
    assert "1 message is due now." in press(operator_client, "send-now", row)
    row.refresh_from_db()
    assert row.due_at <= server_now()


def test_n3_an_unsure_message_is_decided(operator_client: Client) -> None:
    """N3. It arrived; it did not; send it again."""
    arrived, lost, again = unsure(), unsure(), unsure()
    assert "1 message counts as delivered." in press(operator_client, "arrived", arrived)
    assert "1 message counts as failed." in press(operator_client, "lost", lost)
    assert "1 message is released, to be sent again." in press(operator_client, "release", again)
    assert state(arrived) == DeliveryState.SENT
    assert state(lost) == DeliveryState.FAILED
    again.refresh_from_db()
    assert again.shelf == OutboxEntry.Shelf.READY
    words = set(AuditEntry.objects.values_list("action", flat=True))
    assert words == {"marked as delivered", "marked as not delivered", "released"}


def test_all_that_fit_the_filters_are_changed_at_once_when_that_is_meant(
    operator_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "OUTBOX_SWEPT", 3)
    rows = [waiting(label="news") for _ in range(4)]
    other = waiting(label="shop")
    values = {"scope": "all", "label": "news"}
    assert "tick that you mean all of them" in press(operator_client, "cancel", **values)
    assert "3 messages are cancelled. More are left: press again." in press(
        operator_client, "cancel", sure="on", **values
    )
    press(operator_client, "cancel", sure="on", **values)
    assert {state(row) for row in rows} == {"cancelled"}
    assert state(other) == "queued"
    details = set(AuditEntry.objects.values_list("detail", flat=True))
    assert "3 messages of the outbox (label: news)" in details


def test_a_press_on_nothing_says_so(operator_client: Client) -> None:
    assert "tick the messages first" in press(operator_client, "cancel")
    assert "Choose what to do" in press(operator_client, "explode", waiting())
    values = {"action": "cancel", "message": ["not a UUID", str(uuid.uuid4())]}
    text = operator_client.post(reverse("mailadmin:outbox-act"), values, follow=True).content.decode()
    assert "Nothing was changed" in text


def test_p7_a_label_is_paused_as_messages_have_it(operator_client: Client) -> None:
    """Typed with what no message's label holds; PostgreSQL would refuse the zero byte."""
    address = reverse("mailadmin:outbox-label")
    assert operator_client.post(address, {"label": "ne\x00ws\n ", "paused": "on"}).status_code == 302
    assert Settings.load().paused_labels == ["ne ws"]


def test_p7_a_message_that_is_ticked_twice_is_counted_once(operator_client: Client) -> None:
    row = waiting()
    text = press(operator_client, "cancel", row, row)
    assert "1 message is cancelled." in text


def test_p7_a_label_is_paused_and_goes_on(operator_client: Client) -> None:
    """P7."""
    row = waiting(label="news")
    address = reverse("mailadmin:outbox-label")
    text = operator_client.post(address, {"label": " news ", "paused": "on"}, follow=True).content.decode()
    assert "The label “news” is paused: 1 message waits, and so does what comes." in text
    row.refresh_from_db()
    assert row.shelf == OutboxEntry.Shelf.PAUSED
    assert Settings.load().paused_labels == ["news"]
    assert "It waits until the label “news” is resumed." in shown(operator_client)
    text = operator_client.post(address, {"label": "news", "paused": "off"}, follow=True).content.decode()
    assert "The label “news” goes on: 1 message released." in text
    assert Settings.load().paused_labels == []
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == ["paused", "resumed"]
    assert "type or choose a label" in operator_client.post(address, {"paused": "on"}, follow=True).content.decode()


def test_p7_a_route_is_paused_and_goes_on(operator_client: Client, viewer_client: Client) -> None:
    """P7."""
    row = plain_row(25)
    address = reverse("mailadmin:route-pause", args=["smtp", row.pk])
    assert viewer_client.post(address, {"paused": "on"}).status_code == 403
    text = operator_client.post(address, {"paused": "on"}, follow=True).content.decode()
    assert "“Relay A” is paused: no message goes by it until it is resumed." in text
    assert RouteState.objects.get().paused
    assert "Paused" in shown(viewer_client)
    operator_client.post(address, {"paused": "off"})
    assert not RouteState.objects.filter(paused=True).exists()
    assert operator_client.post(reverse("mailadmin:route-pause", args=["pigeon", row.pk])).status_code == 404


def test_the_dashboard_tells_what_the_outbox_needs(viewer_client: Client) -> None:
    plain_row(25)
    delivery()
    page = reverse("mailadmin:dashboard")
    assert "waiting now" not in viewer_client.get(page).content.decode()
    unsure(), unsure(), crashed()
    waiting(due_in=-3600)
    text = viewer_client.get(page).content.decode()
    assert "2 messages may have been delivered, and somebody must decide." in text
    assert "1 message held: workers ended while they had it." in text
    assert "The outbox is not drained." in text
    assert "no worker runs; the oldest is due for 1 hour." in text
    assert "<strong>1</strong><span>waiting now</span>" in text

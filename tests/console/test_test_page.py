"""The page of a test (N1, N13): what to do next, the waterfall, what changed, the reports, two tests compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailadmin.console.ladder import LANE, Links, Shown, lane, shown
from mailadmin.console.run_page import next_actions
from mailadmin.core.fixes import Fix
from mailadmin.core.report import Step, StepState
from mailadmin.models import ConnectionTest, ConnectionTestStep, SmtpConnection
from mailadmin.testruns.drafts import keep_draft
from tests.console.rows_to_watch import finished_test, plain_row

LINKS = Links(
    lambda setting: f"/setting/{setting}",
    lambda code: f"/errors/{code}/",
    lambda place, number, fix: f"/{place}/{number}",
)
FIX = Fix("Use port 465 with TLS", "The server speaks TLS from the start.", {"port": "465"})
FAILED = Step(
    *("tls", "TLS", StepState.FAILED, "not an SMTP answer"),
    seconds=0.5,
    offset=0.5,
    code="tls-expected",
    problem="The server speaks TLS from the start.",
    remedy=["Use port 465."],
    owner="You",
    setting="port",
    fixes=[FIX.as_data()],
)
SOUND = Step("dns", "DNS", StepState.OK, "192.0.2.1", seconds=0.5)


def a_test(state: str, **values: Any) -> ConnectionTest:
    return ConnectionTest(kind="smtp", name="Relay A", state=state, route_id=None, **values)


def run(test: ConnectionTest, *steps: Step, links: Links = LINKS) -> Shown:
    return shown(test, steps, links)


def labels(test: ConnectionTest, *steps: Step, links: Links = LINKS, **known: bool) -> list[str]:
    found = next_actions(
        test, run(test, *steps, links=links), **({"draft_kept": False, "can_test_again": True} | known)
    )
    assert sum(action.primary for action in found) <= 1
    return [action.label for action in found]


def page(client: Client, name: str, *args: Any, **query: Any) -> str:
    response = client.get(reverse(f"mailadmin:{name}", args=args), query)
    assert response.status_code == 200
    return response.content.decode()


class TestNextAction:
    """N2: one thing to do next, in the verdict."""

    def test_what_cures_a_failure_comes_first(self) -> None:
        test = a_test("failed")
        assert labels(test, SOUND, FAILED) == ["Use port 465 with TLS"]
        assert labels(test, SOUND, replace(FAILED, fixes=[])) == ["Go to the setting"]
        assert labels(test, replace(FAILED, fixes=[], setting="")) == ["See what to do at step 1"]

    def test_the_note_says_whether_the_form_is_filled_in_or_waits_for_typing(self) -> None:
        typed = Fix("Type a new client secret", "Copy its Value.", focus="secret")
        for fix, words in ((FIX, "shows the form with this change"), (typed, "opens the form, where it is typed")):
            (action,) = next_actions(
                a_test("failed"),
                run(a_test("failed"), replace(FAILED, fixes=[fix.as_data()])),
                draft_kept=False,
                can_test_again=True,
            )
            assert words in action.note

    def test_a_draft_that_only_warns_is_saved_first_and_one_button_stands_out(self) -> None:
        warned = replace(FAILED, state=StepState.WARNING)
        found = labels(a_test("warning", saved_values=False), SOUND, warned, draft_kept=True)
        assert found == ["Save what was tested", "Back to the form", "Use port 465 with TLS"]

    def test_who_may_not_change_it_is_told_where_to_read_what_to_do(self) -> None:
        nothing = Links(lambda setting: "", lambda code: "", lambda place, number, fix: "")
        assert labels(a_test("failed"), SOUND, FAILED, links=nothing) == ["See what to do at step 2"]

    def test_values_that_were_tested_well_are_saved_with_one_press(self) -> None:
        test = a_test("ok", recipient="a@b.example", saved_values=False)
        assert labels(test, SOUND, draft_kept=True) == ["Save what was tested", "Back to the form"]
        assert labels(a_test("failed"), FAILED, draft_kept=True) == [
            *("Use port 465 with TLS", "Back to the form", "Save what was tested")
        ]

    def test_a_test_without_a_message_leads_to_one_with_it(self) -> None:
        assert labels(a_test("ok"), SOUND) == ["Send a test message"]
        assert labels(a_test("ok", recipient="a@b.example"), SOUND) == []
        assert labels(a_test("ok"), SOUND, can_test_again=False) == []

    def test_a_warning_with_a_cure_offers_it(self) -> None:
        warned = replace(FAILED, state=StepState.WARNING)
        assert labels(a_test("warning", recipient="a@b.example"), SOUND, warned) == ["Use port 465 with TLS"]

    def test_a_stopped_test_offers_its_draft_only(self) -> None:
        assert labels(a_test("cancelled"), FAILED) == []
        assert labels(a_test("cancelled"), FAILED, draft_kept=True) == ["Back to the form", "Save what was tested"]


class TestWaterfall:
    """N1: each step has its place in time."""

    def test_a_bar_begins_where_the_step_began(self) -> None:
        assert lane(SOUND, 1.0) == lane(replace(SOUND, offset=0), 1.0)
        found = lane(FAILED, 1.0)
        assert found
        assert (found.x, found.width) == (50, 50)

    @pytest.mark.parametrize("offset", [0.0, 9.9999, 10.0])
    def test_a_step_of_no_time_can_be_seen_and_stays_inside(self, offset: float) -> None:
        found = lane(replace(SOUND, offset=offset, seconds=0.00001), 10.0)
        assert found
        assert found.width >= 1
        assert 0 <= found.x <= found.x + found.width <= LANE

    def test_what_did_not_run_has_no_bar(self) -> None:
        assert lane(replace(SOUND, state=StepState.NOT_RUN), 1.0) is None
        assert lane(replace(SOUND, state=StepState.RUNNING), 1.0) is None
        assert lane(SOUND, 0) is None


def failed_test(row: SmtpConnection, **values: Any) -> ConnectionTest:
    """Return a finished test of `row` that failed at its second step."""
    test = finished_test("failed", name=row.name, route_id=row.pk, verdict="Step 2 of 2 failed: TLS.", **values)
    ConnectionTestStep.objects.create(test=test, place=1, **vars(FAILED) | {"details": [["Cipher", "none <b>"]]})
    return test


@pytest.mark.django_db
def test_n1_n2_the_failing_step_leads_to_its_cure_its_setting_and_its_entry(admin_client: Client) -> None:
    row = plain_row(25)
    test = failed_test(row)
    text = page(admin_client, "test", test.pk)
    assert text.count(reverse("mailadmin:fix", args=[test.pk, 1, 0])) == 2  # in the verdict and at the step
    assert f"{reverse('mailadmin:smtp-edit', args=[row.pk])}#id_port" in text
    assert reverse("mailadmin:knowledge", args=["tls-expected"]) in text
    assert "What was seen" in text
    assert "none &lt;b&gt;" in text
    assert '<rect class="lane-bar"' in text
    assert 'style="' not in text


@pytest.mark.django_db
def test_who_may_not_change_a_setting_is_offered_no_form_with_it(viewer_client: Client) -> None:
    test = failed_test(plain_row(25))
    text = page(viewer_client, "test", test.pk)
    assert "/fix/" not in text
    assert "Go to this setting" not in text
    assert "See what to do at step 2" in text
    assert reverse("mailadmin:knowledge", args=["tls-expected"]) in text


@pytest.mark.django_db
def test_n13_the_page_says_what_changed_since_the_last_good_test(viewer_client: Client) -> None:
    row = plain_row(25)
    hour = timedelta(hours=1)
    now = timezone.now()
    good = finished_test("ok", route_id=row.pk, started_at=now - 2 * hour, values={"Port": "587", "Host": "a.example"})
    failed_test(row, started_at=now - hour, values={"Port": "465", "Host": "a.example"})
    text = page(viewer_client, "test", failed_test(row, values={"Port": "465", "Host": "b.example"}).pk)
    since_previous, _, since_good = text.partition("Changed since the last good test")
    assert "Changed since the previous test" in since_previous
    assert "Setting: Host" in since_previous
    assert "Setting: Port" not in since_previous
    assert "Setting: Port" in since_good
    assert "<del>587</del>" in since_good
    assert f"?with={good.pk}" in since_good


@pytest.mark.django_db
def test_two_changes_for_the_same_reason_give_it_once(admin_client: Client) -> None:
    test = failed_test(plain_row(25))
    other = replace(FIX, title="Use port 587 with STARTTLS", changes={"port": "587"})
    test.steps.filter(state="failed").update(fixes=[FIX.as_data(), other.as_data()])
    text = page(admin_client, "test", test.pk)
    assert "Use port 587 with STARTTLS" in text
    assert text.count(f'<span class="small">{FIX.why}</span>') == 1


@pytest.mark.django_db
def test_the_same_changes_are_not_told_twice(viewer_client: Client) -> None:
    row = plain_row(25)
    hour = timedelta(hours=1)
    now = timezone.now()
    finished_test("ok", route_id=row.pk, started_at=now - 2 * hour, values={"Port": "587"})
    stopped = finished_test("failed", route_id=row.pk, started_at=now - hour, values={"Port": "587"})
    stopped.steps.all().delete()
    ConnectionTest.objects.get(started_at=now - 2 * hour).steps.all().delete()
    text = page(viewer_client, "test", failed_test(row, values={"Port": "465"}).pk)
    assert "Changed since the last good test" in text
    assert "since the previous test" not in text


@pytest.mark.django_db
def test_the_way_to_a_setting_keeps_what_was_typed(admin_client: Client) -> None:
    row = plain_row(25)
    test = failed_test(row, saved_values=False)
    keep_draft(test, {"pk": str(row.pk), "host": "typed.example"}, admin_client.session.session_key or "")
    text = page(admin_client, "test", test.pk)
    assert f"{reverse('mailadmin:test-form', args=[test.pk])}#id_port" in text
    assert f"{reverse('mailadmin:smtp-edit', args=[row.pk])}#id_port" not in text


@pytest.mark.django_db
def test_nothing_changed_is_said_in_one_line(viewer_client: Client) -> None:
    row = plain_row(25)
    finished_test("ok", route_id=row.pk, started_at=timezone.now() - timedelta(hours=1))
    assert "Nothing changed since the previous test" in page(viewer_client, "test", finished_test(route_id=row.pk).pk)


@pytest.mark.django_db
def test_n13_two_tests_stand_side_by_side_the_earlier_one_first(viewer_client: Client) -> None:
    row = plain_row(25)
    old = finished_test("ok", route_id=row.pk, started_at=timezone.now() - timedelta(hours=1))
    new = failed_test(row)
    stranger = finished_test("ok", route_id=plain_row(26, "Relay B").pk)
    for one, other in ((new, old), (old, new)):
        text = page(viewer_client, "test-compare", one.pk, **{"with": other.pk})
        earlier, later = text.index(f'/tests/{old.pk}/">Earlier'), text.index(f'/tests/{new.pk}/">Later')
        assert earlier < later
    for wanted in (stranger.pk, "not-a-number"):
        text = page(viewer_client, "test-compare", new.pk, **{"with": wanted})
        assert f'value="{stranger.pk}"' not in text
        assert f"/tests/{stranger.pk}/" not in text
    alone = viewer_client.get(reverse("mailadmin:test-compare", args=[stranger.pk]))
    assert alone["Location"] == reverse("mailadmin:test", args=[stranger.pk])


@pytest.mark.django_db
def test_the_list_can_be_narrowed_to_a_connection_and_to_the_schedule(viewer_client: Client) -> None:
    row = plain_row(25, "Relay B")
    finished_test("ok", name="By the clock", scheduled=True)
    finished_test("ok", name="By hand", route_id=row.pk)
    lost = timezone.now() - timedelta(minutes=5)
    finished_test("running", name="Lost", finished_at=None, beat_at=lost)
    shown_by = {
        "schedule": page(viewer_client, "test-list", by="schedule"),
        "people": page(viewer_client, "test-list", by="people"),
        "route": page(viewer_client, "test-list", route=row.pk),
        "interrupted": page(viewer_client, "test-list", state="interrupted"),
        "running": page(viewer_client, "test-list", state="running"),
        "nonsense": page(viewer_client, "test-list", state="x", route="x", by="x"),
    }
    rows = {
        name: [each for each in ("By the clock", "By hand", "Lost") if f">{each}</a>" in text]
        for name, text in shown_by.items()
    }
    assert rows == {
        "schedule": ["By the clock"],
        "people": ["By hand", "Lost"],
        "route": ["By hand"],
        "interrupted": ["Lost"],
        "running": [],
        "nonsense": ["By the clock", "By hand", "Lost"],
    }
    assert "the schedule" in shown_by["schedule"]


class TestReports:
    """N1: a report to copy or download, with or without names."""

    @pytest.fixture
    def told(self, db: None) -> ConnectionTest:
        test = finished_test(
            "ok", target="mail.contoso.example:587", values={"Host": "intern", "User name": "annasmith"}
        )
        said = "intern (192.0.2.7) knows annasmith and bo@contoso.example; smtp.gmail.com does not"
        test.steps.update(fact=said, dialogue=["S: 220 mail.contoso.example"])
        return test

    def test_without_host_names_the_same_name_is_the_same_placeholder(self, viewer_client: Client, told: Any) -> None:
        response = viewer_client.get(reverse("mailadmin:test-report", args=[told.pk]), {"hosts": "no"})
        text = response.content.decode()
        assert "Test of Relay A (host-2:587)" in text
        assert "host-1 (ip-1) knows user-1 and address-1; smtp.gmail.com does not" in text
        assert "S: 220 host-2" in text
        for name in ("contoso", "192.0.2.7", "annasmith", "intern"):
            assert name not in text
        assert "Relay" not in response["Content-Disposition"]

    def test_it_can_be_downloaded_as_plain_text(self, viewer_client: Client, told: Any) -> None:
        response = viewer_client.get(reverse("mailadmin:test-report", args=[told.pk]))
        assert response["Content-Type"] == "text/plain; charset=utf-8"
        assert response["Content-Disposition"].startswith('attachment; filename="test-relay-a-')
        assert "mail.contoso.example" in response.content.decode()

    def test_both_forms_are_on_the_page_with_a_switch_between_them(self, viewer_client: Client, told: Any) -> None:
        text = page(viewer_client, "test", told.pk)
        assert 'id="report"' in text
        assert 'id="nameless-report"' in text
        assert "?hosts=no" in text

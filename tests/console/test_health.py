"""Whether mail leaves, as a monitor reads it: the rules, and who may read how much (P14)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.core.preferences import Preferences, Sending
from mailadmin.core.settings import RouteKey, RouteKind
from mailadmin.delivery import routes
from mailadmin.delivery.routes import State
from mailadmin.models import OutboxEntry, RouteState, Settings, Worker
from mailadmin.watch.outbox import Counted, Overview
from mailadmin.watch.route_vitals import Condition, RouteVital, route_vital
from mailadmin.watch.vitals import details, faults
from mailadmin.watch.waiting import Why
from tests.console.rows_to_watch import delivery, plain_row
from tests.console.test_metrics import NOW, RELAY, vitals, worker

TOKEN = "a-token-of-the-monitors"
KEY = RouteKey(RouteKind.SMTP, str(uuid4()))


def route(condition: Condition, usable: bool = False, reason: str = "It does not answer.") -> RouteVital:
    return RouteVital(KEY, "Relay B", condition, usable, reason)


def outbox(due_for: float = 0, *, workers: int = 1, held: str = "") -> Overview:
    oldest = NOW - timedelta(seconds=due_for) if due_for else None
    counts = {Why.DUE: Counted(1)} if due_for else {}
    return Overview(NOW, counts, oldest, workers=[worker(1)] * workers, held=held)


class TestRules:
    """What is wrong, by the numbers."""

    def test_a_new_installation_without_a_route_sends_nothing(self) -> None:
        assert faults(vitals(routes=[])) == ["No SMTP connection or OAuth service is enabled, so no mail can leave."]

    @pytest.mark.parametrize("workers", [0, 1])
    def test_direct_mode_needs_no_worker(self, workers: int) -> None:
        assert faults(vitals(outbox=outbox(workers=workers))) == []

    @pytest.mark.parametrize(
        ("due_for", "workers", "words"),
        [
            (limits.HEALTH_WORKER_SECONDS - 1, 0, ""),
            (limits.HEALTH_WORKER_SECONDS + 1, 0, "No worker runs; the oldest due message has waited for 2 minutes."),
            (limits.HEALTH_WORKER_SECONDS + 1, 1, ""),
            (limits.OUTBOX_LATE_SECONDS - 1, 1, ""),
            (limits.OUTBOX_LATE_SECONDS + 1, 1, "The oldest due message has waited for 5 minutes"),
        ],
    )
    def test_p14_messages_that_nobody_takes_are_a_fault(self, due_for: float, workers: int, words: str) -> None:
        found = faults(vitals(outbox=outbox(due_for, workers=workers)))
        assert len(found) == bool(words)
        assert "".join(found).startswith(words)

    def test_where_workers_cannot_be_seen_only_the_wait_counts(self) -> None:
        by_tasks: dict[str, Any] = {"awaits_worker": False}
        assert faults(vitals(outbox=outbox(limits.OUTBOX_LATE_SECONDS - 1, workers=0), **by_tasks)) == []
        assert faults(vitals(outbox=outbox(limits.OUTBOX_LATE_SECONDS + 1, workers=0), **by_tasks))

    def test_n9_what_is_held_on_purpose_is_no_fault(self) -> None:
        held = Preferences(sending=Sending.HELD)
        found = vitals(outbox=outbox(9000, workers=0, held="All mail is held."), preferences=held)
        assert faults(found) == []
        assert details(found)["sending"] == "held"

    def test_n9_what_the_guard_holds_is_one(self) -> None:
        guarded = Preferences(objection="This database belongs to “production”.")
        found = vitals(outbox=outbox(9000, held="This database belongs to “production”."), preferences=guarded)
        assert faults(found) == ["All mail is held: This database belongs to “production”."]

    @pytest.mark.parametrize("others", [[RELAY], [route(Condition.FAILING, usable=True)]])
    def test_one_route_that_can_be_used_is_enough(self, others: list[RouteVital]) -> None:
        assert faults(vitals(routes=[route(Condition.STOPPED), *others])) == []

    @pytest.mark.parametrize("condition", [Condition.STOPPED, Condition.RESTING, Condition.BROKEN])
    def test_p14_without_a_usable_route_it_says_why(self, condition: Condition) -> None:
        paused = RouteVital(KEY, "Relay C", Condition.PAUSED, False, "Paused by anna.")
        (fault,) = faults(vitals(routes=[route(condition), paused]))
        assert fault.startswith(f"No route can be used. “Relay B” is {condition}: It does not answer.")
        assert fault.endswith("“Relay C” is paused: Paused by anna.")

    def test_routes_that_somebody_paused_are_no_fault(self) -> None:
        assert faults(vitals(routes=[route(Condition.PAUSED)])) == []

    @pytest.mark.parametrize(
        ("state", "condition", "usable"),
        [
            (None, Condition.WELL, True),
            (State(), Condition.WELL, True),
            (State(size_limit=5), Condition.WELL, True),
            (State(failing=True, open=True, firm=True), Condition.RESTING, False),
            (State(failing=True, open=True), Condition.RESTING, True),
            (State(failing=True), Condition.FAILING, True),
            (State(failing=True, firm=True), Condition.FAILING, False),
            (State(stopped=True, failing=True, reason="Wrong password."), Condition.STOPPED, False),
            (State(paused=True, stopped=True), Condition.PAUSED, False),
        ],
    )
    def test_a_route_is_usable_as_the_delivery_uses_it(
        self, state: State | None, condition: Condition, usable: bool
    ) -> None:
        found = route_vital(KEY, "Relay B", state)
        assert (found.condition, found.usable) == (condition, usable)


@pytest.fixture(autouse=True)
def no_snapshot() -> None:
    routes.forget()


def entry(due_seconds_ago: float, queued: datetime | None = None, **values: Any) -> OutboxEntry:
    now = timezone.now()
    due = now - timedelta(seconds=due_seconds_ago)
    times = {"due_at": due, "queued_at": queued or now, "give_up_at": now + timedelta(days=2)}
    return OutboxEntry.objects.create(delivery=delivery(DeliveryState.QUEUED, mode="queued"), **times, **values)


def ask(client: Client, name: str, **headers: str) -> Any:
    return client.get(reverse(f"mailadmin:{name}"), headers=headers)


@pytest.fixture
def with_token(settings: Any) -> dict[str, str]:
    settings.MAILADMIN = settings.MAILADMIN | {"METRICS_TOKEN": TOKEN}
    return {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.django_db
class TestWhoMayRead:
    def test_p14_anybody_learns_whether_it_is_well_and_nothing_more(self, client: Client) -> None:
        answer = ask(client, "health")
        assert (answer.status_code, answer.json()) == (503, {"status": "failing"})
        plain_row(25)
        answer = ask(client, "health")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert "no-store" in answer["Cache-Control"]

    def test_a_look_of_a_monitor_is_no_error_of_the_site(
        self, client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Django would mail it to ADMINS, each time."""
        assert ask(client, "health").status_code == 503
        assert [record.name for record in caplog.records if record.name.startswith("django")] == []

    def test_p14_metrics_are_not_for_everybody(self, client: Client, nobody_client: Client) -> None:
        for other in (client, nobody_client):
            answer = ask(other, "metrics")
            assert answer.status_code == 403
            assert "mailadmin_" not in answer.text

    def test_p14_who_may_see_the_log_may_see_them(self, viewer_client: Client, nobody_client: Client) -> None:
        assert ask(viewer_client, "metrics").status_code == 200
        assert "routes" in ask(viewer_client, "health").json()
        assert set(ask(nobody_client, "health").json()) == {"status"}

    @pytest.mark.parametrize("kind", ["itself", "env", "file"])
    def test_p14_a_monitor_reads_by_its_token(
        self, client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, kind: str
    ) -> None:
        monkeypatch.setenv("MONITOR_TOKEN", TOKEN)
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        given = {"itself": TOKEN, "env": "env:MONITOR_TOKEN", "file": f"file:{tmp_path}/token"}[kind]
        settings.MAILADMIN = settings.MAILADMIN | {"METRICS_TOKEN": given}
        answer = ask(client, "metrics", Authorization=f"Bearer {TOKEN}")
        assert answer.status_code == 200
        assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert list(text_string_to_metric_families(answer.text))
        assert "faults" in ask(client, "health", Authorization=f"bearer {TOKEN}").json()

    @pytest.mark.parametrize("given", ["Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer é"])
    def test_any_other_token_is_refused(self, client: Client, with_token: dict[str, str], given: str) -> None:
        assert ask(client, "metrics", Authorization=given).status_code == 403
        assert set(ask(client, "health", Authorization=given).json()) == {"status"}

    @pytest.mark.parametrize("token", ["", "short", 7, "env:NOT_SET_ANYWHERE", "file:/nowhere/at/all"])
    @pytest.mark.parametrize("given", ["", "short", "7", "None"])
    def test_without_a_good_token_no_token_is_good(
        self, client: Client, settings: Any, token: object, given: str
    ) -> None:
        settings.MAILADMIN = settings.MAILADMIN | {"METRICS_TOKEN": token}
        assert ask(client, "metrics", Authorization=f"Bearer {given}").status_code == 403

    def test_a_project_that_asks_for_sign_in_everywhere_lets_monitors_in(
        self, client: Client, settings: Any, with_token: dict[str, str]
    ) -> None:
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
        assert ask(client, "metrics", **with_token).status_code == 200
        assert ask(client, "health").status_code == 503

    @pytest.mark.parametrize("name", ["health", "metrics"])
    def test_they_are_only_read(self, client: Client, with_token: dict[str, str], name: str) -> None:
        assert client.post(reverse(f"mailadmin:{name}"), headers=with_token).status_code == 405
        assert client.head(reverse(f"mailadmin:{name}"), headers=with_token).content == b""


@pytest.mark.django_db
class TestReading:
    def test_p14_the_details_say_how_things_stand(self, viewer_client: Client) -> None:
        row = plain_row(25)
        stopped = plain_row(26, name="Relay B")
        RouteState.objects.create(
            kind="smtp", route_id=stopped.pk, stopped=True, failing=True, reason="Wrong password.", since=timezone.now()
        )
        now = timezone.now()
        entry(40, queued=now - timedelta(hours=2))
        entry(0, queued=now - timedelta(hours=2), shelf="unsure")  # made in the same millisecond, it may be the first
        delivery(DeliveryState.UNSURE)
        delivery(DeliveryState.SENT)
        delivery(DeliveryState.SENT, minutes_ago=90)
        Worker.objects.create(name="host:1", started_at=now, beat_at=now, threads=8, handled=12)
        Worker.objects.create(name="host:2", started_at=now, beat_at=now - timedelta(seconds=90))
        answer = ask(viewer_client, "health")
        found = answer.json()
        assert (answer.status_code, found["status"], found["faults"]) == (200, "ok", [])
        assert found["sending"] == "on"
        assert found["outbox"]["reasons"] | {"due": 1, "unsure": 1} == found["outbox"]["reasons"]
        assert 40 <= found["outbox"]["oldest_due_seconds"] < 7200
        assert found["outbox"]["oldest_seconds"] >= 7200
        assert found["outbox"]["needs_decision"] == 1
        assert found["unsure"] == 1
        assert found["last_hour"] == {"queued": 2, "sent": 1, "unsure": 1}
        assert [(one["name"], one["state"], one["reason"]) for one in found["routes"]] == [
            (row.name, "well", ""),
            ("Relay B", "stopped", "Wrong password."),
        ]
        assert [(one["name"], one["threads"], one["handled"]) for one in found["workers"]] == [("host:1", 8, 12)]
        assert found["lost_workers"] == 1

    def test_p14_messages_without_a_worker_are_a_fault(self, viewer_client: Client) -> None:
        plain_row(25)
        entry(limits.HEALTH_WORKER_SECONDS + 5)
        answer = ask(viewer_client, "health")
        assert answer.status_code == 503
        assert answer.json()["faults"] == ["No worker runs; the oldest due message has waited for 2 minutes."]

    def test_n9_held_mail_is_told_and_no_fault(self, viewer_client: Client, with_token: dict[str, str]) -> None:
        plain_row(25)
        row = Settings.load()
        row.sending = "held"
        row.save()
        entry(9000)
        answer = ask(viewer_client, "health")
        assert (answer.status_code, answer.json()["sending"]) == (200, "held")
        assert "mailadmin_sending_held 1\n" in ask(viewer_client, "metrics", **with_token).text

    def test_p14_few_statements_whatever_there_is(self, client: Client, with_token: dict[str, str]) -> None:
        counts = []
        for _ in range(2):
            for number in range(3):
                plain_row(25 + number, name=f"Relay {uuid4()}")
                entry(1)
                delivery()
            ask(client, "health", **with_token)
            with CaptureQueriesContext(
                connection,
            ) as queries:
                ask(client, "metrics", **with_token)
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 20

    def test_p14_a_database_that_cannot_be_read_is_a_fault(self, client: Client, with_token: dict[str, str]) -> None:
        def away(*args: Any, **kwargs: Any) -> Any:
            raise OperationalError("canary: could not connect to server")

        with connection.execute_wrapper(away):
            told = ask(client, "health", **with_token)
            assert (told.status_code, told.json()["faults"]) == (
                503,
                ["The database cannot be read (OperationalError)."],
            )
            assert ask(client, "health").json() == {"status": "failing"}
            numbers = ask(client, "metrics", **with_token)
            assert (numbers.status_code, "canary" in numbers.text) == (503, False)
            assert ask(client, "metrics").status_code == 403

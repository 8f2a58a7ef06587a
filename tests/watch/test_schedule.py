"""N11: every enabled route is tested by itself, for real, by one process at a time; it counts as a message would."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery, current_app
from django.db import OperationalError, connection, connections
from django.utils import timezone

from mailadmin import testruns
from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.delivery import guard, health, routes
from mailadmin.delivery.shared.folder import beside
from mailadmin.models import ConnectionTest, OAuthService, RouteState, Settings, SmtpConnection
from mailadmin.signals import route_changed
from mailadmin.tasks import sweep_outbox
from mailadmin.transports import shared
from mailadmin.transports.shared import Pace
from mailadmin.watch import schedule
from mailadmin.watch.findings import findings
from tests.console.rows_to_watch import finished_test
from tests.delivery.conftest import Peers, add_oauth, plain
from tests.delivery.shared_processes import told_by
from tests.fakes.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = "535 5.7.8 Error: authentication failed"


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as one:
        yield one


def due_again() -> None:
    """Let an hour pass."""
    hour = timedelta(hours=1, seconds=1)
    for test in ConnectionTest.objects.all():
        ConnectionTest.objects.filter(pk=test.pk).update(started_at=test.started_at - hour)
    for state in RouteState.objects.all():
        rest = state.open_until and state.open_until - hour
        RouteState.objects.filter(pk=state.pk).update(since=state.since - hour, open_until=rest)
    for row in SmtpConnection.objects.all():
        SmtpConnection.objects.filter(pk=row.pk).update(changed_at=row.changed_at - hour)
    routes.forget()
    shared.install(shared.Process)  # forgets the pace


def tick() -> None:
    """Look after the schedule an hour later."""
    due_again()
    schedule.tick()


def outcomes() -> list[str]:
    return list(ConnectionTest.objects.order_by("started_at").values_list("state", flat=True))


def signs_in(server: SmtpServer, **values: Any) -> SmtpConnection:
    defaults = {"auth": "password", "user_name": "anna", "password": "geheim-1", "clear_text_confirmed": True}
    return plain(server, **(defaults | values))


class TestTesting:
    def test_n11_p3_a_route_is_tested_as_far_as_the_sender_and_nothing_is_sent(self, server: SmtpServer) -> None:
        row = signs_in(server)
        tick()
        test = ConnectionTest.objects.get()
        assert (test.scheduled, test.state, test.route_id, test.recipient) == (True, "ok", row.pk, "")
        assert test.digest
        assert server.messages == []
        verbs = server.sessions[0].verbs()
        assert verbs.index("AUTH") < verbs.index("MAIL") < verbs.index("RSET")
        assert Settings.load().watched_at

    def test_n11_a_graph_route_proves_token_and_mailbox(self, peers: Peers) -> None:
        add_oauth(peers)
        OAuthService.objects.update(changed_at=timezone.now() - timedelta(hours=2))
        tick()
        test = ConnectionTest.objects.get()
        assert test.state in ("ok", "warning")
        assert test.steps.get(key="token").state in ("ok", "warning")
        assert test.steps.get(key="mailbox").state in ("ok", "warning")
        assert peers.arrived == []

    def test_it_is_not_tested_again_before_its_next_turn(self, server: SmtpServer) -> None:
        plain(server)
        tick()
        shared.install(shared.Process)
        schedule.tick()
        assert len(server.sessions) == 1
        tick()
        assert len(server.sessions) == 2

    def test_only_enabled_routes_are_tested_and_none_where_it_is_switched_off(self, server: SmtpServer) -> None:
        plain(server, enabled=False)
        tick()
        assert outcomes() == []
        plain(server, name="Relay B")
        Settings.objects.update(probe_minutes=0)
        tick()
        assert outcomes() == []

    def test_several_are_tested_at_once_but_not_all(self) -> None:
        at_once: list[int] = []
        now, lock = 0, threading.Lock()

        def held(connection: Any) -> bool:
            nonlocal now
            with lock:
                now += 1
                at_once.append(now)
            enough.wait(0.3)
            with lock:
                now -= 1
            connection.say("220 ready")
            return True

        enough = threading.Event()
        with SmtpServer({"GREETING": [held] * 9}) as server:
            for number in range(9):
                plain(server, name=f"Relay {number}")
            tick()
        assert ConnectionTest.objects.filter(state="ok").count() == 9
        assert 1 < max(at_once) <= limits.TEST_ALL_AT_ONCE

    def test_a_test_by_hand_counts_for_the_turn(self, server: SmtpServer) -> None:
        row = plain(server)
        due_again()
        finished_test("ok", route_id=row.pk)
        schedule.tick()
        assert server.sessions == []

    def test_a_test_that_was_made_before_the_clock_was_set_back_does_not_put_off_the_next_one(
        self, server: SmtpServer
    ) -> None:
        row = plain(server)
        due_again()
        finished_test("failed", route_id=row.pk, started_at=timezone.now() + timedelta(days=400))
        schedule.tick()
        assert len(server.sessions) == 1
        assert [finding.kind for finding in findings()] == []
        shared.install(shared.Process)
        schedule.tick()
        assert len(server.sessions) == 1

    def test_held_mail_does_not_stop_the_tests(self, server: SmtpServer) -> None:
        plain(server)
        Settings.load()
        Settings.objects.update(sending="held")
        tick()
        assert outcomes() == ["ok"]

    def test_n9_a_copied_database_signs_in_nowhere(self, server: SmtpServer, settings: Any, tmp_path: Path) -> None:
        """N9: a copy on staging must not sign in to the accounts of production."""
        plain(server)
        settings.MAILADMIN = settings.MAILADMIN | {"GENERATION_FILE": tmp_path / "a", "ENVIRONMENT": "production"}
        Settings.load()
        guard.advance()
        settings.MAILADMIN = settings.MAILADMIN | {"GENERATION_FILE": tmp_path / "b", "ENVIRONMENT": "staging"}
        Settings.bump()
        tick()
        assert outcomes() == []
        assert server.sessions == []
        guard.confirm()
        tick()
        assert outcomes() == ["ok"]


class TestHealth:
    def test_n11_a_refused_password_stops_the_route_before_a_message_is_lost_by_it(self) -> None:
        told: list[tuple[str, str]] = []

        def hear(sender: Any, **values: Any) -> None:
            told.append((values["before"], values["after"]))

        route_changed.connect(hear)
        try:
            with SmtpServer({"AUTH": [REFUSED] * 9}) as server:
                row = signs_in(server)
                tick()
        finally:
            route_changed.disconnect(hear)
        state = RouteState.objects.get()
        assert (state.key, state.stopped, state.code) == (row.key, True, "credentials-refused")
        assert told == [("well", "stopped")]

    def test_a_stopped_route_is_left_alone_for_a_day_and_a_good_test_then_uses_it_again(self) -> None:
        with SmtpServer({"AUTH": [REFUSED]}) as server:
            signs_in(server)
            for _ in range(24):
                tick()
            assert len(server.sessions) == 1
            tick()
            assert len(server.sessions) == 2
        assert not RouteState.objects.filter(stopped=True).exists()
        assert outcomes() == ["failed", "ok"]

    def test_n3_a_server_that_fails_for_now_rests_and_is_tried_when_that_is_over(self) -> None:
        """N3: not before a message would try it, and no hour later."""
        with SmtpServer({"GREETING": ["421 busy"]}) as server:
            row = plain(server)
            tick()
            state = RouteState.objects.get()
            assert (state.stopped, state.failing) == (False, True)
            assert schedule.due_routes(routes.current()) == []
            RouteState.objects.update(open_until=timezone.now())
            routes.forget()
            assert [route.key for route in schedule.due_routes(routes.current())] == [row.key]
            shared.install(shared.Process)
            schedule.tick()
        assert not RouteState.objects.filter(failing=True).exists()

    @pytest.mark.parametrize(("code", "well"), [("daily-limit", False), ("server-busy", True)])
    def test_n3_a_server_that_wants_fewer_messages_is_proven_well_by_a_message_alone(
        self, server: SmtpServer, code: str, well: bool
    ) -> None:
        """N3: a test that sends none would pass, and let all that waits run into the limit again."""
        row = plain(server)
        now = timezone.now()
        RouteState.objects.create(
            kind=row.kind, route_id=row.pk, failing=True, failures=3, code=code, since=now, open_until=now
        )
        tick()
        assert outcomes() == ["ok"]
        assert RouteState.objects.filter(failing=True, failures=3).exists() is not well
        tick()
        assert len(server.sessions) == 2  # in its next turn, as any other

    def test_what_a_person_paused_is_neither_tried_nor_resumed(self, server: SmtpServer) -> None:
        row = plain(server)
        health.pause(row.key, "otto")
        tick()
        assert server.sessions == []
        health.tested(row.to_route(), None)
        assert RouteState.objects.get().paused

    def test_a_refused_sender_says_nothing_of_the_route(self) -> None:
        with SmtpServer(
            {"MAIL": ["550 5.7.60 SMTP; Client does not have permissions to send as this sender"]}
        ) as server:
            plain(server)
            tick()
        assert outcomes() == ["failed"]
        assert not RouteState.objects.filter(stopped=True).exists()

    @pytest.mark.parametrize("after", ["a new password", "switched off", "deleted"])
    def test_what_a_route_met_as_it_was_stops_none_that_was_changed_meanwhile(self, after: str) -> None:
        def change(connection: Any) -> bool:
            row = SmtpConnection.objects.get()
            if after == "deleted":
                row.delete()
            else:
                row.enabled = after != "switched off"
                row.set_secret("geheim-2")
                row.save()
            connections.close_all()  # this is the thread of the fake server
            connection.say(REFUSED)
            return True

        with SmtpServer({"AUTH": [change]}) as server:
            signs_in(server)
            tick()
        assert outcomes() == ["failed"]
        assert not RouteState.objects.exists()

    def test_a_test_by_a_person_stops_nothing(self, server: SmtpServer) -> None:
        row = signs_in(server, password="wrong")
        assert testruns.run_now(row.to_route()).state == "failed"
        assert not RouteState.objects.exists()

    def test_nothing_new_is_not_written(self, server: SmtpServer, django_assert_num_queries: Any) -> None:
        row = plain(server)
        routes.current()
        with django_assert_num_queries(1):  # the look whether what is known still holds
            health.tested(row.to_route(), None)

    def test_the_error_is_that_of_a_message(self, server: SmtpServer) -> None:
        row = plain(server)
        health.tested(row.to_route(), MailError(Fault(Phase.TCP, Kind.TCP_TIMEOUT)))
        state = RouteState.objects.get()
        assert (state.failing, state.stopped, state.failures) == (True, False, 1)


class TestOneAtATime:
    def test_n11_of_several_processes_one_does_it(self, server: SmtpServer) -> None:
        for number in range(3):
            plain(server, name=f"Relay {number}")
        due_again()
        if connection.vendor == "sqlite":  # what processes of an earlier test shared is in files
            shutil.rmtree(beside(connection))
        assert told_by(2, "watch") == ["looked", "looked"]
        assert len(server.sessions) == 3
        assert outcomes() == ["ok", "ok", "ok"]

    def test_another_one_that_is_at_it_is_waited_for_by_nobody(self, server: SmtpServer) -> None:
        plain(server)
        due_again()
        with shared.shared().lease("mailadmin:watch", 1, 0):
            schedule.tick()
        assert server.sessions == []

    def test_within_the_minute_it_is_done_once(self, server: SmtpServer) -> None:
        plain(server)
        due_again()
        shared.shared().book("mailadmin:watch", Pace(60, 1), 0)
        schedule.tick()
        assert Settings.load().watched_at is None

    def test_it_never_raises(self, caplog: pytest.LogCaptureFixture) -> None:
        def away(*args: Any, **kwargs: Any) -> Any:
            raise OperationalError("canary: could not connect to server")

        routes.forget()
        with connection.execute_wrapper(away):
            schedule.tick()
        assert "canary" not in caplog.text

    def test_a_thread_of_the_worker_looks_after_it(self, server: SmtpServer) -> None:
        plain(server)
        due_again()
        with schedule.watching():
            for _ in range(300):
                if "ok" in outcomes():
                    break
                threading.Event().wait(0.05)
        assert outcomes() == ["ok"]
        assert not any(thread.name == "mailadmin-watch" for thread in threading.enumerate())


class TestCelery:
    def test_n11_the_sweep_of_celery_names_a_task_that_looks_after_it(self, server: SmtpServer) -> None:
        before = current_app._get_current_object()
        with Celery("of this test", broker="memory://", set_as_current=True) as app:
            app.conf.task_always_eager = True
            plain(server)
            due_again()
            sweep_outbox()
        before.set_current()
        assert outcomes() == ["ok"]


class TestForgetting:
    def test_good_scheduled_tests_are_few_and_others_stay(self) -> None:
        first, second = uuid4(), uuid4()
        now = timezone.now()
        for number in range(limits.PROBES_KEPT + 3):
            finished_test("ok", route_id=first, scheduled=True, started_at=now - timedelta(hours=number))
        finished_test("ok", route_id=second, scheduled=True, started_at=now - timedelta(days=20))
        finished_test("failed", route_id=first, scheduled=True, started_at=now - timedelta(days=20))
        finished_test("ok", route_id=first, started_at=now - timedelta(days=20))
        assert schedule.forget_old_tests() == 3
        assert ConnectionTest.objects.filter(route_id=first, scheduled=True, state="ok").count() == limits.PROBES_KEPT
        assert ConnectionTest.objects.count() == limits.PROBES_KEPT + 3
        assert schedule.forget_old_tests() == 0

"""The circuit breaker of a route (N3): who rests, who is tried all the same, who finds it well, and what is said."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

import mailadmin
from mailadmin.backends import EmailBackend
from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.outcome import DeliveryState
from mailadmin.delivery import health, routes, states
from mailadmin.delivery.convert import convert
from mailadmin.delivery.send import SendOptions, send_message
from mailadmin.models import Delivery, RouteState, SmtpConnection
from mailadmin.signals import route_changed
from tests.core.failures.make import line, smtp
from tests.fakes.smtp_actions import silent
from tests.fakes.smtp_server import Connection, SmtpServer
from tests.transports.smtp_lists import fine

from .breaking import dead, deaf_port, end_rest, failing, seconds_left, state, tries
from .conftest import a_message, plain

pytestmark = pytest.mark.django_db
REFUSED = "421 4.3.2 Busy"


@pytest.fixture
def relay_a() -> Iterator[SmtpServer]:
    with SmtpServer(features=()) as server:
        yield server


@pytest.fixture
def relay_b() -> Iterator[SmtpServer]:
    with SmtpServer(features=()) as server:
        yield server


@pytest.fixture
def told() -> Iterator[list[tuple[str, str, str]]]:
    """The changes of routes that the application was told: name, before and after."""
    found: list[tuple[str, str, str]] = []

    def note(name: str, before: str, after: str, **_: object) -> None:
        found.append((name, before, after))

    route_changed.connect(note, weak=False, dispatch_uid="told")
    yield found
    route_changed.disconnect(dispatch_uid="told")


def refusal(**options: Any) -> Fault:
    with pytest.raises(MailError) as caught:
        send_message(a_message(), SendOptions(**options))
    return caught.value.fault


class TestADeadHost:
    """A host that does not answer costs the time to connect once, and then nothing while it rests."""

    def test_n3_it_is_dialled_once_and_the_fallback_takes_the_rest(self, relay_b: SmtpServer) -> None:
        with deaf_port() as port:
            row = dead(port)
            plain(relay_b, "Relay B", order=2)
            results = [send_message(a_message()) for _ in range(5)]
        assert tries(row) == 1
        assert {result.state for result in results} == {DeliveryState.FALLBACK}
        reason = results[-1].skipped[0].reason
        assert reason.startswith("It failed and rests until ") and "127.0.0.1" in reason
        assert f"{timezone.localtime(state(row).open_until):%H:%M:%S}" in reason
        assert "“Dead” was not tried: It failed" in Delivery.objects.latest("pk").reason

    def test_n3_alone_it_refuses_at_once_and_says_until_when(self) -> None:
        with deaf_port() as port:
            row = dead(port)
            assert refusal().kind is Kind.TCP_TIMEOUT
            fault = refusal()
        assert (fault.kind, fault.maybe_sent, tries(row)) == (Kind.ROUTE_RESTING, False, 1)
        assert "Dead: It failed and rests until" in fault.text
        assert fault.retry_after == pytest.approx(60, abs=5)
        last = Delivery.objects.latest("pk")
        assert (last.state, last.code) == ("failed", "route-resting")

    def test_n3_the_rest_doubles_with_each_failed_try(self) -> None:
        with deaf_port() as port:
            row = dead(port)
            for failures, seconds in enumerate([60, 120, 240], 1):
                refusal()
                assert (state(row).failures, state(row).firm) == (failures, True)
                assert seconds_left(row.key) == pytest.approx(seconds, abs=5)
                end_rest(row)

    def test_a_person_who_chose_it_may_try_it_at_any_time(self, relay_b: SmtpServer) -> None:
        with deaf_port() as port:
            row = dead(port)
            plain(relay_b, "Relay B", order=2)
            for _ in range(2):
                assert refusal(route=row.key, is_test=True).kind is Kind.TCP_TIMEOUT
        assert tries(row) == 2 and state(row).failures == 1

    def test_a_mailer_that_names_it_may_not(self, relay_b: SmtpServer) -> None:
        """It sends as often as any other, and nobody waits for it to find out what is wrong."""
        with deaf_port() as port:
            row = dead(port)
            plain(relay_b, "Relay B", order=2)
            assert refusal(route=row.key).kind is Kind.TCP_TIMEOUT
            assert refusal(route=row.key).kind is Kind.ROUTE_RESTING
        assert tries(row) == 1

    def test_all_that_rest_are_named(self) -> None:
        with deaf_port() as port:
            for name in ("One", "Two"):
                failing(dead(port, name), rests=90)
            fault = refusal()
        assert "One: It failed" in fault.text and "Two: It failed" in fault.text


class TestAPassingFailure:
    """One refusal does not make all mail fail for a minute."""

    def test_n3_the_only_route_is_tried_all_the_same(self, relay_a: SmtpServer) -> None:
        relay_a.script["GREETING"] = [REFUSED, REFUSED]
        row = plain(relay_a)
        refusal()
        assert (state(row).failing, state(row).firm) == (True, False)
        until = state(row).open_until
        refusal()
        assert (state(row).failures, state(row).open_until) == (1, until)  # the same again is no news
        assert send_message(a_message()).state is DeliveryState.SENT
        assert not state(row).failing

    def test_another_route_goes_first_and_it_is_the_last_resort(self, relay_a: SmtpServer, relay_b: SmtpServer) -> None:
        relay_b.script["RCPT"] = ["554 5.7.1 Relay access denied"]
        row, _ = plain(relay_a), plain(relay_b, "Relay B", order=2)
        failing(row, rests=90, firm=False)
        result = send_message(a_message())
        assert (result.route, result.state) == ("Relay A", DeliveryState.FALLBACK)
        assert [attempt.route_name for attempt in Delivery.objects.get().attempts.all()] == ["Relay B", "Relay A"]
        assert not state(row).failing and not result.skipped

    def test_a_resort_that_is_not_needed_is_told_as_left_out(self, relay_a: SmtpServer, relay_b: SmtpServer) -> None:
        row, _ = plain(relay_a), plain(relay_b, "Relay B", order=2)
        failing(row, rests=90, firm=False)
        result = send_message(a_message())
        assert (result.route, result.state, tries(row)) == ("Relay B", DeliveryState.FALLBACK, 0)
        assert "rests until" in result.skipped[0].reason

    def test_when_it_costs_time_now_it_rests_firmly(self, relay_a: SmtpServer) -> None:
        relay_a.script["GREETING"] = [REFUSED, silent]
        row = plain(relay_a)
        SmtpConnection.objects.update(command_timeout=0.2)
        refusal()
        refusal()
        assert state(row).firm and state(row).failures == 2
        assert refusal().kind is Kind.ROUTE_RESTING

    def test_an_unclear_answer_lets_it_rest_as_well(self, relay_a: SmtpServer, relay_b: SmtpServer) -> None:
        relay_a.script["DOT"] = [lambda connection: False]
        row, _ = plain(relay_a), plain(relay_b, "Relay B", order=2)
        with pytest.raises(mailadmin.DeliveryUnsure):
            send_message(a_message())
        assert state(row).failing
        assert send_message(a_message()).route == "Relay B"

    def test_a_refused_recipient_proves_that_the_server_works(self, relay_a: SmtpServer) -> None:
        relay_a.script["RCPT"] = ["550 5.1.1 User unknown"]
        row = plain(relay_a)
        failing(row, rests=-1)
        refusal()
        assert not state(row).failing


class TestHalfOpen:
    def test_n3_success_closes_it(self, relay_a: SmtpServer) -> None:
        row = plain(relay_a)
        failing(row, rests=-1, failures=4)
        assert send_message(a_message()).state is DeliveryState.SENT
        assert (state(row).failing, state(row).failures, state(row).firm, state(row).open_until) == (
            False,
            0,
            False,
            None,
        )

    def test_while_one_message_tries_it_the_others_do_not(self, relay_a: SmtpServer, relay_b: SmtpServer) -> None:
        row, _ = plain(relay_a), plain(relay_b, "Relay B", order=2)
        failing(row, rests=-1)
        assert states.probe(row.key)
        result = send_message(a_message())
        assert result.route == "Relay B"
        assert not states.probe(row.key)
        assert seconds_left(row.key) == pytest.approx(limits.REST_PROBE_SECONDS, abs=5)

    def test_one_that_lost_the_race_since_it_looked_says_so(self, relay_a: SmtpServer) -> None:
        row = plain(relay_a)
        failing(row, rests=-1)
        snapshot = routes.current()
        assert states.probe(row.key)
        plan = routes.plan(snapshot, convert(a_message()))
        assert (plan.routes, plan.resting, plan.probed, plan.retry_at) == ([], True, True, None)
        assert "another message is trying it" in plan.skipped[0].reason
        fault = routes.no_route(plan).fault
        assert (fault.kind, fault.retry_after) == (Kind.ROUTE_RESTING, limits.REST_PROBE_SECONDS)

    def test_should_the_sender_die_another_one_tries_it(self, relay_a: SmtpServer) -> None:
        row = plain(relay_a)
        failing(row, rests=-1)
        assert states.probe(row.key)
        end_rest(row)  # limits.REST_PROBE_SECONDS later
        assert send_message(a_message()).route == "Relay A"

    def test_a_further_route_is_asked_when_its_turn_comes(self, relay_a: SmtpServer, relay_b: SmtpServer) -> None:
        relay_a.script["RCPT"] = ["554 5.7.1 Relay access denied"] * 2
        plain(relay_a)
        row = plain(relay_b, "Relay B", order=2)
        failing(row, rests=-1)
        assert states.probe(row.key)
        refusal()
        assert tries(row) == 0
        end_rest(row)
        assert send_message(a_message()).route == "Relay B"

    def test_a_route_that_was_not_reached_keeps_its_turn(self, relay_a: SmtpServer, relay_b: SmtpServer) -> None:
        plain(relay_a)
        row = plain(relay_b, "Relay B", order=2)
        failing(row, rests=-1)
        send_message(a_message())
        assert seconds_left(row.key) < 0

    def test_a_message_that_never_came_to_it_gives_its_turn_back(self, relay_a: SmtpServer, settings: Any) -> None:
        settings.DEFAULT_FROM_EMAIL = ""
        row = plain(relay_a, sender_policy="when-missing", from_address="")
        failing(row, rests=-1)
        with pytest.raises(MailError):
            send_message(a_message(from_email=""))
        assert state(row).failing and seconds_left(row.key) <= 0

    def test_a_limit_of_our_own_says_when_it_may_be_tried(self, relay_a: SmtpServer) -> None:
        row = plain(relay_a, rate_messages=1, rate_seconds=3600)
        send_message(a_message())
        failing(row, rests=-1)
        assert refusal().kind is Kind.PACED
        assert state(row).failing
        assert seconds_left(row.key) == pytest.approx(limits.MAX_REST_SECONDS, abs=5)

    def test_a_whole_list_leaves_when_its_first_message_finds_the_route_well(self, relay_a: SmtpServer) -> None:
        row = plain(relay_a)
        failing(row, rests=-1)
        assert EmailBackend().send_messages([a_message() for _ in range(20)]) == 20
        assert len(relay_a.messages) == 20 and not state(row).failing

    @pytest.mark.django_db(transaction=True)
    def test_n3_of_eight_threads_exactly_one_tries_it(self, relay_a: SmtpServer, relay_b: SmtpServer) -> None:
        others, used = threading.Semaphore(0), threading.Event()

        def slow(line: Connection) -> bool:
            used.set()
            for _ in range(7):
                assert others.acquire(timeout=20)
            return fine(line)

        def send(end: list[str]) -> None:
            try:
                end.append(send_message(a_message()).route)
            finally:
                others.release()
                connection.close()

        relay_a.script["MAIL"] = [slow]
        row, _ = plain(relay_a), plain(relay_b, "Relay B", order=2)
        failing(row, rests=-1)
        routes.current()
        ends: list[list[str]] = [[] for _ in range(8)]
        threads = [threading.Thread(target=send, args=[end]) for end in ends]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert used.is_set()
        assert sorted(end[0] for end in ends) == ["Relay A"] + ["Relay B"] * 7
        assert not state(row).failing
        assert send_message(a_message()).route == "Relay A"


class TestPause:
    def test_p7_a_paused_route_is_never_tried_even_when_it_is_chosen(
        self, relay_a: SmtpServer, relay_b: SmtpServer, told: list[Any], django_capture_on_commit_callbacks: Any
    ) -> None:
        row, _ = plain(relay_a), plain(relay_b, "Relay B", order=2)
        with django_capture_on_commit_callbacks(execute=True):
            assert health.pause(row.key, "anna")
            assert not health.pause(row.key, "ben")
        result = send_message(a_message())
        assert (result.route, result.state) == ("Relay B", DeliveryState.FALLBACK)
        assert result.skipped[0].reason == "It is paused by anna, until somebody resumes it."
        assert refusal(route=row.key).kind is Kind.ROUTE_PAUSED
        with django_capture_on_commit_callbacks(execute=True):
            assert health.unpause(row.key)
            assert not health.unpause(row.key)
        assert send_message(a_message()).route == "Relay A"
        assert told == [("Relay A", "well", "paused"), ("Relay A", "paused", "well")]

    def test_when_nothing_else_is_left_the_error_says_so(self, relay_a: SmtpServer) -> None:
        health.pause(plain(relay_a).key, "anna")
        fault = refusal()
        assert fault.kind is Kind.ROUTE_PAUSED and "Relay A: It is paused by anna" in fault.text

    def test_it_stays_when_the_route_is_resumed_or_found_well(self, relay_a: SmtpServer) -> None:
        row = plain(relay_a)
        failing(row, rests=90)
        health.pause(row.key, "anna")
        assert health.resume(row.key)
        assert (state(row).paused, state(row).paused_by, state(row).failing) == (True, "anna", False)

    def test_what_an_attempt_under_way_brings_does_not_lift_it(self, relay_a: SmtpServer) -> None:
        row = plain(relay_a)
        failing(row, rests=-1)
        known = routes.current().states
        health.pause(row.key, "anna")
        states.enter(row.key, health.changes({row.key: None}, known)[row.key][0], None, known[row.key])
        assert state(row).paused and not state(row).failing


class TestQueued:
    """A queued message waits for a route that rests; there is no last resort."""

    @pytest.mark.parametrize("firm", [True, False])
    @pytest.mark.parametrize("chosen", [True, False])
    def test_it_waits_until_the_rest_is_over(self, relay_a: SmtpServer, firm: bool, chosen: bool) -> None:
        row = plain(relay_a)
        failing(row, rests=90, firm=firm)
        only = row.key if chosen else None
        plan = routes.plan(routes.current(), convert(a_message()), only, queued=True)
        assert (plan.routes, plan.resting, plan.retry_at) == ([], True, state(row).open_until)

    def test_the_earliest_end_of_several_counts(self, relay_a: SmtpServer) -> None:
        late, early = plain(relay_a), plain(relay_a, "Relay B", order=2)
        failing(late, rests=600)
        failing(early, rests=30)
        plan = routes.plan(routes.current(), convert(a_message()), queued=True)
        assert plan.retry_at == state(early).open_until

    def test_other_routes_are_used(self, relay_a: SmtpServer, relay_b: SmtpServer) -> None:
        row, other = plain(relay_a), plain(relay_b, "Relay B", order=2)
        failing(row, rests=90, firm=False)
        plan = routes.plan(routes.current(), convert(a_message()), queued=True)
        assert [route.key for route in plan.routes] == [other.key] and plan.passed_over

    def test_a_stopped_route_is_not_tried_though_it_was_chosen(self, relay_a: SmtpServer) -> None:
        row = plain(relay_a)
        RouteState.objects.create(kind="smtp", route_id=row.pk, stopped=True, since=timezone.now())
        plan = routes.plan(routes.current(), convert(a_message()), row.key, queued=True)
        assert plan.routes == [] and not plan.resting


class TestNews:
    """What one attempt learned is written once, and never undoes what somebody else knows better."""

    def test_messages_that_fail_at_the_same_time_count_once(self, relay_a: SmtpServer) -> None:
        row = plain(relay_a)
        failing(row, rests=-1)
        known = routes.current().states
        for _ in range(8):
            change, error = health.changes({row.key: MailError(line(Kind.TCP_REFUSED))}, known)[row.key]
            states.enter(row.key, change, error, known[row.key])
        assert state(row).failures == 2

    def test_a_late_failure_does_not_start_a_stopped_route_again(self, relay_a: SmtpServer) -> None:
        row = plain(relay_a)
        failing(row, rests=-1)
        known = routes.current().states
        wrong, busy = (MailError(smtp(Phase.AUTH, said)) for said in ("535 5.7.8 Bad", "454 4.7.0 Later"))
        for error, new in ((wrong, True), (busy, False), (wrong, False)):
            change, _ = health.changes({row.key: error}, known)[row.key]
            assert states.enter(row.key, change, error, known[row.key]) is new
        assert state(row).stopped

    @pytest.mark.parametrize("said", [("535 5.7.8 Bad", "454 4.7.0 Later"), ("454 4.7.0 Later", "535 5.7.8 Bad")])
    def test_nor_does_one_that_began_when_nothing_was_known(self, relay_a: SmtpServer, said: tuple[str, str]) -> None:
        row = plain(relay_a)
        for error in (MailError(smtp(Phase.AUTH, one)) for one in said):
            change, _ = health.changes({row.key: error}, {})[row.key]
            states.enter(row.key, change, error, None)
        assert state(row).stopped

    def test_the_application_is_told_when_a_route_fails_and_when_it_is_well(
        self, relay_a: SmtpServer, told: list[Any]
    ) -> None:
        relay_a.script["GREETING"] = [REFUSED, REFUSED]
        row = plain(relay_a)
        refusal()
        refusal()
        end_rest(row)
        send_message(a_message())
        assert told == [("Relay A", "well", "failing"), ("Relay A", "failing", "well")]

    def test_a_person_who_repairs_it_lets_the_next_message_try(
        self, relay_a: SmtpServer, told: list[Any], django_capture_on_commit_callbacks: Any
    ) -> None:
        row = plain(relay_a)
        failing(row, rests=600)
        with django_capture_on_commit_callbacks(execute=True):
            assert health.resume(row.key)
        assert send_message(a_message()).route == "Relay A"
        assert told == [("Relay A", "failing", "well")]

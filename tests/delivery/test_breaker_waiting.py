"""Who waits for a route is told when it is well; what the copy of the settings says while the database is away; and
which routes any message may take (N3, P7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as some

from mailadmin.core.settings import RouteKey, RouteKind, SmtpRoute
from mailadmin.delivery import health, routes
from mailadmin.delivery.convert import convert
from mailadmin.delivery.routes import Snapshot
from mailadmin.delivery.send import send_message
from mailadmin.delivery.states import State
from mailadmin.models import OutboxEntry
from tests.fakes.smtp_server import SmtpServer

from .breaking import failing, state
from .conftest import a_message, plain
from .outbox_rows import in_seconds, queue, send
from .test_direct_mode import StoppedDatabase


@pytest.mark.django_db(transaction=True)
class TestWhoWaits:
    def test_p7_a_queued_message_waits_for_the_end_of_the_rest_and_is_due_when_somebody_finds_it_over(self) -> None:
        with SmtpServer(features=()) as server:
            row = plain(server)
            failing(row, rests=600)
            key = queue()
            send(key)
            assert in_seconds(key) == pytest.approx(600, abs=5)
            assert OutboxEntry.objects.get().tries == 0
            assert "rests until" in OutboxEntry.objects.get().waits_because
            failing(row, rests=-1)
            send_message(a_message())
            assert in_seconds(key) <= 0

    @pytest.mark.parametrize("way", ["resume", "unpause"])
    def test_p7_a_person_who_repairs_or_resumes_a_route_lets_all_that_wait_be_due(self, way: str) -> None:
        with SmtpServer(features=()) as server:
            row = plain(server)
            if way == "resume":
                failing(row, rests=600)
            else:
                health.pause(row.key, "anna")
            key = queue()
            send(key)
            assert in_seconds(key) > 30 and not server.messages
            assert health.resume(row.key) if way == "resume" else health.unpause(row.key)
            assert in_seconds(key) <= 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="It takes the file of the database away.")
def test_n3_a_rest_ends_although_the_database_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpServer(features=()) as server:
        row = plain(server)
        failing(row, rests=60)
        routes.current()
        with StoppedDatabase(monkeypatch):
            assert routes.current().states[row.key].open
            with time_machine.travel(timezone.now() + timedelta(seconds=70)):
                assert send_message(a_message()).sent  # nobody can be asked who tries it
    assert state(row).failing  # and nothing could be written


STATES = some.builds(
    State,
    stopped=some.booleans(),
    failing=some.just(True),
    open=some.just(True),
    firm=some.booleans(),
    paused=some.booleans(),
    reason=some.just("It failed."),
    until=some.datetimes(timezones=some.just(UTC)),
) | some.builds(State, paused=some.booleans())


@given(some.lists(STATES, min_size=1, max_size=6), some.booleans(), some.booleans(), some.integers(0, 6))
def test_any_routes_are_planned_in_order_and_none_that_must_not_be_tried(
    known: list[State], queued: bool, by_hand: bool, chosen: int
) -> None:
    every = [SmtpRoute(RouteKey(RouteKind.SMTP, str(n)), f"Relay {n}", host="localhost") for n in range(len(known))]
    by_key: dict[Any, State] = {route.key: one for route, one in zip(every, known, strict=True)}
    only = every[chosen].key if chosen < len(every) else None
    plan = routes.plan(Snapshot("1", tuple(every), by_key), convert(a_message()), only, queued=queued, by_hand=by_hand)
    planned = [route.key for route in plan.routes]
    obeyed = only is not None and by_hand
    rested = [by_key[key].open and not obeyed for key in planned]

    assert rested == sorted(rested)  # what rests is a last resort
    for rests in (False, True):
        part = [key.id for key, rest in zip(planned, rested, strict=True) if rest is rests]
        assert part == sorted(part)
    for route in every:
        one, asked = by_key[route.key], only in (None, route.key)
        barred = one.paused or (one.stopped and not obeyed) or (one.open and not obeyed and (queued or one.firm))
        assert (route.key in planned) == (asked and not barred)
    assert {one.name for one in plan.skipped} == {
        route.name for route in every if only in (None, route.key) and route.key not in planned
    }
    resting = [by_key[route.key] for route in every if _rests(by_key[route.key]) and only in (None, route.key)]
    if queued and not obeyed:
        assert plan.retry_at == min((one.until for one in resting if one.until), default=None)
        assert plan.resting == bool(resting)
    if planned:
        before = every[: [route.key for route in every].index(planned[0])]
        assert plan.passed_over == any(only in (None, route.key) for route in before)
    else:
        assert routes.no_route(plan).fault.text


def _rests(one: State) -> bool:
    return one.open and not (one.paused or one.stopped)


def test_the_earliest_moment_is_no_trouble_in_words() -> None:
    one = State(failing=True, open=True, until=datetime(2026, 3, 29, 1, 30, tzinfo=UTC), reason="It failed.")
    route = SmtpRoute(RouteKey(RouteKind.SMTP, "1"), "Relay", host="localhost")
    plan = routes.plan(Snapshot("1", (route,), {route.key: one}), convert(a_message()), queued=True)
    assert plan.skipped[0].reason.startswith("It failed and rests until ")

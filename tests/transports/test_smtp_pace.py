"""The rate of an SMTP connection (P7): kept by all that send by it, waited for within limits, never exceeded."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind
from mailadmin.core.knowledge import Failover, Health
from mailadmin.core.settings import Rate, SessionRules, SmtpRoute
from mailadmin.transports.base import Handed
from mailadmin.transports.shared import NotNow, Process
from mailadmin.transports.smtp.pace import await_turn, pace_of
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.fakes.smtp_routes import mail, smtp_route
from tests.fakes.smtp_server import SmtpServer

from .smtp_lists import KEY, numbered, numbers, transport_to

HOURLY = Rate(4, 3600)  # a burst of one


def saved(**changes: Any) -> SmtpRoute:
    return replace(smtp_route(0, **changes), key=KEY)


def hand_out(transport: SmtpTransport, count: int, patience: float) -> list[Handed]:
    return list(transport.send_many((n, replace(numbered(n), patience=patience)) for n in range(count)))


@given(
    some.integers(1, 200),
    some.sampled_from([1, 60, 3600, 86_400]),
    some.lists(some.floats(0, 1.5), min_size=1, max_size=300),
)
def test_p7_in_no_stretch_of_the_time_are_there_more_messages_than_the_rate_says(
    messages: int, seconds: int, gaps: list[float]
) -> None:
    now = 1_000_000.0
    pace, port = pace_of(Rate(messages, seconds)), Process(lambda: now)
    left: list[float] = []
    for gap in gaps:
        now += gap * seconds / messages
        try:
            left.append(now + port.book("route", pace, seconds))
        except NotNow:
            continue
    for start in left:
        assert len([moment for moment in left if start <= moment < start + seconds * (1 - 1e-9)]) <= messages


@given(some.integers(1, 100_000), some.sampled_from([1, 60, 3600]))
def test_at_least_three_quarters_of_the_rate_can_be_used_and_a_quarter_at_once(messages: int, seconds: int) -> None:
    pace = pace_of(Rate(messages, seconds))
    assert seconds / pace.interval >= 0.75 * messages
    assert messages / 4 - 1 < pace.burst <= max(messages / 4, 1)


def test_p7_who_cannot_wait_is_told_when_the_next_turn_comes() -> None:
    with SmtpServer() as server:
        transport = transport_to(server, rate=HOURLY)
        transport.send(mail())
        with pytest.raises(MailError) as caught:
            transport.send(mail(patience=10))
        transport.close()
        assert len(server.messages) == 1
    error = caught.value
    assert (error.fault.kind, error.code, error.fault.maybe_sent) == (Kind.PACED, "rate-kept", False)
    assert error.fault.retry_after == pytest.approx(900, abs=2)
    assert "4 in 60 minutes; its next turn comes in 15 minutes" in error.fault.text
    assert (error.explanation.failover, error.explanation.health) == (Failover.LATER, Health.NONE)


def test_p7_who_can_wait_waits_for_the_turn() -> None:
    route = saved(rate=Rate(1, 60))
    waits: list[float] = []
    for _ in range(3):
        await_turn(route, 600, waits.append)
    assert waits == [pytest.approx(60, abs=1), pytest.approx(120, abs=1)]


def test_a_route_without_a_rate_and_one_that_was_never_saved_have_no_turns() -> None:
    for route in (saved(), smtp_route(0, rate=Rate(1, 3600))):
        for _ in range(3):
            await_turn(route, 0)


def test_another_rate_counts_at_once() -> None:
    route = saved(rate=Rate(1, 86_400))
    await_turn(route, 0)
    await_turn(saved(rate=Rate(60, 60)), 0)


class TestLists:
    """Each message of a list takes its own turn, whichever session sends it."""

    def test_p7_those_whose_turn_is_too_far_away_are_told_so(self) -> None:
        with SmtpServer() as server:
            transport = transport_to(server, rate=Rate(8, 3600))
            ends = hand_out(transport, 12, patience=0)
            transport.close()
            assert len(numbers(server)) == 2
        errors = [handed.error for handed in ends if handed.error]
        assert len(errors) == 10 and {error.code for error in errors} == {"rate-kept"}

    def test_p7_the_others_leave_in_their_turn(self) -> None:
        with SmtpServer() as server:
            transport = transport_to(server, rate=Rate(40, 1), sessions=SessionRules(parallel=3))
            started = time.monotonic()
            ends = hand_out(transport, 20, patience=30)
            assert time.monotonic() - started >= 10 / 31 - 0.05  # all but the first ten wait
            transport.close()
            assert numbers(server) == list(range(20))
        assert all(handed.accepted for handed in ends)

    @pytest.mark.timeout(20)
    def test_a_list_that_is_given_up_waits_for_no_turn(self) -> None:
        with SmtpServer() as server:
            transport = transport_to(server, rate=Rate(1, 3600))
            results = transport.send_many((n, replace(numbered(n), patience=3600)) for n in range(8))
            assert next(results).accepted
            results.close()  # type: ignore[attr-defined]  # it is a generator
            transport.close()
            assert len(server.messages) == 1
        assert not [thread for thread in threading.enumerate() if thread.name == "mailadmin-smtp-list"]

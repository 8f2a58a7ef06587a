"""When a queued message is tried again, and what follows a run (N9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.schedule import Next, Standing, follow, may_resend, retry_pause, turn_pause, unsure_pause
from mailadmin.core.settings import OnUnsure

LUCK = st.floats(0, 1)
TRIES = st.integers(0, 1000)


@given(TRIES, LUCK)
def test_a_pause_is_the_usual_one_and_a_fifth_more_or_less(tries: int, luck: float) -> None:
    usual = limits.RETRY_SECONDS[min(max(tries, 1), len(limits.RETRY_SECONDS)) - 1]
    assert usual * 0.8 <= retry_pause(tries, luck) <= usual * 1.2


@given(TRIES)
def test_pauses_get_longer_up_to_the_last_one(tries: int) -> None:
    assert retry_pause(tries, 0.5) <= retry_pause(tries + 1, 0.5) <= limits.RETRY_SECONDS[-1]


@given(TRIES, LUCK, st.floats(0, 100_000))
def test_a_time_that_the_server_names_is_kept_but_never_becomes_a_storm(tries: int, luck: float, asked: float) -> None:
    pause = retry_pause(tries, luck, asked)
    assert pause >= asked
    assert pause == asked or pause <= limits.RETRY_SECONDS[-1] / 10
    assert pause >= limits.RETRY_SECONDS[0] / 10


@given(st.floats(0, 100_000), st.floats(0, 1_000_000), LUCK)
def test_a_line_for_a_turn_comes_back_after_it_and_spread_over_as_long_as_it_stood(
    asked: float, waited: float, luck: float
) -> None:
    pause = turn_pause(asked, waited, luck)
    assert asked <= pause <= asked + min(waited, limits.TURN_SPREAD_SECONDS)
    assert turn_pause(asked, waited, 0) == asked


@given(LUCK)
def test_what_may_have_been_taken_waits_five_to_fifteen_minutes(luck: float) -> None:
    assert 300 <= unsure_pause(luck) <= 900


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_nobody_is_forgotten_whatever_comes_together(pending: bool, unsure: bool, resend: bool, over: bool) -> None:
    found = follow(Standing(pending, unsure, resend, over))
    if pending and not over:
        assert found is Next.LATER
    elif unsure:
        assert found is (Next.RESEND if resend else Next.HOLD)
    else:
        assert found is Next.DONE


@pytest.mark.parametrize(
    ("chosen", "resends", "same_route", "expected"),
    [
        (OnUnsure.RESEND, 0, True, True),
        (OnUnsure.RESEND, 1, True, False),  # never more than two copies
        (OnUnsure.RESEND, 0, False, False),  # no other provider could recognise the double
        (OnUnsure.HOLD, 0, True, False),
    ],
)
def test_n3_what_may_have_been_taken_is_sent_once_more_at_most_and_by_the_same_route(
    chosen: OnUnsure, resends: int, same_route: bool, expected: bool
) -> None:
    assert may_resend(chosen, resends, same_route=same_route) is expected

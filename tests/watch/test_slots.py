"""N11: when a route is due for a scheduled test, by numbers alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.settings import RouteKey, RouteKind
from mailadmin.watch.slots import Standing, due, slot

HOUR, DAY = 3600.0, 86_400.0
NOW = 1_795_000_000.0
KEY = RouteKey(RouteKind.SMTP, "5a5db0c5-0000-4000-8000-0000000000aa")
ids = st.uuids().map(lambda one: RouteKey(RouteKind.SMTP, str(one)))
intervals = st.integers(1, limits.MAX_PROBE_MINUTES).map(lambda minutes: 60.0 * minutes)
times = st.floats(NOW - 365 * DAY, NOW, allow_nan=False)


@given(ids, intervals, times)
def test_the_turn_of_a_route_comes_once_in_an_interval_and_is_never_ahead(
    key: RouteKey, interval: float, now: float
) -> None:
    start = slot(key, interval, now)
    assert now - interval - 1e-3 <= start <= now + 1e-3
    assert slot(key, interval, start + interval / 2) == pytest.approx(start, abs=1e-3)
    assert slot(key, interval, start + 1.5 * interval) == pytest.approx(start + interval, abs=1e-3)


def test_routes_are_spread_over_the_interval() -> None:
    places = sorted(
        NOW - slot(RouteKey(RouteKind.SMTP, f"{number:08x}-0000-4000-8000-0000000000aa"), HOUR, NOW)
        for number in range(200)
    )
    tenths = [sum(HOUR / 10 * part <= place < HOUR / 10 * (part + 1) for place in places) for part in range(10)]
    assert all(5 <= number <= 40 for number in tenths)


@given(ids, intervals, times, times)
def test_a_route_that_is_well_is_tested_once_for_each_of_its_turns(
    key: RouteKey, interval: float, one: float, other: float
) -> None:
    tested, now = sorted((one, other))
    standing = Standing(changed_at=0, tested_at=tested)
    assert due(key, standing, interval, now) is (tested < slot(key, interval, now))
    assert not due(key, replace(standing, tested_at=now), interval, now)
    assert due(key, standing, interval, tested + interval + 1)


def test_a_new_route_waits_for_its_turn() -> None:
    start = slot(KEY, HOUR, NOW)
    assert not due(KEY, Standing(changed_at=start + 1), HOUR, start + 2)
    assert due(KEY, Standing(changed_at=start + 1), HOUR, start + HOUR)


@given(intervals, st.none() | times, times)
def test_a_route_that_a_person_paused_is_left_alone(interval: float, tested: float | None, now: float) -> None:
    assert not due(KEY, Standing(0, tested, paused=True), interval, now)
    assert not due(KEY, Standing(0, tested, paused=True, stopped_at=0, rests_until=0), interval, now)


@given(intervals, times, st.floats(0, 3 * DAY))
def test_a_stopped_route_is_tried_once_a_day_at_most_so_that_no_account_is_locked(
    interval: float, stopped: float, later: float
) -> None:
    wait = max(interval, limits.PROBE_STOPPED_SECONDS)
    now = stopped + later
    assert due(KEY, Standing(0, stopped - 5, stopped_at=stopped), interval, now) is (now - stopped >= wait)
    assert due(KEY, Standing(0, stopped, stopped_at=stopped - DAY), interval, now) is (now - stopped >= wait)


@given(intervals, times, st.floats(1, limits.MAX_REST_SECONDS), st.floats(0, DAY))
def test_a_resting_route_is_tried_when_its_rest_is_over_and_not_before(
    interval: float, failed: float, rest: float, later: float
) -> None:
    standing = Standing(0, failed, rests_until=failed + rest)
    now = failed + later
    assert due(KEY, standing, interval, now) is (now >= failed + rest)


def test_a_route_that_still_counts_as_failing_after_its_try_waits_for_its_turn() -> None:
    """A test that proves nothing, as where a permission to look is missing, must not be repeated each minute."""
    rested = Standing(0, NOW, rests_until=NOW - 60)
    assert not due(KEY, rested, HOUR, NOW + 1)
    assert due(KEY, rested, HOUR, NOW + HOUR + 1)


@given(ids, intervals, times, st.floats(DAY, 3650 * DAY))
def test_a_clock_that_was_set_back_keeps_no_route_from_being_tested(
    key: RouteKey, interval: float, now: float, ahead: float
) -> None:
    later = now + ahead
    assert due(key, Standing(0, later), interval, now)
    assert due(key, Standing(later), interval, now)
    assert due(key, Standing(0, tested_at=0, stopped_at=later), interval, now)
    assert due(key, Standing(0, tested_at=0, rests_until=later), interval, now)
    assert not due(key, Standing(0, tested_at=now, stopped_at=later), interval, now)

"""When something is told (P8): newly, again after the quiet time, and over when it stays well."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import alerts, limits
from mailadmin.core.alerts import Event, Known, Verdict

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
QUIET = timedelta(minutes=60)
SECOND = timedelta(seconds=1)
SETTLE = timedelta(seconds=limits.ALERT_SETTLE_SECONDS)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


class Route:
    """A route that is looked at, minute by minute."""

    def __init__(self, event: Event = Event.FAILING) -> None:
        self.known: Known | None = None
        self.event = event

    def look(self, minutes: float, failing: bool) -> str:
        """Return what is told: "", "failing", "failing 3 times", "recovered"."""
        if failing:
            verdict = alerts.found(self.known, at(minutes), QUIET)
        elif self.known is None:
            return ""
        else:
            verdict = alerts.missed(self.known, self.event, at(minutes), QUIET)
        self.known = verdict.keep
        if verdict.recovered:
            return "recovered"
        return f"failing {verdict.times} times" if verdict.times else "failing" if verdict.tell else ""


def test_what_fails_is_told_once_however_long_it_lasts() -> None:
    route = Route()
    assert [route.look(minute, True) for minute in (0, 1, 59, 61, 600)] == ["failing", "", "", "", ""]


def test_what_recovers_is_told_when_it_has_stayed_well_for_a_moment() -> None:
    route = Route()
    route.look(0, True)
    assert [route.look(minute, False) for minute in (5, 6, 7.5, 8)] == ["", "", "recovered", ""]


def test_a_route_that_flaps_within_a_moment_is_told_once() -> None:
    route = Route()
    told = [route.look(minute, minute % 2 == 0) for minute in range(20)]
    assert told == ["failing"] + [""] * 19


def test_what_fails_again_within_the_quiet_time_is_held_back_and_told_after_it_with_the_number() -> None:
    route = Route()
    assert route.look(0, True) == "failing"
    for start in (10, 20, 30):  # well for five minutes, and failing again
        assert [route.look(start + minute, False) for minute in (0, 3)] == ["", "recovered" if start == 10 else ""]
        assert route.look(start + 5, True) == ""
    assert route.look(59, True) == ""
    assert route.look(61, True) == "failing 3 times"


def test_recovered_is_told_only_when_the_failing_was_told() -> None:
    route = Route()
    route.look(0, True)
    assert [route.look(5, False), route.look(8, False)] == ["", "recovered"]
    assert route.look(10, True) == ""  # within the quiet time
    assert [route.look(15, False), route.look(18, False)] == ["", ""]


def test_what_is_over_is_forgotten_after_the_quiet_time() -> None:
    route = Route()
    route.look(0, True)
    route.look(5, False)
    route.look(8, False)
    assert route.known is not None
    route.look(61, False)
    assert route.known is None
    assert route.look(62, True) == "failing"


@pytest.mark.parametrize(
    ("event", "told"), [(Event.FAILING, True), (Event.SILENCE, True), (Event.EXPIRY, False), (Event.RECOVERED, False)]
)
def test_only_what_fails_recovers(event: Event, told: bool) -> None:
    known = Known(since=NOON, told_at=NOON, well_at=at(1))
    assert alerts.missed(known, event, at(10), QUIET).recovered is told


def test_what_happens_is_told_at_once_and_then_counted() -> None:
    first = alerts.happened(None, 1, NOON, QUIET)
    assert (first.tell, first.times) == (True, 0)
    assert first.keep is not None
    second = alerts.happened(first.keep, 2, at(10), QUIET)
    assert not second.tell
    assert second.keep is not None
    third = alerts.happened(second.keep, 1, at(61), QUIET)
    assert (third.tell, third.times) == (True, 3)


def test_what_was_held_back_is_told_at_the_end_of_the_quiet_time_though_nothing_more_happens() -> None:
    held = Known(since=NOON, told_at=NOON, held_back=5)
    assert not alerts.happened(held, 0, at(59), QUIET).tell
    assert alerts.happened(held, 0, at(60), QUIET).times == 5
    assert alerts.happened(Known(since=NOON, told_at=NOON), 0, at(60), QUIET) == Verdict(None)


def test_without_a_quiet_time_everything_is_told() -> None:
    known = alerts.happened(None, 1, NOON, timedelta(0)).keep
    assert alerts.happened(known, 1, at(1), timedelta(0)).tell


def test_the_next_look_is_when_something_would_change() -> None:
    assert alerts.next_look(Known(since=NOON, told_at=NOON), at(5), QUIET) is None
    assert alerts.next_look(Known(since=NOON, told_at=NOON, well_at=at(5)), at(6), QUIET) == 60
    assert alerts.next_look(Known(since=NOON, told_at=NOON, held_back=1), at(50), QUIET) == 600
    assert alerts.next_look(Known(since=NOON, told_at=NOON, held_back=1), at(90), QUIET) == 0
    over = Known(since=NOON, told_at=NOON, held_back=1, well_at=at(5), over=True)
    assert alerts.next_look(over, at(50), QUIET) is None


def test_a_channel_without_chosen_events_is_told_of_all_and_each_of_a_test() -> None:
    assert all(alerts.wants([], event) for event in Event)
    assert alerts.wants(["failing"], Event.FAILING)
    assert not alerts.wants(["failing"], Event.EXPIRY)
    assert alerts.wants(["failing"], Event.TEST)


LOOKS = st.lists(st.tuples(st.floats(0.1, 30), st.booleans()), min_size=1, max_size=60)


@given(LOOKS)
def test_whatever_a_route_does_it_is_told_at_most_once_in_a_quiet_time_and_recovers_only_after_that(
    looks: list[tuple[float, bool]],
) -> None:
    route, now, told_at, open_alert = Route(), 0.0, None, False
    for pause, failing in looks:
        now += pause
        told = route.look(now, failing)
        if told.startswith("failing"):
            assert failing
            assert told_at is None or at(now) >= at(told_at) + QUIET
            assert not open_alert, "told again before it was told to be over"
            told_at, open_alert = now, True
        elif told == "recovered":
            assert open_alert
            assert not failing
            open_alert = False
        elif not failing and route.known and route.known.over:
            open_alert = False  # it was over without a word, as its failing was not told
    if looks[-1][1]:
        assert route.known is not None
        assert route.known.told or route.known.held_back, "a failing that is neither told nor counted"


@given(st.lists(st.tuples(st.floats(0, 200), st.integers(0, 5)), max_size=40))
def test_everything_that_happens_is_counted_once(times: list[tuple[float, int]]) -> None:
    known, now, counted, happened = None, 0.0, 0, 0
    for pause, number in times:
        now += pause
        if known is None and number == 0:
            continue
        happened += number
        verdict = alerts.happened(known, number, at(now), QUIET)
        if verdict.tell:
            counted += verdict.times or 1
        known = verdict.keep
    assert counted + (known.held_back if known else 0) == happened


@given(st.floats(1, 3650).map(lambda days: NOON + timedelta(days=days)))
def test_a_clock_that_was_set_back_silences_nothing(ahead: datetime) -> None:
    lasting = Known(since=ahead, told_at=ahead)
    assert not alerts.found(lasting, NOON, QUIET).tell  # it was told, and goes on

    well = alerts.missed(replace(lasting, well_at=ahead), Event.FAILING, NOON, QUIET).keep
    assert well is not None
    assert alerts.missed(well, Event.FAILING, NOON + SETTLE, QUIET).recovered

    again = alerts.found(replace(lasting, over=True), NOON, QUIET).keep
    assert again is not None
    assert alerts.found(again, NOON + QUIET, QUIET).tell
    assert alerts.missed(replace(lasting, over=True), Event.FAILING, NOON, QUIET).keep
    assert alerts.happened(replace(lasting, held_back=1), 1, NOON, QUIET).keep == replace(
        lasting, since=NOON - SECOND, told_at=NOON - SECOND, held_back=2
    )

"""The pace of a mailbox, places for requests, and the line in front of them (N7)."""

from __future__ import annotations

import math
import os
import threading
import time
from contextlib import AbstractContextManager, nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.secret import Secret
from mailadmin.transports import shared
from mailadmin.transports.line import GiveBack, Line
from mailadmin.transports.shared import NotNow, Pace, Process, SharedToken, longer_pause, turn

paces = st.builds(Pace, st.floats(0.01, 100), st.integers(1, 50))
arrivals = st.lists(st.floats(0, 1000), max_size=60).map(sorted)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class TestTheRuleOfThePace:
    @given(paces, arrivals)
    def test_n7_no_window_has_more_turns_than_the_burst_and_the_even_pace_allow(
        self, pace: Pace, arrivals: list[float]
    ) -> None:
        turns, due = [], 0.0
        for now in arrivals:
            wait, due = turn(due, 0, now, pace, math.inf)
            turns.append(now + wait)
        assert turns == sorted(turns)
        for first, start in enumerate(turns):
            for last in range(first, len(turns)):
                assert last - first + 1 <= pace.burst + (turns[last] - start) / pace.interval + 1e-6

    @given(paces, st.floats(0, 1000))
    def test_after_a_rest_the_whole_burst_may_leave_at_once(self, pace: Pace, now: float) -> None:
        due = now
        for _ in range(pace.burst):
            wait, due = turn(due, 0, now, pace)
            assert wait == pytest.approx(0, abs=1e-6)
        assert turn(due, 0, now, pace)[0] == pytest.approx(pace.interval, abs=1e-6)

    @given(paces, st.floats(0, 1000), st.floats(0, limits.GRAPH_MAX_PAUSE_SECONDS), st.floats(0, 1000))
    def test_no_turn_comes_within_a_pause(self, pace: Pace, due: float, paused: float, now: float) -> None:
        assert now + turn(due, paused, now, pace)[0] >= paused - 1e-6

    @given(arrivals)
    def test_an_interval_of_zero_sets_no_pace(self, arrivals: list[float]) -> None:
        due = 0.0
        for now in arrivals:
            wait, due = turn(due, 0, now, Pace(0, 1))
            assert wait == 0

    @given(paces, st.floats(10_000, 1e9), st.floats(661, 1e9))
    def test_nobody_waits_for_a_clock_that_was_set_back(self, pace: Pace, due: float, paused: float) -> None:
        assert turn(due, paused, 0, pace) == (0, pace.interval)
        assert turn(math.nan, math.inf, 0, pace) == (0, pace.interval)
        assert longer_pause(paused, 0, 30) == 30

    def test_no_turn_and_no_pause_that_we_ask_for_lies_so_far_ahead_that_it_counts_as_nothing(self) -> None:
        assert limits.SHARED_AHEAD_SECONDS > limits.GRAPH_MAX_PAUSE_SECONDS
        assert limits.SHARED_AHEAD_SECONDS > limits.GRAPH_LIST_PATIENCE_SECONDS + 60


class TestOneProcess:
    def test_a_turn_that_is_too_far_away_is_not_taken(self) -> None:
        clock = Clock()
        port, pace = Process(clock), Pace(2, 3)
        assert [port.book("a", pace, 0) for _ in range(3)] == [0, 0, 0]
        with pytest.raises(NotNow) as refused:
            port.book("a", pace, 1.9)
        assert refused.value.seconds == pytest.approx(2)
        assert port.until_free("a", pace) == pytest.approx(2)
        assert port.book("a", pace, 2) == pytest.approx(2)
        assert port.book("b", pace, 0) == 0

    def test_a_pause_holds_and_a_shorter_one_does_not_end_it(self) -> None:
        clock = Clock()
        port = Process(clock)
        port.pause("a", 30)
        port.pause("a", 5)
        assert port.until_free("a", Pace(0, 1)) == pytest.approx(30)
        clock.now += 31
        assert port.book("a", Pace(0, 1), 0) == 0

    def test_a_token_is_kept_until_it_is_forgotten(self) -> None:
        port = Process()
        assert port.token("k") is None
        port.keep_token("k", SharedToken(Secret("t"), 5))
        assert port.token("k") == SharedToken(Secret("t"), 5)
        port.keep_token("k", None)
        port.keep_token("k", None)
        assert port.token("k") is None

    def test_n7_no_more_threads_than_places_hold_one(self) -> None:
        port, held, most = Process(), [0], [0]
        lock = threading.Lock()

        def work() -> None:
            for _ in range(20):
                with port.lease("a", 3, 20):
                    with lock:
                        held[0] += 1
                        most[0] = max(most[0], held[0])
                    time.sleep(0.0002)
                    with lock:
                        held[0] -= 1

        run_all([threading.Thread(target=work) for _ in range(10)])
        assert most == [3]

    def test_a_place_is_given_back_when_the_block_fails_and_other_names_are_free(self) -> None:
        port = Process()
        with pytest.raises(ZeroDivisionError), port.lease("a", 1, 0), port.lease("b", 1, 0):
            with pytest.raises(NotNow), port.lease("a", 1, 0.01):
                pass
            raise ZeroDivisionError
        with port.lease("a", 1, 0):
            pass

    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_forked_child_holds_nothing_of_its_parent(self) -> None:
        with shared.shared().lease("a", 1, 0):
            pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    with shared.shared().lease("a", 1, 0):
                        status = 0
                finally:
                    os._exit(status)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


class Elsewhere:
    """Places of which other processes take and give back; it notes who was polite."""

    def __init__(self) -> None:
        self.free = 0
        self.others_wait = False
        self.asked: list[bool] = []
        self.shown = self.given_back = 0

    def take(self, name: str, places: int, polite: bool) -> GiveBack | None:
        self.asked.append(polite)
        if not self.free or (polite and self.others_wait):
            return None
        self.free -= 1
        return self._give_back

    def waiting(self, name: str, places: int, seconds: float) -> AbstractContextManager[None]:
        self.shown += 1
        return nullcontext()

    def _give_back(self) -> None:
        self.free += 1
        self.given_back += 1


class TestTheLine:
    def test_a_place_that_is_free_is_taken_at_once(self) -> None:
        places = Elsewhere()
        places.free = 1
        assert Line(places).take("a", 1, 0)
        assert (places.asked, places.shown) == ([True], 0)

    def test_a_place_that_another_process_gives_back_is_found(self) -> None:
        places = Elsewhere()
        timer = threading.Timer(0.05, places._give_back)
        timer.start()
        assert Line(places).take("a", 1, 20)
        timer.join()
        assert places.shown == 1
        assert places.asked[0] and not places.asked[-1]

    def test_who_waits_in_another_process_goes_before_a_thread_that_comes_later(self) -> None:
        places = Elsewhere()
        places.free, places.others_wait = 1, True
        assert Line(places).take("a", 1, 0) is None
        assert Line(places).take("a", 1, 20)  # it stands in line with them, and looks as they do
        assert places.asked == [True, True, False]

    def test_threads_are_served_in_the_order_in_which_they_came(self) -> None:
        places, order = Elsewhere(), list[int]()
        places.free = 1
        line = Line(places)
        first = line.take("a", 1, 0)
        assert first

        def wait(number: int) -> None:
            give_back = line.take("a", 1, 20)
            order.append(number)
            assert give_back
            give_back()

        threads = [threading.Thread(target=wait, args=(number,)) for number in range(8)]
        for number, thread in enumerate(threads):
            thread.start()
            while len(line._lines["a"]) <= number:
                time.sleep(0.0005)
        first()
        for thread in threads:
            thread.join()
        assert order == list(range(8))
        assert line._lines == {}

    def test_a_place_goes_from_thread_to_thread_only_for_a_moment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "SHARED_HAND_OVER_SECONDS", 0)
        places = Elsewhere()
        places.free = 1
        line = Line(places)

        def work() -> None:
            for _ in range(5):
                give_back = line.take("a", 1, 20)
                assert give_back
                give_back()

        run_all([threading.Thread(target=work) for _ in range(4)])
        assert places.given_back == 20
        assert (places.free, line._lines) == (1, {})

    def test_a_place_that_is_handed_to_who_fails_goes_on_to_the_next(self) -> None:
        places = Elsewhere()
        places.free = 1
        line = Line(places)
        first = line.take("a", 1, 0)
        assert first

        def cannot_be_reached(name: str, places: int, polite: bool) -> GiveBack | None:
            first()
            raise OSError

        places.take = cannot_be_reached  # type: ignore[method-assign]  # the peer: a database that goes away
        with pytest.raises(OSError):
            line.take("a", 1, 20)
        assert (places.free, line._lines) == (1, {})

    def test_who_gives_up_leaves_the_line_to_the_others(self) -> None:
        places = Elsewhere()
        line = Line(places)
        assert line.take("a", 1, 0.01) is None
        places.free = 1
        assert line.take("a", 1, 0)


def run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

"""Waiting in line for one of a few places that several threads, processes or hosts want.

The threads of a process wait in the order in which they came, and only the first of them looks for a place. It gets
what another thread of the process gives back; for what other processes give back it looks again and again, with pauses
that grow and are never quite the same.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from mailadmin.core import limits
from mailadmin.net import stopping

GiveBack = Callable[[], None]


class Places(Protocol):
    """Where places are kept."""

    def take(self, name: str, places: int, polite: bool) -> GiveBack | None:
        """Take one of the `places` of `name` and return what gives it back, None when all are taken.

        `polite` leaves a free one to those who wait in other processes.
        """

    def waiting(self, name: str, places: int, seconds: float) -> AbstractContextManager[None]:
        """Show the other processes, while the block runs (at most `seconds`), that somebody waits here."""


class NotNow(Exception):
    """The wait would be longer than the caller's patience: it takes `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.1f} s")
        self.seconds = seconds


@dataclass(frozen=True)
class _Place:
    """A place that this process has had `since` (monotonic seconds)."""

    give_back: GiveBack
    since: float


class _Turn:
    """A thread in line: `event` wakes it, and then it may have been `handed` a place."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.handed: _Place | None = None


class Line:
    """The line of the threads of one process for `places`.

    A place goes from thread to thread for a moment before it is really given back, because a database may be far away.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._lines: dict[str, deque[_Turn]] = {}

    def take(self, name: str, places: int, wait: float) -> GiveBack | None:
        """Return what gives back the place that was taken; None when none became free within `wait` seconds.

        Raises what the places raise.
        """
        turn = self._join(name)
        try:
            place = self._wait(turn, name, places, time.monotonic() + wait)
        except BaseException:
            if handed := self._leave(name, turn):
                self._give_back(name, handed)
            raise
        handed = self._leave(name, turn)
        if place and handed:
            self._give_back(name, handed)
        mine = place or handed
        return partial(self._give_back, name, mine) if mine else None

    def _wait(self, turn: _Turn, name: str, places: int, until: float) -> _Place | None:
        """Return a place; None when the time is over, or `turn` was handed one."""
        stopping.wait(turn.event, until - time.monotonic())
        if not turn.event.is_set() or turn.handed or stopping.pressed():
            return None
        turn.event.clear()
        if give_back := self._places.take(name, places, polite=True):
            return _Place(give_back, time.monotonic())
        if (left := until - time.monotonic()) <= 0:
            return None
        pause = limits.SHARED_POLL_SECONDS
        with self._places.waiting(name, places, left):
            while (left := until - time.monotonic()) > 0 and not turn.handed and not stopping.pressed():
                # A process that gives back and takes at once, again and again, would leave nothing to the others.
                polite = turn.event.wait(min(random.uniform(0.5, 1) * pause, left))  # noqa: S311 -- no secret
                turn.event.clear()  # before looking: what is given back meanwhile must wake us again
                if not turn.handed and (give_back := self._places.take(name, places, polite)):
                    return _Place(give_back, time.monotonic())
                pause = min(pause * 1.5, limits.SHARED_MAX_POLL_SECONDS)
        return None

    @contextmanager
    def hold(self, name: str, places: int, wait: float) -> Iterator[None]:
        """Hold a place while the block runs. Raises NotNow when none became free within `wait` seconds, and what the
        places raise."""
        give_back = self.take(name, places, wait)
        if give_back is None:
            raise NotNow(wait)
        try:
            yield
        finally:
            give_back()

    def _give_back(self, name: str, place: _Place) -> None:
        if time.monotonic() - place.since < limits.SHARED_HAND_OVER_SECONDS and self._hand_over(name, place):
            return
        try:
            place.give_back()
        finally:
            with self._lock:
                if line := self._lines.get(name):
                    line[0].event.set()

    def _hand_over(self, name: str, place: _Place) -> bool:
        """Give `place` to the first in line, and tell whether there was anybody."""
        with self._lock:
            for turn in self._lines.get(name, ()):
                if turn.handed is None:
                    turn.handed = place
                    turn.event.set()
                    return True
        return False

    def _join(self, name: str) -> _Turn:
        turn = _Turn()
        with self._lock:
            line = self._lines.setdefault(name, deque())
            line.append(turn)
            if len(line) == 1:
                turn.event.set()
        return turn

    def _leave(self, name: str, turn: _Turn) -> _Place | None:
        """Leave the line, and return the place that `turn` was handed."""
        with self._lock:
            line = self._lines[name]
            line.remove(turn)
            if line:
                line[0].event.set()
            else:
                del self._lines[name]
        return turn.handed

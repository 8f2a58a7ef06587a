"""Waiting in line for one of a few places that several threads, processes or hosts want.

The threads of a process wait in the order in which they came, and only the first of them looks for a place. It is
woken when one is given back in the same process; for those of other processes it looks again and again, with pauses
that grow and are never quite the same.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from mailadmin.core import limits

GiveBack = Callable[[], None]


class Places(Protocol):
    """Where places are kept."""

    def take(self, name: str, places: int, polite: bool) -> GiveBack | None:
        """Take one of the `places` of `name` and return what gives it back, None when all are taken.

        `polite` leaves a free one to those who wait in other processes.
        """

    def waiting(self, name: str, places: int, seconds: float) -> AbstractContextManager[None]:
        """Show the other processes, while the block runs (at most `seconds`), that somebody waits here."""


class Line:
    """The line of the threads of one process for `places`."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._lines: dict[str, deque[threading.Event]] = {}

    def take(self, name: str, places: int, wait: float) -> GiveBack | None:
        """Return what gives back the place that was taken; None when none became free within `wait` seconds.

        Raises what the places raise.
        """
        until = time.monotonic() + wait
        turn = self._join(name)
        try:
            if not turn.wait(wait):
                return None
            turn.clear()
            give_back = self._places.take(name, places, polite=True)
            if give_back is None and wait > 0:
                give_back = self._look_again(turn, name, places, until)
        finally:
            self._leave(name, turn)
        return self._given_back_here(name, give_back) if give_back else None

    def _look_again(self, turn: threading.Event, name: str, places: int, until: float) -> GiveBack | None:
        pause = limits.SHARED_POLL_SECONDS
        with self._places.waiting(name, places, until - time.monotonic()):
            while (left := until - time.monotonic()) > 0:
                # A process that gives back and takes at once, again and again, would leave nothing to the others.
                polite = turn.wait(min(random.uniform(0.5, 1) * pause, left))  # noqa: S311 -- no secret
                turn.clear()  # before looking: what is given back meanwhile must wake us again
                if give_back := self._places.take(name, places, polite):
                    return give_back
                pause = min(pause * 1.5, limits.SHARED_MAX_POLL_SECONDS)
        return None

    def _given_back_here(self, name: str, give_back: GiveBack) -> GiveBack:
        def both() -> None:
            try:
                give_back()
            finally:
                self._wake(name)

        return both

    def _join(self, name: str) -> threading.Event:
        turn = threading.Event()
        with self._lock:
            line = self._lines.setdefault(name, deque())
            line.append(turn)
            if len(line) == 1:
                turn.set()
        return turn

    def _leave(self, name: str, turn: threading.Event) -> None:
        with self._lock:
            line = self._lines[name]
            line.remove(turn)
            if line:
                line[0].set()
            else:
                del self._lines[name]

    def _wake(self, name: str) -> None:
        with self._lock:
            if line := self._lines.get(name):
                line[0].set()

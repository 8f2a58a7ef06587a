"""What transports share beyond one instance: tokens, who may ask now, and the pace of each mailbox.

This is the port. The one below serves a single process; `install` puts another one in its place (the app installs one
that reaches all processes and hosts of an installation). Names are short texts without secrets.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from mailadmin.core import limits
from mailadmin.core.secret import Secret

from .line import GiveBack, Line
from .line import NotNow as NotNow  # a part of the port


@dataclass(frozen=True)
class SharedToken:
    """A token and until when it holds (seconds since the epoch)."""

    value: Secret
    expires_at: float


@dataclass(frozen=True)
class Pace:
    """At most one thing in `interval` seconds, of which `burst` may come at once; interval 0 sets no pace."""

    interval: float
    burst: int


class Shared(Protocol):
    """The port. No method raises for a state that cannot be reached: it is then as if no other process were there."""

    def token(self, key: str) -> SharedToken | None:
        """Return the kept token for `key`, None when there is none."""

    def keep_token(self, key: str, token: SharedToken | None) -> None:
        """Keep `token` for `key`; None forgets what is kept."""

    def lease(self, name: str, places: int, wait: float) -> AbstractContextManager[None]:
        """Hold one of the `places` of `name` while the block runs.

        Waits up to `wait` seconds for one; raises NotNow when none became free. A place of a process that died
        becomes free by itself.
        """

    def book(self, name: str, pace: Pace, patience: float) -> float:
        """Take the next turn of `name` and return after how many seconds it is.

        Raises NotNow, and takes no turn, when that is longer than `patience` seconds.
        """

    def until_free(self, name: str, pace: Pace) -> float:
        """Return after how many seconds the next turn of `name` would be, without taking it."""

    def pause(self, name: str, seconds: float) -> None:
        """Let no turn of `name` come within the next `seconds`; a longer pause that is known stays."""


def turn(due: float, paused: float, now: float, pace: Pace, patience: float = 0) -> tuple[float, float]:
    """Return (seconds to wait, new `due`) for a turn that is taken at `now` by those who wait up to `patience` seconds.

    The generic cell rate algorithm (ITU-T I.371): `due` is when the turns taken so far would be used up at an even
    pace; up to `burst` of them may come early. All are seconds since the epoch. What lies further ahead than it can
    counts as nothing: the clock was set back, and nobody shall wait for it to catch up.
    """
    ahead = max(patience, limits.SHARED_AHEAD_SECONDS) + pace.burst * pace.interval
    due = _believed(due, now, ahead)
    wait = max(due - now - (pace.burst - 1) * pace.interval, _believed(paused, now) - now, 0.0)
    return wait, max(due, now) + pace.interval


def longer_pause(paused: float, now: float, seconds: float) -> float:
    """Return until when there is a pause that was to last until `paused`, or for `seconds` from `now` on if that is
    longer; see `turn`."""
    return max(_believed(paused, now), now + seconds)


def _believed(moment: float, now: float, ahead: float = limits.SHARED_AHEAD_SECONDS) -> float:
    return moment if moment - now <= ahead else 0.0  # 0 for what is no number, too


class Process:
    """The port for the threads of one process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, SharedToken] = {}
        self._paces: dict[str, tuple[float, float]] = {}
        self._line = Line(_Counted())

    def token(self, key: str) -> SharedToken | None:
        """See `Shared`."""
        return self._tokens.get(key)

    def keep_token(self, key: str, token: SharedToken | None) -> None:
        """See `Shared`."""
        if token:
            self._tokens[key] = token
        else:
            self._tokens.pop(key, None)

    @contextmanager
    def lease(self, name: str, places: int, wait: float) -> Iterator[None]:
        """See `Shared`."""
        with self._line.hold(name, places, wait):
            yield

    def book(self, name: str, pace: Pace, patience: float) -> float:
        """See `Shared`."""
        with self._lock:
            due, paused = self._paces.get(name, (0.0, 0.0))
            wait, due = turn(due, paused, self._clock(), pace, patience)
            if wait > patience:
                raise NotNow(wait)
            self._paces[name] = (due, paused)
            return wait

    def until_free(self, name: str, pace: Pace) -> float:
        """See `Shared`."""
        with self._lock:
            return turn(*self._paces.get(name, (0.0, 0.0)), self._clock(), pace)[0]

    def pause(self, name: str, seconds: float) -> None:
        """See `Shared`."""
        with self._lock:
            due, paused = self._paces.get(name, (0.0, 0.0))
            self._paces[name] = (due, longer_pause(paused, self._clock(), seconds))


class _Counted:
    """Places of one process: there is nobody else to be polite to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    def take(self, name: str, places: int, polite: bool) -> GiveBack | None:
        """See `Places`."""
        with self._lock:
            if self._held[name] >= places:
                return None
            self._held[name] += 1
        return lambda: self._give_back(name)

    def waiting(self, name: str, places: int, seconds: float) -> AbstractContextManager[None]:
        """See `Places`."""
        return nullcontext()

    def _give_back(self, name: str) -> None:
        with self._lock:
            self._held[name] -= 1


_installed: Shared = Process()
_makers: list[Callable[[], Shared]] = [Process]


def install(maker: Callable[[], Shared]) -> None:
    """Use what `maker` returns from now on, and a new one in each forked child."""
    global _installed  # one for the process
    _makers[:] = [maker]
    _installed = maker()


def shared() -> Shared:
    """Return what is installed."""
    return _installed


def _renew() -> None:
    """In a forked child: a lock may have been held, and places that the parent holds are the parent's."""
    install(_makers[0])


os.register_at_fork(after_in_child=_renew)

"""A thread that looks, a moment after somebody rang, at what is to be told: alerts, and by a bell of its own the Done
events. For processes that send mail while no worker runs.

It waits a moment, so that what breaks together is told together, looks, comes back when something is due, and ends when
nothing is. Where nobody is to be told it does not run again for a while.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

from django.db import connections

from mailadmin.core import limits

ALERTS, DONE = "alerts", "done"  # the bells of a process


class Rings(Protocol):
    """What the receivers ring."""

    def ring(self) -> None:
        """Let somebody look soon; never waits and never raises."""


class Silent:
    """Nobody looks: for tests, and for programs whose own worker does."""

    def ring(self) -> None:
        """Do nothing."""


_SILENT = Silent()


class Bell:
    """Calls `look`, which returns in how many seconds it wants to be called again (None: not by itself), in a thread of
    its own, which is called `name`, as long as `anybody` says that somebody is to be told."""

    def __init__(
        self,
        look: Callable[[], float | None],
        anybody: Callable[[], bool],
        gather: float = limits.ALERT_GATHER_SECONDS,
        name: str = ALERTS,
    ) -> None:
        self._look, self._anybody, self._gather, self._name = look, anybody, gather, name
        self._lock = threading.Lock()
        self._rung, self._ends = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._looking = False
        self._deaf_until = 0.0

    def ring(self) -> None:
        """Let the thread look soon."""
        with self._lock:
            if time.monotonic() < self._deaf_until:
                return
            self._rung.set()
            if self._thread is None and not self._ends.is_set():
                self._thread = threading.Thread(target=self._run, name=f"mailadmin-{self._name}", daemon=True)
                self._thread.start()
                atexit.register(self.end)

    def end(self) -> None:
        """At the end of the process: look at once where somebody rang, and wait for a look, but not for long."""
        self._ends.set()
        thread = self._thread
        if thread and (self._looking or self._rung.is_set()):
            thread.join(limits.ALERT_LAST_SECONDS)

    def _run(self) -> None:
        try:
            while not self._finished(self._round()):
                pass
        finally:
            connections.close_all()

    def _round(self) -> float | None:
        """Look once; return when to look again."""
        self._ends.wait(self._gather)
        self._looking = True
        self._rung.clear()
        try:
            if self._anybody():
                return self._look()
            self._deaf_until = time.monotonic() + limits.ALERT_UNTOLD_SECONDS
            return None
        finally:
            self._looking = False
            connections.close_all()  # it may sleep for long

    def _finished(self, pause: float | None) -> bool:
        """Wait for what comes next; tell whether the thread has nothing left to do."""
        if pause is not None and not self._ends.is_set():
            self._rung.wait(pause)
            return False
        with self._lock:
            if self._rung.is_set():
                return False
            self._thread = None
            return True


_bells: dict[str, Rings] = {}


def install(bell: Rings, name: str = ALERTS) -> None:
    """Let `bell` be rung under `name` in this process."""
    _bells[name] = bell


def ring(name: str = ALERTS) -> None:
    """Ring what is installed under `name`."""
    _bells.get(name, _SILENT).ring()


def _renew() -> None:
    for name, one in list(_bells.items()):
        if isinstance(one, Bell):  # threads do not survive a fork
            install(Bell(one._look, one._anybody, one._gather, one._name), name)


os.register_at_fork(after_in_child=_renew)

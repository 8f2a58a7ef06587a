"""Stopping what a thread does from another one: a test is stopped while it waits for a server that says nothing.

Whoever may be stopped works `under` a `Stop`. When it is pressed, the connections that were made or used meanwhile are
shut down and every wait here ends; no further connection comes about. Without one, as in all sending, nothing changes.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from weakref import WeakSet

from mailadmin.core.texts import _

_LOOK_SECONDS = 0.2  # a lock cannot be waited for together with anything else


class Stopped(ConnectionAbortedError):
    """There will be no connection, because somebody pressed Stop. An error of the line like any other for who uses
    it."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNABORTED, _("stopped on request"))


class Stop:
    """A button that any thread may press, once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pressed = False
        self._connections: WeakSet[socket.socket] = WeakSet()
        self._waits: set[threading.Event] = set()

    @property
    def pressed(self) -> bool:
        """Tell whether it was pressed."""
        return self._pressed

    def press(self) -> None:
        """End every connection and every wait. Never raises."""
        with self._lock:
            self._pressed = True
            for sock in self._connections:
                with contextlib.suppress(OSError):
                    # That of the class below: TLS would first forget that the line is encrypted. A close would not
                    # wake the thread that reads; nor does this wake one that connects, but on Linux.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
            for event in self._waits:
                event.set()

    def forget(self) -> None:
        """Let go of the connections: what ran has ended, and they may belong to somebody else by now."""
        with self._lock:
            self._connections.clear()

    def guard(self, sock: socket.socket) -> None:
        """End `sock` too when the button is pressed. Raises Stopped when it was."""
        with self._lock:
            if self._pressed:
                raise Stopped
            self._connections.add(sock)

    @contextlib.contextmanager
    def waking(self, event: threading.Event) -> Iterator[None]:
        """Set `event` when the button is pressed while the block runs, or was before."""
        with self._lock:
            self._waits.add(event)
            if self._pressed:
                event.set()
        try:
            yield
        finally:
            with self._lock:
                self._waits.discard(event)


_current: ContextVar[Stop | None] = ContextVar("mailadmin-stop", default=None)


@contextlib.contextmanager
def under(stop: Stop) -> Iterator[None]:
    """Let `stop` end what this thread does in the block."""
    before = _current.set(stop)
    try:
        yield
    finally:
        _current.reset(before)


def pressed() -> bool:
    """Tell whether what this thread does was stopped."""
    stop = _current.get()
    return stop is not None and stop.pressed


def guard(sock: socket.socket) -> None:
    """Let a stop end `sock`, before something is awaited of it. Raises Stopped (an OSError)."""
    if stop := _current.get():
        stop.guard(sock)


def wait(event: threading.Event, seconds: float) -> None:
    """Wait until `event` is set or `seconds` are over; a stop sets it too."""
    stop = _current.get()
    with stop.waking(event) if stop else contextlib.nullcontext():
        event.wait(max(seconds, 0))


def rest(seconds: float) -> None:
    """Let `seconds` pass, or less when stopped."""
    if _current.get():
        wait(threading.Event(), seconds)
    else:
        time.sleep(max(seconds, 0))


def acquire(lock: threading.Lock, seconds: float) -> bool:
    """Acquire `lock` within `seconds`, and tell whether that came about; a stop ends the wait."""
    if _current.get() is None:
        return lock.acquire(timeout=seconds)
    until = time.monotonic() + seconds
    while not lock.acquire(timeout=min(max(until - time.monotonic(), 0), _LOOK_SECONDS)):
        if pressed() or time.monotonic() >= until:
            return False
    return True

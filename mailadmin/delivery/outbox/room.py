"""Room in memory: how much of messages one worker has in hand."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Closed(Exception):
    """Nobody is let in any more."""


class Room:
    """Lets in messages while all of them together have at most `size` bytes, one after the other, so that small ones do
    not keep a big one out. One that is bigger than that is let in alone."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._closed = False
        self._line: deque[object] = deque()
        self._change = threading.Condition()

    @contextmanager
    def of(self, size: int) -> Iterator[None]:
        """Wait for room for `size` bytes, and hold it while the block runs. Raises Closed."""
        ticket = object()
        with self._change:
            self._line.append(ticket)
            try:
                self._change.wait_for(lambda: self._closed or (self._line[0] is ticket and self._fits(size)))
            finally:
                self._line.remove(ticket)
                self._change.notify_all()
            if self._closed:
                raise Closed
            self._taken += size
        try:
            yield
        finally:
            with self._change:
                self._taken -= size
                self._change.notify_all()

    def _fits(self, size: int) -> bool:
        return not self._taken or self._taken + size <= self._size

    def close(self) -> None:
        """Let nobody in any more; those who wait are sent away."""
        with self._change:
            self._closed = True
            self._change.notify_all()

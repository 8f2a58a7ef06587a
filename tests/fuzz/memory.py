"""A connection without a network: what the client writes goes straight to the peer, what the peer said comes back in
random cuts, and a silence that would last is a time-out at once."""

from __future__ import annotations

import random
import socket
from typing import Protocol, cast

from .checks import Violation

_MOST_READS = 200_000  # of one connection; more is a loop that does not end


class Peer(Protocol):
    """The other end: it takes bytes, and leaves what it says in `out`. `over` tells that it has closed, `broken` that
    it did so with a reset; `in_step` that nothing of what it said was more than it was asked."""

    out: bytearray
    over: bool
    broken: bool
    in_step: bool

    def take(self, data: bytes) -> None: ...


class MemoryLine:
    """Stands where a connected `socket.socket` stands. With `fails` a write may break in the middle."""

    def __init__(self, rng: random.Random, peer: Peer, *, fails: bool = False) -> None:
        self._rng, self._peer = rng, peer
        self._fails = fails
        self._timeout: float | None = None
        self._reads = 0

    def as_socket(self) -> socket.socket:
        return cast("socket.socket", self)

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def setsockopt(self, *_: object) -> None: ...

    def getpeername(self) -> tuple[str, int]:
        return "127.0.0.1", 25

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 50_000

    def close(self) -> None: ...

    def sendall(self, data: bytes) -> None:
        if self._peer.broken or (self._peer.over and self._rng.random() < 0.5):
            raise BrokenPipeError
        if self._fails and self._rng.random() < 0.05 and len(data):
            self._peer.take(bytes(data[: self._rng.randrange(len(data))]))
            self._peer.over = True
            raise self._rng.choice((ConnectionResetError, TimeoutError))
        if not self._peer.over:
            self._peer.take(bytes(data))

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def recv(self, count: int) -> bytes:
        self._reads += 1
        if self._reads > _MOST_READS:
            raise Violation("The client reads for ever.")
        out = self._peer.out
        if self._peer.broken:
            raise ConnectionResetError
        if out and self._timeout == 0 and self._peer.in_step and self._rng.random() < 0.5:
            raise BlockingIOError  # it is still on its way
        if out:
            # More answers than questions come at once: nobody could see the ones that are still to come.
            cut = self._rng.random() < 0.3 and self._peer.in_step
            size = self._rng.randint(1, min(len(out), count)) if cut else count
            data = bytes(out[:size])
            del out[:size]
            return data
        if self._peer.over:
            return b""
        raise BlockingIOError if self._timeout == 0 else TimeoutError

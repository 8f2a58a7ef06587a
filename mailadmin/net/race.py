"""Connecting to one of several addresses: one after the other, or racing (happy eyeballs, RFC 8305)."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

from mailadmin.core import limits
from mailadmin.core.texts import _

from . import stopping

Failures = list[tuple[str, OSError]]
_UNDER_WAY = {0, errno.EINPROGRESS, errno.EWOULDBLOCK}


def in_turn(addresses: Sequence[str], port: int, seconds: float) -> socket.socket | Failures:
    """Return a socket connected to the first of `addresses` that answers, or why each one failed.

    Each gets its share of `seconds`, so that a dead first one leaves time for the next.
    """
    deadline = time.monotonic() + seconds
    failures: Failures = []
    for place, address in enumerate(addresses):
        share = max((deadline - time.monotonic()) / (len(addresses) - place), 0.001)
        try:
            with _closed_on_error(_socket_for(address)) as sock:
                sock.settimeout(share)
                stopping.guard(sock)
                sock.connect((address, port))
                return _ready(sock, address, port)
        except TimeoutError:
            failures.append((address, _late(share)))
        except OSError as error:
            failures.append((address, error))
    return failures


def first(addresses: Sequence[str], port: int, seconds: float) -> socket.socket | Failures:
    """Return a socket connected to whichever of `addresses` answers first, or why each one failed.

    The families take turns, and the next attempt begins when the one before has failed or has been under way
    for a quarter of a second (RFC 8305 sections 4 and 5). The losers are closed; no thread is used.
    """
    try:
        race = _Race(interleaved(addresses), port, seconds)
    except OSError as error:  # even a selector needs a file
        return [(addresses[0], error)]
    with race:
        return race.run()


def interleaved(addresses: Sequence[str]) -> list[str]:
    """Return `addresses` with the two families taking turns, beginning with the family of the first."""
    begins = [address for address in addresses if (":" in address) == (":" in addresses[0])]
    follows = [address for address in addresses if address not in begins]
    return [address for address in chain.from_iterable(zip_longest(begins, follows)) if address]


def routed(address: str) -> bool:
    """Tell whether this machine knows a way to `address` at all: without IPv6 it knows none to an IPv6 address. Nothing
    is sent, because a datagram socket only looks the way up."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((address, 9))  # "discard", a port like any other here
    except OSError:
        return False
    return True


class _Race:
    """The attempts under way. Leaving the context closes all of them but the winner."""

    def __init__(self, addresses: list[str], port: int, seconds: float) -> None:
        self._waiting, self._port, self._seconds = addresses, port, seconds
        self._deadline = time.monotonic() + seconds
        self._failures: Failures = []
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> _Race:
        return self

    def __exit__(self, *details: object) -> None:
        for key in list(self._selector.get_map().values()):
            self._fileobj(key).close()
        self._selector.close()

    def run(self) -> socket.socket | Failures:
        """Return the winner, or why each attempt failed."""
        next_start = time.monotonic()
        while self._waiting or self._selector.get_map():
            now = time.monotonic()
            if now >= self._deadline:
                break
            if self._waiting and (now >= next_start or not self._selector.get_map()):
                self._start(self._waiting.pop(0))
                next_start = now + limits.RACE_SECONDS
                continue
            until = min(next_start, self._deadline) if self._waiting else self._deadline
            for key, _events in self._selector.select(until - now):
                if winner := self._finish(key):
                    return winner
                next_start = now  # a failure lets the next one begin at once
        unanswered = [key.data for key in self._selector.get_map().values()] + self._waiting
        return self._failures + [(address, _late(self._seconds)) for address in unanswered]

    def _start(self, address: str) -> None:
        try:
            with _closed_on_error(_socket_for(address)) as sock:
                sock.setblocking(False)
                if (code := sock.connect_ex((address, self._port))) not in _UNDER_WAY:
                    raise _error(code)
                stopping.guard(sock)
                self._selector.register(sock, selectors.EVENT_WRITE, address)
        except OSError as error:
            self._failures.append((address, error))

    def _finish(self, key: selectors.SelectorKey) -> socket.socket | None:
        """Return the socket of an attempt that has ended well, or note why it has not."""
        self._selector.unregister(key.fileobj)
        try:
            with _closed_on_error(self._fileobj(key)) as sock:
                if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise _error(code)
                sock.settimeout(self._seconds)
                return _ready(sock, key.data, self._port)
        except OSError as error:
            self._failures.append((key.data, error))
            return None

    @staticmethod
    def _fileobj(key: selectors.SelectorKey) -> socket.socket:
        assert isinstance(key.fileobj, socket.socket)  # noqa: S101 -- tells the type; nothing else is registered
        return key.fileobj


def _socket_for(address: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)


@contextlib.contextmanager
def _closed_on_error(sock: socket.socket) -> Iterator[socket.socket]:
    try:
        yield sock
    except BaseException:
        sock.close()
        raise


def _ready(sock: socket.socket, address: str, port: int) -> socket.socket:
    """Return `sock`, set up, unless it is connected to itself, as TCP can do on loopback where nobody listens."""
    if sock.getsockname()[:2] == (address, port):
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    stopping.guard(sock)  # again: a stop right before the connection began to be made has not reached it
    # Commands are small and each waits for its answer: Nagle's delay would only cost time.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))  # becomes ConnectionRefusedError and the like by its code


def _late(seconds: float) -> TimeoutError:
    return TimeoutError(errno.ETIMEDOUT, _("no answer within {seconds:.1f} s").format(seconds=max(seconds, 0)))

"""HTTP sessions that stay open between requests: one pool for the process.

Every access to a mailer builds a new backend, so a session of each one's own would cost a TLS handshake a message. A
session carries no rights (the token goes with each request), so whoever means the same host, trusts the same
certificates and takes the same way may have it; one thread at a time.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from mailadmin.core import limits
from mailadmin.core.secret import Secret
from mailadmin.core.settings import EntraApp, Proxy
from mailadmin.net.http import GuardedSession, guarded_session
from mailadmin.net.policy import NetworkPolicy


class Way(NamedTuple):
    """What two requests must have in common to share a session: host ("name:port"), certificates, proxy and network
    policy."""

    host: str
    ca_pem: str
    proxy: Proxy | None
    policy: NetworkPolicy


def way_to(host: str, app: EntraApp, policy: NetworkPolicy) -> Way:
    """Return the way of `app` to `host`."""
    return Way(host, app.cloud.ca_pem, app.proxy, policy)


class Lent(NamedTuple):
    """A session in use; `kept` tells that it was used before, so that its connection may be dead by now."""

    session: GuardedSession
    kept: bool


class _Resting(NamedTuple):
    session: GuardedSession
    since: float  # monotonic
    password: Secret | None  # of the proxy; two proxies with different passwords are equal

    @property
    def outdated(self) -> bool:
        return time.monotonic() - self.since >= limits.HTTP_IDLE_SECONDS


class HttpPool:
    """The sessions that rest between two requests. Any thread may use it."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.RLock()  # re-entrant: a signal handler may send mail at any point
        self._resting: dict[Way, list[_Resting]] = {}
        self._sweeper: threading.Timer | None = None

    @contextmanager
    def session(self, way: Way) -> Iterator[Lent]:
        """Have a session for `way` while the block runs: the one that was used last, or a new one.

        It rests afterwards, unless limits.GRAPH_IDLE_SESSIONS others do already. Raises MailError when a certificate
        cannot be read.
        """
        process = os.getpid()
        resting = self._take(way)
        session = resting or guarded_session(way.policy, way.ca_pem, proxy=way.proxy)
        try:
            yield Lent(session, resting is not None)
        finally:
            if os.getpid() != process or not self._give(way, session):
                session.close()

    def clear(self) -> None:
        """Close every session that rests."""
        with self._lock:
            leaving = [resting for found in self._resting.values() for resting in found]
            self._resting.clear()
            sweeper, self._sweeper = self._sweeper, None
        if sweeper:
            sweeper.cancel()
        _close(leaving)

    def forget(self) -> None:
        """Start empty in a forked child: the connections are the parent's. Closing our copies says nothing to the
        server."""
        leaving = [resting for found in self._resting.values() for resting in found]
        self._begin()
        _close(leaving)

    def _take(self, way: Way) -> GuardedSession | None:
        taken: GuardedSession | None = None
        leaving = []
        with self._lock:
            found = self._resting.get(way, [])
            while found and taken is None:
                resting = found.pop()
                if resting.outdated or resting.password != _password(way):
                    leaving.append(resting)
                else:
                    taken = resting.session
        _close(leaving)
        return taken

    def _give(self, way: Way, session: GuardedSession) -> bool:
        with self._lock:
            found = self._resting.setdefault(way, [])
            if len(found) >= limits.GRAPH_IDLE_SESSIONS or not self._sweep_later():
                return False
            found.append(_Resting(session, time.monotonic(), _password(way)))
            return True

    def _sweep_later(self) -> bool:
        """See to it that sessions are closed which nobody asks for again; tell whether that can be done."""
        if self._sweeper is None:
            sweeper = threading.Timer(limits.HTTP_IDLE_SECONDS, self._sweep)
            sweeper.name, sweeper.daemon = "mailadmin-graph-sessions", True
            try:
                sweeper.start()
            except RuntimeError:  # no more threads to be had, or the process ends
                return False
            self._sweeper = sweeper
        return True

    def _sweep(self) -> None:
        with self._lock:
            leaving = [resting for found in self._resting.values() for resting in found if resting.outdated]
            left = {way: [resting for resting in found if not resting.outdated] for way, found in self._resting.items()}
            self._resting = {way: found for way, found in left.items() if found}
            self._sweeper = None
            if self._resting:
                self._sweep_later()
        _close(leaving)


def _password(way: Way) -> Secret | None:
    return way.proxy.password if way.proxy else None


def _close(leaving: list[_Resting]) -> None:
    for resting in leaving:
        with suppress(OSError):
            resting.session.close()


POOL = HttpPool()
os.register_at_fork(after_in_child=POOL.forget)
atexit.register(POOL.clear)

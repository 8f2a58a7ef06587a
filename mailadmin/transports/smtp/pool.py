"""Sessions that stay open: one pool for the process, shared by its threads.

A session is kept under its connection, the version of the settings and the network policy that it was opened with,
so that a change of any ends its use. No lock is held while anything goes over a line, and nobody waits for a goodbye
but the housekeeper, a thread that lives while there is something to close.
"""

from __future__ import annotations

import atexit
import math
import os
import threading
import time
import weakref
from typing import NamedTuple

from mailadmin.core import limits
from mailadmin.core.settings import RouteKey, SmtpRoute
from mailadmin.net.dialler import NetworkPolicy

from .session import SmtpSession


class PoolKey(NamedTuple):
    """What two messages must have in common to share a session."""

    route: RouteKey
    version: str
    policy: NetworkPolicy


class KeptSession(SmtpSession):
    """A session with what the pool must know of it: how many messages it was given, and since when it rests
    (monotonic clock)."""

    def __init__(self, route: SmtpRoute, policy: NetworkPolicy) -> None:
        super().__init__(route, policy, keep_dialogue=False)
        self.messages = 0
        self.resting_since = time.monotonic()
        _living.add(self)

    @property
    def rests_until(self) -> float:
        """Return when it has rested long enough, on the monotonic clock."""
        return self.resting_since + self.route.sessions.idle_seconds

    @property
    def fit(self) -> bool:
        """Tell whether it may have another message, as far as we know: it may be dead all the same."""
        used_up = self.messages >= self.route.sessions.messages
        return self.open and not used_up and time.monotonic() < self.rests_until

    def used(self) -> None:
        """Note that it was given a message, and rests from now on."""
        self.messages += 1
        self.resting_since = time.monotonic()


class SessionPool:
    """The sessions that rest between two messages. Every method may be called by any thread; none of them raises,
    and none waits for a server."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._changed = threading.Condition()  # re-entrant: a signal handler may send mail at any point
        self._resting: dict[PoolKey, list[KeptSession]] = {}
        self._leaving: list[KeptSession] = []  # they have said goodbye; the answer is still to be read
        self._version = ""
        self._housekeeper: threading.Thread | None = None
        self._wakes_at = math.inf  # when the housekeeper looks again; infinite while there is none
        self._ended = False

    def take(self, key: PoolKey) -> KeptSession | None:
        """Return the session of `key` that was used last, or None; it is the caller's until `give` or `part`.

        The first call with another version of the settings ends all sessions of earlier ones.
        """
        taken: KeptSession | None = None
        with self._changed:
            leaving = self._outdated(key.version)
            resting = self._resting.get(key, [])
            while resting and taken is None:
                session = resting.pop()
                if session.fit:
                    taken = session
                else:
                    leaving.append(session)
        for session in leaving:
            self.part(session)
        return taken

    def give(self, key: PoolKey, session: KeptSession) -> None:
        """Take `session` back between two messages, or end it where it is not to be kept: by the connection's
        rules, after a change of the settings, or when as many rest as the connection uses at once for a list."""
        rules = session.route.sessions
        if rules.keep_open and session.fit:
            with self._changed:
                resting = self._resting.setdefault(key, [])
                if key.version == self._version and len(resting) < rules.parallel and not self._ended:
                    resting.append(session)
                    if session.rests_until < self._wakes_at:
                        self._wake()
                    return
        self.part(session)

    def part(self, session: KeptSession) -> None:
        """Say goodbye on `session`; the housekeeper reads the answer and closes."""
        if not session.open:
            return
        session.say_goodbye()
        with self._changed:
            if not self._ended and self._wake():
                self._leaving.append(session)
                return
        session.close()

    def clear(self) -> None:
        """End every session that rests."""
        with self._changed:
            sessions = self._outdated("")
        for session in sessions:
            self.part(session)

    def end(self) -> None:
        """Say goodbye on every session that rests, and wait for nobody: the process ends."""
        with self._changed:
            self._ended = True
            self._leaving.clear()
        self.clear()

    def forget(self) -> None:
        """Drop everything without a word to any server: in a forked child the connections are still the parent's,
        and its locks and threads are of no use."""
        self._begin()
        for session in list(_living):
            session.close()
        _living.clear()

    def _outdated(self, version: str) -> list[KeptSession]:
        """Note the version of the settings; return what rests under another one, which is to leave."""
        if version == self._version:
            return []
        self._version = version
        outdated, self._resting = self._resting, {}
        return [session for sessions in outdated.values() for session in sessions]

    # -- the housekeeper ------------------------------------------------------------------------------

    def _wake(self) -> bool:
        """Make the housekeeper look, with the lock held. False: the interpreter ends and starts no thread."""
        if self._housekeeper is None or not self._housekeeper.is_alive():
            self._housekeeper = threading.Thread(target=self._keep_house, name="mailadmin-smtp-sessions", daemon=True)
            try:
                self._housekeeper.start()
            except RuntimeError:
                return False
        self._wakes_at = -math.inf
        self._changed.notify()
        return True

    def _keep_house(self) -> None:
        """End what has rested long enough, read the goodbyes, and go when nothing is left."""
        while sessions := self._await_leaving():
            for session in sessions:
                session.say_goodbye()
            until = time.monotonic() + limits.QUIT_SECONDS
            for session in sessions:
                session.await_goodbye(until - time.monotonic())

    def _await_leaving(self) -> list[KeptSession]:
        """Return those that are to be closed, as soon as there are any; none when nothing rests either."""
        with self._changed:
            while True:
                leaving, self._leaving = self._leaving, []
                now = time.monotonic()
                for sessions in self._resting.values():
                    leaving += (session for session in sessions if session.rests_until <= now)
                    sessions[:] = (session for session in sessions if session.rests_until > now)
                self._resting = {key: sessions for key, sessions in self._resting.items() if sessions}
                ends = [session.rests_until for sessions in self._resting.values() for session in sessions]
                if leaving:
                    return leaving
                # A session in use comes back within moments: to end now would mean a new thread for each message.
                self._wakes_at = min(ends, default=now + limits.HOUSEKEEPER_SECONDS)
                noticed = self._changed.wait(self._wakes_at - now)
                if not (ends or noticed or self._resting or self._leaving):
                    self._housekeeper, self._wakes_at = None, math.inf
                    return []


_living: weakref.WeakSet[KeptSession] = weakref.WeakSet()  # every session of this process
POOL = SessionPool()
os.register_at_fork(after_in_child=POOL.forget)
atexit.register(POOL.end)

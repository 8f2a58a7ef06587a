"""Where a transport gets its sessions from."""

from __future__ import annotations

import contextlib
from collections import deque

from mailadmin.core.settings import SmtpRoute
from mailadmin.net.dialler import NetworkPolicy

from .pool import POOL, KeptSession, PoolKey


class Supply:
    """The sessions of one transport: its own when it holds one, the pool's, or else new ones.

    Values that were never saved (`version` "") never touch the pool, so that their transport always holds. A held
    session stays until `close()`; `kept`, `new` and `back` may be called by several threads.
    """

    def __init__(self, route: SmtpRoute, policy: NetworkPolicy, version: str, *, hold: bool) -> None:
        self.route, self.policy = route, policy
        self._key = PoolKey(route.key, version, policy) if version and route.key.id else None
        self._hold = hold or self._key is None
        self._held: deque[KeptSession] = deque()

    def kept(self) -> KeptSession | None:
        """Return a session that was kept open, signed in and perhaps dead meanwhile, or None."""
        while self._held:
            with contextlib.suppress(IndexError):  # another thread was quicker
                session = self._held.pop()
                if session.fit:
                    return session
                POOL.part(session)
        return POOL.take(self._key) if self._key else None

    def new(self) -> KeptSession:
        """Return a new session, signed in. Raises MailError."""
        session = KeptSession(self.route, self.policy)
        session.start()
        return session

    def back(self, session: KeptSession) -> None:
        """Take back what `kept` or `new` gave, between two messages."""
        if self._hold and not self._held and session.fit:
            self._held.append(session)
        elif self._key:
            POOL.give(self._key, session)
        else:
            POOL.part(session)

    def close(self) -> None:
        """End what is held."""
        while self._held:
            POOL.part(self._held.pop())

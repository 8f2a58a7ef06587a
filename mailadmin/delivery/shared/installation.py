"""The port of `transports.shared` for an installation: by its database, or by files beside a SQLite database.

Which one is found out when it is first needed, because nothing may ask for the database while Django starts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from mailadmin.core import limits
from mailadmin.delivery.telling import tell
from mailadmin.transports.shared import NotNow, Pace, Process, Shared, SharedToken

Result = TypeVar("Result")


class Installation:
    """The port for all processes of an installation. What they share is best effort: while it cannot be reached it is
    as if no other process were there, and no message fails by that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chosen: Shared | None = None
        self._alone = Process()
        self._again_at = 0.0
        self._told = False

    def token(self, key: str) -> SharedToken | None:
        """See `Shared`."""
        return self._do(lambda port: port.token(key))

    def keep_token(self, key: str, token: SharedToken | None) -> None:
        """See `Shared`."""
        self._do(lambda port: port.keep_token(key, token))

    @contextmanager
    def lease(self, name: str, places: int, wait: float) -> Iterator[None]:
        """See `Shared`."""
        until = time.monotonic() + wait
        with ExitStack() as held:
            self._do(lambda port: held.enter_context(port.lease(name, places, max(until - time.monotonic(), 0))))
            yield

    def book(self, name: str, pace: Pace, patience: float) -> float:
        """See `Shared`."""
        return self._do(lambda port: port.book(name, pace, patience))

    def until_free(self, name: str, pace: Pace) -> float:
        """See `Shared`."""
        return self._do(lambda port: port.until_free(name, pace))

    def pause(self, name: str, seconds: float) -> None:
        """See `Shared`."""
        self._do(lambda port: port.pause(name, seconds))

    def _do(self, work: Callable[[Shared], Result]) -> Result:
        if time.monotonic() < self._again_at:
            return work(self._alone)
        try:
            result = work(self._port())
        except NotNow:
            raise
        except Exception as error:  # of any type: what the host project hangs into its connections has a part in it
            self._cannot_reach(error)
            return work(self._alone)
        self._told = False
        return result

    def _cannot_reach(self, error: Exception) -> None:
        self._again_at = time.monotonic() + limits.SHARED_RETRY_SECONDS
        if isinstance(error, OSError):
            self._chosen = None  # the folder may be gone, and is made again
        if not self._told:
            self._told = True
            line = "What processes share cannot be reached (%s); this process keeps the limits alone."
            tell(logging.WARNING, line, type(error).__name__)

    def _port(self) -> Shared:
        with self._lock:
            if self._chosen is None:
                self._chosen = _choose() or self._alone
            return self._chosen


def _choose() -> Shared | None:
    """Return the port that goes with the database of the delivery log; None, and a line in the log, when there is none
    that more than one process could use."""
    from django.db import DEFAULT_DB_ALIAS, connections, router

    from mailadmin.models import Delivery

    from .folder import FolderUnusable, Unusable

    alias = router.db_for_write(Delivery) or DEFAULT_DB_ALIAS
    vendor = connections[alias].vendor
    if vendor in ("postgresql", "mysql"):
        from .database import DatabaseShared

        return DatabaseShared(alias)
    try:
        if vendor != "sqlite":
            raise Unusable(f"The database {vendor} is not made for it.")
        from .files import FileShared
        from .folder import beside

        return FileShared(beside(connections[alias]))
    except Unusable as error:
        level = logging.WARNING if isinstance(error, FolderUnusable) else logging.INFO
        tell(level, "Each process keeps the limits of Microsoft 365 for itself. %s", error)
        return None

"""Writing what must not be lost: again and again while the database cannot be reached."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connections, router

from mailadmin.delivery.telling import tell
from mailadmin.models import OutboxEntry

Result = TypeVar("Result")

UNREACHABLE = (OperationalError, InterfaceError)  # restarted, out of space, locked for too long
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 1.0  # a restart takes a second or two


def insist(work: Callable[[bool], Result], seconds: float) -> Result:
    """Return what `work` returns: one statement, or one whole transaction. While the database cannot be reached it is
    done again, for at most `seconds`; then the last error is raised. `work` is told whether it is a repetition: the
    first one may have been committed although nobody said so.
    """
    until, pause, again = time.monotonic() + seconds, _PAUSE_SECONDS, False
    while True:
        try:
            return work(again)
        except UNREACHABLE as error:
            if time.monotonic() + pause > until or not _renew_connection():
                raise
            if not again:
                tell(logging.WARNING, "The outbox could not be written (%s); tried again.", type(error).__name__)
        again = True
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _renew_connection() -> bool:
    """Drop the connection that had an error; False where it belongs to a transaction of somebody else."""
    connection = connections[router.db_for_write(OutboxEntry)]
    if connection.in_atomic_block:
        return False
    connection.close()
    return True

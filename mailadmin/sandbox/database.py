"""The sandbox's inbox and behaviour as rows of the database, so that the console shows and steers it.

All work with the database is done by one thread with a connection of its own: the server has a thread for each client,
and opening a connection for each message would take longer than everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection
from django.db.models.functions import Length

from mailadmin.core.redact import clean
from mailadmin.models import SandboxMessage, SandboxServer

from .mime import subject

KEPT_MESSAGES = 1000  # the oldest go first: a rehearsal must not fill the disk
KEPT_BYTES = 500_000_000

Result = TypeVar("Result")


class Database:
    """An inbox and a behaviour in one. Close it in the end."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="sandbox-database")
        self._grown = True

    def keep(self, via: str, envelope_sender: str, recipients: Sequence[str], raw: bytes) -> None:
        """Store one message."""
        row = SandboxMessage(
            via=via,
            envelope_sender=envelope_sender[:320],
            recipients=list(recipients),
            subject=clean(subject(raw), limit=255),
            raw=raw,
        )
        self._run(lambda: row.save(force_insert=True))
        self._grown = True

    def smtp(self) -> str:
        """Return the fault for SMTP, or ""."""
        return self._fault("smtp_fault")

    def graph(self) -> str:
        """Return the fault for Entra and Graph, or ""."""
        return self._fault("graph_fault")

    def trim(self) -> None:
        """Forget the oldest messages beyond the limits."""
        if self._grown:
            self._grown = False
            self._run(_trim)

    def close(self) -> None:
        """Close the connection."""
        self._worker.submit(connection.close)
        self._worker.shutdown()

    def _fault(self, column: str) -> str:
        found = SandboxServer.objects.filter(pk=1).values_list(column, flat=True)
        return self._run(lambda: str(found.first() or ""))

    def _run(self, job: Callable[[], Result]) -> Result:
        return self._worker.submit(_again, job).result()


def _again(job: Callable[[], Result]) -> Result:
    """Do the job, once more on a new connection when the database has gone and come back."""
    try:
        return job()
    except (InterfaceError, OperationalError):
        connection.close()
        return job()


def _trim() -> None:
    rows = SandboxMessage.objects.annotate(bytes=Length("raw")).values_list("pk", "bytes")
    held, gone = 0, []
    for number, (key, count) in enumerate(rows):
        held += count
        if number >= KEPT_MESSAGES or (held > KEPT_BYTES and number):
            gone.append(key)
    for start in range(0, len(gone), 500):
        SandboxMessage.objects.filter(pk__in=gone[start : start + 500]).delete()

"""The sandbox's inbox and behaviour as rows of the database, so that the console shows and steers it.

All work with the database is done by two threads with a connection each: the server has a thread for each client,
and opening a connection for each message would take longer than everything else. One thread reads, the other writes,
because SQLite has one writer: whoever sends within a transaction keeps the other writers out until our answer is there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection
from django.db.models.functions import Length

from mailadmin.core.redact import clean
from mailadmin.models import SandboxMessage, SandboxServer

from .mime import subject

KEPT_MESSAGES = 1000  # the oldest go first: a rehearsal must not fill the disk
KEPT_BYTES = 500_000_000
KEEP_SECONDS = 1.0  # a message that cannot be written by then is accepted all the same, and written when that goes
WRITE_SECONDS = 120  # longer than any request that sends should take
WRITE_PAUSE = 0.05  # seconds between two tries

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class Database:
    """An inbox and a behaviour in one. Close it in the end."""

    def __init__(self) -> None:
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="sandbox-reader")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sandbox-writer")
        self._closing = False
        self._grown = True

    def keep(self, via: str, envelope_sender: str, recipients: Sequence[str], raw: bytes) -> None:
        """Store one message; a little later where whoever sends it keeps SQLite to itself until it is accepted."""
        row = SandboxMessage(
            via=via,
            envelope_sender=envelope_sender[:320],
            recipients=list(recipients),
            subject=clean(subject(raw), limit=255),
            raw=raw,
        )
        written = self._write(lambda: row.save(force_insert=True))
        with suppress(TimeoutError):
            written.result(KEEP_SECONDS)
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
            self._write(_trim).result()

    def close(self) -> None:
        """Close the connections."""
        self._closing = True
        for worker in (self._reader, self._writer):
            worker.submit(connection.close)
            worker.shutdown()

    def _fault(self, column: str) -> str:
        found = SandboxServer.objects.filter(pk=1).values_list(column, flat=True)
        return self._reader.submit(_again, lambda: str(found.first() or "")).result()

    def _write(self, job: Callable[[], object]) -> Future[None]:
        return self._writer.submit(self._until_written, job)

    def _until_written(self, job: Callable[[], object]) -> None:
        until = time.monotonic() + WRITE_SECONDS
        while True:
            try:
                _again(job)
            except OperationalError as error:
                if "locked" not in str(error) or self._closing or time.monotonic() > until:
                    logger.warning("The sandbox could not write into its inbox (%s).", error)
                    raise
            else:
                return
            time.sleep(WRITE_PAUSE)


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

"""The roster of workers: who is there, for the console and for the health of the installation."""

from __future__ import annotations

import os
import socket
from uuid import NAMESPACE_DNS, UUID, uuid4, uuid5

from mailadmin.models import Worker
from mailadmin.models.clock import ServerNow


class Enlisted:
    """The row of this worker, by the clock of the database server."""

    def __init__(self, name: str, threads: int, key: UUID | None = None) -> None:
        self._key = key or uuid4()
        self._name = name[:120]
        self._threads = threads

    def beat(self, handled: int, *, stopping: bool = False) -> None:
        """Say that the worker lives and has handled so many messages. Raises what the database raises."""
        row = {"beat_at": ServerNow(), "handled": handled, "stopping": stopping}
        if not Worker.objects.filter(pk=self._key).update(**row):
            given = {"name": self._name, "threads": self._threads, "started_at": ServerNow()}
            Worker.objects.create(pk=self._key, **given, **row)

    def leave(self) -> None:
        """Remove the row: the worker ends as it should. Raises what the database raises."""
        Worker.objects.filter(pk=self._key).delete()


def own_name() -> str:
    """Return a name for this process: its host and its number."""
    return f"{socket.gethostname()}:{os.getpid()}"


def celery_of_this_host() -> Enlisted:
    """Return the one row for all of Celery's processes on this host: they come and go without a word."""
    host = socket.gethostname()
    return Enlisted(f"celery on {host}", 1, uuid5(NAMESPACE_DNS, f"celery.{host}"))

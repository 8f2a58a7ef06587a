"""Waking the workers when something new is committed, and where an idle worker waits for that.

Waking is best effort: a worker that was not woken finds the message by itself, within limits.WORKER_POLL_SECONDS, and
Celery's within its next sweep.
"""

from __future__ import annotations

import logging
import os
import selectors
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, router, transaction

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.delivery.telling import tell
from mailadmin.models import OutboxEntry

from . import publish
from .listening import CHANNEL, Listener, listener_for


def when_committed(delivery_id: UUID) -> None:
    """Announce `delivery_id` when the transaction of this thread is committed (at once when there is none), together
    with all others of the same transaction."""
    connection = connections[alias()]
    if not connection.in_atomic_block and not connection.get_autocommit():
        return  # the caller commits by itself, which nobody tells us
    for _, hook, *_ in reversed(connection.run_on_commit):
        if isinstance(hook, _Announcement):
            # What is undone takes its own hook with it; one more id in the hook of another message does no harm.
            hook.ids.append(delivery_id)
            return
    transaction.on_commit(_Announcement(delivery_id), using=alias(), robust=True)


class _Announcement:
    """What is announced at the end of one transaction."""

    def __init__(self, delivery_id: UUID) -> None:
        self.ids = [delivery_id]

    def __call__(self) -> None:
        announce(self.ids)


def announce(delivery_ids: Collection[UUID]) -> None:
    """Wake whoever sends, by MAILADMIN["QUEUE_WAKE"]: these messages are committed and due. Never raises."""
    try:
        way = conf.setting("QUEUE_WAKE")
        if way:
            publish.publish(way, delivery_ids)
        else:
            _notify()
    except Exception as error:  # of any type, as in `when_committed`: the message is in the outbox
        tell(logging.INFO, "No worker could be woken (%s); one will look by itself.", type(error).__name__)


def _notify() -> None:
    connection = connections[alias()]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")


def alias() -> str:
    """Return the database with the outbox."""
    return router.db_for_write(OutboxEntry) or DEFAULT_DB_ALIAS


class Waiter:
    """Where one thread waits until somebody wakes it, something may have come into the outbox, or the time is over."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._selector.register(self._read, selectors.EVENT_READ)
        self._listener: Listener | None = None
        self._listen_at = 0.0

    def wake(self) -> None:
        """End the waiting, or the next one; from any thread, and from a signal handler."""
        with suppress(OSError):  # a full pipe wakes as well, and a closed one has nobody to wake
            os.write(self._write, b".")

    def wait(self, seconds: float) -> None:
        """Wait at most so long. Never raises: what cannot be listened to is left out for a while."""
        until = time.monotonic() + seconds
        listener = self._listening()
        pause = listener.look_seconds if listener else seconds
        while (left := until - time.monotonic()) > 0:
            ready = {key.fd for key, _ in self._selector.select(min(left, pause))}
            if self._heard(ready):
                return

    def _heard(self, ready: Collection[int]) -> bool:
        heard = False
        if self._read in ready:
            with suppress(BlockingIOError):
                os.read(self._read, 4096)
            heard = True
        if (listener := self._listener) and (listener.fd is None or listener.fd in ready):
            try:
                heard = listener.heard() or heard
            except Exception as error:  # of any type: it is a database connection
                self._stop_listening()
                tell(logging.INFO, "The outbox is polled, as listening failed (%s).", type(error).__name__)
                return True
        return heard

    def _listening(self) -> Listener | None:
        if self._listener is None and time.monotonic() >= self._listen_at:
            self._listen_at = time.monotonic() + limits.WORKER_LISTEN_SECONDS
            with suppress(Exception):  # of any type; polling serves as well, only later
                self._listener = listener_for(alias())
            if self._listener and self._listener.fd is not None:
                self._selector.register(self._listener.fd, selectors.EVENT_READ)
        return self._listener

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener and listener.fd is not None:
            self._selector.unregister(listener.fd)
        if listener:
            listener.close()

    def close(self) -> None:
        """Let everything go."""
        self._stop_listening()
        self._selector.close()
        os.close(self._read)
        os.close(self._write)

    def __enter__(self) -> Waiter:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

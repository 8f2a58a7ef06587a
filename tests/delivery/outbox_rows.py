"""Messages in the outbox for tests: as an application queues them, and their times moved in the database."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import connections
from django.db.models import F

from mailadmin.core.outcome import DeliveryState
from mailadmin.delivery.attempts import Sessions
from mailadmin.delivery.options import QUEUED, SendOptions
from mailadmin.delivery.outbox import claims
from mailadmin.delivery.outbox.claims import Claimed
from mailadmin.delivery.send import send_message
from mailadmin.models import Delivery, OutboxEntry

from .conftest import a_message

Result = TypeVar("Result")


def queue(options: dict[str, Any] | None = None, **message: Any) -> UUID:
    """Queue one message and return the id of its delivery; `options` are those of SendOptions."""
    result = send_message(a_message(**message), SendOptions(delivery=QUEUED, **(options or {})))
    assert result.state is DeliveryState.QUEUED
    return UUID(str(result.delivery_id))


def entry(delivery_id: UUID) -> OutboxEntry:
    return OutboxEntry.objects.get(pk=delivery_id)


def delivery(delivery_id: UUID) -> Delivery:
    return Delivery.objects.get(pk=delivery_id)


def claimed(delivery_id: UUID, worker: str = "worker A") -> Claimed:
    """Claim a message that must be free and due."""
    found = claims.claim_one(delivery_id, worker)
    assert found is not None
    return found


def in_seconds(delivery_id: UUID, column: str = "due_at") -> float:
    """Return how far ahead a moment of an entry lies by the clock of the database."""
    row = OutboxEntry.objects.annotate(now=claims.ServerNow()).get(pk=delivery_id)
    return float((getattr(row, column) - row.now).total_seconds())


def let_pass(delivery_id: UUID, seconds: float) -> None:
    """Let time pass for one message: everything that lies ahead of it comes nearer."""
    span = timedelta(seconds=seconds)
    moved = {name: F(name) - span for name in ("due_at", "give_up_at", "queued_at", "expires_at", "unsure_at")}
    OutboxEntry.objects.filter(pk=delivery_id).update(**moved)


def at_once(works: Iterable[Callable[[], Result]]) -> list[Result]:
    """Do all `works` at the same moment, each in a thread with a database connection of its own."""
    todo = list(works)
    line = threading.Barrier(len(todo))

    def one(work: Callable[[], Result]) -> Result:
        try:
            line.wait(10)
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(todo)) as threads:
        return [future.result() for future in [threads.submit(one, work) for work in todo]]


def send(delivery_id: UUID, worker: str = "worker A") -> DeliveryState:
    """Send one message as a worker does; it must be free and due."""
    from mailadmin.delivery.outbox.deliver import deliver  # only where a message is really sent

    with contextlib.closing(Sessions()) as sessions:
        return deliver(claimed(delivery_id, worker), sessions)

"""Confirming that a copied or restored database belongs here, with what waits in it; for the console and the shell."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Min

from mailadmin.core import limits
from mailadmin.models import OutboxEntry, Settings
from mailadmin.models.clock import ServerNow

from . import guard
from .outbox import waiting


@dataclass(frozen=True)
class Backlog:
    """How many messages wait in the outbox (limits.OUTBOX_COUNTED when `more` than that do), and since when the oldest
    one does."""

    count: int = 0
    more: bool = False
    since: datetime | None = None


@dataclass(frozen=True)
class Confirmed:
    """What was settled by a confirmation ("" when nothing was in the way), how many messages were cancelled, and
    whether some could not be, because a worker had them in its hands: then nothing is confirmed yet."""

    objection: str = ""
    cancelled: int = 0
    busy: bool = False


def backlog() -> Backlog:
    """Return what waits. Two statements."""
    count = OutboxEntry.objects.order_by()[: limits.OUTBOX_COUNTED + 1].count()
    since = OutboxEntry.objects.aggregate(since=Min("queued_at"))["since"] if count else None
    return Backlog(min(count, limits.OUTBOX_COUNTED), count > limits.OUTBOX_COUNTED, since)


def confirm(*, cancel: bool) -> Confirmed:
    """Let mail leave again, after cancelling everything that waits, or with it. Where nothing is to be confirmed,
    nothing is done: somebody else may have confirmed meanwhile, and what waits now is to be sent.

    Cancelling comes first and must be complete: what is left over would be sent. Raises OSError when the generation
    file cannot be written; then nothing is confirmed.
    """
    if not guard.objection(Settings.load()):
        return Confirmed()
    cancelled = 0
    if cancel:
        cancelled, left = _cancel_all()
        if left:
            return Confirmed(cancelled=cancelled, busy=True)
    settled = guard.confirm()
    if settled:
        waiting.retry_waiting()
    return Confirmed(settled, cancelled)


def _cancel_all() -> tuple[int, bool]:
    """Cancel every message of the outbox; return how many were, and whether some are left. A claim that has lapsed is
    that of a worker of the original: none here would ever give it back where no worker runs."""
    cancelled = 0
    for _ in range(limits.CANCEL_TRIES):
        OutboxEntry.objects.filter(claim__isnull=False, due_at__lte=ServerNow()).update(claim=None)
        last = None
        while batch := _after(last):
            cancelled += waiting.cancel(batch)
            last = batch[-1]
        if not OutboxEntry.objects.exists():
            return cancelled, False
        time.sleep(limits.CANCEL_PAUSE_SECONDS)
    return cancelled, True


def _after(last: UUID | None) -> list[UUID]:
    rows = OutboxEntry.objects.order_by("pk")
    found = rows if last is None else rows.filter(pk__gt=last)
    return list(found.values_list("pk", flat=True)[: limits.PRUNE_ROWS])

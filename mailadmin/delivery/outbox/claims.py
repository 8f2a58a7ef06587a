"""Claims: which worker may send a message. A claim is a lease of limits.CLAIM_SECONDS by the clock of the database
server, with a token of its own; whoever holds it writes only where the token is still there (the fence).

Nothing here keeps a transaction open: a claim is one short one, and the network is used after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.db import connections, router, transaction
from django.db.models import QuerySet

from mailadmin.core import limits
from mailadmin.core.outcome import Priority
from mailadmin.models import OutboxEntry
from mailadmin.models.clock import ServerNow, ahead

_READY = OutboxEntry.Shelf.READY
_LOOKS = 5  # of a claim whose every entry went to somebody else; the next poll looks again


class LeaseLost(Exception):
    """The claim is not in force any more: another worker has the message, or it is over. Nothing was written."""


@dataclass(frozen=True)
class Claim:
    """The right to send one message, as long as `token` stands in its entry."""

    delivery_id: UUID
    token: UUID


@dataclass(frozen=True)
class Claimed:
    """A message that this worker may send, and its entry as it was before the claim."""

    claim: Claim
    entry: OutboxEntry

    @property
    def lapsed(self) -> bool:
        """Tell whether an earlier worker had the message and never said what became of it."""
        return self.entry.claim is not None


def claim(worker: str, most: int) -> list[Claimed]:
    """Claim at most `most` messages that are due, the most urgent first, and of those the longest due, for the worker
    with the name `worker`. Raises what the database raises.

    Each priority is asked by itself, so that each is a short scan of the index, whatever is scheduled in the others.
    """
    found: list[Claimed] = []

    def take() -> None:
        for priority in Priority:
            if len(found) < most:
                due = _due().filter(priority=priority).order_by("due_at")
                found.extend(_taken(due, worker, most - len(found)))

    if _skips_locked():
        with transaction.atomic(using=_alias()):
            take()
    else:
        take()
    return found


def claim_one(delivery_id: UUID, worker: str) -> Claimed | None:
    """Claim one message if it is free and due, else return None. Raises what the database raises."""
    due = _due().filter(pk=delivery_id)
    if _skips_locked():
        with transaction.atomic(using=_alias()):
            return next(_taken(due, worker, 1), None)
    return next(_taken(due, worker, 1), None)


def beat(tokens: Collection[UUID]) -> None:
    """Keep the claims with these `tokens` for another limits.CLAIM_SECONDS; one statement. Claims that were lost are
    not touched. Raises what the database raises."""
    if tokens:
        OutboxEntry.objects.filter(claim__in=tokens).update(due_at=ahead(limits.CLAIM_SECONDS))


def next_due() -> float | None:
    """Return in how many seconds the next message is due (or the claim of a dead worker lapses): 0 when one is, None
    when nothing waits."""
    seconds = []
    for priority in Priority:
        waiting = OutboxEntry.objects.filter(shelf=_READY, priority=priority).order_by("due_at")
        for due_at, now in waiting.annotate(now=ServerNow()).values_list("due_at", "now")[:1]:
            seconds.append((due_at - now).total_seconds())
    return max(0.0, min(seconds)) if seconds else None


def fenced(held: Claim, **changes: Any) -> None:
    """Change the entry of a message while the claim is in force; the first statement of every write of a worker, so
    that it holds the row until the end of the transaction. Raises LeaseLost, and what the database raises."""
    if not OutboxEntry.objects.filter(pk=held.delivery_id, claim=held.token).update(**changes):
        raise LeaseLost(str(held.delivery_id))


def release(held: Claim, **changes: Any) -> None:
    """Change the entry of a message of which nothing is leaving, while the claim is in force; else do nothing. Raises
    what the database raises."""
    OutboxEntry.objects.filter(pk=held.delivery_id, claim=held.token, leaving_at=None).update(**changes)


def close(held: Claim) -> None:
    """Delete the entry of a message that is over, while the claim is in force; as `fenced` otherwise."""
    if not OutboxEntry.objects.filter(pk=held.delivery_id, claim=held.token).delete()[0]:
        raise LeaseLost(str(held.delivery_id))


def _due() -> QuerySet[OutboxEntry]:
    return OutboxEntry.objects.filter(shelf=_READY, due_at__lte=ServerNow())


def _taken(due: QuerySet[OutboxEntry], worker: str, most: int) -> Iterator[Claimed]:
    """Take entries one by one, each on the condition that it is as it was read: where the database cannot lock rows
    for us, somebody may have been faster, and then we look again."""
    if _skips_locked():
        due = due.select_for_update(skip_locked=True)
    for _ in range(_LOOKS):
        taken, seen = 0, list(due[:most])
        for entry in seen:
            held = Claim(entry.pk, uuid4())
            as_read = {"claim": entry.claim, "tries": entry.tries, "crashes": entry.crashes}
            lease = {"claim": held.token, "due_at": ahead(limits.CLAIM_SECONDS), "worker": worker[:120]}
            if _due().filter(pk=entry.pk, **as_read).update(**lease):
                taken += 1
                yield Claimed(held, entry)
        if taken or not seen:
            return


def _skips_locked() -> bool:
    return connections[_alias()].features.has_select_for_update_skip_locked


def _alias() -> str:
    return router.db_for_write(OutboxEntry)

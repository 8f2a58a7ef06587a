"""Claims: which worker may send a message. A claim is a lease of limits.CLAIM_SECONDS by the clock of the database
server, with a token of its own; whoever holds it writes only where the token is still there (the fence).

Nothing here keeps a transaction open: a claim is one short one, and the network is used after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.db import connections, router, transaction
from django.db.models import QuerySet

from mailadmin.core import limits
from mailadmin.core.outcome import Priority
from mailadmin.delivery.keyed import Change, Delete
from mailadmin.models import OutboxEntry
from mailadmin.models.clock import ServerNow, ahead

_READY = OutboxEntry.Shelf.READY
_AS_READ = ("delivery_id", "shelf", "tries", "crashes")
_take_free = Change(
    OutboxEntry,
    ("claim", "worker"),
    clock={"due_at": limits.CLAIM_SECONDS},
    where=_AS_READ,
    null=("claim",),
    past=("due_at",),
)
_take_lapsed = Change(
    OutboxEntry,
    ("claim", "worker"),
    clock={"due_at": limits.CLAIM_SECONDS},
    where=(*_AS_READ, "claim"),
    past=("due_at",),
)
_note_leaving = Change(
    OutboxEntry,
    ("leaving", "leaving_route", "leaving_name"),
    clock={"leaving_at": 0},
    where=("delivery_id", "claim"),
)
_delete = Delete(OutboxEntry, "delivery_id", "claim")
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

    Before all others come those of a worker that died: what became of them must not wait behind a long queue. Then each
    priority is asked by itself, so that each is a short scan of the index, whatever is scheduled in the others.
    """
    found: list[Claimed] = []
    with _short_transaction():
        found.extend(_taken(due().filter(claim__isnull=False).order_by("due_at"), worker, most))
        for priority in Priority:
            if len(found) < most:
                next_ones = due().filter(priority=priority).order_by("due_at")
                found.extend(_taken(next_ones, worker, most - len(found)))
    return found


def claim_one(delivery_id: UUID, worker: str) -> Claimed | None:
    """Claim one message if it is free and due, else return None. Raises what the database raises."""
    with _short_transaction():
        return next(_taken(due().filter(pk=delivery_id), worker, 1), None)


def beat(held: Collection[Claim]) -> None:
    """Keep these claims for another limits.CLAIM_SECONDS, in one statement that finds its rows by their keys. Claims
    that were lost are not touched. Raises what the database raises."""
    if held:
        mine = OutboxEntry.objects.filter(
            pk__in=[one.delivery_id for one in held], claim__in=[one.token for one in held]
        )
        mine.update(due_at=ahead(limits.CLAIM_SECONDS))


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


def note_leaving(held: Claim, recipients: list[str], route: str, name: str) -> None:
    """Write down that a message may be taken for `recipients` from now on, by the route `route` with its `name`; as
    `fenced` otherwise."""
    told = {"leaving": recipients, "leaving_route": route, "leaving_name": name}
    with connections[_alias()].cursor() as cursor:
        if not _note_leaving(cursor, told, _place(held)):
            raise LeaseLost(str(held.delivery_id))


def close(held: Claim) -> None:
    """Delete the entry of a message that is over, while the claim is in force; as `fenced` otherwise."""
    with connections[_alias()].cursor() as cursor:
        if not _delete(cursor, _place(held)):
            raise LeaseLost(str(held.delivery_id))


def _place(held: Claim) -> dict[str, UUID]:
    return {"delivery_id": held.delivery_id, "claim": held.token}


def due() -> QuerySet[OutboxEntry]:
    """Return the entries that are free for a claim and due."""
    return OutboxEntry.objects.filter(shelf=_READY, due_at__lte=ServerNow())


def _taken(wanted: QuerySet[OutboxEntry], worker: str, most: int) -> Iterator[Claimed]:
    """Take entries one by one, each on the condition that it is as it was read: where the database cannot lock rows
    for us, somebody may have been faster, and then we look again."""
    if _skips_locked():
        wanted = wanted.select_for_update(skip_locked=True)
    for _ in range(_LOOKS):
        taken, seen = 0, list(wanted[:most])
        for entry in seen:
            held = Claim(entry.pk, uuid4())
            as_read = {name: getattr(entry, name) for name in (*_AS_READ, "claim")}
            take = _take_free if entry.claim is None else _take_lapsed
            with connections[_alias()].cursor() as cursor:
                took = take(cursor, {"claim": held.token, "worker": worker[:120]}, as_read)
            if took:
                taken += 1
                yield Claimed(held, entry)
        if taken or not seen:
            return


@contextmanager
def _short_transaction() -> Iterator[None]:
    """Run the block in a transaction where rows are locked for us; elsewhere each statement stands for itself.

    PostgreSQL need not wait for its disk: were it to lose the claim, the fence would stop the worker before its message
    leaves, and what is written then does wait.
    """
    if not _skips_locked():
        yield
        return
    connection = connections[_alias()]
    with transaction.atomic(using=_alias()):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit TO off")
        yield


def _skips_locked() -> bool:
    return connections[_alias()].features.has_select_for_update_skip_locked


def _alias() -> str:
    return router.db_for_write(OutboxEntry)

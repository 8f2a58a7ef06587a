"""The table of the outbox: what waits, filtered, in pages that are read from where the last one ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from mailadmin.core import limits
from mailadmin.core.outcome import Priority, RecipientState
from mailadmin.models import DeliveryAttempt, DeliveryRecipient, OutboxEntry
from mailadmin.watch.waiting import Shelf, Surroundings, Why, in_case, what_next, why


@dataclass(frozen=True)
class Line:
    """One waiting message as the table shows it."""

    entry: OutboxEntry
    why: Why
    next: str
    to: str = ""
    more: int = 0
    unsure: Sequence[str] = field(default_factory=tuple)  # who may have got it already

    @property
    def because(self) -> str:
        """Return what is known besides what comes next: why an earlier try failed."""
        return "" if self.why is Why.PAUSED else self.entry.waits_because

    @property
    def priority(self) -> str:
        """Return its priority in a word, "" for the usual one."""
        return "" if self.entry.priority == Priority.NORMAL else Priority(self.entry.priority).label


def page(filters: Mapping[str, Any], after: UUID | None, around: Surroundings) -> tuple[list[Line], UUID | None]:
    """Return the lines of one page, the longest in the outbox first, and where the next page begins (None: this was
    the last one). One statement."""
    rows = chosen(filters, around.now).select_related("delivery").order_by("pk")
    if after:
        rows = rows.filter(pk__gt=after)
    found = list(rows[: limits.PAGE_ROWS + 1])
    shown = found[: limits.PAGE_ROWS]
    return [line(entry, around) for entry in shown], shown[-1].pk if len(found) > len(shown) else None


def undecided(around: Surroundings, most: int) -> list[Line]:
    """Return the first messages that wait for a person, with those who may have got them: two statements."""
    unsure = Prefetch("delivery__recipients", DeliveryRecipient.objects.filter(state=RecipientState.UNSURE))
    rows = OutboxEntry.objects.filter(shelf__in=(Shelf.UNSURE, Shelf.CRASHED)).select_related("delivery")
    return [
        line(entry, around, [recipient.address for recipient in entry.delivery.recipients.all()])
        for entry in rows.prefetch_related(unsure).order_by("pk")[:most]
    ]


def line(entry: OutboxEntry, around: Surroundings, unsure: Sequence[str] = ()) -> Line:
    """Return `entry` as a line of a list."""
    addresses = [address for _, address in entry.delivery.recipient_list]
    return Line(
        entry=entry,
        why=why(entry, around.now),
        next=what_next(entry, around),
        to=addresses[0] if addresses else "",
        more=max(0, len(addresses) - 1),
        unsure=unsure,
    )


def chosen(filters: Mapping[str, Any], now: datetime) -> QuerySet[OutboxEntry]:
    """Return the entries that the cleaned filters pick: `why` (a reason), `label`, `route` (str(RouteKey)). What waits
    for a person is picked by its reason only: nothing that is meant for the others should be done to it."""
    reason = filters.get("why")
    undecided = Q(shelf__in=(Shelf.UNSURE, Shelf.CRASHED))
    rows = OutboxEntry.objects.filter(in_case(Why(reason), now) if reason else ~undecided)
    if label := filters.get("label"):
        rows = rows.filter(label=label)
    if route := filters.get("route"):
        tried = DeliveryAttempt.objects.filter(delivery=OuterRef("pk"), route_id=str(route).partition(":")[2])
        named = Q(only_route=route) | Q(leaving_route=route) | Q(unsure_route=route)
        rows = rows.filter(named | Exists(tried))
    return rows


def labels() -> list[str]:
    """Return labels of what waits, to choose from."""
    rows = OutboxEntry.objects.exclude(label="").order_by("label").values_list("label", flat=True)
    return list(rows.distinct()[: limits.PAGE_ROWS])

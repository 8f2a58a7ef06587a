"""What the database says at the end of a part, and what a person decides before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from django.db.models import Count, Q

from mailadmin.core.outcome import RecipientState
from mailadmin.delivery.outbox import waiting as people
from mailadmin.models import Delivery, OutboxEntry
from soak.house import House
from soak.ledger import read_queued, read_taken
from soak.verdict import Row, Verdict, judge


def waiting() -> int:
    """Return how many messages are in the outbox."""
    return OutboxEntry.objects.count()


def decide(journal: Path) -> list[str]:
    """Decide what waits for a person, who looks into the mail server's journal: what it took has arrived, and the rest
    is sent again. Return the Message-IDs of the latter."""
    shelves = OutboxEntry.objects.filter(shelf__in=(OutboxEntry.Shelf.UNSURE, OutboxEntry.Shelf.CRASHED))
    entries = list(shelves.select_related("delivery").prefetch_related("delivery__recipients"))
    taken, again = read_taken(journal) if entries else None, []
    for entry in entries:
        recipients = entry.delivery.recipients.all()
        unsure = [one.address for one in recipients if one.state == RecipientState.UNSURE]
        arrived = taken and all((entry.delivery.message_id, address) in taken.copies for address in unsure)
        if unsure and arrived and entry.shelf == OutboxEntry.Shelf.UNSURE:
            people.settle_unsure([entry.pk], delivered=True)
        elif people.release([entry.pk]):
            again.append(entry.delivery.message_id)
    return again


def settle(house: House, prefix: str, journal: Path, released: Mapping[str, int] | None = None) -> Verdict:
    """Account for what the application `prefix` queued, and the mail server with `journal` took."""
    rows = house.ask(lambda: _rows(prefix, released or {}))
    return judge(read_queued(house.queued(prefix)), read_taken(journal), rows)


def _rows(prefix: str, released: Mapping[str, int]) -> dict[str, Row]:
    messages = Delivery.objects.filter(message_id__startswith=f"<{prefix}-").prefetch_related("recipients")
    waits = set(OutboxEntry.objects.values_list("pk", flat=True))
    counted = messages.annotate(unclear=Count("attempts", filter=Q(attempts__unsure=True)))
    return {
        one.message_id: Row(
            state=one.state,
            recipients={recipient.address: recipient.state for recipient in one.recipients.all()},
            unsure=one.unclear,
            flagged=one.possible_duplicate,
            waits=one.pk in waits,
            released=released.get(one.message_id, 0),
        )
        for one in counted
    }

"""What the page of one message shows besides its attempts: what comes next, and what may be done to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState, RecipientState
from mailadmin.delivery.preferences import preferences
from mailadmin.models import Delivery, DeliveryRecipient, MessageContent, OutboxEntry, Settings, Worker
from mailadmin.watch.outbox import held_because, server_now
from mailadmin.watch.waiting import Surroundings, Why, what_next, why

_SOON_SECONDS, _LATER_SECONDS = 2, 10  # how often the page asks again


@dataclass(frozen=True)
class Standing:
    """How a message stands. `entry` and `why` are set while it is in the outbox; `next` is a sentence; `poll` is after
    how many seconds the page asks again, 0 for never; `kept` tells that its content is there, until `kept_until`;
    `missed` counts the recipients that did not surely get it."""

    entry: OutboxEntry | None = None
    why: Why | None = None
    next: str = ""
    poll: int = 0
    kept: bool = False
    kept_until: datetime | None = None
    missed: int = 0

    @property
    def because(self) -> str:
        """Return why it waits, where that is not what comes next."""
        return self.entry.waits_because if self.entry and self.why is not Why.PAUSED else ""

    @property
    def undecided(self) -> bool:
        """Tell whether a person must decide."""
        return self.why is not None and self.why.needs_decision

    @property
    def free(self) -> bool:
        """Tell whether it waits, so that it can be cancelled or hurried."""
        return self.why is not None and not self.why.needs_decision and self.why is not Why.CLAIMED

    @property
    def hurry(self) -> bool:
        """Tell whether it could be due now and is not."""
        return self.free and self.why not in (Why.DUE, Why.LOST, Why.PAUSED)


def standing(delivery: Delivery, state: DeliveryState, recipients: Sequence[DeliveryRecipient]) -> Standing:
    """Return how `delivery` stands: one statement when it is over and two more while it waits."""
    entry = OutboxEntry.objects.filter(pk=delivery.pk).first()
    if entry is None:
        stored = MessageContent.objects.filter(pk=delivery.pk).values_list("until").first()
        return Standing(
            poll=_SOON_SECONDS if state is DeliveryState.SENDING else 0,
            kept=stored is not None,
            kept_until=stored[0] if stored else None,
            missed=sum(recipient.state != RecipientState.SENT for recipient in recipients),
        )
    around = surroundings()
    reason = why(entry, around.now)
    soon = reason in (Why.DUE, Why.CLAIMED, Why.LOST)
    poll = 0 if reason.needs_decision else _SOON_SECONDS if soon else _LATER_SECONDS
    return Standing(entry, reason, what_next(entry, around), poll)


def surroundings() -> Surroundings:
    """Return what decides about every waiting message: three statements."""
    now = server_now()
    alive = Worker.objects.filter(beat_at__gte=now - timedelta(seconds=limits.WORKER_LOST_SECONDS)).exists()
    return Surroundings(now, held_because(preferences(Settings.load())), alive)

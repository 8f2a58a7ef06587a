"""A message in the hand of a worker: its rows as they were read, and what became of it since."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections, router
from django.db.backends.utils import CursorWrapper
from django.db.models import OuterRef, QuerySet, Subquery

from mailadmin.core.outcome import Priority, RecipientOutcome, RecipientState
from mailadmin.core.policy import Haste
from mailadmin.delivery.attempts import Run
from mailadmin.delivery.keyed import Fetch
from mailadmin.models import Delivery, DeliveryAttempt, DeliveryRecipient, OutboxEntry
from mailadmin.models.clock import ServerNow

from .claims import Claim


@dataclass
class Round:
    """One run over the routes: for the recipients `todo`; `instead` is whom the message really goes to for each of
    them, where mail is redirected; `resends` tells that it is the second copy for those who may have got the first;
    `recorded` counts its attempts that are written already."""

    todo: tuple[str, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict)
    resends: bool = False
    recorded: int = 0

    @property
    def served(self) -> tuple[str, ...]:
        """Return whom the message goes to."""
        return tuple(dict.fromkeys(self.instead[asked] for asked in self.todo))

    def asked_for(self, served: Collection[str]) -> tuple[str, ...]:
        """Return for which recipients the message goes to `served`."""
        return tuple(asked for asked in self.todo if self.instead[asked] in served)


@dataclass(frozen=True)
class Row:
    """What the log said of the message when it was read."""

    state: str
    created_at: datetime
    label: str
    size: int
    message_id: str
    route_name: str
    code: str
    client_id: UUID | None


@dataclass
class Hand:
    """A claimed message. `outcomes` are what is known of each recipient, `stored` what the database knows of them;
    `now` is the time of its server when the rows were read, and `numbered` the number of the last attempt there.
    `round` is the run under way; `redirected_to` where all mail goes instead."""

    claim: Claim
    entry: OutboxEntry
    delivery: Row
    outcomes: dict[str, RecipientOutcome]
    stored: dict[str, RecipientOutcome]
    now: datetime
    numbered: int = 0
    started: float = field(default_factory=time.monotonic)
    round: Round = field(default_factory=Round)
    redirected_to: str = ""

    @property
    def pending(self) -> tuple[str, ...]:
        """Return who was surely not served, and is to be."""
        return self._in(RecipientState.PENDING)

    @property
    def unsure(self) -> tuple[str, ...]:
        """Return who may have got it."""
        return self._in(RecipientState.UNSURE)

    @property
    def resend_is_due(self) -> bool:
        """Tell whether it is time to serve those once more who may have got it."""
        return bool(self.unsure and self.entry.unsure_at and self.clock >= self.entry.unsure_at)

    @property
    def seconds(self) -> float:
        """Return for how long the message is in this hand."""
        return time.monotonic() - self.started

    @property
    def clock(self) -> datetime:
        """Return the time of the database server now."""
        return self.now + timedelta(seconds=self.seconds)

    @property
    def haste(self) -> Haste:
        """Return how long the message can wait for what passes by itself."""
        return Haste.URGENT if self.entry.priority == Priority.URGENT else Haste.PATIENT

    def learn(self, run: Run) -> None:
        """Enter what the run says of its recipients. Who may have got the first copy stays unsure when the second one
        surely does not arrive: nothing is known of the first."""
        for asked in self.round.todo:
            outcome = run.outcomes[self.round.instead[asked]]
            if self.round.resends and outcome.state in (RecipientState.PENDING, RecipientState.REFUSED):
                outcome = replace(outcome, state=RecipientState.UNSURE)
            self.outcomes[asked] = replace(outcome)

    def changed(self) -> dict[str, RecipientOutcome]:
        """Return the outcomes that the database does not know."""
        return {address: one for address, one in self.outcomes.items() if one != self.stored.get(address)}

    def _in(self, state: RecipientState) -> tuple[str, ...]:
        return tuple(address for address, outcome in self.outcomes.items() if outcome.state is state)


def load(claim: Claim, entry: OutboxEntry) -> Hand:
    """Return the message of `claim`, whose entry was read already; two statements. Raises what the database raises."""
    with _cursor() as cursor:
        ((*row, now, last),) = _fetch_delivery(cursor, claim.delivery_id)
    outcomes = known(claim.delivery_id)
    stored = {address: replace(outcome) for address, outcome in outcomes.items()}
    return Hand(claim, entry, Row(*row), outcomes, stored, now=now, numbered=last or 0)


def known(delivery_id: UUID) -> dict[str, RecipientOutcome]:
    """Return what the database knows of the recipients of a message, in their order."""
    with _cursor() as cursor:
        rows = _fetch_recipients(cursor, delivery_id)
    return {address: RecipientOutcome(RecipientState(state), code, reason) for address, state, code, reason in rows}


def _delivery(key: UUID) -> QuerySet[Delivery, Any]:
    last = DeliveryAttempt.objects.filter(delivery=OuterRef("pk")).order_by("-number").values("number")[:1]
    rows = Delivery.objects.filter(pk=key).order_by().annotate(server_now=ServerNow(), last=Subquery(last))
    return rows.values_list(*(one.name for one in fields(Row)), "server_now", "last")


def _recipients(key: UUID) -> QuerySet[DeliveryRecipient, Any]:
    rows = DeliveryRecipient.objects.filter(delivery=key).order_by("pk")
    return rows.values_list("address", "state", "code", "reason")


_fetch_delivery, _fetch_recipients = Fetch(_delivery), Fetch(_recipients)


def _cursor() -> CursorWrapper:
    return connections[router.db_for_write(OutboxEntry)].cursor()

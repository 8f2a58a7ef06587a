"""Reading the delivery log: what a state means to a person, and which rows have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.core.texts import N_
from mailadmin.models import Delivery

# Groups of states that a number on the dashboard counts together; their words are looked up when they are shown.
DELIVERED, PROBLEM = "delivered", "problem"
GROUPS: Mapping[str, tuple[str, tuple[DeliveryState, ...]]] = {
    DELIVERED: (
        N_("Taken by a server (any way)"),
        (DeliveryState.SENT, DeliveryState.FALLBACK, DeliveryState.PARTLY),
    ),
    PROBLEM: (
        N_("Failed or unclear"),
        (DeliveryState.FAILED, DeliveryState.UNSURE, DeliveryState.INTERRUPTED),
    ),
}


def lost_before() -> datetime:
    """Return the time before which a direct message that is still "sending" was interrupted."""
    return timezone.now() - timedelta(minutes=limits.SENDING_LOST_MINUTES)


def shown_state(delivery: Delivery) -> DeliveryState:
    """Return the state as it is shown: a direct message that has been "sending" for long was interrupted. (Of a queued
    one the outbox knows.)"""
    state = DeliveryState(delivery.state)
    direct = state is DeliveryState.SENDING and delivery.mode == Delivery.Mode.DIRECT
    return DeliveryState.INTERRUPTED if direct and delivery.created_at < lost_before() else state


def in_state(wanted: str) -> list[Q]:
    """Return the conditions for a state, or for one of `GROUPS`, as it is shown: rows that fit any of them, each one
    with a single value of the column `state`, so that an index gives its rows in order."""
    states = GROUPS[wanted][1] if wanted in GROUPS else (DeliveryState(wanted),)
    conditions = [Q(state=state) for state in states if state is not DeliveryState.SENDING]
    lost = Q(mode=Delivery.Mode.DIRECT, created_at__lt=lost_before())
    if DeliveryState.SENDING in states:
        conditions.append(Q(~lost, state=DeliveryState.SENDING))
    if DeliveryState.INTERRUPTED in states:
        conditions.append(Q(lost, state=DeliveryState.SENDING))
    return conditions


def way(tried: Sequence[str]) -> str:
    """Return the names of the routes that were tried, in order: "Contoso 365 → Relay A"."""
    return " → ".join(tried)

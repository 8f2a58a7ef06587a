"""Reading the delivery log: what a state means to a person and which rows a filter picks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import Delivery, DeliveryAttempt, DeliveryRecipient

# Groups of states that a number on the dashboard counts together.
DELIVERED, PROBLEM = "delivered", "problem"
GROUPS: Mapping[str, tuple[str, tuple[DeliveryState, ...]]] = {
    DELIVERED: ("Taken by a server (any way)", (DeliveryState.SENT, DeliveryState.FALLBACK, DeliveryState.PARTLY)),
    PROBLEM: ("Failed or unclear", (DeliveryState.FAILED, DeliveryState.UNSURE, DeliveryState.INTERRUPTED)),
}


def lost_before() -> datetime:
    """Return the time before which a message that is still "sending" was interrupted."""
    return timezone.now() - timedelta(minutes=limits.SENDING_LOST_MINUTES)


def shown_state(delivery: Delivery) -> DeliveryState:
    """Return the state as it is shown: a message that has been "sending" for long was interrupted."""
    state = DeliveryState(delivery.state)
    lost = state is DeliveryState.SENDING and delivery.created_at < lost_before()
    return DeliveryState.INTERRUPTED if lost else state


def in_state(wanted: str) -> Q:
    """Return the condition for a state, or for one of `GROUPS`, as it is shown."""
    states = GROUPS[wanted][1] if wanted in GROUPS else (DeliveryState(wanted),)
    condition = Q(state__in=[state for state in states if state is not DeliveryState.SENDING])
    if DeliveryState.SENDING in states:
        condition |= Q(state=DeliveryState.SENDING, created_at__gte=lost_before())
    if DeliveryState.INTERRUPTED in states:
        condition |= Q(state=DeliveryState.SENDING, created_at__lt=lost_before())
    return condition


def matching(filters: Mapping[str, Any]) -> QuerySet[Delivery]:
    """Return the deliveries that the cleaned filters of the log form pick, newest first."""
    rows = Delivery.objects.prefetch_related("recipients", "attempts")
    if text := filters.get("q"):
        named = DeliveryRecipient.objects.filter(delivery=OuterRef("pk"), address__icontains=text)
        rows = rows.filter(
            Q(subject__icontains=text)
            | Q(from_address__icontains=text)
            | Q(sent_as__icontains=text)
            | Q(message_id__icontains=text)
            | Exists(named)
        )
    if state := filters.get("state"):
        rows = rows.filter(in_state(state))
    if route := filters.get("route"):
        tried = DeliveryAttempt.objects.filter(delivery=OuterRef("pk"), route_id=route)
        rows = rows.filter(Q(route_id=route) | Exists(tried))
    if label := filters.get("label"):
        rows = rows.filter(label__icontains=label)
    if since := filters.get("since"):
        rows = rows.filter(created_at__gte=since)
    if until := filters.get("until"):
        rows = rows.filter(created_at__lt=until)
    return rows


def way(attempts: Sequence[DeliveryAttempt]) -> str:
    """Return the routes that were tried, in order: "Contoso 365 → Relay A"."""
    return " → ".join(attempt.route_name for attempt in attempts)

"""Reading the delivery log: what a state means to a person, which rows a filter picks, what happened in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.fault import Kind
from mailadmin.core.knowledge import Entry, entries
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


def verdict(delivery: Delivery, attempts: Sequence[DeliveryAttempt]) -> str:
    """Return in a sentence or two what became of the message, and why."""
    state = shown_state(delivery)
    refusals = ", then ".join(_refusal(attempt) for attempt in attempts if not attempt.accepted)
    match state:
        case DeliveryState.SENT:
            return f"Sent by {delivery.route_name}."
        case DeliveryState.FALLBACK:
            why = refusals or "the preferred route was not available"
            return f"Sent by fallback: {why}, so {delivery.route_name} took it."
        case DeliveryState.PARTLY:
            return f"Partly sent: {delivery.route_name} took it for some recipients; the others are listed below."
        case DeliveryState.UNSURE:
            return (
                f"Maybe delivered: {attempts[-1].route_name if attempts else 'the server'} had the whole message when "
                "the connection failed. It was not sent by another route, because it could arrive twice."
            )
        case DeliveryState.SENDING:
            return "It is being sent now."
        case DeliveryState.INTERRUPTED:
            return (
                "Interrupted: the sending process ended before it wrote down a result. Ask a recipient before you "
                "send it again."
            )
        case _:
            return f"Failed: {refusals}." if refusals else "Failed: no route was tried."


def banner(state: DeliveryState) -> str:
    """Return the tone of the banner that tells the verdict: success, warning, error or info."""
    match state:
        case DeliveryState.SENT:
            return "success"
        case DeliveryState.FAILED:
            return "error"
        case DeliveryState.SENDING:
            return "info"
        case _:
            return "warning"


def advice(code: str) -> Entry | None:
    """Return the knowledge entry `code` of a message that no route was tried for; such entries name no server."""
    return next((entry for entry in entries() if entry.id == code), None)


def from_moved(delivery: Delivery) -> bool:
    """Tell whether a route replaced a From that the application chose, which then stands in Reply-To. What Django
    fills in for a missing From is not kept."""
    filled_in = {parseaddr(text)[1].lower() for text in (settings.DEFAULT_FROM_EMAIL, settings.SERVER_EMAIL)}
    return bool(delivery.sent_as and delivery.from_address) and delivery.from_address.lower() not in filled_in


def _refusal(attempt: DeliveryAttempt) -> str:
    code = attempt.server_code or attempt.code
    answered = attempt.server_code and attempt.server_code not in set(Kind)  # else the word is ours, not a server's
    return f"{attempt.route_name} {'refused' if answered else 'failed'}{f' ({code})' if code else ''}"

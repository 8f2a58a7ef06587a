"""What became of one message, and why, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import parseaddr

from django.conf import settings

from mailadmin.core.fault import Kind
from mailadmin.core.knowledge import Entry, entry_of
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import Delivery, DeliveryAttempt

from .deliveries import shown_state


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
                f"the connection failed. {_precaution(delivery)}"
            )
        case DeliveryState.QUEUED:
            return f"Waiting: {refusals}." if refusals else "It waits in the outbox."
        case DeliveryState.HELD:
            return "Held: workers ended while they had it, so none takes it until somebody has looked."
        case DeliveryState.CANCELLED:
            return "Cancelled: it is not sent any more."
        case DeliveryState.EXPIRED:
            return f"Expired before it could be sent{f': {refusals}' if refusals else ''}."
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
        case DeliveryState.SENDING | DeliveryState.QUEUED | DeliveryState.CANCELLED:
            return "info"
        case _:
            return "warning"


def advice(code: str) -> Entry | None:
    """Return the knowledge entry `code` of a message that no route was tried for; such entries name no server."""
    return entry_of(code)


def from_moved(delivery: Delivery) -> bool:
    """Tell whether a route replaced a From that the application chose, which then stands in Reply-To. What Django
    fills in for a missing From is not kept."""
    filled_in = {parseaddr(text)[1].lower() for text in (settings.DEFAULT_FROM_EMAIL, settings.SERVER_EMAIL)}
    return bool(delivery.sent_as and delivery.from_address) and delivery.from_address.lower() not in filled_in


def _precaution(delivery: Delivery) -> str:
    if delivery.possible_duplicate:
        return "It was sent once more by the same route, so it may have arrived twice."
    return "It was not sent by another route, because it could arrive twice."


def _refusal(attempt: DeliveryAttempt) -> str:
    code = attempt.server_code or attempt.code
    answered = attempt.server_code and attempt.server_code not in set(Kind)  # else the word is ours, not a server's
    return f"{attempt.route_name} {'refused' if answered else 'failed'}{f' ({code})' if code else ''}"

"""What became of one message, and why, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import parseaddr

from django.conf import settings
from django.utils.translation import gettext as _

from mailadmin.core.fault import Kind
from mailadmin.core.knowledge import Entry, entry_of
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import Delivery, DeliveryAttempt

from .deliveries import shown_state


def verdict(delivery: Delivery, attempts: Sequence[DeliveryAttempt]) -> str:
    """Return in a sentence or two what became of the message, and why."""
    state = shown_state(delivery)
    refusals = _refusals(attempts)
    match state:
        case DeliveryState.SENT:
            return _("Sent by {route}.").format(route=delivery.route_name)
        case DeliveryState.FALLBACK:
            why = refusals or _("the preferred route was not available")
            return _("Sent by fallback: {why}, so {route} took it.").format(why=why, route=delivery.route_name)
        case DeliveryState.PARTLY:
            text = _("Partly sent: {route} took it for some recipients; the others are listed below.")
            return text.format(route=delivery.route_name)
        case DeliveryState.UNSURE:
            text = _("Maybe delivered: the server had the whole message when the connection failed. {precaution}")
            if attempts:
                text = _("Maybe delivered: {route} had the whole message when the connection failed. {precaution}")
            return text.format(route=attempts[-1].route_name if attempts else "", precaution=_precaution(delivery))
        case DeliveryState.QUEUED:
            return _("Waiting: {why}.").format(why=refusals) if refusals else _("It waits in the outbox.")
        case DeliveryState.HELD:
            return _("Held: workers ended while they had it, so none takes it until somebody has looked.")
        case DeliveryState.CANCELLED:
            return _("Cancelled: it is not sent any more.")
        case DeliveryState.EXPIRED:
            text = _("Expired before it could be sent: {why}.") if refusals else _("Expired before it could be sent.")
            return text.format(why=refusals)
        case DeliveryState.SENDING:
            return _("It is being sent now.")
        case DeliveryState.INTERRUPTED:
            return _(
                "Interrupted: the sending process ended before it wrote down a result. Ask a recipient before you "
                "send it again."
            )
        case _:
            return _("Failed: {why}.").format(why=refusals) if refusals else _("Failed: no route was tried.")


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
        return _("It was sent once more by the same route, so it may have arrived twice.")
    return _("It was not sent by another route, because it could arrive twice.")


def _refusals(attempts: Sequence[DeliveryAttempt]) -> str:
    """Return what each route in turn answered: "Relay A refused (550), then Relay B failed"; "" when none refused."""
    told = ""
    for attempt in attempts:
        if not attempt.accepted:
            told = (
                _("{earlier}, then {later}").format(earlier=told, later=_refusal(attempt))
                if told
                else _refusal(attempt)
            )
    return told


def _refusal(attempt: DeliveryAttempt) -> str:
    code = attempt.server_code or attempt.code
    if attempt.server_code and attempt.server_code not in set(Kind):  # else the word is ours, not a server's
        text = _("{route} refused ({code})")
    else:
        text = _("{route} failed ({code})") if code else _("{route} failed")
    return text.format(route=attempt.route_name, code=code)

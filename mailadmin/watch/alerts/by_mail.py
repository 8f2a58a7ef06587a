"""An alert by e-mail: sent directly, with the log's label of alerts, and never by a route that it is about."""

from __future__ import annotations

from collections.abc import Collection

from django.core.mail import EmailMultiAlternatives

from mailadmin.conf import ConfigurationError
from mailadmin.core import validation
from mailadmin.core.alert_answers import Answered
from mailadmin.core.alert_payloads import Notice, letter
from mailadmin.core.alerts import LABEL
from mailadmin.core.errors import BadMessage, MailError
from mailadmin.core.outcome import Priority, SendResult
from mailadmin.core.settings import RouteKey
from mailadmin.core.texts import _
from mailadmin.delivery import redirect, routes
from mailadmin.delivery.convert import convert
from mailadmin.delivery.options import DIRECT, SendOptions
from mailadmin.delivery.send import send_message
from mailadmin.models import AlertChannel

# What programs write answers itself is not answered by programs (RFC 3834 section 5).
_HEADERS = {"Auto-Submitted": "auto-generated"}


def send(channel: AlertChannel, notice: Notice, avoid: Collection[RouteKey] = ()) -> Answered:
    """Send `notice` to the addresses of `channel` by any route but those to `avoid`. Never raises a MailError: what
    went wrong is in the answer. A second copy of an alert does no harm, so an unclear outcome is tried again."""
    told = letter(notice)
    recipients = validation.address_list(channel.recipients)
    message = EmailMultiAlternatives(told.subject, told.text, None, list(recipients), headers=_HEADERS)
    message.attach_alternative(told.html, "text/html")
    options = SendOptions(label=LABEL, delivery=DIRECT, priority=Priority.URGENT, avoid=frozenset(avoid))
    try:
        _check_way(message, options.avoid)
        result = send_message(message, options)
    except MailError as error:
        known = error.explanation
        again = not isinstance(error, BadMessage)
        return Answered(again=again, problem=error.summary, remedy=known.remedy, log_id=_log_id(message))
    except ConfigurationError as error:
        return Answered(problem=str(error), log_id=_log_id(message))
    return Answered(ok=True, way=_way(result), log_id=result.delivery_id or "")


def _check_way(message: EmailMultiAlternatives, avoid: Collection[RouteKey]) -> None:
    """Raise what `send_message` would raise before it tries any route: the tries of an alert that nobody can carry are
    in the list of alerts, and would only fill the delivery log with failed messages."""
    snapshot, draft = routes.current(), convert(message)
    redirect.check_held(draft, snapshot.preferences)
    found = routes.plan(snapshot, draft, avoid=avoid, probe=lambda key: True)
    if not found.routes:
        raise routes.no_route(found)


def _way(result: SendResult) -> str:
    missed = sum(outcome.state != "sent" for outcome in result.recipients.values())
    sent = _("Sent by “{name}”.").format(name=result.route)
    if not missed:
        return sent
    text = _("{number} of {all} recipients did not get it; the log says why.")
    return f"{sent} {text.format(number=missed, all=len(result.recipients))}"


def _log_id(message: EmailMultiAlternatives) -> str:
    result = getattr(message, "mailadmin", None)
    return str(result.delivery_id or "") if isinstance(result, SendResult) else ""

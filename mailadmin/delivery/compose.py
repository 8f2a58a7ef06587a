"""Sending without a Django backend in between: `mailadmin.send`, the console's form and the command line.

Here a route's default recipients apply, which Django itself cannot reach: it sends nothing when a message
names nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.mail import EmailMultiAlternatives

from mailadmin.core.addresses import AddressError, parse_list
from mailadmin.core.errors import BadMessage
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.outcome import Priority, SendResult
from mailadmin.core.settings import RouteKey

from . import routes
from .options import OPTION_PREFIX, SendOptions
from .send import send_message

Addresses = str | Sequence[str]


def send(
    subject: str,
    body: str = "",
    *,
    html: str = "",
    to: Addresses = (),
    cc: Addresses = (),
    bcc: Addresses = (),
    from_email: str | None = None,
    reply_to: Addresses = (),
    attachments: Sequence[Any] = (),
    headers: Mapping[str, str] | None = None,
    label: str = "",
    route: RouteKey | None = None,
    asked_by: Any = None,
    is_test: bool = False,
    delivery: str = "",
    priority: Priority | str = Priority.NORMAL,
    send_at: datetime | None = None,
    expires_at: datetime | None = None,
    idempotency_key: str = "",
) -> SendResult:
    """Build a message and send or queue it; return what became of it.

    Addresses may be given as separate strings or comma-separated in one. Without any recipient the
    default recipients of the route are used. `attachments` are what Django's EmailMessage takes. `delivery` is
    "direct", "queued" or "" for what the setting says; `priority`, `send_at` and `expires_at` (aware datetimes) are
    for queued messages; with an `idempotency_key` that was given before no second message is sent.
    Raises BadMessage, MailError, ConfigurationError as `send_message` does.
    """
    recipients = [_several(to, "To"), _several(cc, "Cc"), _several(bcc, "Bcc")]
    if not any(recipients):
        recipients[0] = list(default_recipients(route))
    message = EmailMultiAlternatives(
        subject,
        body,
        from_email,
        recipients[0],
        cc=recipients[1],
        bcc=recipients[2],
        reply_to=_several(reply_to, "Reply-To"),
        attachments=list(attachments),
        headers=dict(headers or {}),
    )
    if html and body:
        message.attach_alternative(html, "text/html")
    elif html:
        message.body, message.content_subtype = html, "html"
    given = {
        "delivery": delivery,
        "priority": priority,
        "send_at": send_at,
        "expires_at": expires_at,
        "idempotency_key": idempotency_key,
    }
    for name, value in given.items():  # read and checked where a message's own options are
        setattr(message, OPTION_PREFIX + name, value)
    return send_message(message, SendOptions(label=label, route=route, asked_by=asked_by, is_test=is_test))


def default_recipients(route: RouteKey | None = None) -> tuple[str, ...]:
    """Return the default recipients of `route`, or of the first enabled route that has any."""
    for candidate in routes.current().routes:
        if route in (None, candidate.key) and candidate.default_recipients:
            return candidate.default_recipients
    return ()


def _several(addresses: Addresses, field: str) -> list[str]:
    texts = [addresses] if isinstance(addresses, str) else list(addresses)
    if texts in ([], [""]):
        return []
    try:
        return [address.full for address in parse_list(texts, local_names=True)]
    except AddressError as error:
        raise BadMessage(Fault(Phase.MESSAGE, Kind.BAD_ADDRESS, text=f"{field}: {error}")) from None

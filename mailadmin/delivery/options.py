"""How a message is to be sent: what the setting, the mailer and the message itself say, in this order of weight."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.mail import EmailMessage
from django.utils import timezone

from mailadmin import conf
from mailadmin.conf import ConfigurationError
from mailadmin.core import limits
from mailadmin.core.errors import BadMessage, bad_message
from mailadmin.core.fault import Kind
from mailadmin.core.metadata import metadata
from mailadmin.core.outcome import Priority
from mailadmin.core.settings import OnUnsure, RouteKey
from mailadmin.core.texts import _

DIRECT, QUEUED = "direct", "queued"

# What a message may carry: `message.mailadmin_priority = "urgent"`.
OPTION_PREFIX = "mailadmin_"
_BETWEEN = re.compile(r"[\s_-]+")
_FIELDS = ("delivery", "priority", "send_at", "expires_at", "idempotency_key", "on_unsure", "metadata", "fingerprint")


@dataclass(frozen=True)
class SendOptions:
    """How a message is sent and logged: the alias in MAILERS, a label, one chosen route, the user who asked
    (primary key), whether it is a test, and whether no caller waits for it (a worker sends, so that the last answer of
    a server may take minutes).

    `delivery` is "direct", "queued", or "" for what the setting says. `send_at` and `expires_at` (aware) and
    `on_unsure` (None: what the route says) are for queued messages; `idempotency_key` names the message for its
    caller, and `fingerprint` tells it from others with that key; `resend_of` is the delivery that this one repeats.
    `avoid` are routes that must not carry a direct message,
    because it tells that they fail. `client` is the application that handed it over by the HTTP API (primary key), and
    `metadata` are its own names and values.
    """

    mailer: str = ""
    label: str = ""
    route: RouteKey | None = None
    asked_by: Any = None
    is_test: bool = False
    in_background: bool = False
    delivery: str = ""
    priority: Priority = Priority.NORMAL
    send_at: datetime | None = None
    expires_at: datetime | None = None
    idempotency_key: str = ""
    fingerprint: str = ""
    on_unsure: OnUnsure | None = None
    resend_of: UUID | None = None
    avoid: frozenset[RouteKey] = frozenset()
    client: Any = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_hand(self) -> bool:
        """Tell whether a person at the console sends this, and waits for it."""
        return not self.queued and (self.is_test or self.asked_by is not None)

    @property
    def queued(self) -> bool:
        """Tell whether a worker is to send."""
        return self.delivery == QUEUED


def mailer_options(delivery: str, priority_name: str) -> dict[str, Any]:
    """Return the fields of SendOptions that a mailer's own options set. Raises ConfigurationError for a bad one."""
    found: dict[str, Any] = {}
    try:
        if delivery:
            found["delivery"] = _mode(delivery)
        if priority_name:
            found["priority"] = priority(priority_name)
    except BadMessage as error:
        text = _("The options of a mailer cannot be used: {reason}").format(reason=error.fault.text)
        raise ConfigurationError(text) from None
    return found


def options_for(message: EmailMessage, options: SendOptions) -> SendOptions:
    """Return `options` with what `message` itself asks for, and the mode decided.

    Raises BadMessage for an option that cannot be used, ConfigurationError for a setting that cannot.
    """
    given = {name: getattr(message, OPTION_PREFIX + name, None) for name in _FIELDS}
    own: dict[str, Any] = {name: read_option(name, value) for name, value in given.items() if value not in (None, "")}
    chosen = replace(options, **own) if own else options
    if not chosen.delivery:
        chosen = replace(chosen, delivery=conf.delivery())
    if (chosen.queued or chosen.idempotency_key) and not conf.setting("DELIVERY_LOG"):
        raise ConfigurationError(_(conf.QUEUE_NEEDS_LOG if chosen.queued else conf.KEYS_NEED_LOG))
    if chosen.send_at or chosen.expires_at:
        _check_times(chosen)
    return chosen


def route_for(message: EmailMessage, options: SendOptions, named: Callable[[str], RouteKey | None]) -> SendOptions:
    """Return `options` with the one route that `message` itself asks for, by its key or by its name, for which `named`
    returns the key. Raises BadMessage for a name that nobody has."""
    wanted = getattr(message, OPTION_PREFIX + "route", None)
    if not wanted:
        return options
    key = wanted if isinstance(wanted, RouteKey) else named(str(wanted))
    if key is None:
        text = _("“{name}” is not among the connections that are switched on.").format(name=str(wanted)[:80])
        raise bad_message(Kind.ROUTE_UNKNOWN, text, "route")
    return replace(options, route=key)


def read_option(name: str, value: Any) -> Any:
    """Return `value` as the field `name` of SendOptions has it. Raises BadMessage for one that cannot be used."""
    return _READ[name](value)


def _check_times(options: SendOptions) -> None:
    if options.send_at and not options.queued:
        text = _("A time to send at needs queued delivery; this message is sent directly.")
        raise bad_message(Kind.BAD_TIME, text, "send_at")
    if options.expires_at and options.expires_at <= max(timezone.now(), options.send_at or timezone.now()):
        raise bad_message(Kind.BAD_TIME, _("The message expires before it could be sent."), "expires_at")


# -- reading one option ----------------------------------------------------------------------------------


def _mode(value: Any) -> str:
    if value not in (DIRECT, QUEUED):
        text = _("“{value}” is no way of delivery; “direct” and “queued” are.").format(value=value)
        raise bad_message(Kind.BAD_OPTION, text, "delivery")
    return str(value)


def priority(value: Any) -> Priority:
    """Return the priority that `value` means: a Priority, or "urgent", "normal", "non-urgent" in any case. Raises
    BadMessage."""
    names = {"urgent": Priority.URGENT, "normal": Priority.NORMAL, "nonurgent": Priority.NON_URGENT}
    known = names.get(_BETWEEN.sub("", str(value)).lower())
    if isinstance(value, Priority):
        return value
    if known is None:
        text = _("“{value}” is no priority; “urgent”, “normal” and “non-urgent” are.").format(value=value)
        raise bad_message(Kind.BAD_PRIORITY, text, "priority")
    return known


def _moment(field: str) -> Callable[[Any], datetime]:
    def read(value: Any) -> datetime:
        if not isinstance(value, datetime) or timezone.is_naive(value):
            text = _("“{value}” is no moment; give a datetime with its time zone (django.utils.timezone.now()).")
            raise bad_message(Kind.BAD_TIME, text.format(value=value), field)
        return value

    return read


def _key(value: Any) -> str:
    text = str(value).strip()
    if not text or len(text) > limits.IDEMPOTENCY_KEY_CHARS or not text.isprintable():
        sentence = _("An idempotency key has 1 to {most} printable characters.")
        raise bad_message(Kind.BAD_OPTION, sentence.format(most=limits.IDEMPOTENCY_KEY_CHARS), "idempotency_key")
    return text


def _on_unsure(value: Any) -> OnUnsure:
    try:
        return OnUnsure(value)
    except ValueError:
        text = _("“{value}” is nothing to do after an unclear answer; “resend” and “hold” are.").format(value=value)
        raise bad_message(Kind.BAD_OPTION, text, "on_unsure") from None


def _metadata(value: Any) -> dict[str, str]:
    try:
        return metadata(value)
    except ValueError as error:
        raise bad_message(Kind.BAD_METADATA, str(error), "metadata") from None


_READ: dict[str, Callable[[Any], Any]] = {
    "delivery": _mode,
    "priority": priority,
    "send_at": _moment("send_at"),
    "expires_at": _moment("expires_at"),
    "idempotency_key": _key,
    "on_unsure": _on_unsure,
    "metadata": _metadata,
    "fingerprint": str,
}

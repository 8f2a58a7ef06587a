"""How a message is to be sent: what the setting, the mailer and the message itself say, in this order of weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.mail import EmailMessage
from django.utils import timezone

from mailadmin import conf
from mailadmin.conf import ConfigurationError
from mailadmin.core import limits
from mailadmin.core.errors import BadMessage
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.outcome import Priority
from mailadmin.core.settings import OnUnsure, RouteKey

DIRECT, QUEUED = "direct", "queued"

# What a message may carry: `message.mailadmin_priority = "urgent"`.
OPTION_PREFIX = "mailadmin_"
_FIELDS = ("delivery", "priority", "send_at", "expires_at", "idempotency_key", "on_unsure")


@dataclass(frozen=True)
class SendOptions:
    """How a message is sent and logged: the alias in MAILERS, a label, one chosen route, the user who asked
    (primary key), whether it is a test, and whether no caller waits for it (a worker sends, so that the last answer of
    a server may take minutes).

    `delivery` is "direct", "queued", or "" for what the setting says. `send_at` and `expires_at` (aware) and
    `on_unsure` (None: what the route says) are for queued messages; `idempotency_key` names the message for its
    caller; `resend_of` is the delivery that this one repeats. `avoid` are routes that must not carry a direct message,
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
        raise ConfigurationError(f"The options of a mailer cannot be used: {error.fault.text}") from None
    return found


def options_for(message: EmailMessage, options: SendOptions) -> SendOptions:
    """Return `options` with what `message` itself asks for, and the mode decided.

    Raises BadMessage for an option that cannot be used, ConfigurationError for a setting that cannot.
    """
    given = {name: getattr(message, OPTION_PREFIX + name, None) for name in _FIELDS}
    own: dict[str, Any] = {name: _READ[name](value) for name, value in given.items() if value not in (None, "")}
    chosen = replace(options, **own) if own else options
    if not chosen.delivery:
        chosen = replace(chosen, delivery=conf.delivery())
    if (chosen.queued or chosen.idempotency_key) and not conf.setting("DELIVERY_LOG"):
        raise ConfigurationError(conf.QUEUE_NEEDS_LOG if chosen.queued else conf.KEYS_NEED_LOG)
    if chosen.send_at or chosen.expires_at:
        _check_times(chosen)
    return chosen


def _check_times(options: SendOptions) -> None:
    if options.send_at and not options.queued:
        raise _bad("A time to send at needs queued delivery; this message is sent directly.")
    if options.expires_at and options.expires_at <= max(timezone.now(), options.send_at or timezone.now()):
        raise _bad("The message expires before it could be sent.")


def _bad(text: str) -> BadMessage:
    return BadMessage(Fault(Phase.MESSAGE, Kind.BAD_OPTION, text=text))


# -- reading one option ----------------------------------------------------------------------------------


def _mode(value: Any) -> str:
    if value not in (DIRECT, QUEUED):
        raise _bad(f"“{value}” is no way of delivery; “direct” and “queued” are.")
    return str(value)


def priority(value: Any) -> Priority:
    """Return the priority that `value` means: a Priority, or "urgent", "normal", "non-urgent" in any case. Raises
    BadMessage."""
    names = {"urgent": Priority.URGENT, "normal": Priority.NORMAL, "non-urgent": Priority.NON_URGENT}
    known = names.get(str(value).strip().lower().replace("_", "-").replace(" ", "-"))
    if isinstance(value, Priority):
        return value
    if known is None:
        raise _bad(f"“{value}” is no priority; “urgent”, “normal” and “non-urgent” are.")
    return known


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime) or timezone.is_naive(value):
        raise _bad(f"“{value}” is no moment; give a datetime with its time zone (django.utils.timezone.now()).")
    return value


def _key(value: Any) -> str:
    text = str(value).strip()
    if not text or len(text) > limits.IDEMPOTENCY_KEY_CHARS or not text.isprintable():
        raise _bad(f"An idempotency key has 1 to {limits.IDEMPOTENCY_KEY_CHARS} printable characters.")
    return text


def _on_unsure(value: Any) -> OnUnsure:
    try:
        return OnUnsure(value)
    except ValueError:
        raise _bad(f"“{value}” is nothing to do after an unclear answer; “resend” and “hold” are.") from None


_READ = {
    "delivery": _mode,
    "priority": priority,
    "send_at": _moment,
    "expires_at": _moment,
    "idempotency_key": _key,
    "on_unsure": _on_unsure,
}

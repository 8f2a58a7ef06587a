"""What became of a message: the states of the log, and the result object that a message carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from .settings import RouteKey
from .texts import _


class Priority(IntEnum):
    """How soon a queued message is to leave, beside others that are due; the words are those of X.400 (RFC 2156)."""

    URGENT = 1
    NORMAL = 2
    NON_URGENT = 3

    @property
    def label(self) -> str:
        """Return the priority as a person reads it."""
        return {Priority.URGENT: _("Urgent"), Priority.NORMAL: _("Normal"), Priority.NON_URGENT: _("Non-urgent")}[self]


class DeliveryState(StrEnum):
    """The state of one message in the log. The first ones are of messages that are not over yet."""

    QUEUED = "queued"  # a worker will send it: now, at its time, or again after a failure
    SENDING = "sending"
    HELD = "held"  # queued, and a person must decide: it was the end of three workers
    SENT = "sent"
    FALLBACK = "sent-by-fallback"
    PARTLY = "partly-sent"
    FAILED = "failed"
    UNSURE = "unsure"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def label(self) -> str:
        """Return the state as a person reads it."""
        return {
            DeliveryState.QUEUED: _("Waiting"),
            DeliveryState.SENDING: _("Sending"),
            DeliveryState.HELD: _("Held"),
            DeliveryState.SENT: _("Sent"),
            DeliveryState.FALLBACK: _("Sent by fallback"),
            DeliveryState.PARTLY: _("Partly sent"),
            DeliveryState.FAILED: _("Failed"),
            DeliveryState.UNSURE: _("Maybe delivered"),
            DeliveryState.INTERRUPTED: _("Interrupted"),
            DeliveryState.CANCELLED: _("Cancelled"),
            DeliveryState.EXPIRED: _("Expired"),
        }[self]

    @property
    def accepted(self) -> bool:
        """Tell whether a server took the message for at least one recipient."""
        return self in (DeliveryState.SENT, DeliveryState.FALLBACK, DeliveryState.PARTLY)


class RecipientState(StrEnum):
    """What became of one recipient."""

    PENDING = "pending"
    SENT = "sent"
    REFUSED = "refused"
    UNSURE = "unsure"

    @property
    def label(self) -> str:
        """Return the state as a person reads it."""
        return {
            RecipientState.PENDING: _("Not sent"),
            RecipientState.SENT: _("Sent"),
            RecipientState.REFUSED: _("Refused"),
            RecipientState.UNSURE: _("Maybe delivered"),
        }[self]


@dataclass
class RecipientOutcome:
    """What became of one recipient, and why: `code` is a server's code, `reason` a sentence."""

    state: RecipientState = RecipientState.PENDING
    code: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Skipped:
    """A route that was not tried, and why; `key` is which one, for who asks before anything is sent."""

    name: str
    reason: str
    key: RouteKey | None = field(default=None, compare=False)


@dataclass
class SendResult:
    """The result object of one message, set as `message.mailadmin`.

    `recipients` maps each address to its outcome; `route` is the name of the route that took the
    message ("" when none did); `reason` says in a sentence why it went as it did; `delivery_id` is the
    row in the log, None when the log could not be written. A queued message has the state QUEUED: what became of it
    is in the log, and told by signals. `repeated` tells that the caller's idempotency key was known: no second copy
    was made, and this is what is known of the first. `cut_off` tells that the outbox could not take the message
    because the database is down.
    """

    state: DeliveryState = DeliveryState.SENDING
    route: str = ""
    reason: str = ""
    message_id: str = ""
    delivery_id: str | None = None
    recipients: dict[str, RecipientOutcome] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    attempts: int = 0
    repeated: bool = False
    cut_off: bool = False

    @property
    def taken(self) -> bool:
        """Tell whether the message is in good hands: a server took it, or it is queued, or an earlier copy is."""
        return self.state.accepted or self.repeated or self.state is DeliveryState.QUEUED

    @property
    def sent(self) -> bool:
        """Tell whether a server took the message for at least one recipient."""
        return self.state.accepted

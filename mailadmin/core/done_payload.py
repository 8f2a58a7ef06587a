"""The Done event (pure): what a client of the HTTP API is told of a message that it handed over, as signed JSON.

The signature is that of alerts (`alert_payloads.signature`); docs/done.md explains every name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .clients import DoneState
from .outcome import DeliveryState

_OUTCOMES = {
    DeliveryState.SENT: DoneState.SENT,
    DeliveryState.FALLBACK: DoneState.SENT,
    DeliveryState.PARTLY: DoneState.SENT,  # for whom not, the recipients tell
    DeliveryState.FAILED: DoneState.FAILED,
    DeliveryState.EXPIRED: DoneState.FAILED,
    DeliveryState.CANCELLED: DoneState.FAILED,
    DeliveryState.UNSURE: DoneState.UNSURE,
    DeliveryState.INTERRUPTED: DoneState.UNSURE,
}


@dataclass(frozen=True)
class Told:
    """One recipient: the address, its state as a word for programs, and why, in a sentence ("" when it was sent)."""

    address: str
    state: str
    reason: str = ""


@dataclass(frozen=True)
class Done:
    """What is told of one message. `id` is that of the delivery, `state` as the log has it; `endpoint` is its label;
    `finished_at` is aware, None where it is not over."""

    id: str
    state: DeliveryState
    endpoint: str = ""
    subject: str = ""
    recipients: tuple[Told, ...] = ()
    message_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    finished_at: datetime | None = None


def outcome(state: DeliveryState) -> DoneState | None:
    """Return which of the three outcomes `state` is, None for a message that is on its way."""
    return _OUTCOMES.get(state)


def payload(done: Done) -> dict[str, Any]:
    """Return the event as a JSON value."""
    known = outcome(done.state)
    return {
        "event": "done",
        "id": done.id,
        "outcome": str(known) if known else "",
        "state": str(done.state),
        "endpoint": done.endpoint,
        "subject": done.subject,
        "recipients": [{"address": one.address, "state": one.state, "reason": one.reason} for one in done.recipients],
        "message_id": done.message_id,
        "metadata": dict(done.metadata),
        "finished_at": done.finished_at.isoformat(timespec="seconds") if done.finished_at else None,
    }


def body(done: Done) -> bytes:
    """Return the body of the request. These very bytes are signed."""
    return json.dumps(payload(done), ensure_ascii=False).encode("utf-8", "replace")

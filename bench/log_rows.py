"""Fills the log, and the stock table beside it, with the same messages, past the ORM."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from bench.stock.models import Message
from mailadmin.delivery.prepared import Insert
from mailadmin.models import Delivery, DeliveryAttempt, DeliveryRecipient

DAYS = 30
RARE = "anna777@example.org"
_BATCH = 5000
_NAMES = [
    a + b for a in ("an", "be", "cla", "do", "em", "fra", "gre", "hel", "jo", "ka") for b in ("na", "rt", "ris", "ta")
]
_WORDS = ("invoice", "order", "password", "weekly", "report", "delivery", "reminder", "payment", "account", "update")
_TABLES = {"delivery": Delivery, "recipient": DeliveryRecipient, "attempt": DeliveryAttempt, "stock": Message}
_LABELS = ("", "", "shop", "billing", "accounts", "monitoring", "newsletter")


def fill(connection: Any, total: int, route: UUID) -> None:
    """Add `total` messages that lie evenly in the last DAYS days, the same ones in every run."""
    newest = datetime.now(UTC).replace(microsecond=0)
    chance = random.Random(1)  # noqa: S311 -- no secret
    inserts = {name: Insert(model) for name, model in _TABLES.items()}
    for first in range(0, total, _BATCH):
        rows = [_message(n, total, newest, route, chance) for n in range(first, min(first + _BATCH, total))]
        with transaction.atomic(), connection.cursor() as cursor:
            for name, insert in inserts.items():
                insert(cursor, [row[name] for row in rows])


def _message(
    number: int, total: int, newest: datetime, route: UUID, chance: random.Random
) -> dict[str, dict[str, Any]]:
    """Return the rows of one message, by the names of `_TABLES`."""
    at = newest - timedelta(days=DAYS) * (total - number) / total
    key = UUID(int=(int(at.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | chance.getrandbits(60))
    fate = chance.random()
    state = "sent" if fate < 0.95 else "sent-by-fallback" if fate < 0.98 else "failed"
    to = (
        RARE
        if number % 100_003 == 777
        else f"{chance.choice(_NAMES)}.{chance.choice(_NAMES)}{chance.randrange(1000)}@example.org"
    )
    subject = f"{chance.choice(_WORDS).title()} {chance.choice(_WORDS)} {number}"
    message_id = f"<{chance.getrandbits(80):x}.{number}@mail.contoso.org>"
    took = chance.randrange(50, 900)
    code = "mailbox-unknown" if state == "failed" else ""
    common = {"created_at": at, "state": state, "subject": subject, "message_id": message_id, "duration_ms": took}
    return {
        "delivery": common
        | {
            "id": key,
            "finished_at": at + timedelta(milliseconds=took),
            "from_address": "shop@contoso.org",
            "recipient_list": [["to", to]],
            "size": 2000,
            "label": chance.choice(_LABELS),
            "route_kind": "smtp",
            "route_id": route,
            "route_name": "Relay A",
            "code": code,
        },
        "recipient": {
            "delivery_id": key,
            "logged_at": at,
            "address": to,
            "state": "refused" if code else "sent",
        },
        "attempt": {
            "delivery_id": key,
            "logged_at": at,
            "number": 1,
            "started_at": at,
            "duration_ms": took,
            "route_kind": "smtp",
            "route_id": route,
            "route_name": "Relay A",
            "accepted": not code,
            "code": code,
        },
        "stock": common | {"from_address": "shop@contoso.org", "recipient": to, "route_name": "Relay A"},
    }

"""Fills the log, and the stock table beside it, with the same messages, past Django's models: by the driver."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import models, transaction

from bench.stock.models import Message
from mailadmin.models import Delivery, DeliveryAttempt, DeliveryRecipient

DAYS = 30
RARE = "anna777@example.org"
_BATCH = 5000
_NAMES = [
    a + b for a in ("an", "be", "cla", "do", "em", "fra", "gre", "hel", "jo", "ka") for b in ("na", "rt", "ris", "ta")
]
_WORDS = ("invoice", "order", "password", "weekly", "report", "delivery", "reminder", "payment", "account", "update")
_LABELS = ("", "", "shop", "billing", "accounts", "monitoring", "newsletter")


def fill(connection: Any, start: int, end: int, total: int, route: UUID) -> None:
    """Add the messages `start` to `end` of `total`, which lie evenly in the last DAYS days, the last one newest."""
    newest = datetime.now(UTC).replace(microsecond=0)
    for first in range(start, end, _BATCH):
        rows = [_message(n, total, newest, route) for n in range(first, min(first + _BATCH, end))]
        with transaction.atomic():
            for model, name in ((Delivery, "delivery"), (DeliveryRecipient, "recipient"), (DeliveryAttempt, "attempt")):
                _insert(connection, model, (row[name] for row in rows))
            _insert(connection, Message, (row["stock"] for row in rows))


def _message(number: int, total: int, newest: datetime, route: UUID) -> dict[str, dict[str, Any]]:
    chance = random.Random(number)  # noqa: S311 -- the same rows in every run
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


def _insert(connection: Any, model: type[models.Model], rows: Iterable[dict[str, Any]]) -> None:
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    defaults = {field.attname: field.get_db_prep_save(field.get_default(), connection) for field in fields}
    names = ", ".join(connection.ops.quote_name(field.column) for field in fields)

    def prepared() -> Iterator[list[Any]]:
        for row in rows:
            yield [
                field.get_db_prep_save(row[field.attname], connection)
                if field.attname in row
                else defaults[field.attname]
                for field in fields
            ]

    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for values in prepared():
                    copy.write_row(values)
        else:
            places = ", ".join(["%s"] * len(fields))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", list(prepared()))  # noqa: S608 -- our names

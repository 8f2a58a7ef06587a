"""Fills the log, and the stock table beside it, with the same messages, by SQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import connection

from bench.fill import copies, uuids
from bench.stock.models import Message
from mailadmin.models import Delivery, DeliveryAttempt, DeliveryRecipient, SmtpConnection

DAYS = 30
RARE = "anna777@example.org"  # one in a hundred thousand goes there
_NAMES = (
    *(
        "anna",
        "artur",
        "berta",
        "boris",
        "clara",
        "colin",
        "doris",
        "edgar",
        "elena",
        "emil",
        "fanny",
        "felix",
        "frank",
    ),
    *("greta", "gustav", "helen", "henry", "irene", "jakob", "jonas", "karin", "klaus", "laura", "lukas", "maria"),
    *("marta", "nadja", "nils", "olga", "oskar", "paula", "peter", "quinn", "rita", "robin", "sofia", "stefan"),
)
_WORDS = ("invoice", "order", "password", "weekly", "report", "delivery", "reminder", "payment", "account", "update")
_LABELS = ("", "shop", "billing", "accounts", "monitoring", "newsletter", "crm")
_ID_FROM = 1 << 40  # away from the row that is copied
# 95 of 100 were sent, 3 by fallback, 2 failed.
_N = "CAST(n AS bigint)"  # so that a product does not run over
_SHARE = f"{_N} * 31 %% 100"
_STATE = f"CASE WHEN {_SHARE} < 95 THEN 'sent' WHEN {_SHARE} < 98 THEN 'sent-by-fallback' ELSE 'failed' END"
_CODE = f"CASE WHEN {_SHARE} >= 98 THEN 'mailbox-unknown' ELSE '' END"


def fill(total: int) -> None:
    """Add `total` messages that lie evenly in the last DAYS days, the same ones in every run."""
    route = SmtpConnection.objects.get()
    now = datetime.now(UTC).replace(microsecond=0)
    at = _moment(now - timedelta(days=DAYS), DAYS * 86_400_000 // total)
    by = {"route_kind": "smtp", "route_id": route.pk, "route_name": route.name}
    one = {"created_at": now - timedelta(days=DAYS), "from_address": "shop@contoso.org", "duration_ms": 1}
    first = Delivery.objects.create(
        **one, **by, finished_at=now, state="sent", size=2000, recipient_list=[["to", "first@example.org"]]
    )
    recipient = DeliveryRecipient.objects.create(
        delivery=first, address="first@example.org", state="sent", logged_at=now - timedelta(days=DAYS)
    )
    attempt = DeliveryAttempt.objects.create(
        delivery=first,
        logged_at=now - timedelta(days=DAYS),
        number=1,
        started_at=now,
        duration_ms=1,
        accepted=True,
        **by,
    )
    stock = Message.objects.create(**one, route_name=route.name, state="sent", recipient="first@example.org")

    common = {
        "created_at": at,
        "state": _STATE,
        "subject": f"{_one_of(_WORDS, 1)} || ' ' || {_one_of(_WORDS, 10)} || ' ' || n",
        "message_id": f"'<' || ({_N} * 7919 %% 1000003) || '.' || n || '@mail.contoso.org>'",
        "duration_ms": "50 + n * 13 %% 850",
    }
    to = (
        f"CASE WHEN n %% 100003 = 777 THEN '{RARE}' ELSE "
        f"{_one_of(_NAMES, 1)} || '.' || {_one_of(_NAMES, 37)} || (n * 17 %% 1000) || '@example.org' END"
    )
    key = uuids(_ID_FROM)
    listed = f"'[[\"to\", \"' || {to} || '\"]]'"
    copies(
        first,
        total,
        common
        | {
            "id": key,
            "finished_at": at,
            "recipient_list": f"CAST({listed} AS jsonb)" if connection.vendor == "postgresql" else listed,
            "label": _one_of(_LABELS, 3),
            "code": _CODE,
        },
    )
    copies(recipient, total, {"delivery": key, "logged_at": at, "address": to})
    copies(attempt, total, {"delivery": key, "logged_at": at, "started_at": at, "code": _CODE})
    copies(stock, total, common | {"recipient": to})


def _moment(start: datetime, step: int) -> str:
    """Return the expression of the time of a copy: `step` milliseconds after the one before it."""
    if connection.vendor == "postgresql":
        return f"TIMESTAMPTZ '{start.isoformat()}' + n * INTERVAL '{step} milliseconds'"
    # As Django writes times into SQLite: with six digits, in UTC.
    begun = int(start.timestamp())
    return (
        f"strftime('%%Y-%%m-%%d %%H:%%M:%%S', {begun} + {_N} * {step} / 1000, 'unixepoch') "
        f"|| printf('.%%03d000', {_N} * {step} %% 1000)"
    )


def _one_of(words: tuple[str, ...], every: int) -> str:
    """Return the expression of one of `words`, another one after so many copies."""
    width = max(map(len, words))
    packed = "".join(word.ljust(width) for word in words)
    place = f"({_N} * 7919 / {every} %% {len(words)})"
    return f"rtrim(substr('{packed}', CAST(1 + {place} * {width} AS integer), {width}))"

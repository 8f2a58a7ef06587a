"""Waiting messages for the tests of the console, as rows."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from mailadmin.core.outcome import DeliveryState, RecipientState
from mailadmin.models import Delivery, DeliveryRecipient, OutboxEntry, Worker


def waiting(
    subject: str = "Invoice",
    *,
    due_in: float = -60,
    to: tuple[str, ...] = ("ann@example.org",),
    state: DeliveryState = DeliveryState.QUEUED,
    recipients: RecipientState = RecipientState.PENDING,
    delivery: dict[str, Any] | None = None,
    **values: Any,
) -> OutboxEntry:
    """Return the entry of a queued message that is due in so many seconds (before now when negative)."""
    now = timezone.now()
    row = Delivery.objects.create(
        created_at=now - timedelta(minutes=5),
        state=state,
        mode=Delivery.Mode.QUEUED,
        subject=subject,
        label=values.get("label", ""),
        recipient_list=[["to", address] for address in to],
        **(delivery or {}),
    )
    DeliveryRecipient.objects.bulk_create(DeliveryRecipient(delivery=row, address=a, state=recipients) for a in to)
    return OutboxEntry.objects.create(
        delivery=row,
        due_at=now + timedelta(seconds=due_in),
        queued_at=row.created_at,
        give_up_at=now + timedelta(hours=48),
        **values,
    )


def unsure(subject: str = "Invoice", **values: Any) -> OutboxEntry:
    """Return a message that waits for a person because it may have been delivered."""
    return waiting(
        subject,
        state=DeliveryState.UNSURE,
        recipients=RecipientState.UNSURE,
        shelf=OutboxEntry.Shelf.UNSURE,
        **values,
    )


def crashed(subject: str = "Invoice", **values: Any) -> OutboxEntry:
    """Return a message that was the end of three workers."""
    given = {"crashes": 3, "crash_report": "Traceback: boom"} | values
    return waiting(subject, state=DeliveryState.HELD, shelf=OutboxEntry.Shelf.CRASHED, **given)


def worker(name: str = "mail1:77", *, beat: float = 1, **values: Any) -> Worker:
    """Return a worker that last said so many seconds ago that it lives."""
    now = timezone.now()
    return Worker.objects.create(
        name=name, started_at=now - timedelta(hours=1), beat_at=now - timedelta(seconds=beat), **values
    )


def claimed(until: float = 20, **values: Any) -> OutboxEntry:
    """Return a message that a worker has; its claim lasts so many seconds more."""
    return waiting(claim=uuid.uuid4(), worker="mail1:77", due_in=until, **values)


def at(seconds: float) -> datetime:
    """Return the moment so many seconds from now."""
    return timezone.now() + timedelta(seconds=seconds)

"""Forgetting: what is older than the settings keep it, some rows at a time, so that no sender waits for the database,
and an end at any moment leaves nothing half done. What still waits in the outbox is never forgotten."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.models import (
    Alert,
    ComposeDraft,
    ConnectionTest,
    Delivery,
    MessageContent,
    OutboxEntry,
    SenderRefusal,
    Settings,
    Worker,
)
from mailadmin.models.clock import ServerNow, ahead

from . import log_text

_thorough_after = 0.0  # of time.monotonic(): when this process looks thoroughly for texts that are missing


def prune(seconds: float | None = limits.PRUNE_RUN_SECONDS) -> int:
    """Delete what is too old, and return how many rows that were. After `seconds` the rest is left for the next time
    (None: all is done). The index of the search is brought up to date on the way. Raises what the database raises."""
    end = time.monotonic() + (seconds if seconds is not None else float("inf"))
    old = timezone.now() - timedelta(days=Settings.load().retention_days)
    waits = OutboxEntry.objects.filter(delivery=OuterRef("pk"))
    ConnectionTest.forget_old_drafts()
    ComposeDraft.forget_old()
    deleted = sum(
        _delete(rows, end)
        for rows in (
            MessageContent.objects.filter(until__lt=ServerNow()).order_by("until"),
            Delivery.objects.filter(~Exists(waits), created_at__lt=old).order_by("created_at"),
            ConnectionTest.objects.filter(started_at__lt=old).order_by("started_at"),
            SenderRefusal.objects.filter(last_at__lt=old).order_by("last_at"),
            Alert.objects.filter(created_at__lt=old).order_by("created_at"),
            Worker.objects.filter(beat_at__lt=ahead(-limits.WORKER_FORGOTTEN_SECONDS)).order_by("beat_at"),
        )
    )
    _catch_up(end)
    return deleted


def _delete(rows: models.QuerySet[models.Model], end: float) -> int:
    """Delete `rows`, those first that come first, until `end`; each batch is a transaction of its own."""
    deleted = 0
    while time.monotonic() < end and (batch := list(rows.values_list("pk", flat=True)[: limits.PRUNE_ROWS])):
        rows.model._default_manager.filter(pk__in=batch).delete()
        deleted += len(batch)
    return deleted


def _catch_up(end: float) -> None:
    """Bring the index of the search up to date; now and then so that nothing is missed."""
    global _thorough_after  # one for the process
    now = time.monotonic()
    thorough = now >= _thorough_after or end == float("inf")
    if log_text.catch_up(end - now, thorough) and thorough:
        _thorough_after = now + limits.SEARCH_THOROUGH_SECONDS

"""Forgetting: deliveries, connection tests and refused senders older than the settings keep them."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.models import ConnectionTest, Delivery, SenderRefusal, Settings


def prune() -> int:
    """Delete what is older than the retention, in small batches so that no sender waits long for the database,
    and clear the kept drafts of unsaved tests that are too old to be used; return how many rows were deleted."""
    old = timezone.now() - timedelta(days=Settings.load().retention_days)
    ConnectionTest.forget_old_drafts()
    return (
        _delete(Delivery.objects.filter(created_at__lt=old))
        + _delete(ConnectionTest.objects.filter(started_at__lt=old))
        + _delete(SenderRefusal.objects.filter(last_at__lt=old))
    )


def _delete(rows: models.QuerySet[models.Model]) -> int:
    deleted = 0
    while batch := list(rows.order_by().values_list("pk", flat=True)[: limits.PRUNE_ROWS]):
        rows.model._default_manager.filter(pk__in=batch).delete()
        deleted += len(batch)
    return deleted

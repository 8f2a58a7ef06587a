"""The table: the columns that the console's list shows, with the indexes that such tables have (those of
django-post-office: the time and the state, each by itself)."""

from __future__ import annotations

from django.db import models


class Message(models.Model):
    """One message."""

    created_at = models.DateTimeField(db_index=True)
    state = models.CharField(
        max_length=20, db_index=True, choices=[(s, s) for s in ("sent", "failed", "sent-by-fallback")]
    )
    subject = models.CharField(max_length=255)
    from_address = models.CharField(max_length=320)
    recipient = models.CharField(max_length=320)
    message_id = models.CharField(max_length=255)
    route_name = models.CharField(max_length=80)
    duration_ms = models.PositiveIntegerField(null=True)

    class Meta:
        app_label = "stock"
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.subject

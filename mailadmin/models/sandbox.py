"""What the sandbox keeps: where it listens, how it shall behave, and the messages that arrived."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class SandboxServer(models.Model):
    """The running sandbox (always the row 1): its ports, its certificate authority, its faults. The
    credentials in it are of the sandbox alone and open nothing else."""

    ALIVE_SECONDS = 15  # three missed beats

    smtp_port = models.PositiveIntegerField(default=0)
    https_port = models.PositiveIntegerField(default=0)
    ca_pem = models.TextField(blank=True)
    credentials = models.JSONField(default=dict)  # user, password, tenant, client_id, client_secret
    smtp_fault = models.CharField(max_length=40, blank=True)
    graph_fault = models.CharField(max_length=40, blank=True)
    beat_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("sandbox")

    def __str__(self) -> str:
        return gettext("Sandbox")

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save as row 1."""
        self.pk = 1
        super().save(*args, **kwargs)

    @classmethod
    def load(cls) -> SandboxServer:
        """Return the row, made when it does not exist."""
        return cls.objects.get_or_create(pk=1)[0]

    @property
    def alive(self) -> bool:
        """Tell whether the sandbox process answered lately."""
        return self.beat_at is not None and timezone.now() - self.beat_at < timedelta(seconds=self.ALIVE_SECONDS)


class SandboxMessage(models.Model):
    """A message that arrived in the sandbox."""

    class Via(models.TextChoices):
        """The door it came through."""

        SMTP = "smtp", "SMTP"
        GRAPH = "graph", "Graph"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    received_at = models.DateTimeField(default=timezone.now, db_index=True)
    via = models.CharField(max_length=10, choices=Via)
    envelope_sender = models.CharField(max_length=320, blank=True)
    recipients = models.JSONField(default=list)
    subject = models.CharField(max_length=255, blank=True)
    raw = models.BinaryField()

    class Meta:
        ordering = ("-received_at", "-id")

    def __str__(self) -> str:
        return self.subject or gettext("(no subject)")

    @property
    def size(self) -> int:
        """Return the size in bytes."""
        return len(self.raw)

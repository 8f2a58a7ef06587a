"""What a page of the console keeps for a moment, because a browser cannot: the files of a message that is written."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import models
from django.utils import timezone

from mailadmin.core import limits


class ComposeDraft(models.Model):
    """The files and the HTML of one message that somebody writes, sealed, for one browser session (of whose key
    `session` is a digest) and limits.TEST_DRAFT_MINUTES."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.CharField(max_length=64, db_index=True)
    made_at = models.DateTimeField(default=timezone.now, db_index=True)
    sealed = models.BinaryField()

    objects = models.Manager["ComposeDraft"]()

    def __str__(self) -> str:
        return str(self.pk)

    @classmethod
    def forget_old(cls) -> None:
        """Delete the drafts whose time is over."""
        cls.objects.filter(made_at__lt=timezone.now() - timedelta(minutes=limits.TEST_DRAFT_MINUTES)).delete()

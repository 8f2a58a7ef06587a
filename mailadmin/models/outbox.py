"""The outbox: what waits for a worker, the sealed content of messages, and the workers that are there."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from mailadmin.core.outcome import Priority
from mailadmin.core.settings import OnUnsure

from .log import Delivery


class OutboxEntry(models.Model):
    """A queued message that is not over. Written with its Delivery in one transaction, and deleted with the last word
    about it, so that this table, which every worker asks all the time, stays small however long the log is.

    An entry is free for a claim when it lies on no shelf and is due. A claim is a fresh UUID in `claim`, and moves
    `due_at` ahead: a worker that beats moves it again and again, and one that has died lets it pass. Whoever writes
    does so only where `claim` is still its own (the fence). Times are those of the database server.
    """

    class Shelf(models.TextChoices):
        """Why an entry is not free although it may be due."""

        READY = "", _("Ready")
        PAUSED = "paused", _("Its label is paused")
        UNSURE = "unsure", _("It may have been delivered; a person decides")
        CRASHED = "crashed", _("It was the end of several workers; a person decides")

    delivery = models.OneToOneField(Delivery, on_delete=models.CASCADE, primary_key=True, related_name="outbox")
    shelf = models.CharField(max_length=10, blank=True, choices=Shelf, default=Shelf.READY)
    priority = models.PositiveSmallIntegerField(default=Priority.NORMAL)
    due_at = models.DateTimeField()
    label = models.CharField(max_length=80, blank=True, db_index=True)
    size = models.PositiveBigIntegerField(default=0)  # bytes
    only_route = models.CharField(max_length=60, blank=True)  # str(RouteKey) of the one chosen route
    on_unsure = models.CharField(
        max_length=10, blank=True, choices=[(one, str(one)) for one in OnUnsure]
    )  # "": route's
    queued_at = models.DateTimeField()
    give_up_at = models.DateTimeField()  # the end of its lifetime
    expires_at = models.DateTimeField(null=True)
    # The claim in force, or the one of a worker that has died.
    claim = models.UUIDField(null=True, db_index=True)
    worker = models.CharField(max_length=120, blank=True)  # its name, for people
    # Written before the last byte leaves: who may have been served when the worker dies now, and by which route.
    leaving = models.JSONField(default=list)
    leaving_route = models.CharField(max_length=60, blank=True)
    leaving_name = models.CharField(max_length=80, blank=True)
    leaving_at = models.DateTimeField(null=True)
    # What is known of earlier tries.
    tries = models.PositiveSmallIntegerField(default=0)  # that ended with "later"
    crashes = models.PositiveSmallIntegerField(default=0)  # since the last orderly end
    crash_report = models.TextField(blank=True)
    waits_for_route = models.BooleanField(default=False)  # due again as soon as a route is repaired
    waits_because = models.TextField(blank=True)  # in a sentence, for people
    # Recipients that may have got it: when they are served once more, by which route, and how often they were.
    unsure_at = models.DateTimeField(null=True)
    unsure_route = models.CharField(max_length=60, blank=True)
    unsure_resends = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name_plural = _("outbox entries")
        ordering = ("priority", "due_at")
        indexes = [models.Index(fields=["shelf", "priority", "due_at"], name="mailadmin_outbox_due")]

    def __str__(self) -> str:
        return f"{self.delivery_id}"


class MessageContent(models.Model):
    """The content of a message, sealed with the key ring; `until` None means as long as it is in the outbox."""

    delivery = models.OneToOneField(Delivery, on_delete=models.CASCADE, primary_key=True, related_name="content")
    key_id = models.CharField(max_length=8, db_index=True)  # of the ring, for rotation
    sealed_draft = models.BinaryField()  # all but the long pieces
    until = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.delivery_id}"


class MessagePart(models.Model):
    """One piece of a long content, sealed: at most limits.CONTENT_PART_BYTES bytes in clear."""

    content = models.ForeignKey(MessageContent, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["content", "number"], name="mailadmin_one_part_for_a_number")]
        ordering = ("number",)

    def __str__(self) -> str:
        return f"{self.content_id} {self.number}"


class Worker(models.Model):
    """A process that sends what is queued: where it runs, and when it last said so (time of the database server)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)  # kind, host and process id
    threads = models.PositiveSmallIntegerField(default=1)
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField(db_index=True)
    handled = models.PositiveBigIntegerField(default=0)
    stopping = models.BooleanField(default=False)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

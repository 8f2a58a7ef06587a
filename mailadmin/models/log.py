"""The delivery log: one row for a message, one for each recipient and one for each attempt."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailadmin.core import limits
from mailadmin.core.ids import time_ordered
from mailadmin.core.outcome import DeliveryState, Priority, RecipientState

from .fields import labelled


class Delivery(models.Model):
    """One message and what became of it. Metadata only: its content, while it is kept, is a MessageContent."""

    class Mode(models.TextChoices):
        """Who sends it."""

        DIRECT = "direct", _("Direct")  # the caller, who waits
        QUEUED = "queued", _("Queued")  # a worker

    id = models.UUIDField(primary_key=True, default=time_ordered, editable=False)
    created_at = models.DateTimeField(db_index=True)  # the log is read by it, newest first
    finished_at = models.DateTimeField(null=True)
    state = models.CharField(
        max_length=20,
        choices=labelled(DeliveryState),
        default=DeliveryState.SENDING,
    )
    message_id = models.CharField(max_length=255, blank=True)
    from_address = models.CharField(max_length=320, blank=True)
    sent_as = models.CharField(max_length=320, blank=True)  # the From on the wire, where a route changed it
    subject = models.CharField(max_length=limits.SUBJECT_CHARS, blank=True)
    # [[field, address], ...] as they were asked for, written before the first attempt; the rows with the
    # outcome of each recipient are written at the end.
    recipient_list = models.JSONField(default=list)
    size = models.PositiveBigIntegerField(default=0)  # bytes of the message as built, before a route's changes
    attachments = models.PositiveIntegerField(default=0)
    label = models.CharField(max_length=80, blank=True)
    mailer = models.CharField(max_length=80, blank=True)  # the alias in MAILERS
    is_test = models.BooleanField(default=False)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    route_kind = models.CharField(max_length=10, blank=True)
    route_id = models.UUIDField(null=True)
    route_name = models.CharField(max_length=80, blank=True)
    duration_ms = models.PositiveIntegerField(null=True)
    progress = models.CharField(max_length=200, blank=True)  # how far a long upload is, while it runs
    code = models.CharField(max_length=80, blank=True)  # the knowledge entry of the decisive failure
    reason = models.TextField(blank=True)
    skipped = models.JSONField(default=list)  # [[route name, why it was not tried], ...]
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.DIRECT)
    priority = models.PositiveSmallIntegerField(choices=labelled(Priority), default=Priority.NORMAL)
    send_at = models.DateTimeField(null=True)  # not before
    expires_at = models.DateTimeField(null=True)  # not after
    # The caller's own name for the message: a second one with the same is not sent. Free again when it failed.
    idempotency_key = models.CharField(max_length=limits.IDEMPOTENCY_KEY_CHARS, null=True, unique=True)  # noqa: DJ001 -- unique where given
    # Of what came with the key, where the caller gives one: the same key with something else is a mistake.
    fingerprint = models.CharField(max_length=64, blank=True)
    possible_duplicate = models.BooleanField(default=False)  # sent once more after an unclear answer
    redirected_to = models.CharField(max_length=320, blank=True)  # instead of (some of) the recipients
    resend_of = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="resends")
    # Who handed it over by the HTTP API. Without an index: each message would pay for it, and it is asked for by label.
    client = models.ForeignKey("ApiClient", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    metadata = models.JSONField(default=dict)  # the caller's own names and values, shown in the log

    class Meta:
        verbose_name_plural = _("deliveries")
        ordering = ("-created_at", "-id")
        # One for each filter, in the order of the log. (The primary key, which breaks a tie, needs no place in them.)
        indexes = [
            models.Index(fields=["state", "created_at"], name="mailadmin_log_by_state"),
            models.Index(fields=["label", "created_at"], name="mailadmin_log_by_label"),
            models.Index(fields=["code", "created_at"], name="mailadmin_log_by_code"),
        ]
        permissions = [
            ("send_message", "Can send messages from the console"),
            ("resend_delivery", "Can send messages of the log again"),
            ("manage_outbox", "Can cancel, pause and release what waits in the outbox"),
            ("export_delivery", "Can export the delivery log"),
            ("erase_recipient", "Can erase what the delivery log knows of a recipient"),
        ]

    def __str__(self) -> str:
        return self.subject or gettext("(no subject)")


class DeliveryRecipient(models.Model):
    """One recipient of a message, with an outcome of its own."""

    class Field(models.TextChoices):
        """The header that named the recipient."""

        TO = "to", _("To")
        CC = "cc", _("Cc")
        BCC = "bcc", _("Bcc")

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="recipients")
    logged_at = models.DateTimeField(default=timezone.now)  # created_at of the message: the order of the log
    address = models.CharField(max_length=320)
    field = models.CharField(max_length=3, choices=Field, default=Field.TO)
    state = models.CharField(
        max_length=10,
        choices=labelled(RecipientState),
        default=RecipientState.PENDING,
    )
    code = models.CharField(max_length=80, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ("pk",)
        indexes = [models.Index(fields=["address", "logged_at"], name="mailadmin_log_by_address")]

    def __str__(self) -> str:
        return self.address


class DeliveryAttempt(models.Model):
    """One try by one route."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    logged_at = models.DateTimeField(default=timezone.now)  # created_at of the message: the order of the log
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    route_kind = models.CharField(max_length=10)
    route_id = models.UUIDField(null=True)
    route_name = models.CharField(max_length=80)
    accepted = models.BooleanField()
    unsure = models.BooleanField(default=False)
    phase = models.CharField(max_length=20, blank=True)
    code = models.CharField(max_length=80, blank=True)  # the knowledge entry
    server_code = models.CharField(max_length=80, blank=True)
    answer = models.TextField(blank=True)  # the server's own words, cleaned
    problem = models.TextField(blank=True)
    remedy = models.JSONField(default=list)
    owner = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ("number",)
        indexes = [models.Index(fields=["route_id", "logged_at"], name="mailadmin_log_by_route")]

    def __str__(self) -> str:
        return f"{self.number}. {self.route_name}"


class LogText(models.Model):
    """What the search of the log looks through: the words of one message, folded to lower case. Written a moment
    after the message (delivery.log_text), so that no sender waits for the index of the search; its number grows with
    the time of the messages."""

    delivery = models.OneToOneField(Delivery, on_delete=models.CASCADE, related_name="text")
    text = models.TextField()
    over = models.BooleanField()  # False: as whom it was sent is not known yet

    def __str__(self) -> str:
        return f"{self.delivery_id}"

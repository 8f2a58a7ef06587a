"""Alerts: where they go, what was told, and what is wrong at the moment."""

from __future__ import annotations

import uuid

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from mailadmin.core import limits, references
from mailadmin.core.alerts import ChannelKind, Event
from mailadmin.core.destination import Destination
from mailadmin.core.errors import MailError
from mailadmin.core.secret import Secret
from mailadmin.core.validation import webhook_url

from .fields import Checked, labelled
from .opening import REFERENCE, open_stored
from .routes import Named
from .secrets import SecretHolder, SecretSlot
from .webhooks import checked_url, signing_fault


@sensitive_variables()
def webhook_host(typed: str) -> str:
    """Return the host of a webhook address, or of that which the reference `typed` names. Raises ValueError with a
    sentence, which never shows the address."""
    reference = references.parse(typed)
    try:
        return webhook_url(
            open_stored(f"{REFERENCE}{reference}", "", gettext("Webhook address")) if reference else typed
        )[1]
    except MailError as error:
        raise ValueError(error.fault.text) from None


def too_many_channels() -> str:
    """Return what to say when one more channel is wanted than there may be."""
    text = gettext("At most {count} channels can be set up; delete one that is not used.")
    return text.format(count=limits.ALERT_CHANNELS)


def _webhook(row: AlertChannel) -> Destination:
    return ("webhook", row.kind, row.host.lower())


class AlertChannel(SecretHolder, Named):
    """Where alerts go: to addresses by e-mail, or to a webhook. The address of a webhook is a secret, because whoever
    knows it may post there; `host` is the part of it that people see."""

    class KindChoice(models.TextChoices):
        """What the channel speaks."""

        EMAIL = ChannelKind.EMAIL, _("E-mail")
        WEBHOOK = ChannelKind.WEBHOOK, _("Webhook (JSON, signed)")
        SLACK = ChannelKind.SLACK, "Slack"
        TEAMS = ChannelKind.TEAMS, "Microsoft Teams"

    kind = models.CharField(_("kind"), max_length=10, choices=KindChoice, default=KindChoice.EMAIL)
    recipients = models.TextField(_("send to"), blank=True, validators=[Checked("address_list")])
    host = models.CharField(_("host"), max_length=255, blank=True, editable=False)
    url = SecretSlot(_("webhook address"), _webhook)
    signing = SecretSlot(_("signing secret"), _webhook)
    events = models.JSONField(_("events"), default=list, blank=True)  # names of `core.alerts.Event`; empty: all
    enabled = models.BooleanField(_("enabled"), default=True)

    objects = models.Manager["AlertChannel"]()

    class Meta(Named.Meta):
        verbose_name = _("alert channel")

    @property
    def where(self) -> str:
        """Return where alerts go, as people may see it."""
        return self.recipients if self.kind == ChannelKind.EMAIL else self.host

    def clean(self) -> None:
        """Ask for the addresses of a channel that sends e-mail; refuse one channel too many."""
        super().clean()
        if self.kind == ChannelKind.EMAIL and not self.recipients.strip():
            raise ValidationError({"recipients": gettext("Type at least one address.")})
        if self.kind != ChannelKind.EMAIL and self.recipients.strip():
            raise ValidationError({"recipients": gettext("Only a channel of e-mail is sent to addresses.")})
        if self._state.adding and AlertChannel.objects.count() >= limits.ALERT_CHANNELS:
            raise ValidationError(too_many_channels())

    def needs_secret(self, name: str) -> bool:
        """Tell whether the kind of channel works by what is in the slot `name`."""
        return self.kind == ChannelKind.WEBHOOK if name == "signing" else self.kind != ChannelKind.EMAIL

    @sensitive_variables()
    def secret_errors(self) -> dict[str, str]:
        """Return a sentence for each slot whose secret is missing or cannot be used; call it after the secrets are put
        in. The host of the row becomes that of the address."""
        errors: dict[str, str] = {}
        if self.kind == ChannelKind.EMAIL:
            spare = gettext("A channel of e-mail has no webhook; leave it empty.")
            return {held.name: spare for held in (self.url, self.signing) if held.stored}
        if not self.url.stored:
            errors["url"] = gettext("Type the webhook address.")
        if self.kind == ChannelKind.WEBHOOK and not self.signing.stored:
            errors["signing"] = gettext(
                "Type a secret that the receiver knows as well, so that it can tell our alerts from others."
            )
        if fault := signing_fault(self.signing):
            errors["signing"] = fault
        return errors

    def checked_url(self) -> Secret:
        """Return the address to post to. Raises MailError as `webhooks.checked_url` does."""
        return checked_url(self.url, self.host)


class Incident(models.Model):
    """Something that is wrong, or that happened, and what was told of it. `key` names the thing and what is wrong with
    it ("route:smtp:<uuid>:failing"), so that the same is told once; the rules are in `core.alerts`.

    It is wrong since `since`, until `over`; `well_at` is when it was first found well again, which must last for a
    moment. `held_back` counts how often it happened since it was told. `facts` is what to say of it."""

    key = models.CharField(max_length=160, primary_key=True)
    event = models.CharField(max_length=20, choices=labelled(Event))
    facts = models.JSONField(default=dict)
    since = models.DateTimeField(default=timezone.now)
    well_at = models.DateTimeField(null=True)
    over = models.BooleanField(default=False)
    told_at = models.DateTimeField(null=True)
    held_back = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.key


class Alert(models.Model):
    """One thing that was to be told."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    event = models.CharField(max_length=20, choices=labelled(Event))
    key = models.CharField(max_length=160, blank=True, db_index=True)  # of the incident
    name = models.CharField(max_length=255, blank=True)  # of what it is about, as people see it
    route_kind = models.CharField(max_length=10, blank=True)  # the route that it is about, which must not carry it
    route_id = models.UUIDField(null=True)
    code = models.CharField(max_length=80, blank=True)  # id of the knowledge entry
    title = models.CharField(max_length=255)
    text = models.TextField(blank=True)
    remedy = models.JSONField(default=list)
    owner = models.CharField(max_length=80, blank=True)
    path = models.CharField(max_length=255, blank=True)  # of the page of the console that helps
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.title


class AlertDelivery(models.Model):
    """What became of one alert in one channel."""

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", _("Waiting")
        SENDING = "sending", _("Sending")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(AlertChannel, null=True, on_delete=models.SET_NULL, related_name="+")
    channel_name = models.CharField(max_length=80)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now, db_index=True)
    finished_at = models.DateTimeField(null=True)
    detail = models.TextField(blank=True)  # by which route, or why not
    log_id = models.UUIDField(null=True)  # of the message in the delivery log

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.channel_name}: {self.get_state_display()}"

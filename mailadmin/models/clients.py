"""Client applications that hand over messages by the HTTP API, and what they are told of them."""

from __future__ import annotations

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.clients import DoneState
from mailadmin.core.destination import Destination

from .fields import Checked
from .log import Delivery
from .routes import Named
from .secrets import SecretHolder, SecretSlot


def _webhook(row: ApiClient) -> Destination:
    return ("done-webhook", row.host.lower())


class ApiClient(SecretHolder, Named):
    """An application with a token of its own. The token is shown once, when it is made; the row keeps its digest.

    Empty `senders` and `routes` mean any; `label` is the endpoint of its messages that name none. What was used is
    counted in the row: requests of the running minute, messages of the running day (UTC). Where to post the Done event
    (`url`, whose host people see) may be secret; it is signed with `signing`.
    """

    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    token_start = models.CharField(max_length=16, editable=False)
    token_made_at = models.DateTimeField(default=timezone.now, editable=False)
    scopes = models.JSONField("may", default=list)  # names of core.clients.Scope
    senders = models.TextField("allowed senders", blank=True, validators=[Checked("sender_list")])
    routes = models.JSONField("allowed routes", default=list, blank=True)  # str(RouteKey)
    label = models.CharField("endpoint label", max_length=80, blank=True, validators=[Checked("one_line")])
    daily_limit = models.PositiveIntegerField(
        "messages a day", default=limits.API_MESSAGES_A_DAY, validators=[MaxValueValidator(limits.MAX_RATE_MESSAGES)]
    )  # 0: no limit
    minute_limit = models.PositiveIntegerField(
        "requests a minute",
        default=limits.API_REQUESTS_A_MINUTE,
        validators=[MaxValueValidator(limits.MAX_RATE_MESSAGES)],
    )  # 0: no limit
    expires_at = models.DateTimeField("valid until", null=True, blank=True)
    enabled = models.BooleanField("enabled", default=True)
    revoked_at = models.DateTimeField(null=True, editable=False)
    host = models.CharField(max_length=255, blank=True, editable=False)
    url = SecretSlot("address for the Done event", _webhook)
    signing = SecretSlot("signing secret", _webhook)
    # What was used. Changed by query alone, so that requests do not count as changes of settings.
    minute_at = models.DateTimeField(null=True, editable=False)
    minute_count = models.PositiveIntegerField(default=0, editable=False)
    day = models.DateField(null=True, editable=False)
    day_count = models.PositiveIntegerField(default=0, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = models.Manager["ApiClient"]()

    class Meta(Named.Meta):
        verbose_name = "API client"


class DoneNotice(models.Model):
    """One Done event: what became of a message, to be told to the client that handed it over."""

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", "Waiting"
        SENDING = "sending", "Sending"
        TOLD = "told", "Told"
        FAILED = "failed", "Failed"

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="notices")
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="notices")
    outcome = models.CharField(max_length=10, choices=[(one.value, one.value) for one in DoneState])
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now, db_index=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    detail = models.TextField(blank=True)  # what the receiver answered, or why it was not reached

    class Meta:
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return f"{self.delivery_id} {self.outcome}"

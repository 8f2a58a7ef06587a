"""Client applications that hand over messages by the HTTP API, and what they are told of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from mailadmin.core import limits
from mailadmin.core.clients import DoneState
from mailadmin.core.destination import Destination
from mailadmin.core.secret import Secret

from .fields import Checked
from .log import Delivery
from .outbox import OutboxEntry
from .routes import Named
from .secrets import SecretHolder, SecretSlot
from .webhooks import checked_url, signing_fault

OVER = _("This time is over. To stop a token now, switch the client off or revoke its token.")


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
    scopes = models.JSONField(_("may"), default=list)  # names of core.clients.Scope
    senders = models.TextField(_("allowed senders"), blank=True, validators=[Checked("sender_list")])
    routes = models.JSONField(_("allowed routes"), default=list, blank=True)  # str(RouteKey)
    label = models.CharField(_("endpoint label"), max_length=80, blank=True, validators=[Checked("one_line")])
    daily_limit = models.PositiveIntegerField(
        _("messages a day"), default=limits.API_MESSAGES_A_DAY, validators=[MaxValueValidator(limits.MAX_RATE_MESSAGES)]
    )  # 0: no limit
    minute_limit = models.PositiveIntegerField(
        _("requests a minute"),
        default=limits.API_REQUESTS_A_MINUTE,
        validators=[MaxValueValidator(limits.MAX_RATE_MESSAGES)],
    )  # 0: no limit
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    revoked_at = models.DateTimeField(null=True, editable=False)
    host = models.CharField(max_length=255, blank=True, editable=False)
    url = SecretSlot(_("address for the Done event"), _webhook)
    signing = SecretSlot(_("signing secret"), _webhook)
    # What was used. Changed by query alone, so that requests do not count as changes of settings.
    minute_at = models.DateTimeField(null=True, editable=False)
    minute_count = models.PositiveIntegerField(default=0, editable=False)
    day = models.DateField(null=True, editable=False)
    day_count = models.PositiveIntegerField(default=0, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = models.Manager["ApiClient"]()

    class Meta(Named.Meta):
        verbose_name = _("API client")

    @property
    def expired(self) -> bool:
        """Tell whether its token is not valid any more."""
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def active(self) -> bool:
        """Tell whether its token opens anything now."""
        return self.enabled and self.revoked_at is None and not self.expired

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete. What of it waits keeps to a route that it was allowed, because nobody remembers the others."""
        if self.routes:
            waiting = OutboxEntry.objects.filter(delivery__client=self, only_route="")
            waiting.update(only_route=str(self.routes[0])[:60])
        return super().delete(*args, **kwargs)

    @property
    def messages_today(self) -> int:
        """Return how many messages it handed over on this day (UTC)."""
        return self.day_count if self.day == datetime.now(UTC).date() else 0

    def needs_secret(self, name: str) -> bool:
        """Tell whether the row, as it stands, cannot work without the secret in the slot `name`: the address is never
        needed, and what it signs with goes with its host."""
        return name == "signing" and bool(self.host)

    @sensitive_variables()
    def secret_errors(self) -> dict[str, str]:
        """Return a sentence for each slot whose secret is missing or cannot be used; call it after the secrets are put
        in. Without an address nothing is told, and nothing is missing."""
        missing = gettext("Type a secret that the receiver knows as well, so that it can tell our events from others.")
        fault = signing_fault(self.signing) or (missing if self.url.stored and not self.signing.stored else "")
        return {"signing": fault} if fault else {}

    def checked_url(self) -> Secret:
        """Return the address to post to. Raises MailError as `webhooks.checked_url` does."""
        return checked_url(self.url, self.host)


class DoneNotice(models.Model):
    """One Done event: what became of a message, to be told to the client that handed it over."""

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", _("Waiting")
        SENDING = "sending", _("Sending")
        TOLD = "told", _("Told")
        FAILED = "failed", _("Failed")

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="notices")
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="notices")
    outcome = models.CharField(max_length=10, choices=[(one.value, one.value) for one in DoneState])
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now, null=True, db_index=True)  # none when it is over
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    detail = models.TextField(blank=True)  # what the receiver answered, or why it was not reached

    class Meta:
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return f"{self.delivery_id} {self.outcome}"

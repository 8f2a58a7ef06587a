"""What all settings rows have in common, and what sending learned of a route."""

from __future__ import annotations

import uuid

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailadmin.core.settings import OnUnsure, RouteKey, RouteKind

from .fields import Checked
from .settings import Versioned


class Named(Versioned):
    """What every settings row has: a UUID, a unique name and its dates."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80, unique=True, validators=[Checked("one_line")])
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    # The settings file that this row comes from, as people named it: the console shows such a row, and changes none.
    managed_by = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        abstract = True
        ordering = (Lower("name"),)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a name that differs from another one only by its case."""
        # Compared here, as a settings file does: SQLite knows the case of ASCII letters only.
        others = type(self)._default_manager.exclude(pk=self.pk).values_list("name", flat=True)
        twin = next((name for name in others if name.lower() == self.name.lower()), None)
        if twin is not None:
            text = gettext("“{name}” exists already; choose another name.")
            raise ValidationError({"name": text.format(name=twin)})


class RouteRow(Named):
    """What SMTP connections and OAuth services have in common."""

    class UnsureChoice(models.TextChoices):
        """What happens to a queued message that may have been taken."""

        RESEND = OnUnsure.RESEND, _("Send it once more after some minutes")
        HOLD = OnUnsure.HOLD, _("Hold it until somebody decides")

    enabled = models.BooleanField(_("enabled"), default=True)
    order = models.PositiveIntegerField(_("order"), default=0)
    subject_prefix = models.CharField(max_length=80, blank=True, validators=[Checked("one_line")])
    default_recipients = models.TextField(blank=True, validators=[Checked("address_list")])
    label = models.CharField(_("endpoint label"), max_length=80, blank=True, validators=[Checked("one_line")])
    on_unsure = models.CharField(
        _("after an unclear answer"), max_length=10, choices=UnsureChoice, default=UnsureChoice.RESEND
    )

    kind: RouteKind

    class Meta:
        abstract = True
        ordering = ("order", Lower("name"))

    @property
    def key(self) -> RouteKey:
        """Return which route this row is."""
        return RouteKey(self.kind, str(self.pk))


class RouteState(Versioned):
    """What sending and testing learned of a route: stopped until somebody looks, or failing for now, and the size
    of message (bytes, 0 unknown) that its server last said it takes, with when that was learned; and whether somebody
    paused it. No row, or one that says neither stopped nor failing, means that nothing is wrong. Every message reads
    these rows.

    A failing route rests until `open_until` (the circuit breaker is open); then one message tries it. `firm` tells that
    it is not tried before that even where no other route is left."""

    kind = models.CharField(max_length=10)
    route_id = models.UUIDField()
    stopped = models.BooleanField(default=False)
    failing = models.BooleanField(default=False)
    failures = models.PositiveIntegerField(default=0)
    since = models.DateTimeField()
    code = models.CharField(max_length=80, blank=True)
    reason = models.TextField(blank=True)
    size_limit = models.PositiveBigIntegerField(default=0)
    size_limit_at = models.DateTimeField(null=True)
    open_until = models.DateTimeField(null=True)
    firm = models.BooleanField(default=False)
    paused = models.BooleanField(default=False)
    paused_by = models.CharField(max_length=150, blank=True)
    paused_at = models.DateTimeField(null=True)

    # Unversioned: the rows are read with every message, so that a change by query needs no telling.
    objects = models.Manager["RouteState"]()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "route_id"], name="mailadmin_one_state_for_a_route")]

    def __str__(self) -> str:
        state = "stopped" if self.stopped else "failing" if self.failing else "well"
        return f"{self.kind} {self.route_id}: {state}"

    @property
    def key(self) -> RouteKey:
        """Return which route this is about."""
        return RouteKey(RouteKind(self.kind), str(self.route_id))


class SenderRefusal(models.Model):
    """That a route may not send as `sender`: how often it was refused, when last, and why. It says nothing about other
    senders; a change or a good test of the route forgets it."""

    kind = models.CharField(max_length=10)
    route_id = models.UUIDField()
    sender = models.CharField(max_length=320)
    count = models.PositiveIntegerField(default=0)
    code = models.CharField(max_length=80, blank=True)
    reason = models.TextField(blank=True)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "route_id", "sender"], name="mailadmin_one_refusal_for_a_sender")
        ]
        ordering = ("-last_at",)

    def __str__(self) -> str:
        return f"{self.sender} ({self.count})"

"""Connection tests and their steps."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailadmin.core import limits
from mailadmin.core.report import StepState

from .fields import labelled


class ConnectionTest(models.Model):
    """One run of Test Connection. `draft` holds the typed values of an unsaved test, sealed, for a while."""

    class State(models.TextChoices):
        """How the test ended, or that it runs."""

        RUNNING = "running", _("Running")
        OK = "ok", _("Passed")
        WARNING = "warning", _("Passed with warnings")
        NOT_PROVEN = "not-proven", _("Not proven")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Stopped")
        INTERRUPTED = "interrupted", _("Interrupted")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10)  # core.settings.RouteKind
    route_id = models.UUIDField(null=True, db_index=True)  # null: values that were never saved
    name = models.CharField(max_length=80)
    target = models.CharField(max_length=320)  # "mail.example.org:587 · STARTTLS required"
    recipient = models.CharField(max_length=320, blank=True)
    saved_values = models.BooleanField(default=True)
    saved_at = models.DateTimeField(null=True)  # when typed values were saved as they had been tested
    state = models.CharField(max_length=20, choices=State, default=State.RUNNING)
    verdict = models.TextField(blank=True)
    started_at = models.DateTimeField(default=timezone.now, db_index=True)
    beat_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    cancel_requested = models.BooleanField(default=False)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_by_name = models.CharField(max_length=150, blank=True)
    scheduled = models.BooleanField(default=False)  # asked for by the schedule, not by a person
    batch = models.UUIDField(null=True, db_index=True)  # the same for tests that "Test all" started together
    values = models.JSONField(default=dict)  # what was tested, by the names that people see; never a secret
    digest = models.CharField(max_length=64, blank=True)  # of everything that was tested, secrets by their versions
    draft = models.TextField(blank=True)  # sealed; only for the browser session in `draft_session`
    draft_session = models.CharField(max_length=64, blank=True)  # a digest of the session's key

    class Meta:
        ordering = ("-started_at",)

    def __str__(self) -> str:
        return f"{self.name}: {self.get_state_display()}"

    @classmethod
    def forget_old_drafts(cls) -> None:
        """Erase the typed values of all tests that are older than `TEST_DRAFT_MINUTES`."""
        old = timezone.now() - timedelta(minutes=limits.TEST_DRAFT_MINUTES)
        cls.objects.filter(started_at__lt=old).exclude(draft="").update(draft="", draft_session="")

    @property
    def shown_state(self) -> str:
        """Return the state, where a test without a beat shows as interrupted."""
        lost = self.state == self.State.RUNNING and timezone.now() - self.beat_at > timedelta(
            seconds=limits.TEST_LOST_SECONDS
        )
        return self.State.INTERRUPTED if lost else self.state

    @property
    def shown_label(self) -> str:
        """Return the shown state as a person reads it."""
        return str(self.State(self.shown_state).label)

    @property
    def running(self) -> bool:
        """Tell whether the test still runs."""
        return self.shown_state == self.State.RUNNING

    @property
    def asker(self) -> str:
        """Return who asked for the test, in words."""
        return gettext("the schedule") if self.scheduled else self.asked_by_name or gettext("the system")

    @property
    def duration_ms(self) -> int | None:
        """Return how long the test took, in milliseconds, None while it runs."""
        return round((self.finished_at - self.started_at).total_seconds() * 1000) if self.finished_at else None


class ConnectionTestStep(models.Model):
    """One step of a test: the columns are those of `core.report.Step`."""

    test = models.ForeignKey(ConnectionTest, on_delete=models.CASCADE, related_name="steps")
    place = models.PositiveSmallIntegerField()  # from 0
    key = models.CharField(max_length=40)
    title = models.CharField(max_length=80)
    state = models.CharField(max_length=20, choices=labelled(StepState), default=StepState.WAITING)
    fact = models.TextField(blank=True)
    notes = models.JSONField(default=list)
    dialogue = models.JSONField(default=list)
    seconds = models.FloatField(default=0)
    code = models.CharField(max_length=80, blank=True)
    problem = models.TextField(blank=True)
    cause = models.TextField(blank=True)
    remedy = models.JSONField(default=list)
    owner = models.CharField(max_length=80, blank=True)
    setting = models.CharField(max_length=40, blank=True)
    offset = models.FloatField(default=0)
    details = models.JSONField(default=list)
    fixes = models.JSONField(default=list)
    certificate_ends_on = models.DateField(null=True)

    class Meta:
        ordering = ("place",)
        constraints = [models.UniqueConstraint(fields=["test", "place"], name="mailadmin_one_step_at_a_place")]

    def __str__(self) -> str:
        return self.title

"""The one row of preferences, and the version by which every process notices a change."""

from __future__ import annotations

import uuid
from typing import Any, TypeVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailadmin.core import limits
from mailadmin.core.preferences import Keep, Sending

from .fields import Checked

# Written by delivery.guard and watch.schedule alone: whoever saves the row may have read it before their last word.
_GUARDED = ("environment", "generation", "watched_at")


def _token() -> str:
    # Not a counter: a change that is rolled back and another one that is committed must never look alike.
    return uuid.uuid4().hex


class Settings(models.Model):
    """Preferences of the whole installation; always the row 1."""

    class KeepChoice(models.TextChoices):
        """Whose content is kept, encrypted, when a message is over."""

        NONE = Keep.NONE, _("No message")
        FAILED = Keep.FAILED, _("Messages that somebody did not get")
        ALL = Keep.ALL, _("All messages")

    class SendingChoice(models.TextChoices):
        """What happens to all mail."""

        ON = Sending.ON, _("Mail is sent")
        HELD = Sending.HELD, _("All mail is held")
        REDIRECTED = Sending.REDIRECTED, _("All mail is redirected")

    retention_days = models.PositiveIntegerField(
        _("keep the log for (days)"),
        default=limits.RETENTION_DAYS,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
    )
    secret_warning_days = models.PositiveIntegerField(
        _("warn before a secret ends (days)"),
        default=limits.SECRET_WARNING_DAYS,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
    )
    queue_lifetime_hours = models.PositiveIntegerField(
        _("try a queued message for (hours)"),
        default=limits.QUEUE_LIFETIME_HOURS,
        validators=[MinValueValidator(1), MaxValueValidator(limits.MAX_QUEUE_LIFETIME_HOURS)],
    )
    keep_content = models.CharField(
        _("keep the content of"), max_length=10, choices=KeepChoice, default=KeepChoice.NONE
    )
    keep_content_days = models.PositiveIntegerField(
        _("keep content for (days)"),
        default=limits.KEEP_CONTENT_DAYS,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
    )
    hide_codes = models.BooleanField(_("hide one-time codes in subjects"), default=True)
    sending = models.CharField(_("sending"), max_length=10, choices=SendingChoice, default=SendingChoice.ON)
    redirect_to = models.CharField(_("redirect to"), max_length=254, blank=True, validators=[Checked("address")])
    # Addresses and domains that get their mail although sending is held or redirected.
    spared = models.TextField(_("except for"), blank=True, validators=[Checked("sender_list")])
    # The resolvers to ask, as IP addresses with an optional port; empty: those of this server.
    resolvers = models.TextField(_("DNS resolvers"), blank=True, validators=[Checked("resolvers")])
    probe_minutes = models.PositiveIntegerField(
        _("test every connection every (minutes)"),
        default=limits.PROBE_MINUTES,
        validators=[MaxValueValidator(limits.MAX_PROBE_MINUTES)],
    )  # 0: never
    silence_hours = models.PositiveIntegerField(
        _("warn when no message got through for (hours)"),
        default=limits.SILENCE_HOURS,
        validators=[MaxValueValidator(limits.MAX_SILENCE_HOURS)],
    )  # 0: never
    alert_quiet_minutes = models.PositiveIntegerField(
        _("say the same thing again after (minutes)"),
        default=limits.ALERT_QUIET_MINUTES,
        validators=[MaxValueValidator(limits.MAX_ALERT_QUIET_MINUTES)],
    )
    # Where people open the console ("https://mail.example.org"), for the links in alerts.
    console_url = models.CharField(
        _("address of this console"), max_length=255, blank=True, validators=[Checked("web_address")]
    )
    managed_by = models.CharField(max_length=200, blank=True, editable=False)  # see models.routes.Named
    paused_labels = models.JSONField(default=list, editable=False)
    # Whose settings these are (MAILADMIN["ENVIRONMENT"]), and how old they are: see delivery.guard.
    environment = models.CharField(max_length=limits.ENVIRONMENT_CHARS, blank=True, editable=False)
    generation = models.PositiveBigIntegerField(default=0, editable=False)
    watched_at = models.DateTimeField(null=True, editable=False)  # when somebody looked after the schedule last
    version = models.CharField(max_length=32, default=_token, editable=False)
    # What each role was given already ("Viewer": ["view_delivery", ...]): what an administrator took away
    # afterwards is never given again.
    granted = models.JSONField(default=dict, editable=False)
    # Users whose password was printed once and must be replaced at the first sign-in.
    one_time_passwords = models.JSONField(default=list, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = _("settings")

    def __str__(self) -> str:
        return gettext("Settings")

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save as row 1, with a new version. What the guard counts and the schedule notes is left alone."""
        self.pk = 1
        self.version = _token()
        if not (self._state.adding or args or "update_fields" in kwargs):
            kwargs["update_fields"] = [
                field.name for field in self._meta.concrete_fields if field.name not in ("id", *_GUARDED)
            ]
        super().save(*args, **kwargs)

    def sending_errors(self) -> dict[str, str]:
        """Return a sentence for each column that the switch for all mail lacks."""
        if self.sending == Sending.REDIRECTED and not self.redirect_to.strip():
            return {"redirect_to": gettext("Type the address that all mail is to go to.")}
        return {}

    @classmethod
    def load(cls) -> Settings:
        """Return the row, made with its defaults when it does not exist."""
        return cls.objects.get_or_create(pk=1)[0]

    @classmethod
    def locked(cls) -> Settings:
        """Return the row, locked until the end of the caller's transaction, so that no change of another is undone."""
        cls.load()
        return cls.objects.select_for_update().get(pk=1)

    @classmethod
    def bump(cls) -> None:
        """Tell every process that routes or preferences changed (in the caller's transaction)."""
        if not cls.objects.filter(pk=1).update(version=_token()):
            cls.load()

    @classmethod
    def current_version(cls) -> str:
        """Return the version; one statement. "" while the row does not exist."""
        return cls.objects.filter(pk=1).values_list("version", flat=True).first() or ""


Row = TypeVar("Row", bound=models.Model)


class VersionedQuerySet(models.QuerySet[Row, Row]):
    """Changes by query count as changes, too."""

    def update(self, **kwargs: Any) -> int:
        """Update the rows and tell every process."""
        changed = super().update(**kwargs)
        if changed:
            Settings.bump()
        return changed

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows and tell every process."""
        result = super().delete()
        Settings.bump()
        return result

    # As Django marks its own: a manager must not offer to delete every row at once.
    delete.queryset_only = True  # type: ignore[attr-defined]  # Django reads it from the function

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[Row]:
        """Add the rows and tell every process."""
        rows = super().bulk_create(*args, **kwargs)
        Settings.bump()
        return rows


class Versioned(models.Model):
    """A row whose change must be in force for the next message in every process. Concrete models take
    `objects = VersionedQuerySet.as_manager()`, so that changes by query count, too."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and tell every process."""
        super().save(*args, **kwargs)
        Settings.bump()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete, and tell every process."""
        result = super().delete(*args, **kwargs)
        Settings.bump()
        return result

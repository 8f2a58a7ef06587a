"""The audit trail: who did what, when and from where. Rows are only ever added."""

from __future__ import annotations

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class AppendOnly(models.QuerySet[Any]):
    """Refuses to change or remove rows."""

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Add entries. Raises TypeError when ones that exist shall be changed."""
        if kwargs.get("update_conflicts"):
            raise TypeError("Audit entries are only ever added.")
        return super().bulk_create(*args, **kwargs)

    def update(self, **kwargs: Any) -> NoReturn:
        """Refuse."""
        raise TypeError("Audit entries are only ever added.")

    def delete(self) -> NoReturn:
        """Refuse."""
        raise TypeError("Audit entries are only ever added.")


class AuditEntry(models.Model):
    """One thing that somebody did. `changes` maps a field to [before, after]; a secret shows as "changed". `before`
    holds the values of a settings row as they were before it was changed or deleted, by its columns, complete and
    without secrets, so that they can be restored; {} when there were none, or nobody would want them back."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    # No database constraint acts on entries when a user is deleted: the name stays, the number may dangle.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    user_name = models.CharField(max_length=150, blank=True)
    action = models.CharField(max_length=40)  # "created", "changed", "deleted", "tested", "sent", ...
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_name = models.CharField(max_length=255, blank=True)
    changes = models.JSONField(default=dict)
    before = models.JSONField(default=dict)
    detail = models.TextField(blank=True)
    remote_address = models.GenericIPAddressField(null=True)
    # Filled in when rows are sealed in batches into a chain of hashes.
    batch = models.PositiveBigIntegerField(null=True, editable=False)
    seal = models.CharField(max_length=64, blank=True, editable=False)

    objects = AppendOnly.as_manager()

    class Meta:
        verbose_name_plural = _("audit entries")
        ordering = ("-id",)
        indexes = [models.Index(fields=["object_id"], name="mailadmin_audit_object")]  # the history of a row

    def __str__(self) -> str:
        return f"{self.user_name} {self.action} {self.object_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the entry. Raises TypeError when it exists already."""
        if not self._state.adding:
            raise TypeError("Audit entries are only ever added.")
        kwargs["force_insert"] = True  # a new object with an old number must not replace that entry
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        raise TypeError("Audit entries are only ever added.")

"""The audit trail: who did what, when and from where. Rows are only ever added."""

from __future__ import annotations

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailadmin.core.texts import N_

# What people do, and to what, as entries keep it: in the language of the code, and looked up when it is shown. What
# models call themselves is in the catalogue anyway, but for OBJECTS; COLUMNS are those without words of their own.
ACTIONS = (
    *(N_("created"), N_("changed"), N_("deleted"), N_("moved"), N_("tested"), N_("stopped"), N_("switched on")),
    *(N_("switched off"), N_("paused"), N_("resumed"), N_("cancelled"), N_("released"), N_("made due")),
    *(
        N_("marked as delivered"),
        N_("marked as not delivered"),
        N_("sent"),
        N_("queued"),
        N_("sent again"),
        N_("exported"),
    ),
    *(N_("erased"), N_("emptied"), N_("switched"), N_("confirmed"), N_("switched the credential")),
    *(N_("forgot the second credential"), N_("searched for a server"), N_("sent a test alert"), N_("read the DNS")),
)
OBJECTS = (N_("delivery"), N_("sender domain"), N_("integrated service"))
COLUMNS = (
    *(N_("name"), N_("managed by"), N_("subject prefix"), N_("default recipients"), N_("security")),
    *(N_("sender policy"), N_("client type"), N_("certificate"), N_("second certificate"), N_("cloud")),
    *(N_("wide permission ok"), N_("account kind"), N_("paused labels"), N_("environment"), N_("generation")),
    *(N_("domain"), N_("reading"), N_("read at"), N_("smtp port"), N_("https port"), N_("ca pem")),
    *(N_("smtp fault"), N_("graph fault"), N_("place"), N_("token made at"), N_("revoked at"), N_("host")),
)


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
    action = models.CharField(max_length=40)  # one of ACTIONS
    object_type = models.CharField(max_length=40, blank=True)  # what its model calls it
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

    @property
    def done(self) -> str:
        """Return what was done, as a person reads it."""
        return gettext(self.action)

    @property
    def object_kind(self) -> str:
        """Return to what kind of thing it was done, as a person reads it."""
        return gettext(self.object_type)

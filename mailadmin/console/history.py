"""The history of a settings row, out of the audit trail, and the values that an entry can bring back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from mailadmin.core.dates import day
from mailadmin.core.texts import N_
from mailadmin.models import AuditEntry, IntegratedService, Settings

from . import audit
from .audit import plain
from .forms import SettingsForm
from .proposals import Draft, Proposal, mark, marks_of, proposed
from .sections import SERVICE, Form, Section

# What was done with a row, but changed none of its settings.
_NO_CHANGE = ("tested", "stopped", "paused", "resumed")
# The credential in use: it goes with its secret, and no secret is kept.
_CREDENTIAL = frozenset({"credential_kind", "certificate", "credential_ends_on"})
_AS_NOW = N_("These are the values that stand now, so nothing would change.")


def history_of(model: type[models.Model], pk: object) -> QuerySet[AuditEntry]:
    """Return what happened to the settings of a row, the newest first; the row may be gone."""
    return _entries(model).filter(object_id=str(pk)).exclude(action__in=_NO_CHANGE)


def deleted(section: Section) -> QuerySet[AuditEntry]:
    """Return the deletions of rows of the section, the newest first."""
    return _entries(section.model).filter(action="deleted")


def restored(section: Section, entry: AuditEntry, back: tuple[str, str]) -> tuple[Form, Proposal]:
    """Return the form with the values from before `entry`, of its row or of a new one where it is gone, and what the
    page says above it."""
    row = section.model.objects.filter(pk=entry.object_id).first()
    values, notes = _usable(section, entry.before, row)
    draft = Draft(section, row or section.model(), values, notes=notes)
    if row is None:
        title = _titled(
            entry,
            _("“{name}” from before the deletion of {when} by {who}"),
            _("“{name}” from before the deletion of {when}"),
        )
        why = _("It is added anew with these values. No secret was kept: type it again.")
    else:
        title = _titled(
            entry,
            _("The values from before the change of {when} by {who}"),
            _("The values from before the change of {when}"),
        )
        why = _("Stored secrets stay as they are now, as long as they belong to the same destination.")
    form, proposal = proposed(draft, title, why, back)
    if row is not None and not proposal.marks:
        notes.append(_(_AS_NOW))
        form, proposal = proposed(draft, title, why, back)
    return form, proposal


def restored_settings(entry: AuditEntry, back: tuple[str, str]) -> tuple[SettingsForm, Proposal]:
    """Return the form of the preferences with the values from before `entry`, and what the page says above it."""
    known = {name: entry.before[name] for name in SettingsForm.base_fields if name in entry.before}
    form, now = SettingsForm(instance=Settings.load(), initial=known), SettingsForm(instance=Settings.load())
    marks = marks_of(form, now)
    mark(form, marks)
    title = _titled(
        entry,
        _("The preferences from before the change of {when} by {who}"),
        _("The preferences from before the change of {when}"),
    )
    return form, Proposal(title, "", tuple(marks), notes=() if marks else (_(_AS_NOW),), back=back)


def restorable(entry: AuditEntry, form: Any) -> bool:
    """Tell whether the entry keeps values that a form of this class could take back."""
    return any(name in entry.before for name in form.base_fields)


def _entries(model: type[models.Model]) -> QuerySet[AuditEntry]:
    return AuditEntry.objects.filter(object_type=audit.kind_of(model))


def _usable(section: Section, before: Mapping[str, Any], row: Any) -> tuple[dict[str, Any], list[str]]:
    """Return those of the values `before` that a form can show, and a sentence for each that cannot come back."""
    values = {name: value for name, value in before.items() if name in section.form.base_fields}
    notes = []
    service = values.get("integrated_service")
    if service and not IntegratedService.objects.filter(pk=service).exists():
        del values["integrated_service"]
        gone = AuditEntry.objects.filter(object_id=service, action="deleted").first()
        text = _("The integrated service it used does not exist any more; choose another one.")
        if gone:
            text = _("The integrated service “{name}” does not exist any more; choose another one.")
        notes.append(text.format(name=gone.object_name if gone else ""))
    if section is SERVICE:
        then, now = ({name: values.get(name) for name in _CREDENTIAL}, _credential_now(row))
        left_out = {"credential_ends_on"} if row is None else set(_CREDENTIAL)
        values = {name: value for name, value in values.items() if name not in left_out}
        if row is not None and then != now:
            notes.append(_("The credential stays as it is now: it goes with its secret, and no secret is kept here."))
    return values, notes


def _credential_now(row: Any) -> dict[str, Any]:
    """Return the credential of `row` as an entry would keep it."""
    return {name: plain(row)[name] for name in _CREDENTIAL} if row is not None else {}


def _titled(entry: AuditEntry, with_who: str, without: str) -> str:
    """Return the title of a form with the values from before `entry`, by whether it is known who did it."""
    at = timezone.localtime(entry.at)
    text = with_who if entry.user_name else without
    return text.format(name=entry.object_name, when=f"{day(at)}, {at:%H:%M}", who=entry.user_name)

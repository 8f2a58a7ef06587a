"""What a row held before and after a change, as the audit trail tells it: every value, and never a secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from mailadmin.language import in_site_language

from .secrets import SecretHolder

_UNTOLD = {
    *("id", "created_at", "changed_at", "version", "watched_at"),
    *("token_digest", "minute_at", "minute_count", "day", "day_count", "last_used_at"),  # of a client: no setting
}
_VALUE_CHARS = 200  # a certificate is told apart by its beginning; the trail is no second copy of it


@dataclass(frozen=True)
class HiddenValue:
    """A secret in a snapshot: can be compared, shows only whether there is one."""

    stored: str

    def __repr__(self) -> str:
        return _("stored") if self.stored else _("none")

    __str__ = __repr__


Snapshot = dict[str, object]
Changes = dict[str, list[str]]
Plain = dict[str, Any]


def kind_of(model: type[models.Model] | models.Model) -> str:
    """Return what entries call rows of `model`: in the language of the code, so that they are found in every one."""
    return str(model._meta.verbose_name_raw)


@sensitive_variables()
@in_site_language
def snapshot(row: models.Model) -> Snapshot:
    """Return the values of `row` by the names that people see; a secret is hidden."""
    values: Snapshot = {}
    secrets = row.secrets() if isinstance(row, SecretHolder) else []
    untold = _UNTOLD.union(*(held.columns for held in secrets))
    for field in row._meta.concrete_fields:
        if field.name in untold:
            continue
        value = getattr(row, field.name, None)  # a new row has no related one yet
        display = getattr(row, f"get_{field.name}_display", None)
        values[_(str(field.verbose_name))] = display() if display else value
    return values | {held.word: HiddenValue(held.sealed) for held in secrets}


def plain(row: models.Model) -> Plain:
    """Return the values of `row` that a form can take, by its columns and as JSON knows them, complete. Secrets are in
    columns that no form shows, so that none is among them."""
    columns = [field for field in row._meta.concrete_fields if field.editable and not field.primary_key]
    return {field.name: _json(field.value_from_object(row)) for field in columns}


@in_site_language
def diff(before: Snapshot, after: Snapshot) -> Changes:
    """Return [before, after] as text for each name whose value differs; a secret shows as "changed"."""
    pairs = {name: _both(before.get(name), after.get(name)) for name in before | after}
    return {name: [_text(old), _text_after(old, new)] for name, (old, new) in pairs.items() if old != new}


def _json(value: Any) -> Any:
    """Return `value` as JSON has it; dates, UUIDs and the like as text."""
    return value if value is None or isinstance(value, (bool, int, float, str, list, dict)) else str(value)


def _text(value: object) -> str:
    if value is None:
        return ""
    text = str(value) if not isinstance(value, bool) else _("yes") if value else _("no")
    return text if len(text) <= _VALUE_CHARS else f"{text[:_VALUE_CHARS]}…"


def _both(old: object, new: object) -> tuple[object, object]:
    """Return both values; what a slot keeps may be called otherwise now, and then there is none under this name."""
    if isinstance(old, HiddenValue) and new is None:
        return old, HiddenValue("")
    if isinstance(new, HiddenValue) and old is None:
        return HiddenValue(""), new
    return old, new


def _text_after(before: object, after: object) -> str:
    if isinstance(after, HiddenValue) and isinstance(before, HiddenValue) and before.stored:
        return _("changed") if after.stored else _("forgotten")
    return _text(after)

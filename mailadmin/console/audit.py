"""Writes the audit trail: who did what, with the changed values and never a secret."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from mailadmin.models import AuditEntry
from mailadmin.models.secrets import SecretHolder

_UNTOLD = {"id", "created_at", "changed_at", "version", "watched_at"}
_VALUE_CHARS = 200  # a certificate is told apart by its beginning; the trail is no second copy of it


@dataclass(frozen=True)
class HiddenValue:
    """A secret in a snapshot: can be compared, shows only whether there is one."""

    stored: str

    def __repr__(self) -> str:
        return "stored" if self.stored else "none"

    __str__ = __repr__


Snapshot = dict[str, object]
Changes = dict[str, list[str]]
Plain = dict[str, Any]


@sensitive_variables()
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
        values[str(field.verbose_name)] = display() if display else value
    return values | {held.word: HiddenValue(held.sealed) for held in secrets}


def plain(row: models.Model) -> Plain:
    """Return the values of `row` that a form can take, by its columns and as JSON knows them, complete. Secrets are in
    columns that no form shows, so that none is among them."""
    columns = [field for field in row._meta.concrete_fields if field.editable and not field.primary_key]
    return {field.name: _json(field.value_from_object(row)) for field in columns}


def diff(before: Snapshot, after: Snapshot) -> Changes:
    """Return [before, after] as text for each name whose value differs; a secret shows as "changed"."""
    pairs = {name: _both(before.get(name), after.get(name)) for name in before | after}
    return {name: [_text(old), _text_after(old, new)] for name, (old, new) in pairs.items() if old != new}


def record(
    who: HttpRequest | Any,
    action: str,
    obj: models.Model | None = None,
    changes: Changes | None = None,
    detail: str = "",
    before: Plain | None = None,
) -> AuditEntry:
    """Add an entry and return it.

    `who` is the request, or a user where there is none (None: the system itself); `action` a word such as
    "changed"; `obj` what it was done to; `changes` comes from `diff`; `before` from `plain`, for what may be restored.
    """
    request = who if isinstance(who, HttpRequest) else None
    user: Any = request.user if request else who
    if isinstance(user, AnonymousUser):
        user = None
    return AuditEntry.objects.create(
        user=user,
        user_name=user.get_username() if user else "",
        action=action,
        object_type=str(obj._meta.verbose_name) if obj else "",
        object_id=str(obj.pk) if obj and obj.pk else "",  # none before it is saved
        object_name=str(obj)[:255] if obj else "",
        changes=changes or {},
        before=before or {},
        detail=detail,
        remote_address=_remote_address(request),
    )


def _remote_address(request: HttpRequest | None) -> str | None:
    """Return the peer's address. A forwarded header could be anybody's invention; the server in front sets
    REMOTE_ADDR."""
    address = request.META.get("REMOTE_ADDR", "") if request else ""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None  # behind a Unix socket there is none


def _json(value: Any) -> Any:
    """Return `value` as JSON has it; dates, UUIDs and the like as text."""
    return value if value is None or isinstance(value, (bool, int, float, str, list, dict)) else str(value)


def _text(value: object) -> str:
    text = (
        {None: "", True: "yes", False: "no"}.get(value, "") if value is None or isinstance(value, bool) else str(value)
    )
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
        return "changed" if after.stored else "forgotten"
    return _text(after)

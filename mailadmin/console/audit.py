"""Writes the audit trail: who did what, with the changed values and never a secret."""

from __future__ import annotations

import ipaddress
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.http import HttpRequest
from django.utils.functional import Promise

from mailadmin.language import in_site_language
from mailadmin.models import AuditEntry
from mailadmin.models.snapshots import Changes, Plain, Snapshot, diff, kind_of, plain, snapshot

__all__ = ["Changes", "Plain", "Snapshot", "diff", "kind_of", "plain", "record", "snapshot"]


@in_site_language
def record(
    who: HttpRequest | Any,
    action: str,
    obj: models.Model | None = None,
    changes: Changes | None = None,
    detail: str | Promise = "",
    before: Plain | None = None,
) -> AuditEntry:
    """Add an entry and return it.

    `who` is the request, or a user where there is none (None: the system itself); `action` a word such as
    "changed" (of models.audit.ACTIONS, which are looked up when they are shown); `obj` what it was done to; `changes`
    comes from `diff`; `before` from `plain`, for what may be restored. A lazy `detail` is written in the site's
    language.
    """
    request = who if isinstance(who, HttpRequest) else None
    user: Any = request.user if request else who
    if isinstance(user, AnonymousUser):
        user = None
    return AuditEntry.objects.create(
        user=user,
        user_name=user.get_username() if user else "",
        action=action,
        object_type=kind_of(obj) if obj else "",
        object_id=str(obj.pk) if obj and obj.pk else "",  # none before it is saved
        object_name=str(obj)[:255] if obj else "",
        changes=changes or {},
        before=before or {},
        detail=str(detail),
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

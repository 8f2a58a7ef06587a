"""What a client changes, in the audit trail. (Messages that it hands over stand in the delivery log.)"""

from __future__ import annotations

import ipaddress

from django.db import models
from django.http import HttpRequest

from mailadmin.models import ApiClient, AuditEntry

_NAME_CHARS = 150


def record(request: HttpRequest, client: ApiClient, action: str, row: models.Model, detail: str = "") -> None:
    """Write that `client` did `action` ("cancelled") to `row`."""
    try:
        address = str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        address = None  # behind a Unix socket there is none
    AuditEntry.objects.create(
        user_name=f"API client {client.name}"[:_NAME_CHARS],
        action=action,
        object_type=str(row._meta.verbose_name),
        object_id=str(row.pk),
        object_name=str(row)[:255],
        detail=detail,
        remote_address=address,
    )

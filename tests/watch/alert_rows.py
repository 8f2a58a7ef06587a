"""Channels and trouble for the tests of alerts."""

from __future__ import annotations

import json
from typing import Any

from django.utils import timezone

from mailadmin.core.alerts import ChannelKind
from mailadmin.models import Alert, AlertChannel, AlertDelivery, RouteState
from mailadmin.models.routes import RouteRow
from tests.fakes.graph_server import ScriptedServer

SECRET = "canary-signing-secret-4471"
PATH = "/hook/canary-path-7731?token=canary-token-9902"


def webhook(server: ScriptedServer, name: str = "Ops", kind: str = ChannelKind.WEBHOOK, **values: Any) -> AlertChannel:
    """Add a channel that posts to a scripted server on loopback."""
    scheme = "https" if values.pop("tls", False) else "http"
    row = AlertChannel(name=name, kind=kind, host=server.host, **values)
    row.url.set(f"{scheme}://{server.host}{PATH}")
    if kind == ChannelKind.WEBHOOK:
        row.signing.set(SECRET)
    row.full_clean()
    row.save()
    return row


def mail_channel(name: str = "Mail", recipients: str = "ops@example.org", **values: Any) -> AlertChannel:
    """Add a channel that sends e-mail."""
    row = AlertChannel(name=name, kind=ChannelKind.EMAIL, recipients=recipients, **values)
    row.full_clean()
    row.save()
    return row


def stop(route: RouteRow, reason: str = "The password is wrong.", code: str = "auth-5xx") -> None:
    """Let a route be stopped, as a wrong password does."""
    values = {"stopped": True, "failing": True, "since": timezone.now(), "code": code, "reason": reason}
    RouteState.objects.update_or_create(kind=route.kind, route_id=route.pk, defaults=values)


def mend(route: RouteRow) -> None:
    """Let a route be well again."""
    RouteState.objects.filter(kind=route.kind, route_id=route.pk).delete()


def told() -> list[str]:
    """Return the titles of the alerts, the oldest first."""
    return list(Alert.objects.order_by("created_at", "pk").values_list("title", flat=True))


def outcomes() -> list[tuple[str, str, int]]:
    """Return channel, state and tries of every delivery, in their order."""
    return list(AlertDelivery.objects.values_list("channel_name", "state", "tries"))


def posted(server: ScriptedServer) -> list[dict[str, Any]]:
    """Return the JSON that the server got."""
    return [json.loads(request.body) for request in server.requests]

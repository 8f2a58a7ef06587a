"""From the row of an alert to what is told, with the name of this environment and the page that helps."""

from __future__ import annotations

from django.utils import timezone

from mailadmin import conf
from mailadmin.core.alert_payloads import Notice
from mailadmin.core.alerts import Event
from mailadmin.models import Alert, Settings


def notice_of(alert: Alert) -> Notice:
    """Return `alert` as it is told. Raises ConfigurationError."""
    site = Settings.load().console_url.strip().rstrip("/")
    return Notice(
        id=str(alert.pk),
        event=Event(alert.event),
        title=alert.title,
        at=timezone.localtime(alert.created_at),
        text=alert.text,
        remedy=tuple(alert.remedy),
        owner=alert.owner,
        name=alert.name,
        code=alert.code,
        route=(alert.route_kind, str(alert.route_id)) if alert.route_id else None,
        environment=conf.environment(),
        url=f"{site}{alert.path}" if site and alert.path else "",
    )

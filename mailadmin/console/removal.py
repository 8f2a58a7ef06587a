"""What deleting a settings row would mean: who uses it, and whether mail would still leave."""

from __future__ import annotations

from dataclasses import dataclass

from mailadmin.models import Delivery, IntegratedService, OAuthService, SmtpConnection

Row = OAuthService | SmtpConnection | IntegratedService


@dataclass(frozen=True)
class Removal:
    """`in_use_by` are the routes that forbid the deletion; `messages` counts what the log has of the row;
    `last_route` tells that no enabled route would be left."""

    in_use_by: tuple[OAuthService | SmtpConnection, ...] = ()
    messages: int = 0
    last_route: bool = False


def removal(row: Row) -> Removal:
    """Return what deleting `row` would mean."""
    if isinstance(row, IntegratedService):
        return Removal(in_use_by=(*row.oauth_services.all(), *row.smtp_connections.all()))
    others = sum(
        model.objects.filter(enabled=True).exclude(pk=row.pk).count() for model in (OAuthService, SmtpConnection)
    )
    return Removal(messages=Delivery.objects.filter(route_id=row.pk).count(), last_route=row.enabled and not others)

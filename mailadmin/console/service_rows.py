"""What the list says of each integrated service: how its secret stands, and who signs in with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from mailadmin.models import IntegratedService, OAuthService, SmtpConnection


@dataclass(frozen=True)
class ServiceSummary:
    """One integrated service in the list. `state` and `label` are about its secret; `days_left` is None when
    no end is known."""

    row: IntegratedService
    state: str
    label: str
    days_left: int | None
    used_by: tuple[OAuthService | SmtpConnection, ...]

    @property
    def days_left_text(self) -> str:
        """Return when the secret ends, in words."""
        if self.days_left is None:
            return ""
        if self.days_left < 0:
            return "has ended"
        return {0: "today", 1: "tomorrow"}.get(self.days_left, f"in {self.days_left} days")


def service_summaries(warning_days: int, today: date) -> list[ServiceSummary]:
    """Return all integrated services: three statements, whatever their number."""
    rows = IntegratedService.objects.prefetch_related("oauth_services", "smtp_connections")
    return [_summary(row, warning_days, today) for row in rows]


def _summary(row: IntegratedService, warning_days: int, today: date) -> ServiceSummary:
    days_left = (row.credential_ends_on - today).days if row.credential_ends_on else None
    users: tuple[Any, ...] = (*row.oauth_services.all(), *row.smtp_connections.all())
    return ServiceSummary(row, *_secret_state(row, days_left, warning_days), days_left, users)


def _secret_state(row: IntegratedService, days_left: int | None, warning_days: int) -> tuple[str, str]:
    if not row.secret.stored:
        return "failed", "Missing"
    if days_left is not None and days_left < 0:
        return "failed", "Ended"
    if days_left is not None and days_left <= warning_days:
        return "warning", "Ends soon"
    return "ok", f"Kept in {row.secret.reference.partition(':')[0]}" if row.secret.reference else "Stored"

"""What the list says of each integrated service: how its credentials stand, and who signs in with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from mailadmin.models import IntegratedService, Settings
from mailadmin.models.routes import RouteRow
from mailadmin.watch.credentials import CredentialState, first_state, second_state


@dataclass(frozen=True)
class ServiceSummary:
    """One integrated service in the list, with the credential in use and the second one, if there is one."""

    row: IntegratedService
    credential: CredentialState
    second: CredentialState | None
    used_by: tuple[RouteRow, ...]


def service_summaries(warning_days: int, today: date) -> list[ServiceSummary]:
    """Return all integrated services: three statements, whatever their number."""
    rows = IntegratedService.objects.prefetch_related("oauth_services", "smtp_connections")
    return [
        ServiceSummary(row, first_state(row, warning_days, today), second_state(row, warning_days, today), row.routes())
        for row in rows
    ]


def credentials_of(row: object) -> list[CredentialState]:
    """Return how the credentials of a saved integrated service stand, the one in use first; [] for anything else."""
    if not isinstance(row, IntegratedService):
        return []
    days, today = Settings.load().secret_warning_days, timezone.localdate()
    second = second_state(row, days, today)
    return [first_state(row, days, today), *([second] if second else [])]

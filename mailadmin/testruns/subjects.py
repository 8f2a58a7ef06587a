"""From saved rows to what Test Connection walks."""

from __future__ import annotations

from mailadmin.models import IntegratedService, OAuthService, SmtpConnection

from .ladders import AppSubject, Subject

Row = OAuthService | SmtpConnection | IntegratedService


def subject_of_row(row: Row) -> Subject:
    """Return what is walked for saved values. Raises ValueError where a row cannot be read as settings."""
    return app_subject(row) if isinstance(row, IntegratedService) else row.to_route()


def app_subject(row: IntegratedService) -> AppSubject:
    """Return an app registration to test by itself: where only SMTP connections sign in with it, its token is for
    SMTP."""
    by_smtp = not row._state.adding and row.smtp_connections.exists() and not row.oauth_services.exists()
    return AppSubject(row.to_app(), for_smtp=by_smtp)


def rows_to_test() -> list[Row]:
    """Return what "Test all" tests: every enabled route in the order in which they are tried, then each integrated
    service that no enabled route signs in with."""
    oauth = OAuthService.objects.filter(enabled=True).select_related("integrated_service")
    smtp = SmtpConnection.objects.filter(enabled=True).select_related("integrated_service")
    routes: list[OAuthService | SmtpConnection] = [*oauth, *smtp]
    used = {route.integrated_service.pk for route in routes if route.integrated_service}
    return [*routes, *IntegratedService.objects.exclude(pk__in=used)]

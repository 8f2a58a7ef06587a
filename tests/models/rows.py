"""Rows to try things on, filled in well."""

from __future__ import annotations

from typing import Any

from mailadmin.models import IntegratedService, OAuthService, SmtpConnection

PASSWORD = "canary-pässword-7731"
CLIENT_ID = "3c1d22aa-86f1-41af-91ab-2d7cd011db47"


def connection(name: str = "Relay A", *, password: str = "", save: bool = True, **values: Any) -> SmtpConnection:
    """Return an SMTP connection, by default one that is saved."""
    signs_in: dict[str, Any] = {"auth": "password", "user_name": "ada"} if password else {}
    row = SmtpConnection(name=name, **({"host": "smtp.example.org"} | signs_in | values))
    return _stored(row, password, save)


def app(name: str = "App", *, password: str = "", save: bool = True, **values: Any) -> IntegratedService:
    """Return an integrated service, by default one that is saved."""
    row = IntegratedService(name=name, **({"tenant": "contoso.example", "client_id": CLIENT_ID} | values))
    return _stored(row, password, save)


def office365(name: str = "Contoso 365", *, save: bool = True, **values: Any) -> OAuthService:
    """Return an OAuth service, by default one that is saved."""
    service = values.pop("integrated_service", None) or app(f"App of {name}")
    row = OAuthService(name=name, integrated_service=service, **({"service_identity": "robot@contoso.org"} | values))
    return _stored(row, "", save)


def _stored(row: Any, password: str, save: bool) -> Any:
    if password:
        row.set_secret(password)
    if save:
        row.save()
    return row

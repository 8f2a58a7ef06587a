"""Routes and messages for tests of the SMTP rooms."""

from __future__ import annotations

from typing import Any

from mailadmin.core.content import Content
from mailadmin.core.secret import Secret
from mailadmin.core.settings import (
    RouteKey,
    RouteKind,
    Security,
    SmtpAuth,
    SmtpRoute,
    Timeouts,
    TlsSettings,
)
from mailadmin.transports.base import Mail
from tests.fakes import certificates

CONTENT = b"From: anna@example.org\r\nTo: ben@example.net\r\nSubject: Hello\r\n\r\nHello.\r\n"
PASSWORD = "geheim-1"


def smtp_route(port: int, **changes: Any) -> SmtpRoute:
    """Return a route to loopback that trusts the tests' CA and does not wait long."""
    values: dict[str, Any] = {
        "host": "localhost",
        "security": Security.NONE,
        "tls": TlsSettings(ca_pem=certificates.authority().pem),
        "timeouts": Timeouts(connect=5, command=5, message=10),
    }
    return SmtpRoute(RouteKey(RouteKind.SMTP, ""), "Test", port=port, **(values | changes))


def with_password(port: int, **changes: Any) -> SmtpRoute:
    """Return a route that signs in as the fake server's user."""
    values = {"auth": SmtpAuth.PASSWORD, "user": "anna", "password": Secret(PASSWORD)}
    return smtp_route(port, **(values | changes))


def mail(*recipients: str, content: bytes = CONTENT, **changes: Any) -> Mail:
    """Return a message to `recipients` (one by default)."""
    return Mail(
        "anna@example.org",
        recipients or ("ben@example.net",),
        Content.of(content),
        "<1@example.org>",
        **changes,
    )

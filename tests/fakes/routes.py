"""Frozen routes for tests, made without any database."""

from __future__ import annotations

from itertools import count

from mailadmin.core.content import Content
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Cloud, Credential, EntraApp, OAuthRoute, RouteKey, RouteKind
from mailadmin.transports.base import Mail
from tests.fakes.graph_server import TENANT

CLIENT_SECRET = "canary-secret-9301"
_numbers = count(1)


def entra_app(host: str, ca_pem: str, **changes: object) -> EntraApp:
    """Return an app registration of a cloud whose hosts are both `host`."""
    cloud = Cloud("custom", host, host, ("localhost",), "https://localhost/.default", ca_pem)
    values: dict[str, object] = {
        "id": "app",
        "name": "App",
        "cloud": cloud,
        "tenant": TENANT,
        # Tokens are kept for each app, so each test has one of its own.
        "client_id": f"client-{next(_numbers)}",
        "credential": Credential(secret=Secret(CLIENT_SECRET)),
        **changes,
    }
    return EntraApp(**values)  # type: ignore[arg-type]


def oauth_route(app: EntraApp | None, **changes: object) -> OAuthRoute:
    """Return an OAuth service that sends as robot@example.org."""
    values: dict[str, object] = {"app": app, "identity": "robot@example.org", **changes}
    return OAuthRoute(RouteKey(RouteKind.OAUTH, "1"), "Office 365", **values)  # type: ignore[arg-type]


def a_mail(**changes: object) -> Mail:
    """Return a small message to a@example.org."""
    content = b"From: robot@example.org\r\nTo: a@example.org\r\nSubject: Hi\r\n\r\nHello\r\n"
    values: dict[str, object] = {
        "sender": "robot@example.org",
        "recipients": ("a@example.org",),
        "content": content,
        "message_id": "<1@example.org>",
        **changes,
    }
    if isinstance(values["content"], bytes):
        values["content"] = Content.of(values["content"])
    return Mail(**values)  # type: ignore[arg-type]

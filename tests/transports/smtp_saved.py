"""Saved connections, as every `send_mail()` uses them."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from mailadmin.core.settings import RouteKey, RouteKind, SmtpRoute
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.registry import open_transport
from tests.fakes.smtp_routes import mail, smtp_route
from tests.fakes.smtp_server import Connection, SmtpServer

KEY = RouteKey(RouteKind.SMTP, "5b6d3b0e-5f0e-4a53-9d2b-0d2f2f6f3a01")
POLICY = NetworkPolicy()


def saved(port: int, **changes: Any) -> SmtpRoute:
    return replace(smtp_route(port, **changes), key=KEY)


def send(route: SmtpRoute, version: str = "1", **options: Any) -> str:
    """Send as every `send_mail()` does: by a transport of its own."""
    transport = open_transport(route, POLICY, version, **options)
    try:
        return transport.send(mail()).answer
    finally:
        transport.close()


class Gate:
    """An action that holds the server until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, connection: Connection) -> bool:
        self.reached.set()
        self.opened.wait(10)
        connection.say("250 2.0.0 Ok")
        connection.positive = True
        return True


def ended_with_quit(server: SmtpServer, place: int) -> bool:
    session = server.sessions[place]
    return session.ended.wait(5) and session.verbs()[-1] == "QUIT"

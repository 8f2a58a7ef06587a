"""The sandbox with an inbox and a behaviour in memory."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from mailadmin.core.secret import Secret
from mailadmin.core.settings import (
    Cloud,
    Credential,
    EntraApp,
    OAuthRoute,
    RouteKey,
    RouteKind,
    Security,
    SmtpAuth,
    SmtpRoute,
    TlsSettings,
)
from mailadmin.net.policy import NetworkPolicy
from mailadmin.sandbox.certificates import certificates
from mailadmin.sandbox.client_key import client_certificate
from mailadmin.sandbox.manners import MICROSOFTS, Limits
from mailadmin.sandbox.server import REGISTRATION, Sandbox
from mailadmin.sandbox.tokens import Registration
from mailadmin.transports.base import Accepted, Mail
from mailadmin.transports.graph.transport import GraphTransport
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.fakes.routes import a_mail


@dataclass(frozen=True)
class Kept:
    """One message as it was kept."""

    via: str
    envelope_sender: str
    recipients: tuple[str, ...]
    raw: bytes


@dataclass
class Memory:
    """An inbox and a behaviour in one."""

    kept: list[Kept] = field(default_factory=list)
    smtp_fault: str = ""
    graph_fault: str = ""

    def keep(self, via: str, envelope_sender: str, recipients: Sequence[str], raw: bytes) -> None:
        self.kept.append(Kept(via, envelope_sender, tuple(recipients), raw))

    def smtp(self) -> str:
        return self.smtp_fault

    def graph(self) -> str:
        return self.graph_fault


@cache
def sandbox_folder() -> Path:
    folder = Path(mkdtemp(prefix="mailadmin-sandbox-"))
    certificates(folder, datetime.now(UTC))
    client_certificate(folder)
    return folder


@contextlib.contextmanager
def running_sandbox(
    limits: Limits = MICROSOFTS, registration: Registration = REGISTRATION
) -> Iterator[tuple[Sandbox, Memory]]:
    """Run a sandbox on free ports."""
    memory = Memory()
    sandbox = Sandbox(sandbox_folder(), memory, memory, limits=limits, registration=registration)
    sandbox.start()
    try:
        yield sandbox, memory
    finally:
        sandbox.stop()


def sandbox_app(sandbox: Sandbox, **changes: object) -> EntraApp:
    """Return the app registration that the sandbox knows."""
    host = sandbox.https_host
    cloud = Cloud("custom", host, host, ("localhost",), "https://localhost/.default", sandbox.ca_pem)
    values: dict[str, object] = {
        "id": "1",
        "name": "Sandbox",
        "cloud": cloud,
        "tenant": sandbox.tenant,
        "client_id": sandbox.client_id,
        "credential": Credential(secret=Secret(sandbox.client_secret)),
        **changes,
    }
    return EntraApp(**values)  # type: ignore[arg-type]


def sandbox_oauth(sandbox: Sandbox, identity: str = "robot@example.org", **changes: object) -> OAuthRoute:
    """Return an OAuth service on the sandbox; `changes` are those of its app registration."""
    key = RouteKey(RouteKind.OAUTH, "1")
    return OAuthRoute(key, "Office 365", app=sandbox_app(sandbox, **changes), identity=identity)


def sandbox_smtp(sandbox: Sandbox, **changes: object) -> SmtpRoute:
    """Return an SMTP connection to the sandbox."""
    values: dict[str, object] = {
        "host": "localhost",
        "port": sandbox.smtp_port,
        "security": Security.STARTTLS,
        "tls": TlsSettings(ca_pem=sandbox.ca_pem),
        "auth": SmtpAuth.PASSWORD,
        "user": sandbox.user,
        "password": Secret(sandbox.password),
        **changes,
    }
    return SmtpRoute(RouteKey(RouteKind.SMTP, "1"), "SMTP", **values)  # type: ignore[arg-type]


def by_graph(box: Sandbox, mail: Mail | None = None, **changes: object) -> Accepted:
    """Send by Graph; `changes` are those of the app registration."""
    transport = GraphTransport(sandbox_oauth(box, **changes), NetworkPolicy())  # type: ignore[arg-type]
    try:
        return transport.send(mail or a_mail())
    finally:
        transport.close()


def by_smtp(box: Sandbox, mail: Mail | None = None, **changes: object) -> Accepted:
    """Send by SMTP; `changes` are those of the connection."""
    transport = SmtpTransport(sandbox_smtp(box, **changes), NetworkPolicy())
    try:
        return transport.send(mail or a_mail())
    finally:
        transport.close()


def tls_to(box: Sandbox, context: ssl.SSLContext, name: str) -> ssl.SSLSocket:
    sock = socket.create_connection(("127.0.0.1", box.https_port), timeout=10)
    return context.wrap_socket(sock, server_hostname=name)

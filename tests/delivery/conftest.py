"""Peers and routes for the tests of the delivery: the sandbox's two servers, with an inbox in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage as ParsedMessage
from typing import Any

import pytest
from django.core.mail import EmailMessage

from mailadmin.delivery import routes
from mailadmin.models import IntegratedService, OAuthService, SmtpConnection
from mailadmin.sandbox.server import Sandbox
from mailadmin.transports.smtp.pool import POOL
from tests.fakes.smtp_server import SmtpServer


@dataclass
class Arrived:
    via: str
    envelope_sender: str
    recipients: list[str]
    raw: bytes

    @property
    def parsed(self) -> ParsedMessage:
        parsed = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, ParsedMessage)
        return parsed


@dataclass
class Peers:
    """The sandbox, what arrived in it, and how it shall fail."""

    arrived: list[Arrived] = field(default_factory=list)
    smtp_fault: str = ""
    graph_fault: str = ""
    sandbox: Any = None

    def keep(self, via: str, envelope_sender: str, recipients: Sequence[str], raw: bytes) -> None:
        self.arrived.append(Arrived(via, envelope_sender, list(recipients), raw))

    def smtp(self) -> str:
        return self.smtp_fault

    def graph(self) -> str:
        return self.graph_fault

    def ways(self) -> list[str]:
        return [message.via for message in self.arrived]


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    peers = Peers()
    peers.sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"), peers, peers)
    peers.sandbox.start()
    yield peers
    peers.sandbox.stop()


@pytest.fixture
def peers(running_sandbox: Peers) -> Peers:
    running_sandbox.arrived.clear()
    running_sandbox.smtp_fault = running_sandbox.graph_fault = ""
    return running_sandbox


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """Each test has a database of its own, so nothing remembered of another one may serve."""
    routes.forget()
    yield
    routes.forget()
    POOL.clear()


def add_smtp(peers: Peers, name: str = "Relay A", **values: Any) -> SmtpConnection:
    password = values.pop("password", peers.sandbox.password)
    defaults: dict[str, Any] = {
        "host": "localhost",
        "port": peers.sandbox.smtp_port,
        "security": "starttls",
        "ca_pem": peers.sandbox.ca_pem,
        "auth": "password",
        "user_name": peers.sandbox.user,
        "sender_policy": "keep",
    }
    row = SmtpConnection(name=name, **(defaults | values))
    row.set_secret(password)
    row.full_clean()
    row.save()
    return row


def plain(server: SmtpServer, name: str = "Relay A", **values: Any) -> SmtpConnection:
    """Add a connection to the scripted server, without encryption and sign-in."""
    defaults = {"host": "127.0.0.1", "port": server.port, "security": "none", "auth": "none", "sender_policy": "keep"}
    password = values.pop("password", "")
    row = SmtpConnection(name=name, **(defaults | values))
    row.set_secret(password)
    row.full_clean()
    row.save()
    return row


def add_oauth(peers: Peers, name: str = "Contoso 365", **values: Any) -> OAuthService:
    sandbox = peers.sandbox
    service = IntegratedService.objects.filter(name="App of " + name).first() or IntegratedService(
        name="App of " + name,
        cloud="custom",
        authority_host=sandbox.https_host,
        graph_host=sandbox.https_host,
        mail_hosts="localhost",
        ca_pem=sandbox.ca_pem,
        tenant=sandbox.tenant,
        client_id=sandbox.client_id,
    )
    service.set_secret(values.pop("secret", sandbox.client_secret))
    service.full_clean()
    service.save()
    row = OAuthService(name=name, integrated_service=service, **({"service_identity": "robot@contoso.org"} | values))
    row.full_clean()
    row.save()
    return row


@pytest.fixture
def smtp(peers: Peers, db: None) -> SmtpConnection:
    return add_smtp(peers)


@pytest.fixture
def oauth(peers: Peers, db: None) -> OAuthService:
    return add_oauth(peers)


def a_message(**values: Any) -> EmailMessage:
    return EmailMessage(
        **(
            {
                "subject": "Hello",
                "body": "A body",
                "from_email": "Shop <shop@contoso.org>",
                "to": ["ann@example.org"],
            }
            | values
        )
    )

"""Routes to the servers of the tests, and messages for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from mailadmin.core.content import Content
from mailadmin.core.errors import MailError
from mailadmin.core.secret import Secret
from mailadmin.core.settings import RouteKey, RouteKind, Security, SmtpAuth, SmtpRoute, TlsSettings
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.fakes import certificates

USER, PASSWORD, DOMAIN = "anna@example.org", "richtig-1", "example.net"
MAILBOXES = ("ben", "carla")
BEN, CARLA, NOBODY, ELSEWHERE = (
    "ben@example.net",
    "carla@example.net",
    "nobody@example.net",
    "x@elsewhere.example",
)


def message(*recipients: str, text: str = "", **changes: Any) -> Mail:
    """Return a message with every trap of the wire in it, and `text` after that (LF line ends)."""
    message_id = f"<{uuid4()}@example.org>"
    head = (
        f"Message-ID: {message_id}\r\n"
        "Date: Tue, 03 Nov 2026 10:00:00 +0000\r\n"
        f"From: Anna <{USER}>\r\n"
        "To: ben@example.net\r\n"
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n"
        "\r\n"
        "Grüße.\r\n.\r\n..two\r\n\r\n  end  \r\n"
    )
    content = Content.of((head + text.replace("\n", "\r\n")).encode())
    values: dict[str, Any] = {"sender": USER, "recipients": recipients or (BEN,), "content": content}
    return Mail(**(values | {"message_id": message_id} | changes))


def as_stored(mail: Mail) -> bytes:
    """Return the content as a server stores it, below its own header fields."""
    return bytes(mail.content).replace(b"\r\n", b"\n")


def route(port: int, security: Security = Security.NONE, **changes: Any) -> SmtpRoute:
    """Return a route to loopback that trusts the tests' CA."""
    values: dict[str, Any] = {
        "host": "localhost",
        "security": security,
        "tls": TlsSettings(ca_pem=certificates.authority().pem),
    }
    return SmtpRoute(RouteKey(RouteKind.SMTP, ""), "Test", port=port, **(values | changes))


def signed_in(port: int, security: Security = Security.STARTTLS, **changes: Any) -> SmtpRoute:
    """Return a route that signs in with the right password."""
    values = {"auth": SmtpAuth.PASSWORD, "user": USER, "password": Secret(PASSWORD)}
    return route(port, security, **(values | changes))


@contextlib.contextmanager
def opened(route: SmtpRoute) -> Iterator[SmtpTransport]:
    """Give the transport of `route` until the block ends."""
    transport = SmtpTransport(route, NetworkPolicy())
    try:
        yield transport
    finally:
        transport.close()


def error_of(route: SmtpRoute, mail: Mail | None = None) -> MailError:
    """Return the error that sending ends with; nothing was sent."""
    with opened(route) as transport, pytest.raises(MailError) as caught:
        transport.send(mail or message())
    assert not caught.value.fault.maybe_sent
    return caught.value

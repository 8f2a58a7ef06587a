"""Lists of numbered messages, and what became of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mailadmin.core.content import Content
from mailadmin.core.settings import RouteKey, RouteKind
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Handed, Mail
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.fakes.smtp_routes import CONTENT, mail, smtp_route
from tests.fakes.smtp_server import Connection, SmtpServer

KEY = RouteKey(RouteKind.SMTP, "5b6d3b0e-5f0e-4a53-9d2b-0d2f2f6f3a02")


def numbered(number: int, *recipients: str) -> Mail:
    return mail(*recipients, content=CONTENT + b"number %d\r\n" % number)


def numbers(server: SmtpServer) -> list[int]:
    """Return the numbers of the messages that the server has, in order."""
    return sorted(int(message.rsplit(b"number ", 1)[1]) for message in server.messages)


def transport_to(server: SmtpServer, version: str = "1", **changes: Any) -> SmtpTransport:
    return SmtpTransport(replace(smtp_route(server.port, **changes), key=KEY), NetworkPolicy(), version)


def hand_out(transport: SmtpTransport, count: int) -> dict[int, Handed]:
    """Send `count` messages as one list and return the results by ticket; each ticket comes back once."""
    results = list(transport.send_many((number, numbered(number)) for number in range(count)))
    assert sorted(handed.ticket for handed in results) == list(range(count))
    assert all((handed.accepted is None) != (handed.error is None) for handed in results)
    return {handed.ticket: handed for handed in results}


class Meeting:
    """An action that answers once `count` sessions have come to it."""

    def __init__(self, count: int) -> None:
        self._barrier = threading.Barrier(count)

    def __call__(self, connection: Connection) -> bool:
        self._barrier.wait(10)
        connection.say("250 2.0.0 Ok")
        connection.positive = True
        return True


def fine(connection: Connection) -> bool:
    """Answer well."""
    connection.say("250 2.0.0 Ok")
    connection.positive = True
    return True


def slow(connection: Connection) -> bool:
    """Answer well, after a little while."""
    connection.server.stopping.wait(0.002)
    return fine(connection)


class Unreadable(Content):
    """Content that breaks while it is sent."""

    def texts(self) -> Iterator[bytes]:
        raise RuntimeError("no content")


def taken_by(server: SmtpServer) -> list[tuple[int, str]]:
    """Return the numbers of the messages that the server answered with 2xx, each with each of its recipients."""
    return [
        (int(delivery.content.rsplit(b"number ", 1)[1]), recipient)
        for delivery in server.deliveries
        if delivery.taken
        for recipient in delivery.recipients
    ]


def fate(handed: Handed, recipient: str) -> str:
    """Return what a result tells about one recipient."""
    error = handed.accepted.refused.get(recipient) if handed.accepted else handed.error
    if error is None:
        return "sent"
    return "unsure" if error.fault.maybe_sent else "not sent"

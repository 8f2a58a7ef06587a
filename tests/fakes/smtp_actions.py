"""What the scripted SMTP server can do instead of answering well."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fakes.smtp_server import Connection

Action = Callable[["Connection"], bool]
"""Done instead of a reply; returns whether the conversation goes on."""


def close(connection: Connection) -> bool:
    """Close in an orderly way, saying nothing."""
    return False


def reset(connection: Connection) -> bool:
    """Break the connection off with a TCP reset."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def silent(connection: Connection) -> bool:
    """Say nothing until the client gives up."""
    while not connection.server.stopping.is_set() and connection.read():
        pass
    return False


def raw(data: bytes, *, then_close: bool = False) -> Action:
    """Say exactly these bytes."""

    def act(connection: Connection) -> bool:
        connection.positive = data.startswith(b"2") and b"\r\n" in data
        connection.sock.sendall(data)
        return not then_close

    return act


def drip(data: bytes, seconds: float) -> Action:
    """Say these bytes for ever, one at a time, `seconds` apart."""

    def act(connection: Connection) -> bool:
        while True:
            for byte in data:
                connection.sock.sendall(bytes([byte]))
                if connection.server.stopping.wait(seconds):
                    return False

    return act


def good_then_close(reply: str) -> Action:
    """Answer, and close right after."""
    return raw(reply.encode() + b"\r\n", then_close=True)

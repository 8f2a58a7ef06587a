"""The contract of a transport, on one screen.

A transport is made from the frozen values of a route, opened when it first sends, used by one thread
at a time, and closed by whoever made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mailadmin.core.errors import MailError


@dataclass(frozen=True)
class Mail:
    """One message ready to leave: the envelope, and the content as RFC 5322 bytes.

    `sender` is the envelope sender ("" is the null sender); `recipients` are the addresses to serve, with
    ASCII domains; `blind` are those of them that no header names; `content` has CRLF line ends and no
    Bcc header; `complete` is False when some recipients of the message were served already, so that a
    transport without an envelope (Graph) must not take it.
    """

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    message_id: str
    blind: tuple[str, ...] = ()
    needs_utf8: bool = False
    complete: bool = True


@dataclass(frozen=True)
class Accepted:
    """The peer took the message for every recipient but those in `refused`.

    `answer` is the peer's own text (cleaned), for the log; `refused` maps an address to its error.
    """

    answer: str = ""
    refused: Mapping[str, MailError] = field(default_factory=dict)


class Transport(Protocol):
    """What every kind of route offers to the delivery."""

    def send(self, mail: Mail) -> Accepted:
        """Hand over one message.

        Raises MailError: RecipientsRefused when nobody was accepted, DeliveryUnsure when the message may
        have been taken, any other when it surely was not.
        """

    def close(self) -> None:
        """End the connection, if one is open. Never raises, never waits long."""

"""The contract of a transport, on one screen.

A transport is made from the frozen values of a route, opened when it first sends, used by one thread
at a time, and closed by whoever made it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from mailadmin.core import limits
from mailadmin.core.content import Content
from mailadmin.core.errors import MailError


def untold(progress: str) -> None:
    """Take a word about the progress and tell nobody."""


class Watch(Protocol):
    """Who must know of the moments that decide whether a message may have been taken. Called in any thread."""

    def leaving(self, recipients: Sequence[str]) -> None:
        """Called before the first byte leaves without which the message cannot be taken for `recipients` (the end of
        the content, the request that sends); returns when that is written down durably.

        Raises MailError (surely not sent) when the message must not leave any more: the transport passes it on, and
        ends what it has begun with the server.
        """

    def taken(self, recipients: Sequence[str], answer: str) -> None:
        """Called when the server took the message for `recipients` while others still wait for a transaction of their
        own. Never raises."""


class Unwatched:
    """Nobody needs to know."""

    def leaving(self, recipients: Sequence[str]) -> None:
        """See `Watch`."""

    def taken(self, recipients: Sequence[str], answer: str) -> None:
        """See `Watch`."""


UNWATCHED = Unwatched()


@dataclass(frozen=True)
class Mail:
    """One message ready to leave: the envelope, and the RFC 5322 content.

    `sender` is the envelope sender ("" is the null sender); `recipients` are the addresses to serve, with
    ASCII domains; `blind` are those of them that no header names; `content` has CRLF line ends and no
    Bcc header; `complete` is False when some recipients of the message were served already, so that a
    transport without an envelope (Graph) must not take it. `in_background` tells that no caller waits, so that
    the answer may take minutes. `mailbox` is the one that sends, where the route has several; `patience` (seconds)
    is how long to wait for a limit of our own; `progress` is told how far a long upload is, in words; `watch` is told
    before the message can be taken.
    """

    sender: str
    recipients: tuple[str, ...]
    content: Content
    message_id: str
    blind: tuple[str, ...] = ()
    needs_utf8: bool = False
    complete: bool = True
    in_background: bool = False
    mailbox: str = ""
    patience: float = limits.GRAPH_PATIENCE_SECONDS
    progress: Callable[[str], None] = untold
    watch: Watch = UNWATCHED


@dataclass(frozen=True)
class Accepted:
    """The peer took the message for every recipient but those in `refused`.

    `answer` is the peer's own text (cleaned), for the log; `refused` maps an address to its error;
    `size_limit` is the largest message (bytes) that the peer says it takes, 0 when it says nothing.
    """

    answer: str = ""
    refused: Mapping[str, MailError] = field(default_factory=dict)
    size_limit: int = 0


@dataclass(frozen=True)
class Handed:
    """What became of one message of a list: `ticket` is the caller's own number for it; one of `accepted` and
    `error` is set; `started_at` is aware, `seconds` is how long the transport took."""

    ticket: int
    started_at: datetime
    seconds: float
    accepted: Accepted | None = None
    error: MailError | None = None


def one_by_one(transport: Transport, mails: Iterable[tuple[int, Mail]]) -> Iterator[Handed]:
    """Send each of `mails` by `transport.send`, the plain way to offer `send_many`."""
    for ticket, mail in mails:
        started_at, started = datetime.now(UTC), time.monotonic()
        accepted: Accepted | None = None
        error: MailError | None = None
        try:
            accepted = transport.send(mail)
        except MailError as refusal:
            error = refusal
        yield Handed(ticket, started_at, time.monotonic() - started, accepted, error)


class Transport(Protocol):
    """What every kind of route offers to the delivery."""

    def send(self, mail: Mail) -> Accepted:
        """Hand over one message.

        Raises MailError: RecipientsRefused when nobody was accepted, DeliveryUnsure when the message may
        have been taken, any other when it surely was not.
        """

    def send_many(self, mails: Iterable[tuple[int, Mail]]) -> Iterator[Handed]:
        """Hand over many messages, each with its ticket, and yield what became of each, in the order in which
        they were finished.

        `mails` is read in the caller's thread while results are taken, a few messages ahead. A failure of one
        message ends nothing. Raises only what `mails` raises.
        """

    def close(self) -> None:
        """End the connection, if one is open. Never raises, never waits long."""

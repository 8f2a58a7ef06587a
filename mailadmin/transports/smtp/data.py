"""The content of a message on its way, where "surely not sent" turns into "maybe sent": when the last byte of its
end leaves, and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mailadmin.core.errors import DeliveryUnsure, MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.texts import _
from mailadmin.transports.base import Mail

from .payload import chunk_blocks, data_blocks
from .reply import Reply
from .wire import WireError

if TYPE_CHECKING:
    from .session import SmtpSession

CONTENT_WANTED = 354


def ask(session: SmtpSession) -> None:
    """Say DATA. Raises MailError unless the server wants the content."""
    with session.phase(Phase.DATA):
        session.wire.allow(session.route.timeouts.command)
        reply = session.wire.command("DATA")
    if reply.code != CONTENT_WANTED:
        raise session.refusal(Phase.DATA, reply)


def send(session: SmtpSession, mail: Mail, recipients: Sequence[str], *, chunked: bool, tail: bytes = b"") -> Reply:
    """Send the content of fitted `mail`, as one last chunk (BDAT) or as what follows DATA, and return the server's
    acceptance (any 2xx, RFC 5321 section 4.2). `recipients` are those whom the server took: the watch of the message
    is told before its end leaves. With the end leaves `tail`: commands of the next message (RFC 2920 section 3.1).

    Raises MailError while the message surely was not taken. Once its last byte has left, only a whole reply is an
    answer; without one the error is DeliveryUnsure. When the watch objects, the session is closed: RFC 5321 knows no
    other way to take back what has begun.
    """
    content = mail.content
    session.dialogue.content(content.size)
    blocks = chunk_blocks(content) if chunked else data_blocks(content)
    last = _all_but_last(session, blocks, content.size) + tail
    try:
        mail.watch.leaving(recipients)
    except MailError:
        session.close()
        raise
    session.wire.allow(session.final_seconds(mail), beyond_total=math.inf)
    left = True  # a time-out while sending may have let the end through
    try:
        left = session.wire.write(last) == len(last) or bool(tail)  # the end may have left without its tail
        reply = session.wire.read_reply()
    except WireError as error:
        if not left:
            text = _("The connection broke before the end of the message.")
            raise session.fault(Phase.DATA, error.kind, text) from None
        raise unsure(session, error.kind, error.text) from None
    return accepted(session, reply, left=left)


def accepted(session: SmtpSession, reply: Reply, *, left: bool = True) -> Reply:
    """Return `reply` to the end of a message if it is an acceptance. Raises MailError for a refusal, and
    DeliveryUnsure for an answer that fits no message, or one to a message of which the end has not `left`."""
    if reply.negative:
        raise session.refusal(Phase.DATA, reply)
    if not reply.positive or not left:
        session.close()
        raise unsure(
            session, Kind.OUT_OF_STEP, _("The answer was {code}, which fits no message.").format(code=reply.code)
        )
    session.in_transaction = False
    return reply


def unsure(session: SmtpSession, kind: Kind, text: str) -> DeliveryUnsure:
    """Return the error for a message that may have been taken."""
    return DeliveryUnsure(replace(session.fault(Phase.DATA, kind, text).fault, maybe_sent=True))


def _all_but_last(session: SmtpSession, blocks: Iterator[bytes], size: int) -> bytes:
    """Send all blocks but the last, and return that one. An answer that comes this early means that it is never sent:
    a refusal is reported as one, anything else as out of step."""
    wire = session.wire
    wire.allow(wire.seconds_left)
    held, sent = b"", 0
    with session.phase(Phase.DATA):
        try:
            for block in blocks:
                if wire.write(held) < len(held) or wire.said_more():
                    reply = wire.read_reply()
                    session.close()
                    raise session.refusal(Phase.DATA, reply)
                sent += len(held)
                held = block
        except WireError as error:
            if error.kind is Kind.TIMEOUT:
                raise
            text = _("The connection was lost at {percent} % of the message.").format(
                percent=min(100 * sent // size, 100)
            )
            raise WireError(error.kind, text) from None
    return held

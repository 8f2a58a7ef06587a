"""The DATA phase, where "surely not sent" turns into "maybe sent": at the final dot, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mailadmin.core import limits
from mailadmin.core.errors import DeliveryUnsure
from mailadmin.core.fault import Kind, Phase

from .payload import END_OF_DATA, data_bytes
from .reply import Reply
from .wire import WireError

if TYPE_CHECKING:
    from .session import SmtpSession

_CONTENT_WANTED = 354


def send(session: SmtpSession, content: bytes) -> Reply:
    """Send the content and return the server's acceptance (any 2xx, RFC 5321 section 4.2).

    Raises MailError while the message surely was not taken. Once the final dot has left, only a whole
    reply is an answer; without one the error is DeliveryUnsure.
    """
    body = data_bytes(content)
    with session.phase(Phase.DATA):
        session.wire.allow(session.route.timeouts.command)
        reply = session.wire.command("DATA")
        if reply.code != _CONTENT_WANTED:
            raise session.refusal(Phase.DATA, reply)
        session.wire.allow(session.wire.seconds_left)
        _send_body(session, body)
    return _finish(session)


def _send_body(session: SmtpSession, body: bytes) -> None:
    """Send all but the final dot. An answer that comes this early means that the dot is never sent: a
    refusal is reported as one, anything else as out of step."""
    sent = session.wire.send_content(body)
    if sent == len(body) and not session.wire.said_more():
        return
    try:
        reply = session.wire.read_reply()
    except WireError as error:
        percent = 100 * sent // len(body)
        raise WireError(error.kind, f"The connection was lost at {percent} % of the message.") from None
    session.close()
    raise session.refusal(Phase.DATA, reply)


def _finish(session: SmtpSession) -> Reply:
    """Send the final dot and read the one answer that counts."""
    session.wire.allow(limits.FINAL_REPLY_SECONDS, beyond_total=True)
    left = True  # a time-out while sending may have let the dot through
    try:
        left = session.wire.send_end(END_OF_DATA)
        reply = session.wire.read_reply()
    except WireError as error:
        if not left:
            raise session.fault(Phase.DATA, error.kind, "The connection broke before the final dot.") from None
        raise _unsure(session, error.kind, error.text) from None
    if reply.negative:
        raise session.refusal(Phase.DATA, reply)
    if not reply.positive or not left:
        session.close()
        raise _unsure(session, Kind.OUT_OF_STEP, f"The answer was {reply.code}, which fits no message.")
    return reply


def _unsure(session: SmtpSession, kind: Kind, text: str) -> DeliveryUnsure:
    return DeliveryUnsure(replace(session.fault(Phase.DATA, kind, text).fault, maybe_sent=True))

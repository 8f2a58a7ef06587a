"""A whole message in one write (RFC 2920 with RFC 3030): MAIL, every RCPT, BDAT and the content, one round trip.

When such a message gets no answer it may have been taken, whatever its commands would have been told. So it is only
for a session that is surely alive.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailadmin.core import limits
from mailadmin.core.errors import DeliveryUnsure, MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.texts import _
from mailadmin.transports.base import Mail

from .data import accepted, unsure
from .payload import chunk_blocks
from .pipeline import Envelope
from .rounds import Round
from .wire import WireError

if TYPE_CHECKING:
    from .session import SmtpSession


def one_write(session: SmtpSession, mail: Mail, recipients: Sequence[str]) -> bool:
    """Tell whether `mail` may leave as a parcel: the session can do it, and is surely alive; the message and its
    replies are small enough for the buffers on the way."""
    return (
        session.pipelining
        and session.chunking
        and session.fresh
        and mail.content.size <= limits.ONE_WRITE_BYTES
        and len(recipients) + 3 <= limits.PIPELINE_COMMANDS  # RSET, MAIL, BDAT
    )


class Parcel:
    """`send` lets everything leave, `collect` reads what became of it. `after_another` as in `Envelope`."""

    def __init__(
        self, session: SmtpSession, mail: Mail, recipients: Sequence[str], *, after_another: bool = False
    ) -> None:
        """Make the commands for fitted `mail`. Raises MailError when the server cannot take it."""
        self._session = session
        self._mail, self._recipients = mail, tuple(recipients)
        self._alone = not after_another
        self._envelope = Envelope(session, mail, recipients, ask_data=False, after_another=after_another)
        self._left = True
        self.replies = len(self._envelope.commands) + 1

    def send(self) -> None:
        """Let everything leave. Raises MailError, surely not sent, when the watch of the message objects or the session
        is found dead before: nothing of it has left then."""
        session, wire = self._session, self._session.wire
        self._mail.watch.leaving(self._recipients)
        with session.phase(Phase.SENDER):
            wire.allow(wire.seconds_left)
            wire.check_time()
            if self._alone:
                wire.check_in_step()
        data = b"".join((self._envelope.first_group(), *chunk_blocks(self._mail.content)))
        session.dialogue.content(self._mail.content.size)
        with contextlib.suppress(WireError):  # out of time in the middle: nobody can say what has left
            self._left = wire.write(data) == len(data)

    def collect(self, *, last: bool = True) -> Round:
        """Read the replies, of which the server owes no other after the `last` parcel. Raises MailError as
        `transaction.hand_over` does."""
        session, final = self._session, self._session.final_seconds(self._mail)
        try:
            if not session.open:  # an answer that was read already may be anybody's
                raise session.fault(Phase.DATA, Kind.CLOSED, _("The connection ended with a message before this one."))
            self._envelope.finish(final)
            reply = session.hear(Phase.DATA, final)
        except MailError as error:
            raise self._without_answer(error) from None
        if reply.negative:
            refusal = session.refusal(Phase.DATA, reply)
            raise self._envelope.failure or refusal
        accepted(session, reply, left=self._left)
        if self._envelope.failure or (last and session.wire.out_of_step):
            session.close()
            raise unsure(session, Kind.OUT_OF_STEP, _("The server's answers do not fit together."))
        return self._envelope.round(reply)

    def _without_answer(self, error: MailError) -> MailError:
        """Return what `error` on the way to the answer means: a refusal in words stands, whatever came after it."""
        failure = self._envelope.failure or error
        if failure.fault.kind is Kind.REPLY:
            return failure
        if self._left:
            fault = unsure(self._session, failure.fault.kind, failure.fault.text).fault
            in_step = error.fault.kind is not Kind.OUT_OF_STEP  # else nobody knows who was refused
            return DeliveryUnsure(fault, self._envelope.refused if in_step else {})
        text = _("The connection broke before the message had left.")
        return self._session.fault(Phase.SENDER, Kind.CLOSED, text)

"""One transaction: one message to as many of its recipients as the server takes at once, each with its own fate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailadmin.core.errors import MailError
from mailadmin.transports.base import Mail

from . import data
from .parcel import Parcel, one_write
from .pipeline import Envelope
from .rounds import Round, all_refused, remembering, too_many

if TYPE_CHECKING:
    from .session import SmtpSession

__all__ = ["Round", "hand_over"]


def hand_over(session: SmtpSession, mail: Mail, recipients: Sequence[str]) -> Round:
    """Send `mail` to `recipients` on an open, signed-in `session`, within the time that its clock leaves, in as few
    round trips as the server allows.

    Raises RecipientsRefused when nobody was taken, DeliveryUnsure when the message may have been taken, any other
    MailError when it surely was not. The session is fit for the next transaction then, or closed.
    """
    try:
        mail = session.fitted(mail)
        if one_write(session, mail, recipients):
            return _at_once(session, mail, recipients)
        if session.pipelining:
            return _in_groups(session, mail, recipients)
        return _step_by_step(session, mail, recipients)
    except MailError:
        raise
    except BaseException:
        session.close()  # interrupted in mid-command: nobody knows where the server is
        raise


def _at_once(session: SmtpSession, mail: Mail, recipients: Sequence[str]) -> Round:
    """Everything in one write: one round trip."""
    parcel = Parcel(session, mail, recipients)
    parcel.send()
    return parcel.collect()


def _in_groups(session: SmtpSession, mail: Mail, recipients: Sequence[str]) -> Round:
    """The envelope in one write, the content in another: two round trips."""
    envelope = Envelope(session, mail, recipients, ask_data=not session.chunking)
    envelope.begin()
    envelope.finish()
    envelope.require_content()
    with remembering(envelope.refused):
        reply = data.send(session, mail, envelope.taken, chunked=session.chunking)
    return envelope.round(reply)


def _step_by_step(session: SmtpSession, mail: Mail, recipients: Sequence[str]) -> Round:
    """Command by command."""
    session.mail(mail)
    taken, refused, unsaid = _name(session, recipients)
    if not taken:
        raise all_refused(refused)
    if not session.chunking:
        data.ask(session)
    with remembering(refused):
        reply = data.send(session, mail, taken, chunked=session.chunking)
    return Round.of(taken, refused, session.words(reply), unsaid=unsaid)


def _name(session: SmtpSession, recipients: Sequence[str]) -> tuple[list[str], dict[str, MailError], Sequence[str]]:
    """Name `recipients` until the server has enough; return who was taken, who was refused, and who was not named."""
    taken: list[str] = []
    refused: dict[str, MailError] = {}
    for place, recipient in enumerate(recipients):
        try:
            session.rcpt(recipient)
        except MailError as error:
            if not error.fault.recipient:
                raise  # the session is over, for everybody
            if taken and too_many(error.fault):
                return taken, refused, recipients[place:]
            refused[recipient] = error
        else:
            taken.append(recipient)
    return taken, refused, ()

"""One transaction: one message to as many of its recipients as the server takes at once, each with its own fate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailadmin.core.errors import MailError, RecipientsRefused
from mailadmin.core.fault import Fault
from mailadmin.transports.base import Mail

if TYPE_CHECKING:
    from .session import SmtpSession

# "Too many recipients": 452, or 552 from servers of the old school (RFC 5321 4.5.3.1.10); with another
# enhanced code the same numbers mean a full mailbox.
_TOO_MANY_CODES, _TOO_MANY_ENHANCED = (452, 552), ("", "4.5.3", "5.5.3")


@dataclass(frozen=True)
class Round:
    """What one transaction brought: who was taken, who was refused, who must wait for another transaction because
    the server takes only so many at a time, and the server's answer (cleaned)."""

    taken: tuple[str, ...]
    refused: dict[str, MailError]
    waiting: tuple[str, ...] = ()
    answer: str = ""


def hand_over(session: SmtpSession, mail: Mail, recipients: Sequence[str]) -> Round:
    """Send `mail` to `recipients` on an open, signed-in `session`, within the time that its clock leaves.

    Raises RecipientsRefused when nobody was taken, DeliveryUnsure when the message may have been taken, any other
    MailError when it surely was not. The session is fit for the next transaction then, or closed.
    """
    try:
        session.mail(mail)
        named = _name_recipients(session, recipients)
        if not named.taken:
            first = next(iter(named.refused.values()))
            raise RecipientsRefused(first.fault, named.refused)
        reply = session.data(bytes(mail.content))
    except MailError:
        _give_up(session)
        raise
    except BaseException:
        session.close()  # interrupted in mid-command: nobody knows where the server is
        raise
    answer = f"{reply.code} {session.dialogue.clean(reply.text)}"
    return Round(named.taken, named.refused, named.waiting, answer)


def _name_recipients(session: SmtpSession, recipients: Sequence[str]) -> Round:
    taken: list[str] = []
    refused: dict[str, MailError] = {}
    for place, recipient in enumerate(recipients):
        try:
            session.rcpt(recipient)
        except MailError as error:
            if not error.fault.recipient:
                raise  # the session is over, for everybody
            if taken and _too_many(error.fault):
                return Round(tuple(taken), refused, tuple(recipients[place:]))
            refused[recipient] = error
        else:
            taken.append(recipient)
    return Round(tuple(taken), refused)


def _too_many(fault: Fault) -> bool:
    return fault.smtp_code in _TOO_MANY_CODES and fault.enhanced in _TOO_MANY_ENHANCED


def _give_up(session: SmtpSession) -> None:
    """End the transaction, so that none of its recipients is left to the next message."""
    if not session.open:
        return
    try:
        session.reset()
    except MailError:
        session.close()

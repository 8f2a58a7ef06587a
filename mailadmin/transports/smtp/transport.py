"""The SMTP transport: one message over one session, each recipient with its own fate.

What happens after an error is not decided here but in `core.policy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mailadmin.core.errors import MailError, RecipientsRefused, mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import SmtpRoute
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Accepted, Handed, Mail, one_by_one

from .payload import path
from .session import SmtpSession
from .wire import SERVICE_CLOSING

_LOST = (Kind.CLOSED, Kind.TIMEOUT, Kind.OUT_OF_STEP)
# "Too many recipients": 452, or 552 from servers of the old school (RFC 5321 4.5.3.1.10); with another
# enhanced code the same numbers mean a full mailbox.
_TOO_MANY_CODES, _TOO_MANY_ENHANCED = (452, 552), ("", "4.5.3", "5.5.3")


@dataclass(frozen=True)
class _Round:
    """One transaction: who was taken, who was refused, and who must wait for another one."""

    taken: tuple[str, ...]
    refused: dict[str, MailError]
    waiting: tuple[str, ...]


class SmtpTransport:
    """Sends by the connection `route`. The session is opened by the first message and kept for the next."""

    def __init__(self, route: SmtpRoute, policy: NetworkPolicy) -> None:
        self._route = route
        self._policy = policy
        self._session: SmtpSession | None = None

    def send(self, mail: Mail) -> Accepted:
        """Hand over one message; see `Transport.send`.

        When the server takes only so many recipients at a time, the rest follow in transactions of their
        own; should those fail, the message is sent all the same, and the rest are among the refused.
        """
        self._check(mail)
        if self._session:
            self._session.start_clock()
        refused: dict[str, MailError] = {}
        answer, waiting = "", mail.recipients
        while waiting:
            try:
                said, round_ = self._transact(mail, waiting)
            except MailError as error:
                if not answer:
                    raise
                refused |= _shared(error, waiting)
                break
            answer, waiting = said, round_.waiting
            refused |= round_.refused
        return Accepted(answer, refused)

    def send_many(self, mails: Iterable[tuple[int, Mail]]) -> Iterator[Handed]:
        """Hand over many messages; see `Transport.send_many`."""
        return one_by_one(self, mails)

    def close(self) -> None:
        """End the session, if there is one."""
        session, self._session = self._session, None
        if session:
            session.quit()

    def _check(self, mail: Mail) -> None:
        """Refuse what no server could take, before any connection."""
        if not mail.recipients:
            raise MailError(Fault(Phase.MESSAGE, Kind.NO_RECIPIENTS, host=self._route.host))
        for address in (*filter(None, [mail.sender]), *mail.recipients):
            path(address, mail.needs_utf8)

    def _transact(self, mail: Mail, recipients: tuple[str, ...]) -> tuple[str, _Round]:
        """Send the message to as many of `recipients` as the server takes at once; return its answer too."""
        session = self._begin(mail)
        try:
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
        return f"{reply.code} {session.dialogue.clean(reply.text)}", named

    def _begin(self, mail: Mail) -> SmtpSession:
        """Return a session in which MAIL was accepted: the kept one, or a new one when it was found dead
        (servers end idle sessions; nothing of the message has left then)."""
        kept = self._session
        if kept and kept.open:
            try:
                kept.mail(mail)
            except MailError as error:
                if not (error.fault.kind in _LOST or error.fault.smtp_code == SERVICE_CLOSING):
                    raise
                kept.close()
            else:
                return kept
        session = self._session = SmtpSession(self._route, self._policy)
        session.start()
        session.mail(mail)
        return session


def _name_recipients(session: SmtpSession, recipients: Sequence[str]) -> _Round:
    taken: list[str] = []
    refused: dict[str, MailError] = {}
    for place, recipient in enumerate(recipients):
        try:
            session.rcpt(recipient)
        except MailError as error:
            if not error.fault.recipient:
                raise  # the session is over, for everybody
            if taken and _too_many(error.fault):
                return _Round(tuple(taken), refused, tuple(recipients[place:]))
            refused[recipient] = error
        else:
            taken.append(recipient)
    return _Round(tuple(taken), refused, ())


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


def _shared(error: MailError, recipients: Sequence[str]) -> dict[str, MailError]:
    """Return `error` as the fate of each of `recipients`."""
    if isinstance(error, RecipientsRefused):
        return error.recipients
    return {address: mail_error(replace(error.fault, recipient=address)) for address in recipients}

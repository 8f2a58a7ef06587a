"""The SMTP transport: one message over one session, each recipient with its own fate.

What happens after an error is not decided here but in `core.policy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from mailadmin.core.errors import MailError, RecipientsRefused, mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import SmtpRoute
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Accepted, Handed, Mail, one_by_one

from .payload import path
from .session import SmtpSession
from .transaction import Round, hand_over
from .wire import SERVICE_CLOSING

_LOST = (Kind.CLOSED, Kind.TIMEOUT, Kind.OUT_OF_STEP)


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
                round_ = self._transact(mail, waiting)
            except MailError as error:
                if not answer:
                    raise
                refused |= _shared(error, waiting)
                break
            answer, waiting = round_.answer, round_.waiting
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

    def _transact(self, mail: Mail, recipients: tuple[str, ...]) -> Round:
        """Send the message to as many of `recipients` as the server takes at once: by the kept session, or by a new
        one when it was found dead (servers end idle sessions; nothing of the message has left then)."""
        kept = self._session
        if kept and kept.open:
            try:
                return hand_over(kept, mail, recipients)
            except MailError as error:
                if not _found_dead(error.fault):
                    raise
                kept.close()
        session = self._session = SmtpSession(self._route, self._policy)
        session.start()
        return hand_over(session, mail, recipients)


def _found_dead(fault: Fault) -> bool:
    return fault.phase is Phase.SENDER and (fault.kind in _LOST or fault.smtp_code == SERVICE_CLOSING)


def _shared(error: MailError, recipients: Sequence[str]) -> dict[str, MailError]:
    """Return `error` as the fate of each of `recipients`."""
    if isinstance(error, RecipientsRefused):
        return error.recipients
    return {address: mail_error(replace(error.fault, recipient=address)) for address in recipients}

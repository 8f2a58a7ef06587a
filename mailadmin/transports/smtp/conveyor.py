"""Many messages over one session, without a pause between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mailadmin.core.errors import MailError, RecipientsRefused, mail_error
from mailadmin.core.fault import Kind, Phase
from mailadmin.transports.base import Accepted, Mail

from .transaction import hand_over
from .wire import SERVICE_CLOSING

if TYPE_CHECKING:
    from .session import SmtpSession

_LOST = (Kind.CLOSED, Kind.TIMEOUT, Kind.OUT_OF_STEP)


@dataclass(frozen=True)
class Fate:
    """What became of one message: one of `accepted` and `error` is set.

    `elsewhere` goes with an error: the session ended before anything of this message's content could have been
    taken, and not because of it, so that another session may have it; `error` says what ended this one.
    """

    ticket: int
    accepted: Accepted | None = None
    error: MailError | None = None
    elsewhere: bool = False


class Conveyor:
    """Takes the messages of a list on the open, signed-in `session`.

    `push` hands over the next message, `finish` ends the row; both return the fates that became known meanwhile,
    in the order of the pushes, so that every ticket that was pushed comes back exactly once and none is open after
    `finish`. A fate comes late on purpose: the end of one message leaves together with the beginning of the next.
    A failure of one message does not disturb its neighbours. When the session has ended (`session.open` is false),
    all that were pushed have their fates, and what is pushed after comes back at once as `elsewhere`. No method
    raises MailError. After anything else (an interrupt) the session is closed.

    The session stays the caller's: after `finish` it is fit for further use, or closed.
    """

    def __init__(self, session: SmtpSession) -> None:
        self._session = session

    def push(self, ticket: int, mail: Mail) -> list[Fate]:
        """Hand over `mail`; return what became known, perhaps nothing yet. The message gets its whole time anew."""
        session = self._session
        if not session.open:
            error = session.fault(Phase.SENDER, Kind.CLOSED, "The connection is closed.")
            return [Fate(ticket, error=error, elsewhere=True)]
        session.start_clock()
        try:
            return [Fate(ticket, accepted=self._send(mail))]
        except MailError as error:
            return [Fate(ticket, error=error, elsewhere=_not_begun(error))]

    def finish(self) -> list[Fate]:
        """Bring everything that was pushed to its end; return what became of it."""
        return []

    def _send(self, mail: Mail) -> Accepted:
        """Send in as many transactions as the server wants."""
        refused: dict[str, MailError] = {}
        answer, waiting = "", mail.recipients
        while waiting:
            try:
                round_ = hand_over(self._session, mail, waiting)
            except MailError as error:
                if not answer:
                    raise
                refused |= _shared(error, waiting)
                break
            answer, waiting = round_.answer, round_.waiting
            refused |= round_.refused
        return Accepted(answer, refused)


def _not_begun(error: MailError) -> bool:
    """Tell whether the session was lost before the content."""
    fault = error.fault
    lost = fault.kind in _LOST or fault.smtp_code == SERVICE_CLOSING
    return lost and not fault.maybe_sent and fault.phase in (Phase.SENDER, Phase.RECIPIENT)


def _shared(error: MailError, recipients: Sequence[str]) -> dict[str, MailError]:
    """Return `error` as the fate of each of `recipients`."""
    if isinstance(error, RecipientsRefused):
        return error.recipients
    return {address: mail_error(replace(error.fault, recipient=address)) for address in recipients}

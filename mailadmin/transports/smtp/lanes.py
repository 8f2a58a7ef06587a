"""The ways in which messages follow each other on one session; the conveyor chooses among them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.texts import _
from mailadmin.transports.base import Mail

from . import data
from .parcel import Parcel
from .pipeline import Envelope
from .rounds import Round, remembering, session_lost
from .transaction import hand_over
from .wire import SERVICE_CLOSING

if TYPE_CHECKING:
    from .session import SmtpSession


@dataclass(frozen=True)
class Outcome:
    """How one transaction ended; `elsewhere` as in `conveyor.Fate`."""

    ticket: int
    result: Round | MailError
    elsewhere: bool = False


class Lane(ABC):
    """Takes fitted messages, and returns outcomes as they become known. Raises no MailError."""

    def __init__(self, session: SmtpSession) -> None:
        self._session = session

    @abstractmethod
    def push(self, ticket: int, mail: Mail, recipients: tuple[str, ...]) -> list[Outcome]:
        """Begin a transaction."""

    def finish(self) -> list[Outcome]:
        """End all that have begun."""
        return []

    def _outcome(self, ticket: int, act: Callable[[], Round]) -> Outcome:
        """Return how `act` ended, which sends no content before it knows that the session lives."""
        try:
            return Outcome(ticket, act())
        except MailError as error:
            return Outcome(ticket, error, elsewhere=_before_content(error))

    def _not_begun(self, ticket: int) -> Outcome:
        error = self._session.fault(
            Phase.SENDER, Kind.CLOSED, _("The connection ended with a message before this one.")
        )
        return Outcome(ticket, error, elsewhere=True)


class PlainLane(Lane):
    """One after the other, for servers without PIPELINING."""

    def push(self, ticket: int, mail: Mail, recipients: tuple[str, ...]) -> list[Outcome]:
        """Send a message and wait for its answer."""
        if not self._session.open:
            return [self._not_begun(ticket)]
        return [self._outcome(ticket, lambda: hand_over(self._session, mail, recipients))]


@dataclass(frozen=True)
class _Wanted:
    """A message whose envelope was taken, and whose content the server waits for."""

    ticket: int
    mail: Mail
    envelope: Envelope


class DataLane(Lane):
    """The content of a message leaves together with the envelope of the next (RFC 2920 section 3.1): one round trip a
    message."""

    def __init__(self, session: SmtpSession) -> None:
        super().__init__(session)
        self._wanted: _Wanted | None = None

    def push(self, ticket: int, mail: Mail, recipients: tuple[str, ...]) -> list[Outcome]:
        """Begin a message with the end of the one before."""
        if not self._session.open:
            return [*self.finish(), self._not_begun(ticket)]
        before = []
        try:
            envelope = Envelope(self._session, mail, recipients, ask_data=True, after_another=self._wanted is not None)
            if self._wanted is None:
                envelope.begin()
            else:
                before = self._end(envelope.first_group())
                if not self._session.open:
                    return [*before, self._not_begun(ticket)]
            envelope.finish()
            envelope.require_content()
        except MailError as error:
            return [*before, Outcome(ticket, error, elsewhere=session_lost(error))]
        self._wanted = _Wanted(ticket, mail, envelope)
        return before

    def finish(self) -> list[Outcome]:
        """Send the content that is wanted."""
        return self._end(b"")

    def _end(self, tail: bytes) -> list[Outcome]:
        """Send the content that is wanted, with `tail` after it."""
        wanted, self._wanted = self._wanted, None
        if wanted is None:
            return []
        if not self._session.open:
            return [self._not_begun(wanted.ticket)]
        try:
            with remembering(wanted.envelope.refused):
                reply = data.send(self._session, wanted.mail, wanted.envelope.taken, chunked=False, tail=tail)
        except MailError as error:
            return [Outcome(wanted.ticket, error)]
        return [Outcome(wanted.ticket, wanted.envelope.round(reply))]


class ChunkLane(Lane):
    """Whole messages, a few of them unanswered at a time (RFC 3030): less than one round trip a message."""

    def __init__(self, session: SmtpSession) -> None:
        super().__init__(session)
        self._under_way: deque[tuple[int, Parcel]] = deque()
        self._ended_in_words = False  # by 421: nothing that came after it was taken

    def push(self, ticket: int, mail: Mail, recipients: tuple[str, ...]) -> list[Outcome]:
        """Let a message leave; wait for the oldest when enough are under way."""
        if not self._session.open:
            return [*self.finish(), self._not_begun(ticket)]
        before = []
        try:
            parcel = Parcel(self._session, mail, recipients, after_another=bool(self._under_way))
            while self._under_way and not self._room_for(parcel):
                before.append(self._collect())
            if not self._session.open:
                return [*before, *self.finish(), self._not_begun(ticket)]
            parcel.send()
        except MailError as error:
            return [*before, Outcome(ticket, error, elsewhere=session_lost(error))]
        self._under_way.append((ticket, parcel))
        return before

    def finish(self) -> list[Outcome]:
        """Wait for all."""
        return [self._collect() for _ in range(len(self._under_way))]

    def _room_for(self, parcel: Parcel) -> bool:
        replies = parcel.replies + sum(other.replies for _, other in self._under_way)
        return len(self._under_way) < limits.UNANSWERED_MESSAGES and replies <= limits.PIPELINE_COMMANDS

    def _collect(self) -> Outcome:
        """Wait for the oldest."""
        ticket, parcel = self._under_way.popleft()
        if self._ended_in_words:
            return self._not_begun(ticket)
        try:
            return Outcome(ticket, parcel.collect(last=not self._under_way))
        except MailError as error:
            self._ended_in_words = error.fault.smtp_code == SERVICE_CLOSING
            return Outcome(ticket, error, elsewhere=_before_content(error))


def _before_content(error: MailError) -> bool:
    """Tell whether the session was lost, for no fault of the message, before its content could have been taken."""
    return session_lost(error) and not error.fault.maybe_sent and error.fault.phase is not Phase.DATA

"""Many messages over one session, without a pause between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailadmin.core.errors import MailError
from mailadmin.transports.base import Accepted, Mail

from .lanes import ChunkLane, DataLane, Lane, Outcome, PlainLane
from .parcel import one_write
from .rounds import Round, shared

if TYPE_CHECKING:
    from .session import SmtpSession


@dataclass(frozen=True)
class Fate:
    """What became of one message: one of `accepted` and `error` is set.

    `elsewhere` goes with an error: the message surely was not taken, and it was the session that ended, so that
    another session may have it; `error` says what ended this one.
    """

    ticket: int
    accepted: Accepted | None = None
    error: MailError | None = None
    elsewhere: bool = False


@dataclass
class _Job:
    """One message on its way, perhaps in several transactions because the server takes only so many recipients."""

    ticket: int
    mail: Mail
    waiting: tuple[str, ...]
    answer: str = ""
    refused: dict[str, MailError] = field(default_factory=dict)


class Conveyor:
    """Takes the messages of a list on the open, signed-in `session`.

    `push` hands over the next message, `finish` ends the row; both return the fates that became known meanwhile, so
    that every ticket that was pushed comes back exactly once and none is open after `finish`. A fate comes late on
    purpose: the end of one message leaves together with the beginning of the next, and with CHUNKING a few whole
    messages are under way at once. A failure of one message does not disturb its neighbours; when the session breaks,
    each message that has left whole and is not answered is unsure, and no other. When the session has ended
    (`session.open` is false), all that were pushed have their fates, and what is pushed after comes back at once as
    `elsewhere`. No method raises MailError. After anything else (an interrupt) the session is closed.

    The session stays the caller's: after `finish` it is fit for further use, or closed.
    """

    def __init__(self, session: SmtpSession) -> None:
        self._session = session
        self._jobs: dict[int, _Job] = {}
        self._lane: Lane = PlainLane(session)

    def push(self, ticket: int, mail: Mail) -> list[Fate]:
        """Hand over `mail`; return what became known, perhaps nothing yet. The message gets its whole time anew."""
        self._jobs[ticket] = _Job(ticket, mail, mail.recipients)
        return self._work([ticket])

    def finish(self) -> list[Fate]:
        """Bring everything that was pushed to its end; return what became of it."""
        fates: list[Fate] = []
        while self._jobs:
            fates += self._work([])
        return fates

    def _work(self, tickets: Iterable[int]) -> list[Fate]:
        """Put `tickets` on the lane, or empty it when there are none; then what must wait for a further transaction."""
        fates: list[Fate] = []
        line = deque(tickets)
        try:
            outcomes = [] if line else self._lane.finish()
            while outcomes or line:
                for outcome in outcomes:
                    if fate := self._settle(outcome):
                        fates.append(fate)
                    else:
                        line.append(outcome.ticket)
                outcomes = self._put(self._jobs[line.popleft()]) if line else []
        except BaseException:
            self._session.close()  # interrupted in mid-command: nobody knows where the server is
            self._jobs.clear()
            raise
        if not self._session.open and self._jobs:
            fates += self._work([])
        return fates

    def _put(self, job: _Job) -> list[Outcome]:
        """Put a job on the lane that suits it; another one is emptied first."""
        self._session.start_clock()
        try:
            mail = self._session.fitted(job.mail)
        except MailError as error:
            return [Outcome(job.ticket, error)]
        lane = self._lane_for(mail, job.waiting)
        before = []
        if lane is not type(self._lane):
            before = self._lane.finish()
            self._lane = lane(self._session)
        return [*before, *self._lane.push(job.ticket, mail, job.waiting)]

    def _lane_for(self, mail: Mail, recipients: tuple[str, ...]) -> type[Lane]:
        if not self._session.pipelining:
            return PlainLane
        return ChunkLane if one_write(self._session, mail, recipients) else DataLane

    def _settle(self, outcome: Outcome) -> Fate | None:
        """Return the fate of a message, or None when some of its recipients wait for another transaction."""
        job, result = self._jobs[outcome.ticket], outcome.result
        if isinstance(result, MailError):
            if not job.answer:
                del self._jobs[job.ticket]
                return Fate(job.ticket, error=result, elsewhere=outcome.elsewhere)
            job.refused |= shared(result, job.waiting)
            job.waiting = ()
        else:
            job.refused |= result.refused
            job.answer, job.waiting = result.answer, result.waiting
        if isinstance(result, Round) and job.waiting:
            job.mail.watch.taken(result.taken, result.answer)
            return None
        del self._jobs[job.ticket]
        return Fate(job.ticket, Accepted(job.answer, job.refused, self._session.size_limit))

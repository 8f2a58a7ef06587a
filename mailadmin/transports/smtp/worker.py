"""The worker of a list: one session after the other, in a thread of its own that does nothing but SMTP."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import NamedTuple

from mailadmin.core.errors import MailError
from mailadmin.transports.base import Handed, Mail

from .conveyor import Conveyor, Fate
from .envelope import check
from .pace import await_turn
from .pool import KeptSession
from .supply import Supply


@dataclass
class Job:
    """One message; `again` once a session ended under it before it could have been taken."""

    ticket: int
    mail: Mail
    again: bool = False
    started_at: datetime | None = None
    started: float = 0.0  # monotonic

    def begin(self) -> datetime:
        """Return when somebody first turned to it: now, if nobody did."""
        if self.started_at is None:
            self.started_at, self.started = datetime.now(UTC), time.monotonic()
        return self.started_at

    def done(self, fate: Fate) -> Done:
        """Return its end."""
        started_at = self.begin()
        seconds = time.monotonic() - self.started
        return Done(Handed(self.ticket, started_at, seconds, fate.accepted, fate.error), self.mail.content.size)


class Done(NamedTuple):
    """The end of one job, with the size of its message in bytes."""

    handed: Handed
    size: int


class Ready(NamedTuple):
    """A worker has a session."""


class Gone(NamedTuple):
    """A worker has ended: with `error` when it could open no session, with `crash` when something broke that
    should not."""

    error: MailError | None = None
    crash: BaseException | None = None


@dataclass
class Crew:
    """What the workers of one call share: where they take jobs from (None sends one of them home), where they say
    what happened, and whether they are to stop."""

    supply: Supply
    jobs: SimpleQueue[Job | None]
    said: SimpleQueue[Done | Ready | Gone]
    stopped: threading.Event = field(default_factory=threading.Event)

    def fail_waiting(self, error: MailError) -> None:
        """Let every job that waits end with `error`; no worker is left to take one."""
        while not self.jobs.empty():
            if job := self.jobs.get():
                self.said.put(job.done(Fate(job.ticket, error=error)))


class Worker:
    """Sends jobs until it is sent home, or no session can be had."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._line: tuple[KeptSession, Conveyor] | None = None
        self._proven = False  # whether the session of the line has answered since it was taken
        self._useful = False  # whether the session of the line has ended a job for good
        self._trusts_kept = True  # until a session was lost: the other kept ones may be as dead
        self._begun: dict[int, Job] = {}  # on the conveyor
        self._again: deque[Job] = deque()  # to be sent once more, by a new session
        self._sent_home = False  # when nothing of its own is left

    def run(self) -> None:
        """Work, and say in the end why it ended. Raises nothing."""
        gone = Gone()
        try:
            while (job := self._next()) is not None:
                self._send(job)
        except MailError as error:
            gone = Gone(error)
        except BaseException as crash:
            gone = Gone(crash=crash)
            if self._line:
                self._line[0].close()
        finally:
            self._leave_line()
            self._crew.said.put(gone)

    def _next(self) -> Job | None:
        """Return the next job, or None to go home. Before it waits, what is underway is brought to its end."""
        while not self._crew.stopped.is_set():
            if self._again:
                return self._again.popleft()
            if self._sent_home and not self._begun:
                return None
            try:
                job = None if self._sent_home else self._crew.jobs.get(block=not self._begun)
            except Empty:
                self._finish()
                continue
            if job is not None:
                return job
            self._sent_home = True
            self._finish()  # something may have to be sent once more
        self._finish()
        return None

    def _send(self, job: Job) -> None:
        """Send `job` behind those underway, or alone where it saw a session end already: should it be the reason, no
        other is behind it. Raises MailError when no session can be had; the job is for others then."""
        job.begin()
        try:
            check(job.mail, self._crew.supply.route)
            if not job.again:  # it has had its turn
                await_turn(self._crew.supply.route, job.mail.patience, self._rest)
        except MailError as error:
            self._crew.said.put(job.done(Fate(job.ticket, error=error)))
            return
        if self._crew.stopped.is_set():
            return  # while it waited for its turn: nobody has begun it
        if self._line and not (self._begun or self._line[0].fit):
            self._leave_line()  # it rested too long while there was no job
        session, conveyor = self._line or self._find_line(job)
        self._begun[job.ticket] = job
        self._settle(conveyor.push(job.ticket, job.mail))
        session.used()
        if job.again or not (self._proven and session.fit):
            self._finish()
            self._proven = True
        if not session.fit:
            self._leave_line()

    def _rest(self, seconds: float) -> None:
        """Let some seconds pass, unless the list is given up; what is underway is not kept waiting."""
        self._finish()
        self._crew.stopped.wait(seconds)

    def _find_line(self, job: Job) -> tuple[KeptSession, Conveyor]:
        """Return a session, and the conveyor on it: one that was kept, while there is no reason against it."""
        supply = self._crew.supply
        kept = supply.kept() if self._trusts_kept and not job.again else None
        try:
            session = kept or supply.new()
        except MailError:
            for left in (job, *self._again):
                self._crew.jobs.put(left)
            raise
        self._crew.said.put(Ready())
        self._proven, self._useful = kept is None, False
        self._line = session, Conveyor(session)
        return self._line

    def _leave_line(self) -> None:
        line, self._line = self._line, None
        if line:
            self._crew.supply.back(line[0])

    def _finish(self) -> None:
        """Bring what is underway to its end, and leave a session that broke meanwhile."""
        if self._line:
            session, conveyor = self._line
            self._settle(conveyor.finish())
            if not session.open:
                self._leave_line()

    def _settle(self, fates: Iterable[Fate]) -> None:
        """Pass on what became of jobs. One that was surely not taken when its session ended gets another; once more
        only if the session did other work before it ended, because some servers take few messages in a session."""
        for fate in fates:
            job = self._begun.pop(fate.ticket)
            if fate.elsewhere and (self._useful or not job.again):
                job.again, self._trusts_kept = True, False
                self._again.append(job)
            else:
                self._useful = True
                self._crew.said.put(job.done(fate))

"""Many messages over several sessions at once, as the thread of their caller sees it.

It reads the messages and takes the results; each session has a worker with a thread of its own. See `worker`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from queue import Empty, SimpleQueue

from mailadmin.core import limits
from mailadmin.transports import spreading
from mailadmin.transports.base import Handed, Mail

from .supply import Supply
from .worker import Crew, Done, Gone, Job, Worker


def spread(supply: Supply, mails: Iterable[tuple[int, Mail]]) -> Iterator[Handed]:
    """Yield what became of each of `mails`, over the sessions of `supply`; see `spreading.spread`."""
    return spreading.spread(lambda: _Caller(supply), mails)


class _Caller:
    """The side of the call that hands jobs in and takes their ends. Workers come one by one: the first with the
    first job, further ones when a session has been opened and enough jobs wait, so that a wrong password is not tried
    by all of them at once."""

    def __init__(self, supply: Supply) -> None:
        self.owed = 0  # jobs without an end
        self._bytes = 0  # in them
        self._supply = supply
        self._crew = Crew(supply, jobs=SimpleQueue(), said=SimpleQueue())
        self._threads: list[threading.Thread] = []
        self._working = 0
        self._most = 1  # workers at once; more when it is known that a session can be had
        self._process = os.getpid()

    @property
    def at_home(self) -> bool:
        """Tell whether this is the process of the workers: a forked child has their queues, and not them."""
        return self._process == os.getpid()

    @property
    def has_room(self) -> bool:
        """Tell whether another message may be read: enough that each session always has its next one at hand."""
        ahead = 2 * limits.LIST_SESSION_MESSAGES * self._supply.route.sessions.parallel
        return self.owed < ahead and self._bytes < limits.LIST_AHEAD_BYTES

    def add(self, ticket: int, mail: Mail) -> None:
        """Hand in a job."""
        self._bytes += mail.content.size
        self.owed += 1
        self._crew.jobs.put(Job(ticket, mail))
        self._grow()

    def next_handed(self, *, wait: bool) -> Handed | None:
        """Return the next end of a job, None when there is none yet and nobody wants to `wait`. Where no thread can be
        had, the jobs are done in this very one."""
        while True:
            if wait and not self._working and self.owed == self._crew.jobs.qsize():
                self._work_here()
            try:
                said = self._crew.said.get(block=wait)
            except Empty:
                return None
            if isinstance(said, Done):
                self.owed -= 1
                self._bytes -= said.size
                return said.handed
            if isinstance(said, Gone):
                self._lose_worker(said)
            elif self._most == 1:
                self._most = self._supply.route.sessions.parallel
            self._grow()

    def dismiss(self) -> None:
        """End the workers and wait for them: what is in flight is finished, what nobody has begun is dropped."""
        if not self.at_home or sys.is_finalizing():
            return  # they do not live here, or never run again
        self._crew.stopped.set()
        for _ in self._threads:
            self._crew.jobs.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():  # where the garbage collector may close an iterator
                thread.join()

    def _grow(self) -> None:
        """Let one more worker come for each few jobs that wait."""
        while self._working < self._most and self._crew.jobs.qsize() > limits.LIST_SESSION_MESSAGES * self._working:
            thread = threading.Thread(target=Worker(self._crew).run, name="mailadmin-smtp-list", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads to be had
                self._most = self._working
                return
            self._threads.append(thread)
            self._working += 1

    def _work_here(self) -> None:
        self._working += 1
        self._crew.jobs.put(None)
        Worker(self._crew).run()

    def _lose_worker(self, gone: Gone) -> None:
        """Go on with the others, if any are left; else the waiting jobs share the reason."""
        self._working -= 1
        if gone.crash is not None:
            raise gone.crash
        if self._working:
            self._most = self._working  # the server allows no more, or not now
        elif gone.error is not None:
            self._crew.fail_waiting(gone.error)

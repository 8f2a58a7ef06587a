"""Many messages over several requests at once. Each worker has a thread of its own and sends one message after the
other; the pace of the mailboxes and the places of the app are kept where every message keeps them."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import NamedTuple

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.transports.base import Accepted, Handed, Mail

from .manners import Rest

Send = Callable[[Mail, Rest], Accepted]


class _Job(NamedTuple):
    ticket: int
    mail: Mail


class _Done(NamedTuple):
    """The end of one job, with the size of its message in bytes; `crash` is what broke that should not."""

    handed: Handed | None
    size: int
    crash: BaseException | None = None


class _Dismissed(Exception):
    """The list was given up while a message waited for its turn: nothing of it has left."""


class Crew:
    """The workers of one list, at most `most`; all of them send by `send`, which must stand that."""

    def __init__(self, send: Send, most: int) -> None:
        self.owed = 0  # jobs without an end
        self._bytes = 0  # in them
        self._send, self._most = send, max(most, 1)
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()  # None sends a worker home
        self._done: SimpleQueue[_Done] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()
        self._process = os.getpid()

    @property
    def at_home(self) -> bool:
        """See `spreading.Crew`."""
        return self._process == os.getpid()

    @property
    def has_room(self) -> bool:
        """Tell whether another message may be read: enough that each worker always has its next one at hand."""
        return self.owed < limits.GRAPH_LIST_AHEAD * self._most and self._bytes < limits.LIST_AHEAD_BYTES

    def add(self, ticket: int, mail: Mail) -> None:
        """Hand in a message. Where no thread can be had, it is sent in this very one."""
        self._bytes += mail.content.size
        self.owed += 1
        self._jobs.put(_Job(ticket, mail))
        if len(self._threads) < min(self._most, self.owed) and not self._hire() and not self._threads:
            self._jobs.put(None)
            self._work()

    def next_handed(self, *, wait: bool) -> Handed | None:
        """See `spreading.Crew`."""
        try:
            done = self._done.get(block=wait)
        except Empty:
            return None
        self.owed -= 1
        self._bytes -= done.size
        if done.crash is not None:
            raise done.crash
        return done.handed

    def dismiss(self) -> None:
        """See `spreading.Crew`. A message that only waits for its turn has not begun."""
        if not self.at_home or sys.is_finalizing():
            return  # they do not live here, or never run again
        self._stopped.set()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():  # where the garbage collector may close an iterator
                thread.join()

    def _hire(self) -> bool:
        thread = threading.Thread(target=self._work, name="mailadmin-graph-list", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads to be had
            return False
        self._threads.append(thread)
        return True

    def _work(self) -> None:
        """Send jobs until sent home. Raises nothing."""
        while (job := self._jobs.get()) is not None and not self._stopped.is_set():
            started_at, started = datetime.now(UTC), time.monotonic()
            accepted: Accepted | None = None
            error: MailError | None = None
            crash: BaseException | None = None
            try:
                accepted = self._send(job.mail, self._rest)
            except MailError as refusal:
                error = refusal
            except BaseException as unexpected:
                crash = unexpected
            handed = Handed(job.ticket, started_at, time.monotonic() - started, accepted, error)
            self._done.put(_Done(handed, job.mail.content.size, crash))

    def _rest(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise _Dismissed

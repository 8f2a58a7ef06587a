"""The engine of a worker: one thread claims what is due and hands it to others, which send.

Nothing is claimed that is not begun at once, so that several workers share the work as it comes. The engine outlives
its database: it asks again, later and later, until it is back.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from django.db import close_old_connections, connections

from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.delivery.attempts import Sessions
from mailadmin.delivery.telling import tell
from mailadmin.models.clock import ServerNow

from . import claims, heart
from .claims import Claim, Claimed
from .deliver import deliver
from .room import Closed, Room
from .roster import Enlisted
from .rows import FREE
from .sweep import sweep
from .wake import Waiter


@dataclass
class Report:
    """What a worker has done since it was started; `in_hand` messages are under way now."""

    handled: int = 0
    sent: int = 0
    failed: int = 0
    put_off: int = 0  # to be sent later, held, or unsure
    in_hand: int = 0

    def count(self, state: DeliveryState) -> None:
        """Count one message that was handled."""
        self.handled += 1
        if state.accepted:
            self.sent += 1
        elif state in (DeliveryState.FAILED, DeliveryState.EXPIRED):
            self.failed += 1
        else:
            self.put_off += 1


def tell_nobody(report: Report) -> None:
    """Take a report and do nothing with it."""


@dataclass
class Engine:
    """Sends what is queued, `threads` messages at once, under the `name` that the roster shows. `told` gets a report
    with every beat, in the thread that runs the engine."""

    threads: int
    name: str
    told: Callable[[Report], None] = tell_nobody
    report: Report = field(default_factory=Report)

    def __post_init__(self) -> None:
        self._waiter = Waiter()
        self._room = Room(limits.WORKER_BYTES)
        self._todo: queue.SimpleQueue[Claimed | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._in_hand: dict[UUID, Claim] = {}  # by token
        self._row = Enlisted(self.name, self.threads)
        self._helpers: list[threading.Thread] = []
        self._stops = 0
        self._pause = 0.0
        self._beat_at = self._sweep_at = 0.0

    def run(self, once: bool = False) -> None:
        """Send until `stop` is called; with `once`, until nothing is due any more. Raises what the database raises only
        with `once`: without it a database that goes away is waited for."""
        for number in range(self.threads):
            self._start(self._work, f"worker-{number}")
        try:
            self._send_what_is_due(once)
        finally:
            self._end()

    def stop(self) -> None:
        """Claim nothing more and end when what is begun is done, at most limits.WORKER_STOP_SECONDS later; called once
        more: end now. From any thread, and from a signal handler."""
        self._stops += 1
        self._waiter.wake()

    @property
    def stopped(self) -> bool:
        """Tell whether the engine was told to stop."""
        return self._stops > 0

    def _send_what_is_due(self, once: bool) -> None:
        while not self._stops:
            self._beat()
            free = self.threads - len(self._in_hand)
            claimed = self._claim(free, once) if free else []
            for one in claimed:
                with self._lock:
                    self._in_hand[one.claim.token] = one.claim
                self._todo.put(one)
            if once and not claimed and not self._in_hand:
                return
            if len(claimed) < free or len(self._in_hand) >= self.threads:
                self._waiter.wait(self._pause or limits.WORKER_POLL_SECONDS)

    def _claim(self, most: int, once: bool) -> list[Claimed]:
        try:
            claimed = claims.claim(self.name, most)
        except Exception as error:  # of any type: what the host project hangs into its connections has a part in it
            if once:
                raise
            if not self._pause:
                line = "The outbox cannot be read (%s); tried again. Does the database run, and has it been migrated?"
                tell(logging.WARNING, line, type(error).__name__)
            self._pause = min(max(2 * self._pause, limits.WORKER_PAUSE_SECONDS), limits.MAX_WORKER_PAUSE_SECONDS)
            connections.close_all()
            return []
        self._pause = 0.0
        return claimed

    def _work(self) -> None:
        """What each of the sending threads does."""
        sessions = Sessions()
        while claimed := self._next(sessions):
            claim = claimed.claim
            state: DeliveryState | None = None
            try:
                with heart.hold(claim), self._room.of(claimed.entry.size):
                    state = deliver(claimed, sessions)
            except Closed:
                _quietly(partial(give_back, claim))
            except Exception as error:  # the claim lapses, and the message counts as one that was our end
                tell(logging.ERROR, "A message ended its worker's thread (%s).", type(error).__name__)
            with self._lock:
                del self._in_hand[claim.token]
                if state:
                    self.report.count(state)
            _mend_connections()
            self._waiter.wake()

    def _next(self, sessions: Sessions) -> Claimed | None:
        while True:
            try:
                return self._todo.get(timeout=limits.WORKER_IDLE_SECONDS)
            except queue.Empty:
                sessions.close()
                close_old_connections()

    def _beat(self, *, now: bool = False) -> None:
        """Say that the worker lives, and do with it what is done now and then."""
        if time.monotonic() < self._beat_at and not now:
            return
        self._beat_at = time.monotonic() + limits.CLAIM_BEAT_SECONDS
        with self._lock:
            self.report.in_hand = len(self._in_hand)
        _quietly(lambda: self._row.beat(self.report.handled, stopping=self._stops > 0))
        self.told(self.report)
        if time.monotonic() >= self._sweep_at and not self._stops:
            self._sweep_at = time.monotonic() + limits.WORKER_SWEEP_SECONDS
            self._start(sweep, "sweep")

    def _start(self, work: Callable[[], object], name: str) -> None:
        """Do `work` in a thread that closes its database connections; the end of the process does not wait for it."""

        def tidily() -> None:
            try:
                work()
            finally:
                connections.close_all()

        self._helpers = [thread for thread in self._helpers if thread.is_alive()]
        thread = threading.Thread(target=tidily, name=f"mailadmin-{name}", daemon=True)
        self._helpers.append(thread)
        thread.start()

    def _end(self) -> None:
        """Let what is begun end, give back the rest, and leave."""
        self._room.close()
        until = time.monotonic() + limits.WORKER_STOP_SECONDS
        while self._in_hand and self._stops < 2 and (left := until - time.monotonic()) > 0:
            self._beat()
            self._waiter.wait(min(left, limits.WORKER_POLL_SECONDS))
        with self._lock:
            left_over = list(self._in_hand.values())
        for claim in left_over:
            _quietly(partial(give_back, claim))
        for _ in range(self.threads):
            self._todo.put(None)
        for thread in self._helpers:
            thread.join(max(until - time.monotonic(), 0) if not left_over else 0)
        self._beat(now=True)
        _quietly(self._row.leave)
        self._waiter.close()


def give_back(claim: Claim) -> None:
    """Let another worker have the message at once; but when it may be leaving right now, the claim lapses: nobody knows
    what became of it. Raises what the database raises."""
    claims.release(claim, **FREE, due_at=ServerNow())


def _mend_connections() -> None:
    """Close the connections of this thread that had an error and are of no use any more; the others are kept for the
    next message, whatever CONN_MAX_AGE says."""
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred:
            connection.close_if_unusable_or_obsolete()


def _quietly(work: Callable[[], object]) -> None:
    """Do what may fail while the database is away."""
    with suppress(Exception):  # of any type, as in `Engine._claim`, which says so
        work()

"""A list of messages in direct mode: those in a row that have the same first route are handed to it together, so that
several sessions may carry them. What it does not take goes on by the other routes, one by one, in the caller's thread.

The messages are read a few ahead: each is built, planned and in the log before its first attempt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence

from django.core.mail import EmailMessage
from django.utils import timezone

from mailadmin.conf import ConfigurationError
from mailadmin.core import limits, policy
from mailadmin.core.errors import BadMessage, MailError, bad_message
from mailadmin.core.fault import Kind
from mailadmin.core.outcome import Skipped
from mailadmin.core.settings import Route, RouteKey
from mailadmin.core.texts import _
from mailadmin.language import callers_language, in_site_language
from mailadmin.transports.base import Mail

from . import log, routes
from .attempts import Sessions, Terms, Tried, make_ready
from .options import SendOptions
from .progress import reporter
from .routes import Snapshot
from .send import Job, complete, prepare, queue, reserve


@in_site_language
def send_list(messages: Iterable[EmailMessage], options: SendOptions, sessions: Sessions, quiet: bool) -> int:
    """Send `messages` and return how many a server took; each gets its result as `message.mailadmin`. Messages
    without recipients are skipped.

    Raises the error of the first message in the list that failed: BadMessage and ConfigurationError always, any other
    MailError unless `quiet`; and what `messages` itself raises. What is under way then is brought to its end before,
    and a message that was not begun keeps no trace.
    """
    return _List(messages, options, sessions, quiet).send()


class _List:
    """The messages of one call. Each has its place in the list for a ticket."""

    def __init__(self, messages: Iterable[EmailMessage], options: SendOptions, sessions: Sessions, quiet: bool) -> None:
        self._options, self._sessions, self._quiet = options, sessions, quiet
        length = len(messages) if isinstance(messages, Sequence) else None
        self._few = length is not None and length < limits.LIST_SESSION_MESSAGES
        # Messages that are made while they leave are not waited for: the first may go before the second is there.
        self._ahead = 1 if length is None else limits.LIST_LOG_ROWS
        self._source = iter(messages)
        self._place = 0  # of the message that is read next
        self._ready: deque[tuple[int, Job]] = deque()  # in the log, and not begun
        self._out: dict[int, Job] = {}  # handed over
        self._reading = self._sending = True
        self._stopped: dict[RouteKey, str] = {}  # routes with a wrong setting, and what it is
        self._errors: dict[int, Exception] = {}
        self._sent = 0

    def send(self) -> int:
        """Send them all; see `send_list`."""
        try:
            while job := self._head():
                if self._few or not job.plan.routes:
                    self._complete(*self._ready.popleft())
                else:
                    self._hand_over(job.plan.routes[0], job.snapshot)
        except BaseException as error:  # the caller is being ended: nobody knows how far a server got
            log.interrupt([job.entry for job in self._out.values()], error)
            raise
        finally:
            log.withdraw([job.entry for _, job in self._ready])
        if self._errors:
            raise self._errors[min(self._errors)]
        return self._sent

    # -- reading ----------------------------------------------------------------------------------------

    def _head(self) -> Job | None:
        """Return the next message to send now, None when there is none or an error ends the list. Those before it that
        a worker is to send are queued, so that each has its place in the list."""
        while self._sending and (self._ready or self._reading):
            if not self._ready:
                self._read()
            elif self._ready[0][1].options.queued:
                self._queue(*self._ready.popleft())
            else:
                return self._renewed(self._ready[0][1])
        return None

    def _renewed(self, job: Job) -> Job:
        """Return `job` with what earlier messages of the list found out about its routes."""
        if job.plan.resting and not job.plan.routes:  # an earlier message of the list may have found a route working
            job.snapshot = routes.current()
            job.plan = routes.plan(job.snapshot, job.draft, job.options.route, by_hand=job.options.by_hand)
        for route in [route for route in job.plan.routes if route.key in self._stopped]:
            # Hundreds of tries with a wrong password would lock the account.
            job.plan.routes.remove(route)
            text = _("It failed earlier in this list: {reason}").format(reason=self._stopped[route.key])
            job.plan.skipped.append(Skipped(route.name, text))
            job.plan.passed_over = True
        return job

    def _read(self) -> None:
        """Get the next few messages ready. One that cannot be sent ends the reading; those before it are sent."""
        found: list[tuple[int, Job]] = []
        size, snapshot = 0, None
        while self._reading and len(found) < self._ahead and size < limits.LIST_AHEAD_BYTES:
            message = self._next()
            try:
                if message is None and self._reading:
                    raise bad_message(Kind.BAD_MESSAGE, _("There is no message: None stands in the list."))
                if message and message.recipients():
                    snapshot = snapshot or routes.current()
                    job = prepare(message, self._options, snapshot)
                    if not job.options.queued and reserve(job):
                        self._sent += 1
                    else:
                        found.append((self._place, job))
                        size += job.draft.content.size
            except Exception as error:
                self._reading = not self._fail(self._place, error)
            self._place += 1
        if found:
            log.begin([job.entry for _, job in found if not job.options.queued])
            self._ready.extend(found)

    def _next(self) -> EmailMessage | None:
        """Return the next message, None at the end. An error of whoever makes them is no failed message, and so never
        silent."""
        try:
            with callers_language():
                return next(self._source)
        except StopIteration:
            pass
        except Exception as error:
            self._errors[self._place] = error
        self._reading = False
        return None

    # -- sending ----------------------------------------------------------------------------------------

    def _hand_over(self, route: Route, snapshot: Snapshot) -> None:
        """Send the messages at the head of the list by `route`, as long as it is the first one of each."""
        try:
            transport = self._sessions.transport(route, snapshot.version)
        except ConfigurationError:
            self._complete(*self._ready.popleft())  # there it becomes the message's error
            return
        results = transport.send_many(self._mails(route, snapshot.version))
        try:
            for handed in results:
                job = self._out.pop(handed.ticket)
                tried = Tried(handed.started_at, handed.seconds, job.sent_as, handed.accepted, handed.error)
                self._complete(handed.ticket, job, tried)
        finally:
            if isinstance(results, Generator):
                results.close()  # now, and not when somebody collects it: its sessions end what they are at

    def _mails(self, route: Route, version: str) -> Iterator[tuple[int, Mail]]:
        while job := self._head():
            if job.plan.routes[:1] != [route] or job.snapshot.version != version:
                return
            ticket, _ = self._ready.popleft()
            self._out[ticket] = job
            try:
                terms = Terms(self._options.in_background, in_list=True, progress=reporter(job.entry))
                dressed = make_ready(job.draft, route, job.draft.addresses, terms, last=len(job.plan.routes) == 1)
            except MailError as error:  # not by this route
                del self._out[ticket]
                self._complete(ticket, job, Tried(timezone.now(), 0, "", None, error))
                continue
            job.sent_as = dressed.sent_as
            yield ticket, dressed.mail

    def _queue(self, place: int, job: Job) -> None:
        try:
            queue(job)
            self._sent += 1
        except Exception as error:
            self._sending = not self._fail(place, error)

    def _complete(self, ticket: int, job: Job, first: Tried | None = None) -> None:
        """Bring one message to its end, with the routes that are left to it."""
        try:
            self._sent += complete(job, self._sessions, first).sent
        except Exception as error:
            if self._fail(ticket, error):
                self._sending = False
        for attempt in job.run.attempts if job.run else ():
            health = policy.route_health(attempt.error, 0) if attempt.error else None
            if attempt.error and health and health.stopped:
                self._stopped[attempt.route.key] = attempt.error.summary

    def _fail(self, place: int, error: Exception) -> bool:
        """Keep `error` for the caller, and tell whether that ends the list."""
        if self._quiet and isinstance(error, MailError) and not isinstance(error, BadMessage):
            return False
        self._errors[place] = error
        return True

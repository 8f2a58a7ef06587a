"""The path of one message, in direct mode: the caller waits, and gets Django's usual result or an error."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from django.core.mail import EmailMessage

from mailadmin.conf import ConfigurationError
from mailadmin.core.errors import BadMessage, MailError
from mailadmin.core.outcome import DeliveryState, SendResult

from . import attempts, health, log, refusals, routes
from .attempts import Run, Sessions, Terms, Tried
from .convert import Draft, convert
from .log import Entry, SendOptions
from .progress import reporter
from .routes import Plan, Snapshot

__all__ = ["Job", "SendOptions", "Sessions", "complete", "prepare", "send_message"]


@dataclass
class Job:
    """One message on its way: what it was built to, the routes to try, its row in the log, the From that its first
    route gave it where somebody has handed it over already, and in the end what happened."""

    message: EmailMessage
    options: SendOptions
    snapshot: Snapshot
    draft: Draft
    plan: Plan
    entry: Entry
    sent_as: str = ""
    run: Run | None = None


def send_message(
    message: EmailMessage, options: SendOptions | None = None, sessions: Sessions | None = None
) -> SendResult:
    """Send `message` by the first route that takes it and return what became of it, also set as
    `message.mailadmin`.

    Raises BadMessage when the message itself is wrong, MailError (DeliveryUnsure among them) when nobody
    got it, and ConfigurationError when nothing is set up to send. `sessions` holds connections open for
    the caller's next message.
    """
    job = prepare(message, options or SendOptions(), routes.current())
    log.begin([job.entry])
    if sessions:
        return complete(job, sessions)
    with contextlib.closing(Sessions()) as own:
        return complete(job, own)


def prepare(message: EmailMessage, options: SendOptions, snapshot: Snapshot) -> Job:
    """Return `message` built and planned, its row not written yet. Raises BadMessage and ConfigurationError, which
    have a row then."""
    try:
        draft = convert(message)
        plan = routes.plan(snapshot, draft, options.route)
    except (BadMessage, ConfigurationError) as error:
        _fail(message, log.refuse(message, options, error), str(error))
        raise
    label = draft.label or options.label or (plan.routes[0].label if plan.routes else "")
    return Job(message, options, snapshot, draft, plan, log.entry(draft, options, label))


def complete(job: Job, sessions: Sessions, first: Tried | None = None) -> SendResult:
    """Send the message of `job`, complete its row and return the result; raises as `send_message` does. `first` is
    what came of its first route, where somebody has handed it over already."""
    version = job.snapshot.version
    try:
        if not job.plan.routes:
            raise routes.no_route(job.plan)
        job.run = run = attempts.run(
            job.draft,
            job.plan,
            lambda route: sessions.transport(route, version),
            first,
            Terms(job.options.in_background, progress=reporter(job.entry)),
        )
    except (MailError, ConfigurationError) as error:
        _fail(job.message, log.abandon(job.entry, error), str(error))
        raise
    except BaseException as error:  # the caller is being ended: nobody knows how far a server got
        log.interrupt([job.entry], error)
        raise
    result = attempts.result_of(run, job.draft, job.plan.passed_over)
    log.finish(job.entry, job.draft, run, result)
    health.note(run, job.snapshot.states)
    refusals.note(run, job.draft)
    job.message.mailadmin = result  # type: ignore[attr-defined]  # the documented place for the result
    if not result.sent and run.last_error:
        raise run.last_error
    return result


def _fail(message: EmailMessage, delivery_id: str | None, reason: str) -> None:
    message.mailadmin = SendResult(  # type: ignore[attr-defined]  # the documented place for the result
        state=DeliveryState.FAILED, reason=reason, delivery_id=delivery_id
    )

"""The path of one message. In direct mode the caller waits, and gets Django's usual result or an error; in queued mode
the message is in the outbox when this returns."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import Any

from django.core.mail import EmailMessage

from mailadmin.conf import ConfigurationError
from mailadmin.core.errors import BadMessage, MailError, SendingHeld, bad_message
from mailadmin.core.fault import Kind
from mailadmin.core.outcome import DeliveryState, SendResult
from mailadmin.language import in_site_language

from . import announce, attempts, health, keeping, last_resort, log, redirect, refusals, routes
from .attempts import Run, Sessions, Terms, Tried
from .clients import allowed_routes
from .convert import Draft, convert
from .log import Entry
from .options import SendOptions, options_for, route_for
from .outbox.enqueue import enqueue, reserve_key
from .progress import reporter
from .routes import Plan, Snapshot
from .telling import tell

__all__ = ["Job", "SendOptions", "Sessions", "complete", "plan", "prepare", "queue", "reserve", "send_message"]


@dataclass
class Job:
    """One message on its way: what it was built to and, where mail is redirected, what leaves instead; the routes to
    try, its row in the log, the From that its first route gave it where somebody has handed it over already, and in the
    end what happened."""

    message: EmailMessage
    options: SendOptions
    snapshot: Snapshot
    built: Draft
    draft: Draft
    plan: Plan
    entry: Entry
    sent_as: str = ""
    run: Run | None = None


@in_site_language
def send_message(
    message: EmailMessage, options: SendOptions | None = None, sessions: Sessions | None = None
) -> SendResult:
    """Send `message` by the first route that takes it, or put it into the outbox, and return what became of it, also
    set as `message.mailadmin`.

    Raises BadMessage when the message itself is wrong, MailError (DeliveryUnsure among them) when nobody
    got it or the outbox cannot take it, and ConfigurationError when nothing is set up to send. `sessions` holds
    connections open for the caller's next message.
    """
    job = prepare(message, options or SendOptions(), routes.current())
    if job.options.queued:
        return queue(job)
    if known := reserve(job):
        return known
    log.begin([job.entry])
    if sessions:
        return complete(job, sessions)
    with contextlib.closing(Sessions()) as own:
        return complete(job, own)


def prepare(message: EmailMessage, options: SendOptions, snapshot: Snapshot) -> Job:
    """Return `message` built, its row not written yet, and planned where it is to be sent now. Raises BadMessage,
    SendingHeld and ConfigurationError, which have a row then."""
    try:
        options = route_for(message, options_for(message, options), snapshot.named)
        built = convert(message)
        if not built.recipients:
            raise bad_message(Kind.NO_RECIPIENTS, field="to")
        return plan(message, built, options, snapshot)
    except (BadMessage, SendingHeld, ConfigurationError) as error:
        _fail(
            message,
            log.refuse(message, options, error, hide=snapshot.preferences.hide_codes),
            str(error),
            options.label,
        )
        raise


def plan(message: EmailMessage, built: Draft, options: SendOptions, snapshot: Snapshot) -> Job:
    """Return `message`, which is built already, as a job, planned where it is to be sent now. Raises SendingHeld and
    ConfigurationError, without a row."""
    draft, found = built, Plan()
    if not options.queued:  # else it is planned when a worker sends it
        redirect.check_held(built, snapshot.preferences)
        draft = redirect.redirected(built, snapshot.preferences)
        found = routes.plan(
            snapshot,
            draft,
            options.route,
            by_hand=options.by_hand,
            avoid=options.avoid,
            among=allowed_routes(options.client),
        )
    label = draft.label or options.label or (found.routes[0].label if found.routes else "")
    entry = log.entry(built, options, label, hide=snapshot.preferences.hide_codes)
    if draft is not built:
        entry.values["redirected_to"] = snapshot.preferences.redirect_to
    return Job(message, options, snapshot, built, draft, found, entry)


def queue(job: Job) -> SendResult:
    """Put the message of `job` into the outbox, in the caller's transaction. Raises as `enqueue.enqueue` does."""
    try:
        result = enqueue(job.built, job.options, job.snapshot)
    except MailError as error:
        tell(logging.ERROR, "A message was not queued (%s).", error.code)
        _fail(job.message, None, str(error), job.options.label, cut_off=last_resort.is_cut_off(error))
        raise
    job.message.mailadmin = result  # type: ignore[attr-defined]  # the documented place for the result
    return result


def reserve(job: Job) -> SendResult | None:
    """Write the row of a message with an idempotency key, and return what is known of an earlier one with that key,
    None when this is the first. Without a key there is nothing to do. Raises MailError when nobody can tell."""
    if not job.options.idempotency_key:
        return None
    try:
        known = reserve_key(job.entry)
    except MailError as error:
        _fail(job.message, None, str(error), job.options.label)
        raise
    if known:
        job.message.mailadmin = known  # type: ignore[attr-defined]  # the documented place for the result
    return known


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
        abandoned = log.abandon(job.entry, error)
        _fail(job.message, abandoned, str(error), str(job.entry.values["label"]), job.options.client)
        raise
    except BaseException as error:  # the caller is being ended: nobody knows how far a server got
        log.interrupt([job.entry], error)
        raise
    result = attempts.result_of(run, job.draft, job.plan.passed_over)
    if job.draft is not job.built:
        instead = redirect.stand_ins(job.built, job.snapshot.preferences)
        result.recipients = {asked: run.outcomes[served] for asked, served in instead.items()}
    log.finish(job.entry, job.built, run, result)
    keeping.keep(result.delivery_id, job.built, result, job.snapshot.preferences)
    health.note(run, job.snapshot.states)
    refusals.note(run, job.draft)
    job.message.mailadmin = result  # type: ignore[attr-defined]  # the documented place for the result
    announce.message(result.delivery_id, result, str(job.entry.values["label"]), job.options.client)
    if not result.sent and run.last_error:
        raise run.last_error
    return result


def _fail(
    message: EmailMessage,
    delivery_id: str | None,
    reason: str,
    label: str,
    client: Any = None,
    *,
    cut_off: bool = False,
) -> None:
    """Tell that nobody got a message; to the `client`, too, where it was not refused before it was taken."""
    result = SendResult(state=DeliveryState.FAILED, reason=reason, delivery_id=delivery_id, cut_off=cut_off)
    message.mailadmin = result  # type: ignore[attr-defined]  # the documented place for the result
    announce.message(delivery_id, result, label, client)

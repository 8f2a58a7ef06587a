"""Trying the routes of a plan one after the other, by the policy, until everybody is served or nothing is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.utils import timezone

from mailadmin.core import limits, policy, sender
from mailadmin.core.errors import MailError, Scope
from mailadmin.core.fault import Kind
from mailadmin.core.outcome import DeliveryState, RecipientOutcome, RecipientState, SendResult, Skipped
from mailadmin.core.policy import Haste
from mailadmin.core.settings import OAuthRoute, Route, RouteKey
from mailadmin.core.texts import _
from mailadmin.transports.base import UNWATCHED, Accepted, Transport, Watch, untold

from .convert import Draft, Dressed, dress
from .routes import Plan
from .sessions import Sessions as Sessions


@dataclass
class Attempt:
    """One try by one route: `error` None means that it took the message for everybody it was asked to serve;
    `size_limit` is the largest message (bytes) that its server takes, 0 for any, None when it did not say."""

    route: Route
    started_at: datetime
    seconds: float
    accepted: bool
    answer: str = ""
    error: MailError | None = None
    size_limit: int | None = None

    @property
    def held_back(self) -> bool:
        """Tell whether a limit of our own kept the message from the route, so that the route was not really tried."""
        return self.error is not None and self.error.fault.kind is Kind.PACED


def unwatched(route: Route) -> Watch:
    """Return the watch of a message that nobody watches."""
    return UNWATCHED


def unrecorded(run: Run) -> None:
    """Take what is known before the next route is tried, and write it nowhere."""


@dataclass(frozen=True)
class Terms:
    """On which terms a message is handed over: whether no caller waits, so that a server's last answer may take
    minutes; whether it is one of a list, so that it may wait its turn; who is told how far a long upload is; how long
    it can wait for what passes by itself.

    A worker has `watch`, who must know when the message leaves by a route; `record`, who writes down what is known
    before each further route is tried; and knows `another_later`: a route that is left out now may take it later.
    """

    in_background: bool = False
    in_list: bool = False
    progress: Callable[[str], None] = untold
    haste: Haste = Haste.CALLER
    watch: Callable[[Route], Watch] = unwatched
    record: Callable[[Run], None] = unrecorded
    another_later: bool = False

    def patience(self, last: bool) -> float:
        """Return for how many seconds a limit of our own may hold the message; `last` tells that no other route is
        left."""
        if self.in_background:
            return limits.BACKGROUND_PATIENCE_SECONDS
        if self.in_list:
            return limits.GRAPH_LIST_PATIENCE_SECONDS
        return limits.GRAPH_LAST_PATIENCE_SECONDS if last else limits.GRAPH_PATIENCE_SECONDS


@dataclass(frozen=True)
class Tried:
    """What came of handing the message to a route: `accepted`, or `error`; `sent_as` is the From that the route gave
    it, if it changed it."""

    started_at: datetime
    seconds: float
    sent_as: str
    accepted: Accepted | None
    error: MailError | None


@dataclass
class Run:
    """What happened to one message: the attempts, and the outcome of each recipient that was to be served, with the
    last error of those who were not; `unsure_by` are the routes that may have taken it for somebody. Who is "pending"
    in the end is to be served later (queued mode)."""

    outcomes: dict[str, RecipientOutcome]
    errors: dict[str, MailError] = field(default_factory=dict)
    unsure_by: list[Route] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    taken_by: Route | None = None
    sent_as: str = ""

    @property
    def last_error(self) -> MailError | None:
        """Return the error of the last attempt that failed, if any."""
        return next((attempt.error for attempt in reversed(self.attempts) if attempt.error), None)

    @property
    def health(self) -> dict[RouteKey, MailError | None]:
        """Return what each tried route has shown: the error, or None when it took the message."""
        return {a.route.key: None if a.accepted else a.error for a in self.attempts}


def run(
    draft: Draft,
    plan: Plan,
    transport_for: Callable[[Route], Transport],
    first: Tried | None = None,
    terms: Terms | None = None,
    recipients: tuple[str, ...] | None = None,
) -> Run:
    """Try the routes of `plan` in their order and return what happened. Raises nothing of the mail family.

    `first` is what came of the first route, where somebody has handed the message to it already; `recipients` are
    those to serve, None for all.
    """
    terms = terms or Terms()
    remaining = draft.addresses if recipients is None else recipients
    result = Run({address: RecipientOutcome() for address in remaining}, skipped=list(plan.skipped))
    started = time.monotonic() - (first.seconds if first else 0)
    another_later = terms.another_later
    for place, route in enumerate(plan.routes, 1):
        if len(result.attempts) >= limits.ROUTES_TRIED and time.monotonic() - started > limits.ROUTES_SECONDS:
            result.skipped.append(Skipped(route.name, _("The routes before it took too long.")))
            another_later = True
            continue
        if len(remaining) < len(draft.addresses) and isinstance(route, OAuthRoute):
            result.skipped.append(Skipped(route.name, _("Others have the message already; Graph would send it again.")))
            continue
        tried = first if first and not result.attempts else None
        if tried is None:
            if not_now := plan.turn(route):
                result.skipped.append(not_now)
                another_later = True
                continue
            if result.attempts:
                terms.record(result)
            tried = _try(draft, route, remaining, transport_for, terms, last=place == len(plan.routes))
        remaining = _note(tried, route, remaining, result, terms.haste).try_next
        if not remaining:
            break
    result.skipped += plan.spared([attempt.route.key for attempt in result.attempts])
    _end(result, terms, another_later=another_later)
    return result


def _end(result: Run, terms: Terms, *, another_later: bool) -> None:
    """Decide about those for whom no route is left: refused, unless a worker may serve them later."""
    for address, outcome in result.outcomes.items():
        error = result.errors.get(address)
        may_wait = terms.haste is not Haste.CALLER and (another_later or (error and policy.may_succeed_later(error)))
        if outcome.state is RecipientState.PENDING and error and not may_wait:
            outcome.state = RecipientState.REFUSED


def make_ready(draft: Draft, route: Route, recipients: tuple[str, ...], terms: Terms, *, last: bool) -> Dressed:
    """Return `draft` as it leaves on `route` for `recipients`; `last` tells that no other route is left. Raises what
    `convert.dress` raises."""
    mailbox = ""
    if isinstance(route, OAuthRoute):
        mailbox = sender.own_mailbox(route, draft.sender) or _next_mailbox(route)
        route = sender.from_mailbox(route, mailbox)
    dressed = dress(draft, route, recipients)
    patience, background, progress = terms.patience(last), terms.in_background, terms.progress
    mail = replace(dressed.mail, mailbox=mailbox, patience=patience, in_background=background, progress=progress)
    return replace(dressed, mail=replace(mail, watch=terms.watch(route)))


def _next_mailbox(route: OAuthRoute) -> str:
    if not route.mailboxes:
        return route.identity
    from mailadmin.transports.graph.manners import choose_mailbox  # of use for such routes only

    return choose_mailbox(route)


def _try(
    draft: Draft,
    route: Route,
    recipients: tuple[str, ...],
    transport_for: Callable[[Route], Transport],
    terms: Terms,
    *,
    last: bool,
) -> Tried:
    started_at, started = timezone.now(), time.monotonic()
    accepted: Accepted | None = None
    error: MailError | None = None
    sent_as = ""
    try:
        dressed = make_ready(draft, route, recipients, terms, last=last)
        sent_as = dressed.sent_as
        accepted = transport_for(route).send(dressed.mail)
    except MailError as refusal:
        error = refusal
    return Tried(started_at, time.monotonic() - started, sent_as, accepted, error)


def _note(tried: Tried, route: Route, recipients: tuple[str, ...], result: Run, haste: Haste) -> policy.Step:
    """Enter into `result` what came of a try for `recipients`, and return what follows. Those for whom it is not over
    are pending."""
    accepted, error = tried.accepted, tried.error
    attempt = Attempt(route, tried.started_at, tried.seconds, accepted is not None, error=error)
    result.attempts.append(attempt)
    if accepted is None:
        assert error is not None  # noqa: S101 -- one of the two is set, for the reader and the type checker
        attempt.size_limit = error.fault.size_limit or None
        refused = {address: error.recipients.get(address, error) for address in recipients}
        step = policy.after_failure(error, recipients, haste)
    else:
        attempt.answer, attempt.size_limit = accepted.answer, accepted.size_limit
        result.taken_by = result.taken_by or route
        result.sent_as = result.sent_as or tried.sent_as
        for address in recipients:
            if address not in accepted.refused:
                result.outcomes[address] = RecipientOutcome(RecipientState.SENT)
        refused = dict(accepted.refused)
        attempt.error = next(reversed(refused.values()), None)
        step = policy.after_refusals(refused, haste)
    result.errors |= refused
    over = set(step.final)
    result.outcomes |= {address: _outcome(reason, over=address in over) for address, reason in refused.items()}
    if step.unsure:
        result.unsure_by.append(route)
    return step


def _outcome(error: MailError, *, over: bool) -> RecipientOutcome:
    if error.scope is Scope.UNSURE:
        return RecipientOutcome(RecipientState.UNSURE, error.fault.code, error.explanation.title)
    state = RecipientState.REFUSED if over else RecipientState.PENDING
    return RecipientOutcome(state, error.fault.code, error.summary)


def state_of(run: Run, passed_over: bool) -> DeliveryState:
    """Return the state of the whole message. `passed_over`: a preferred route was out of order."""
    states = {outcome.state for outcome in run.outcomes.values()}
    if states == {RecipientState.SENT}:
        fell_back = passed_over or any(not attempt.accepted for attempt in run.attempts)
        return DeliveryState.FALLBACK if fell_back else DeliveryState.SENT
    if RecipientState.SENT in states:
        return DeliveryState.PARTLY
    return DeliveryState.UNSURE if RecipientState.UNSURE in states else DeliveryState.FAILED


def reason_of(run: Run, state: DeliveryState) -> str:
    """Say in a sentence or two why the message went as it did; "" when it simply went."""
    if state is DeliveryState.SENT:
        return ""
    said = [_failed(one.route.name, one.error) for one in run.attempts if one.error and not one.accepted]
    not_tried = _("“{name}” was not tried: {reason}")
    said += [not_tried.format(name=skipped.name, reason=skipped.reason) for skipped in run.skipped]
    if state is DeliveryState.PARTLY:
        for kind, text in (
            (RecipientState.REFUSED, _("{number} of {all} recipients did not get it: {addresses}.")),
            (RecipientState.UNSURE, _("{number} of {all} recipients may have got it: {addresses}.")),
        ):
            some = [address for address, outcome in run.outcomes.items() if outcome.state is kind]
            if some:
                said.append(text.format(number=len(some), all=len(run.outcomes), addresses=", ".join(some[:5])))
    if run.taken_by and state is DeliveryState.FALLBACK:
        said.append(_("So “{name}” took it.").format(name=run.taken_by.name))
    if state is DeliveryState.UNSURE:
        said.append(_("It may have been delivered, so no other route was tried."))
    return " ".join(said)


def _failed(name: str, error: MailError) -> str:
    text = _("“{name}” did not take it: {problem}")
    if error.fault.maybe_sent:
        text = _("“{name}” did not say whether it took it: {problem}")
    return text.format(name=name, problem=error.explanation.title)


def result_of(run: Run, draft: Draft, passed_over: bool) -> SendResult:
    """Return the result object for the message."""
    state = state_of(run, passed_over)
    return SendResult(
        state=state,
        route=run.taken_by.name if run.taken_by else "",
        reason=reason_of(run, state),
        message_id=draft.message_id,
        recipients=run.outcomes,
        skipped=run.skipped,
        attempts=len(run.attempts),
    )

"""Why this route? What the delivery would do with a message, and why, without sending or changing anything.

The answer comes from the very plan that sending makes (`routes.plan`); only the right to try a resting route, which the
plan takes when a message leaves, is not taken here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone

from mailadmin.conf import ConfigurationError
from mailadmin.core import headers, limits
from mailadmin.core.content import Content
from mailadmin.core.dates import day_of_the_year
from mailadmin.core.durations import in_words
from mailadmin.core.errors import BadMessage, MailError, SendingHeld
from mailadmin.core.preferences import Preferences, Sending
from mailadmin.core.settings import OAuthRoute, Route, RouteKey, SmtpRoute
from mailadmin.core.sizes import in_words as size_in_words
from mailadmin.core.texts import _, ngettext
from mailadmin.models import OAuthService, SenderRefusal, SmtpConnection
from mailadmin.transports.graph import manners
from mailadmin.transports.smtp import pace

from . import redirect, routes
from .convert import Draft, convert, dress
from .routes import Plan, Snapshot
from .states import WELL, State

_ANYBODY = "somebody@example.org"  # for a question that names no recipient


class Verdict(StrEnum):
    """What would become of a message at one route."""

    FIRST = "first"
    NEXT = "next"  # when those before it did not take the message
    LAST_RESORT = "last-resort"
    LEFT_OUT = "left-out"
    OFF = "off"

    @property
    def label(self) -> str:
        """Return the verdict as a person reads it."""
        return {
            Verdict.FIRST: _("Tried first"),
            Verdict.NEXT: _("Tried next"),
            Verdict.LAST_RESORT: _("Only if all others fail"),
            Verdict.LEFT_OUT: _("Left out"),
            Verdict.OFF: _("Switched off"),
        }[self]


@dataclass(frozen=True)
class Question:
    """The message to ask about. `sender` is the text of its From, "" where the application names none; `size` is in
    bytes, as it leaves; `label` the endpoint label; `queued` tells that a worker would send it; `route` is the only one
    that may be taken, None for any."""

    sender: str = ""
    recipients: tuple[str, ...] = ()
    size: int = limits.WHY_BYTES
    label: str = ""
    queued: bool = False
    route: RouteKey | None = None


@dataclass(frozen=True)
class Line:
    """One route: its place in the order (None: it is not tried), the verdict and its reason in sentences, and what the
    message would look like there."""

    key: RouteKey
    name: str
    verdict: Verdict
    reason: str
    place: int | None = None
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What would happen: `summary` in a sentence or two, `leaves` tells whether it would be handed to a route now,
    `notes` what the Settings page does to it, `lines` the routes in the order in which they would be tried and then
    those that would not."""

    summary: str
    leaves: bool
    label: str = ""
    notes: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class _Imagined(Content):
    """A content of which only the size matters."""

    length: int = 0

    @cached_property
    def size(self) -> int:
        """Return the number of bytes."""
        return max(self.length, len(self.head))


def explain(question: Question) -> Answer:
    """Return what the delivery would do with a message like `question` now, and why. Nothing is sent, and nothing
    written. Raises BadMessage for addresses that no message could have, and MailError when the settings cannot be
    read."""
    snapshot = routes.current()
    built = _draft(question)
    objection = _objection(built, snapshot.preferences)
    draft = built if objection else redirect.redirected(built, snapshot.preferences)
    try:
        found = routes.plan(
            snapshot,
            draft,
            question.route,
            queued=question.queued,
            by_hand=not question.queued,
            probe=lambda key: True,
        )
    except ConfigurationError as error:
        return Answer(str(error), leaves=False, lines=tuple(_switched_off()))
    own = built.label or question.label
    label = own or (found.routes[0].label if found.routes else "")
    # A message is queued before it has a route, whose label could be its own.
    shelved = question.queued and own in snapshot.preferences.paused_labels
    return Answer(
        summary=_summary(question, found, objection, own if shelved else ""),
        leaves=bool(found.routes) and not objection and not shelved,
        label=label,
        notes=tuple(_notes(question, built, draft, snapshot.preferences)),
        lines=(*_tried(draft, found, snapshot), *_left_out(found), *_switched_off()),
    )


def _draft(question: Question) -> Draft:
    """Return the message that the question describes, as Django would build it."""
    message = EmailMessage(
        subject="Why this route?",
        body="",
        from_email=question.sender or None,
        to=list(question.recipients) or [_ANYBODY],
    )
    built = convert(message)
    return replace(built, content=_Imagined(built.content.head, built.content.body, question.size))


def _objection(draft: Draft, preferences: Preferences) -> str:
    try:
        redirect.check_held(draft, preferences)
        redirect.redirected(draft, preferences)
    except SendingHeld as error:
        return error.fault.text
    return ""


def _summary(question: Question, found: Plan, objection: str, shelved: str) -> str:
    if objection:
        text = _("It would not be sent: all mail is held. {reason}")
        if question.queued:
            text = _("It would wait: all mail is held. {reason}")
        return text.format(reason=objection)
    if shelved:
        return _("It would wait in the outbox: the label “{label}” is paused.").format(label=shelved)
    if not found.routes:
        error = routes.no_route(found)
        if question.queued and (found.resting or found.paused):
            text = _("It would wait in the outbox. {problem}")
            if found.retry_at:
                text = _("It would wait in the outbox until {time}. {problem}")
            until = f"{timezone.localtime(found.retry_at):%H:%M:%S}" if found.retry_at else ""
            return text.format(time=until, problem=error.explanation.title)
        return _("It would not be sent. {problem}").format(problem=error.explanation.title)
    first, *others = (_("“{name}”").format(name=route.name) for route in found.routes)
    if others and found.passed_over:
        text = _(
            "{first} would be tried first; {others} only if the message was surely not taken before; it counts as sent "
            "by fallback, because a preferred route is out of order."
        )
    elif others:
        text = _("{first} would be tried first; {others} only if the message was surely not taken before.")
    elif found.passed_over:
        text = _(
            "{first} would be tried first; it counts as sent by fallback, because a preferred route is out of order."
        )
    else:
        text = _("{first} would be tried first.")
    return text.format(first=first, others=_(", then ").join(others))


def _notes(question: Question, built: Draft, draft: Draft, preferences: Preferences) -> Iterator[str]:
    if draft is not built:
        text = _("All mail is redirected: it would go to {address} in place of its recipients.")
        yield text.format(address=preferences.redirect_to)
    elif preferences.sending is Sending.HELD and not preferences.objection:
        yield _("All mail is held, and these recipients are excepted from that, if it would leave.")
    if not question.sender:
        default = str(settings.DEFAULT_FROM_EMAIL)
        text = _("The application names no From, so Django puts DEFAULT_FROM_EMAIL ({address}) into it.")
        yield text.format(address=default)
    if not question.recipients:
        yield _("No recipient was named; {address} stands for one.").format(address=_ANYBODY)


def _tried(draft: Draft, found: Plan, snapshot: Snapshot) -> Iterator[Line]:
    for place, route in enumerate(found.routes, 1):
        state = snapshot.states.get(route.key, WELL)
        verdict = Verdict.FIRST if place == 1 else Verdict.NEXT
        reason = _why_tried(route, state, place)
        if route.key in found.resorts:
            verdict = Verdict.FIRST if place == 1 else Verdict.LAST_RESORT
            text = _("{reason} Nothing else is left, so it is tried all the same.")
            reason = text.format(reason=found.resorts[route.key].reason)
        yield Line(route.key, route.name, verdict, reason, place, tuple(_facts(draft, route, state)))


def _why_tried(route: Route, state: State, place: int) -> str:
    if isinstance(route, OAuthRoute):
        reason = _("It fits this message. OAuth services come first, in their order.")
    else:
        reason = _("It fits this message. SMTP connections follow.") if place == 1 else _("It fits, too.")
    if state.half_open:
        text = _("It failed before ({reason}) and its rest is over: exactly one message tries it.")
        reason += " " + text.format(reason=state.reason)
    return reason


def _left_out(found: Plan) -> Iterator[Line]:
    for skipped in found.skipped:
        if skipped.key:
            yield Line(skipped.key, skipped.name, Verdict.LEFT_OUT, skipped.reason)


def _switched_off() -> Iterator[Line]:
    for model in (OAuthService, SmtpConnection):
        for row in model.objects.filter(enabled=False):
            yield Line(row.key, row.name, Verdict.OFF, _("It is switched off, so it is not asked for any message."))


def _facts(draft: Draft, route: Route, state: State) -> Iterator[str]:
    """Say what would leave by `route`: the sender above all."""
    try:
        dressed = dress(draft, route, draft.addresses)
    except (BadMessage, MailError) as error:
        text = _("It would be refused here before anything is sent: {problem}")
        yield text.format(problem=error.summary)
        return
    moved = bool(headers.value(dressed.mail.content.head, "reply-to")) and not draft.has_reply_to
    if dressed.sent_as and moved:
        text = _("Receivers see it From {address}, and the original moves to Reply-To.")
    elif dressed.sent_as:
        text = _("Receivers see it From {address}.")
    elif moved:
        text = _("From stays as the application wrote it, and the original moves to Reply-To.")
    else:
        text = _("From stays as the application wrote it.")
    yield text.format(address=dressed.sent_as)
    if isinstance(route, SmtpRoute) and dressed.mail.sender != (draft.sender.spec if draft.sender else ""):
        text = _("Reports of failed delivery go to {address} (the envelope sender).")
        yield text.format(address=dressed.mail.sender)
    if prefix := route.sender.subject_prefix.strip():
        yield _("The subject begins with “{prefix}”.").format(prefix=prefix)
    yield from _limits(route, state)
    if draft.sender:
        yield from _refusals(route, draft.sender.key)


def _limits(route: Route, state: State) -> Iterator[str]:
    if state.size_limit:
        yield _("Its server takes messages up to {size}.").format(size=size_in_words(state.size_limit))
    if isinstance(route, OAuthRoute):
        wait = manners.until_turn(route)
        if len(route.identities) > 1:
            yield _("{number} mailboxes send in turn.").format(number=len(route.identities))
    else:
        wait = pace.until_turn(route)
    if wait > 0:
        yield _("Its own limit is used up for now: the next turn comes in {time}.").format(time=in_words(wait))


def _refusals(route: Route, sender: str) -> Iterator[str]:
    for found in SenderRefusal.objects.filter(kind=route.key.kind, route_id=route.key.id, sender=sender):
        when = timezone.localtime(found.last_at)
        text = ngettext(
            "It was refused as {sender} once, last on {day} {time}: {reason}",
            "It was refused as {sender} {number} times, last on {day} {time}: {reason}",
            found.count,
        )
        day = day_of_the_year(when)
        yield text.format(sender=sender, number=found.count, day=day, time=f"{when:%H:%M}", reason=found.reason)

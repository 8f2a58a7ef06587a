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
from mailadmin.core.durations import in_words
from mailadmin.core.errors import BadMessage, MailError, SendingHeld
from mailadmin.core.preferences import Preferences, Sending
from mailadmin.core.settings import OAuthRoute, Route, RouteKey, SmtpRoute
from mailadmin.core.sizes import in_words as size_in_words
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
            Verdict.FIRST: "Tried first",
            Verdict.NEXT: "Tried next",
            Verdict.LAST_RESORT: "Only if all others fail",
            Verdict.LEFT_OUT: "Left out",
            Verdict.OFF: "Switched off",
        }[self]


@dataclass(frozen=True)
class Question:
    """The message to ask about. `sender` is the text of its From, "" where the application names none; `size` is in
    bytes, as it leaves; `label` the endpoint label; `queued` tells that a worker would send it."""

    sender: str = ""
    recipients: tuple[str, ...] = ()
    size: int = limits.WHY_BYTES
    label: str = ""
    queued: bool = False


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
        found = routes.plan(snapshot, draft, queued=question.queued, probe=lambda key: True)
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
        return f"{'It would wait' if question.queued else 'It would not be sent'}: all mail is held. {objection}"
    if shelved:
        return f"It would wait in the outbox: the label “{shelved}” is paused."
    if not found.routes:
        error = routes.no_route(found)
        if question.queued and (found.resting or found.paused):
            until = f" until {timezone.localtime(found.retry_at):%H:%M:%S}" if found.retry_at else ""
            return f"It would wait in the outbox{until}. {error.explanation.title}"
        return f"It would not be sent. {error.explanation.title}"
    first, *others = (f"“{route.name}”" for route in found.routes)
    told = f"{first} would be tried first"
    if others:
        told += f"; {', then '.join(others)} only if the message was surely not taken before"
    told += (
        "." if not found.passed_over else "; it counts as sent by fallback, because a preferred route is out of order."
    )
    return told


def _notes(question: Question, built: Draft, draft: Draft, preferences: Preferences) -> Iterator[str]:
    if draft is not built:
        yield f"All mail is redirected: it would go to {preferences.redirect_to} in place of its recipients."
    elif preferences.sending is Sending.HELD and not preferences.objection:
        yield "All mail is held, and these recipients are excepted from that, if it would leave."
    if not question.sender:
        default = str(settings.DEFAULT_FROM_EMAIL)
        yield f"The application names no From, so Django puts DEFAULT_FROM_EMAIL ({default}) into it."
    if not question.recipients:
        yield f"No recipient was named; {_ANYBODY} stands for one."


def _tried(draft: Draft, found: Plan, snapshot: Snapshot) -> Iterator[Line]:
    for place, route in enumerate(found.routes, 1):
        state = snapshot.states.get(route.key, WELL)
        verdict = Verdict.FIRST if place == 1 else Verdict.NEXT
        reason = _why_tried(route, state, place)
        if route.key in found.resorts:
            verdict = Verdict.FIRST if place == 1 else Verdict.LAST_RESORT
            reason = f"{found.resorts[route.key].reason} Nothing else is left, so it is tried all the same."
        yield Line(route.key, route.name, verdict, reason, place, tuple(_facts(draft, route, state)))


def _why_tried(route: Route, state: State, place: int) -> str:
    family = "OAuth services come first, in their order" if isinstance(route, OAuthRoute) else "SMTP connections follow"
    reason = f"It fits this message. {family}." if place == 1 or isinstance(route, OAuthRoute) else "It fits, too."
    if state.half_open:
        reason += f" It failed before ({state.reason}) and its rest is over: exactly one message tries it."
    return reason


def _left_out(found: Plan) -> Iterator[Line]:
    for skipped in found.skipped:
        if skipped.key:
            yield Line(skipped.key, skipped.name, Verdict.LEFT_OUT, skipped.reason)


def _switched_off() -> Iterator[Line]:
    for model in (OAuthService, SmtpConnection):
        for row in model.objects.filter(enabled=False):
            yield Line(row.key, row.name, Verdict.OFF, "It is switched off, so it is not asked for any message.")


def _facts(draft: Draft, route: Route, state: State) -> Iterator[str]:
    """Say what would leave by `route`: the sender above all."""
    try:
        dressed = dress(draft, route, draft.addresses)
    except (BadMessage, MailError) as error:
        yield f"It would be refused here before anything is sent: {error.explanation.title} {error.fault.text}".strip()
        return
    sender = f"Receivers see it From {dressed.sent_as}" if dressed.sent_as else "From stays as the application wrote it"
    moved = bool(headers.value(dressed.mail.content.head, "reply-to")) and not draft.has_reply_to
    yield f"{sender}{', and the original moves to Reply-To' if moved else ''}."
    if isinstance(route, SmtpRoute) and dressed.mail.sender != (draft.sender.spec if draft.sender else ""):
        yield f"Reports of failed delivery go to {dressed.mail.sender} (the envelope sender)."
    if prefix := route.sender.subject_prefix.strip():
        yield f"The subject begins with “{prefix}”."
    yield from _limits(route, state)
    if draft.sender:
        yield from _refusals(route, draft.sender.key)


def _limits(route: Route, state: State) -> Iterator[str]:
    if state.size_limit:
        yield f"Its server takes messages up to {size_in_words(state.size_limit)}."
    if isinstance(route, OAuthRoute):
        wait = manners.until_turn(route)
        if len(route.identities) > 1:
            yield f"{len(route.identities)} mailboxes send in turn."
    else:
        wait = pace.until_turn(route)
    if wait > 0:
        yield f"Its own limit is used up for now: the next turn comes in {in_words(wait)}."


def _refusals(route: Route, sender: str) -> Iterator[str]:
    for found in SenderRefusal.objects.filter(kind=route.key.kind, route_id=route.key.id, sender=sender):
        when = timezone.localtime(found.last_at)
        yield f"It was refused as {sender} {_times(found.count)}, last on {when:%d %b %H:%M}: {found.reason}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

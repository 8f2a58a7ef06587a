"""Sending one claimed message: read it, ask what speaks against it, try the routes, write what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property, partial

from mailadmin.conf import ConfigurationError
from mailadmin.core import limits
from mailadmin.core.errors import MailError, SendingHeld
from mailadmin.core.outcome import DeliveryState, SendResult
from mailadmin.core.settings import Route, RouteKey
from mailadmin.delivery import announce, attempts, health, redirect, refusals, routes
from mailadmin.delivery.attempts import Run, Sessions, Terms
from mailadmin.delivery.clients import allowed_routes
from mailadmin.delivery.convert import Draft
from mailadmin.delivery.log import Entry
from mailadmin.delivery.progress import reporter
from mailadmin.delivery.routes import Plan, Snapshot
from mailadmin.delivery.states import WELL
from mailadmin.delivery.telling import tell
from mailadmin.language import in_site_language
from mailadmin.models.clock import ahead
from mailadmin.transports.base import Transport

from . import claims, content, crashes, settle
from .claims import Claim, Claimed, LeaseLost
from .hand import Round, load
from .rows import FREE
from .watch import ClaimWatch
from .writing import UNREACHABLE, insist


@in_site_language
def deliver(claimed: Claimed, sessions: Sessions) -> DeliveryState:
    """Send one claimed message, write what became of it, and return its state: QUEUED where it waits, or where another
    worker has it now.

    Never raises an Exception. An error of our own counts as the end of a worker, with its traceback; a database that is
    away does not.
    """
    claim = claimed.claim
    try:
        try:
            return _Sending(claimed, sessions).send()
        except (LeaseLost, *UNREACHABLE):
            raise
        except Exception as error:
            return crashes.failed(claim, error)
    except LeaseLost:
        tell(logging.WARNING, "delivery=%s was taken over by another worker.", claim.delivery_id)
    except Exception as error:  # of any type: the claim lapses, and what is in the database decides
        tell(logging.ERROR, "delivery=%s could not be written (%s).", claim.delivery_id, type(error).__name__)
        _let_go(claim)
    return DeliveryState.QUEUED


def _let_go(claim: Claim) -> None:
    """Give a message back whose database was away, unless it may be leaving: then its claim lapses."""
    due = ahead(limits.CRASH_PAUSE_SECONDS)
    try:
        insist(lambda _: claims.release(claim, **FREE, due_at=due), limits.OUTCOME_SECONDS)
    except Exception as error:  # as above
        tell(logging.ERROR, "delivery=%s was not given back (%s).", claim.delivery_id, type(error).__name__)


class _Sending:
    """One claimed message on its way."""

    def __init__(self, claimed: Claimed, sessions: Sessions) -> None:
        self._claimed, self._sessions = claimed, sessions
        self._runs: list[tuple[Run, Draft]] = []

    def send(self) -> DeliveryState:
        """Do everything; raises LeaseLost, what the database raises to the end, and errors of our own."""
        hand = self._hand = load(self._claimed.claim, self._claimed.entry)
        snapshot = self._snapshot = routes.current()
        if self._claimed.lapsed and crashes.lapsed(hand, snapshot):
            return DeliveryState.HELD
        try:
            result = self._send()
        finally:
            self._note_routes()
        self._tell(result)
        return result.state

    def _send(self) -> SendResult:
        hand, preferences = self._hand, self._snapshot.preferences
        if hand.entry.expires_at and hand.clock >= hand.entry.expires_at:
            return settle.expire(hand, preferences)
        if hand.entry.label and hand.entry.label in preferences.paused_labels:
            return settle.shelve(hand)
        try:
            stored = content.load(hand.claim.delivery_id)
            redirect.check_held(stored, preferences)
            draft = redirect.redirected(stored, preferences)
            instead = redirect.stand_ins(stored, preferences)
        except SendingHeld as error:
            return settle.wait(hand, preferences, error.summary, lasting=True)
        except MailError as error:  # the content cannot be read
            return settle.put_off(hand, preferences, error)
        if draft is not stored:
            hand.redirected_to = preferences.redirect_to
        try:
            return self._serve(draft, instead)
        except ConfigurationError as error:
            return settle.wait(hand, preferences, str(error))

    def _serve(self, draft: Draft, instead: dict[str, str]) -> SendResult:
        """Serve who was surely not served, then, when it is time, those who may have got it, and settle that. Raises
        ConfigurationError."""
        hand, preferences = self._hand, self._snapshot.preferences
        because, until, lasting, fell_back = "", None, False, False
        last: Run | None = None
        if hand.pending:
            plan = routes.plan(self._snapshot, draft, self._only(), queued=True, among=self._among)
            if plan.routes:
                last = self._run(draft, plan, _round(hand.pending, instead))
                fell_back = plan.passed_over
            if last is None or not last.attempts:
                last = None
                because = routes.no_route(plan).summary
                until, lasting = self._until(plan), plan.paused
        if last and hand.resend_is_due:
            settle.record(hand, last)  # it may tell that the second copies have to wait
        if hand.resend_is_due:
            last = self._resend(draft, instead) or last
        if last is None:
            return settle.wait(hand, preferences, because, until, lasting=lasting)
        return settle.finish(hand, last, preferences, fell_back=fell_back)

    def _resend(self, draft: Draft, instead: dict[str, str]) -> Run | None:
        """Serve those who may have got it once more, by the same route. None when that cannot be tried now, or not
        ever: the entry says when."""
        hand = self._hand
        key = RouteKey.read(hand.entry.unsure_route)
        offered = self._among is None or key in self._among
        if not (offered and any(route.key == key for route in self._snapshot.routes)):
            hand.entry.unsure_at = None  # it is gone, or not allowed any more: a person decides
            return None
        plan = routes.plan(self._snapshot, draft, key, queued=True, among=self._among)
        if plan.routes:
            before = hand.round
            run = self._run(draft, plan, _round(hand.unsure, instead, resends=True))
            if run.attempts:
                return run
            hand.round = before
        hand.entry.unsure_at = self._until(plan) or hand.clock + timedelta(seconds=limits.QUEUE_WAIT_SECONDS)
        return None

    def _run(self, draft: Draft, plan: Plan, this: Round) -> Run:
        hand = self._hand
        hand.round = this
        terms = Terms(
            in_background=True,
            progress=reporter(Entry({"id": hand.claim.delivery_id}, stored=True)),
            haste=hand.haste,
            watch=partial(ClaimWatch, hand),
            record=partial(settle.record, hand),
            another_later=_comes_back(plan, self._snapshot),
        )
        run = attempts.run(draft, plan, self._transport_for(), terms=terms, recipients=this.served)
        self._runs.append((run, draft))
        return run

    def _transport_for(self) -> Callable[[Route], Transport]:
        version = self._snapshot.version
        return lambda route: self._sessions.transport(route, version)

    @cached_property
    def _among(self) -> frozenset[RouteKey] | None:
        return allowed_routes(self._hand.delivery.client_id)

    def _only(self) -> RouteKey | None:
        return RouteKey.read(self._hand.entry.only_route) if self._hand.entry.only_route else None

    def _until(self, plan: Plan) -> datetime | None:
        """Return when a route may be there again: the end of a rest, or of the try of another message."""
        if not (plan.probed or plan.routes):
            return plan.retry_at
        probed = self._hand.clock + timedelta(seconds=limits.REST_PROBE_SECONDS)
        return min(plan.retry_at or probed, probed)

    def _note_routes(self) -> None:
        """Note what the routes have shown; whatever that raises, it is no failure of this message."""
        try:
            for run, draft in self._runs:
                health.note(run, self._snapshot.states)
                refusals.note(run, draft)
        except Exception as error:
            tell(logging.ERROR, "The health of routes could not be noted (%s).", type(error).__name__)

    def _tell(self, result: SendResult) -> None:
        """Tell the logger and the application. A message that stays unsure is told once."""
        hand = self._hand
        tell(
            logging.INFO if result.state in (DeliveryState.SENT, DeliveryState.FALLBACK) else logging.WARNING,
            "delivery=%s state=%s route=%r recipients=%d size=%d ms=%d message_id=%s tries=%d",
            hand.claim.delivery_id,
            result.state.value,
            result.route,
            len(result.recipients),
            hand.delivery.size,
            round(hand.seconds * 1000),
            result.message_id,
            hand.entry.tries,
        )
        known = result.state is DeliveryState.UNSURE and hand.delivery.state == DeliveryState.UNSURE
        if not known or any(run.unsure_by for run, _ in self._runs):
            announce.message(hand.claim.delivery_id, result, hand.delivery.label, hand.delivery.client_id)


def _round(todo: tuple[str, ...], instead: Mapping[str, str], *, resends: bool = False) -> Round:
    return Round(todo, {asked: instead.get(asked, asked) for asked in todo}, resends)


def _comes_back(plan: Plan, snapshot: Snapshot) -> bool:
    """Tell whether a route that is left out now may take messages again: it rests, is paused, stopped or broken."""
    left_out = {skipped.name for skipped in plan.skipped}
    states = snapshot.states
    disordered = [route.name for route in snapshot.routes if states.get(route.key, WELL).word != WELL.word]
    return not left_out.isdisjoint([*disordered, *(broken.name for broken in snapshot.broken)])

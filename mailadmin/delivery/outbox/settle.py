"""What follows a run over the routes: the last word about a message, or when it is tried again. The rules are
`core.schedule`'s; what they say is written here, at once, by whoever still holds the claim."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from mailadmin.core import limits, schedule
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.knowledge import Health
from mailadmin.core.outcome import DeliveryState, RecipientState, SendResult
from mailadmin.core.preferences import Preferences
from mailadmin.core.redact import clean
from mailadmin.core.schedule import Next, Standing
from mailadmin.core.settings import OnUnsure, Route
from mailadmin.core.texts import N_, _
from mailadmin.delivery.attempts import Run, reason_of, state_of
from mailadmin.delivery.keeping import kept_until
from mailadmin.models import OutboxEntry

from . import rows
from .hand import Hand

_luck = random.SystemRandom().random
EXPIRED = N_("It expired before it could be sent.")


@dataclass(frozen=True)
class Waiting:
    """How a message waits that somebody shall still get: `until` when, after how many `tries`, and why; `for_route`
    tells that it is due again as soon as something is repaired or switched on; `lasting` that no lifetime counts."""

    until: datetime
    tries: int
    because: str
    error: MailError | None = None
    for_route: bool = False
    lasting: bool = False


def record(hand: Hand, run: Run) -> None:
    """Write what a run brought so far, before the next route is tried. Raises LeaseLost, and what the database raises
    to the end."""
    hand.learn(run)
    _schedule_unsure(hand, run)
    rows.keep_hold(hand, run)


def finish(hand: Hand, run: Run, preferences: Preferences, *, fell_back: bool = False) -> SendResult:
    """Write what a run brought and what follows, and return what is known of the message. `fell_back`: a preferred
    route was out of order. Raises as `record`."""
    hand.learn(run)
    _schedule_unsure(hand, run)
    error = run.last_error
    health = error.explanation.health if error else None
    waiting = Waiting(
        until=hand.clock + timedelta(seconds=_pause(hand, run)),
        tries=_tries(hand, run),
        because=reason_of(run, DeliveryState.QUEUED) or (error.summary if error else ""),
        error=error,
        for_route=health in (Health.TRIP, Health.CONFIG),
    )
    return _follow(hand, run, preferences, waiting, fell_back=fell_back)


def _tries(hand: Hand, run: Run) -> int:
    """Return how many tries there were with `run`; one that only waited for a limit of our own is none."""
    return hand.entry.tries + any(not attempt.held_back for attempt in run.attempts)


def _pause(hand: Hand, run: Run) -> float:
    """Return in how many seconds there is another try after `run`."""
    tries, error = _tries(hand, run), run.last_error
    asked = error.fault.retry_after if error else None
    if tries == hand.entry.tries:
        return schedule.turn_pause(asked or 0.0, (hand.clock - hand.entry.queued_at).total_seconds(), _luck())
    return schedule.retry_pause(tries, _luck(), asked)


def wait(
    hand: Hand, preferences: Preferences, because: str, until: datetime | None = None, *, lasting: bool = False
) -> SendResult:
    """Put back a message that could not be tried, `until` something may have changed: no try is counted. `lasting`
    tells that somebody holds it on purpose, so that it is not given up meanwhile. Raises as `record`."""
    least = hand.clock + timedelta(seconds=1)
    wanted = until or hand.clock + timedelta(seconds=limits.QUEUE_WAIT_SECONDS)
    waiting = Waiting(max(wanted, least), hand.entry.tries, because, for_route=True, lasting=lasting)
    return _follow(hand, Run({}), preferences, waiting)


def put_off(hand: Hand, preferences: Preferences, error: MailError) -> SendResult:
    """Put back a message that could not even be made ready; a try is counted. Raises as `record`."""
    tries = hand.entry.tries + 1
    until = hand.clock + timedelta(seconds=schedule.retry_pause(tries, _luck()))
    return _follow(hand, Run({}), preferences, Waiting(until, tries, error.summary, error))


def shelve(hand: Hand) -> SendResult:
    """Put a message whose label is paused on its shelf. Raises as `record`."""
    because = _("The label “{label}” is paused.").format(label=hand.entry.label)
    shelf = OutboxEntry.Shelf.PAUSED
    rows.put_back(hand, Run({}), None, {}, shelf=shelf, crashes=0, crash_report="", waits_because=because)
    return _result(hand, Run({}), DeliveryState.QUEUED, because)


def expire(hand: Hand, preferences: Preferences) -> SendResult:
    """Close a message whose time is over, whoever got it before. Raises as `record`."""
    for address in hand.pending:
        hand.outcomes[address] = replace(hand.outcomes[address], reason=_(EXPIRED))
    states = {outcome.state for outcome in hand.outcomes.values()}
    state = DeliveryState.UNSURE if RecipientState.UNSURE in states else DeliveryState.EXPIRED
    return _close(
        hand, Run({}), preferences, DeliveryState.PARTLY if RecipientState.SENT in states else state, _(EXPIRED)
    )


def _follow(hand: Hand, run: Run, preferences: Preferences, waiting: Waiting, *, fell_back: bool = False) -> SendResult:
    """Do what `schedule.follow` says."""
    entry = hand.entry
    over = not waiting.lasting and hand.clock >= entry.give_up_at
    given_up = over and bool(hand.pending)
    standing = Standing(bool(hand.pending), bool(hand.unsure), entry.unsure_at is not None, over)
    following = schedule.follow(standing)
    if given_up:
        _give_up(hand, waiting.because)
    if following is Next.LATER:
        ends = [entry.expires_at, entry.unsure_at, None if waiting.lasting else entry.give_up_at]
        due_at = min([waiting.until, *(end for end in ends if end and end > hand.clock)])
        return _put_back(hand, run, DeliveryState.QUEUED, waiting, due_at=due_at)
    if following is Next.RESEND:
        due_at = entry.unsure_at if entry.unsure_at and entry.unsure_at > hand.clock else waiting.until
        timed = replace(waiting, for_route=False)  # nothing that is repaired makes it earlier
        return _put_back(hand, run, DeliveryState.UNSURE, timed, due_at=due_at)
    if following is Next.HOLD:
        return _put_back(hand, run, DeliveryState.UNSURE, waiting, shelf=OutboxEntry.Shelf.UNSURE)
    whole = replace(run, outcomes=hand.outcomes)
    elsewhere = run.taken_by is not None and hand.delivery.route_name not in ("", run.taken_by.name)
    state = state_of(whole, fell_back or elsewhere)
    if not given_up:
        return _close(hand, run, preferences, state, reason_of(whole, state), run.last_error)
    error = MailError(Fault(Phase.MESSAGE, Kind.GIVEN_UP))
    return _close(hand, run, preferences, state, f"{error.explanation.title} {waiting.because}".strip(), error)


def _put_back(
    hand: Hand,
    run: Run,
    state: DeliveryState,
    waiting: Waiting,
    *,
    due_at: datetime | None = None,
    shelf: str = OutboxEntry.Shelf.READY,
) -> SendResult:
    """Let go of a message that is not over; an orderly end, so that earlier crashes do not count any more."""
    because = waiting.because or reason_of(replace(run, outcomes=hand.outcomes), state)
    code = waiting.error.code if waiting.error else hand.delivery.code
    rows.put_back(
        hand,
        run,
        due_at,
        {"state": state.value, "code": code, "reason": because, "progress": ""},
        shelf=shelf,
        tries=waiting.tries,
        crashes=0,
        crash_report="",
        waits_because=because,
        waits_for_route=waiting.for_route,
    )
    return _result(hand, run, state, because)


def _close(
    hand: Hand,
    run: Run,
    preferences: Preferences,
    state: DeliveryState,
    reason: str,
    error: MailError | None = None,
) -> SendResult:
    complete = all(outcome.state is RecipientState.SENT for outcome in hand.outcomes.values())
    said: dict[str, Any] = {
        "state": state.value,
        "finished_at": hand.clock,
        "duration_ms": round(hand.seconds * 1000),
        "progress": "",
        "code": error.code if error and state is not DeliveryState.SENT else "",
        "reason": reason,
    }
    rows.close(hand, run, said, kept_until(preferences, complete=complete))
    return _result(hand, run, state, reason)


def _result(hand: Hand, run: Run, state: DeliveryState, reason: str) -> SendResult:
    return SendResult(
        state=state,
        route=run.taken_by.name if run.taken_by else hand.delivery.route_name,
        reason=reason,
        message_id=hand.delivery.message_id,
        delivery_id=str(hand.claim.delivery_id),
        recipients={address: replace(outcome) for address, outcome in hand.outcomes.items()},
        skipped=run.skipped,
        attempts=hand.numbered,
    )


def _give_up(hand: Hand, because: str) -> None:
    """Let it be over for who was not served: with the last reason that is known."""
    for address in hand.pending:
        last = hand.outcomes[address]
        code, reason = last.code or str(Kind.GIVEN_UP), last.reason or clean(because)
        hand.outcomes[address] = replace(last, state=RecipientState.REFUSED, code=code, reason=reason)


def _schedule_unsure(hand: Hand, run: Run) -> None:
    """Enter when those who may have got the message are served once more, None for a person to decide. What is told
    twice of one run changes nothing."""
    if hand.round.resends:
        _after_resend(hand, run)
    elif run.unsure_by:
        unclear(hand, [str(route.key) for route in run.unsure_by], chosen(hand.entry, run.unsure_by))


def unclear(hand: Hand, routes: list[str], on_unsure: OnUnsure) -> None:
    """Enter that `routes` (as text) may have taken the message for somebody."""
    entry = hand.entry
    same_route = {*routes, entry.unsure_route or routes[-1]} == {routes[-1]}
    if not same_route:
        entry.unsure_resends = limits.UNSURE_RESENDS  # for good: nobody knows any more who got it by which route
    if schedule.may_resend(on_unsure, entry.unsure_resends, same_route=same_route):
        soon = hand.clock + timedelta(seconds=limits.UNSURE_SECONDS[0])
        if not entry.unsure_at or entry.unsure_at < soon:  # nobody's second copy comes right after the first
            entry.unsure_at = hand.clock + timedelta(seconds=schedule.unsure_pause(_luck()))
    else:
        entry.unsure_at = None
    entry.unsure_route = routes[-1]


def chosen(entry: OutboxEntry, routes: list[Route]) -> OnUnsure:
    """Return what happens after an unclear answer: what the message says, else the most careful of its routes."""
    if entry.on_unsure:
        return OnUnsure(entry.on_unsure)
    return OnUnsure.HOLD if any(route.on_unsure is OnUnsure.HOLD for route in routes) else OnUnsure.RESEND


def _after_resend(hand: Hand, run: Run) -> None:
    """Let the second copy be the last one, unless it surely was not taken for somebody, and for nobody unclearly."""
    entry, states = hand.entry, {outcome.state for outcome in run.outcomes.values()}
    again = RecipientState.PENDING in states and RecipientState.UNSURE not in states
    if run.attempts and again and hand.clock < entry.give_up_at:
        entry.unsure_at = hand.clock + timedelta(seconds=_pause(hand, run))
    else:
        entry.unsure_at = None
        entry.unsure_resends = limits.UNSURE_RESENDS

"""Messages that were the end of a worker: what is known of them is classified, and after limits.CRASHES a person
decides. A worker that was killed says nothing, so its claim lapses; one that met an error of our own says which."""

from __future__ import annotations

import logging
import traceback
from datetime import timedelta

from mailadmin.core import limits
from mailadmin.core.errors import mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.outcome import DeliveryState, RecipientOutcome, RecipientState
from mailadmin.core.settings import OAuthRoute, OnUnsure, Route, RouteKey, RouteKind, SmtpRoute
from mailadmin.core.texts import _, ngettext
from mailadmin.delivery import routes
from mailadmin.delivery.attempts import Attempt, Run
from mailadmin.delivery.routes import Snapshot
from mailadmin.delivery.telling import tell
from mailadmin.models import OutboxEntry

from . import rows, settle
from .claims import Claim, LeaseLost
from .hand import Hand, load
from .writing import insist


def lapsed(hand: Hand, snapshot: Snapshot) -> bool:
    """Classify a message whose last worker never said what became of it, and tell whether it is held now. Raises
    LeaseLost, and what the database raises to the end."""
    worker = hand.entry.worker or "?"
    text = _("The worker “{worker}” ended, or lost the database, while it had the message (noticed {when} UTC).")
    report = text.format(worker=worker, when=f"{hand.now:%c}")
    run = _classify(hand, snapshot)
    if hand.entry.crashes >= limits.CRASHES:
        _quarantine(hand, run, report)
        return True
    rows.keep_hold(hand, run, crashes=hand.entry.crashes, crash_report=report)
    return False


def failed(claim: Claim, error: BaseException) -> DeliveryState:
    """Classify a message that met an `error` of our own, put it back or hold it, and return its state. Raises
    LeaseLost, and what the database raises to the end."""
    report = told(error)
    tell(logging.ERROR, "delivery=%s met an error in the worker: %s", claim.delivery_id, type(error).__name__)
    hand = insist(lambda _: _read_again(claim), limits.OUTCOME_SECONDS)
    run = _classify(hand, routes.current())
    if hand.entry.crashes >= limits.CRASHES:
        return _quarantine(hand, run, report)
    due_at = hand.clock + timedelta(seconds=limits.CRASH_PAUSE_SECONDS)
    because = _("The worker met an error of its own ({error}).").format(error=type(error).__name__)
    crash = {"crashes": hand.entry.crashes, "crash_report": report, "waits_because": because}
    rows.put_back(hand, run, due_at, {"reason": because, "progress": ""}, **crash)
    return DeliveryState(hand.delivery.state)


def told(error: BaseException) -> str:
    """Return where `error` came from, without its text and without values: both may hold content or secrets."""
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
    lines = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    text = "\n".join([*lines, f"{type(error).__module__}.{type(error).__qualname__}"])
    return text[-limits.CRASH_REPORT_CHARS :]


def _read_again(claim: Claim) -> Hand:
    entry = OutboxEntry.objects.filter(pk=claim.delivery_id, claim=claim.token).first()
    if entry is None:
        raise LeaseLost(str(claim.delivery_id))
    return load(claim, entry)


def _classify(hand: Hand, snapshot: Snapshot) -> Run:
    """Enter one more crash, and what it says of those for whom the message was leaving; return that as a run."""
    entry = hand.entry
    entry.crashes += 1
    left = [asked for asked in entry.leaving if asked in (*hand.pending, *hand.unsure)]
    if not left or entry.leaving_at is None:
        return Run({})
    route = _route(entry, snapshot)
    error = mail_error(Fault(Phase.DATA, Kind.WORKER_ENDED, maybe_sent=True))
    for asked in left:
        hand.outcomes[asked] = RecipientOutcome(RecipientState.UNSURE, error.fault.code, error.explanation.title)
    settle.unclear(hand, [entry.leaving_route], settle.chosen(entry, [route]))
    return Run({}, attempts=[Attempt(route, entry.leaving_at, 0, accepted=False, error=error)], unsure_by=[route])


def _route(entry: OutboxEntry, snapshot: Snapshot) -> Route:
    """Return the route by which the message was leaving; one that is gone leaves it to a person what follows."""
    key = RouteKey.read(entry.leaving_route)
    gone = OAuthRoute if key.kind is RouteKind.OAUTH else SmtpRoute
    known = (route for route in snapshot.routes if route.key == key)
    return next(known, gone(key, entry.leaving_name, on_unsure=OnUnsure.HOLD))


def _quarantine(hand: Hand, run: Run, report: str) -> DeliveryState:
    """Let a person decide."""
    because = ngettext(
        "It was the end of {number} worker in a row, so it is held until somebody decides.",
        "It was the end of {number} workers in a row, so it is held until somebody decides.",
        hand.entry.crashes,
    ).format(number=hand.entry.crashes)
    said = {"state": DeliveryState.HELD.value, "reason": because, "progress": ""}
    crash = {"crashes": hand.entry.crashes, "crash_report": report, "waits_because": because}
    rows.put_back(hand, run, None, said, shelf=OutboxEntry.Shelf.CRASHED, **crash)
    return DeliveryState.HELD

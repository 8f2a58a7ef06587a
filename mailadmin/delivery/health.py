"""What attempts and people say of routes: a wrong setting stops one until somebody looks, a failure lets it rest, and
a person may pause it. Whoever waits for a route is told when it is well again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from django.db import router, transaction

from mailadmin.core import breaker, limits
from mailadmin.core.breaker import Change
from mailadmin.core.errors import MailError
from mailadmin.core.settings import Route, RouteKey, RouteKind
from mailadmin.core.texts import _
from mailadmin.models import OAuthService, RouteState, SenderRefusal, Settings, SmtpConnection

from . import announce, database, states
from .attempts import Run
from .snapshot import current
from .states import WELL, State
from .states import learn as learn
from .states import probe as probe

Changes = dict[RouteKey, tuple[Change, MailError | None]]


def note(run: Run, known: Mapping[RouteKey, State]) -> None:
    """Write what the attempts of one message say of their routes, where it is new: health, else the size that a
    server takes (the next message would write it as well). One statement for each route of which there is news, and
    none as a rule; best effort as the log."""
    found = changes(run.health, known)
    if found:
        _enter(found, known, {attempt.route.key: attempt.route.name for attempt in run.attempts})
    elif unproven := {key: error for key, error in run.health.items() if error and known.get(key, WELL).half_open}:
        database.try_to_write(lambda _: _give_back(unproven), one_statement=len(unproven) == 1)
    elif sizes := new_sizes(run, known):
        database.try_to_write(lambda _: learn(sizes), one_statement=True)


def changes(outcomes: Mapping[RouteKey, MailError | None], known: Mapping[RouteKey, State]) -> Changes:
    """Return what the outcomes of one message (None: taken) change in what is `known` of the routes."""
    found: Changes = {}
    for key, error in outcomes.items():
        if change := breaker.change(error, known.get(key, WELL)):
            found[key] = (change, error)
    return found


def new_sizes(run: Run, known: Mapping[RouteKey, State]) -> dict[RouteKey, int]:
    """Return the limits (bytes, 0 for none) that servers told with this message and that are not the known ones."""
    told = {attempt.route.key: attempt.size_limit for attempt in run.attempts if attempt.size_limit is not None}
    return {key: limit for key, limit in told.items() if limit != known.get(key, WELL).size_limit}


def resume(key: RouteKey) -> bool:
    """Use a stopped or failing route again, and forget which senders it refused; tell whether there was anything
    against the route itself. What its server said about sizes is kept, and a pause stays.

    For a person who repaired or tested it: whatever waits in the outbox for a route is tried at once.
    """
    SenderRefusal.objects.filter(kind=key.kind, route_id=key.id).delete()
    row = states.of(key).first()
    if row:
        before = _state(row)
        if row.size_limit or row.paused:
            states.of(key).update(**states.well())
        else:
            row.delete()
        if row.stopped or row.failing:
            Settings.bump()  # connections that were kept open for the old state are not used any more
            _tell(key, before, State(paused=row.paused))
    _when_committed(_retry_waiting)
    return bool(row and (row.stopped or row.failing))


def tested(route: Route, error: MailError | None) -> None:
    """Write what a scheduled test says of a route (`error` None: it passed), as a message would: a wrong setting stops
    it before a message is lost by that, a failure lets it rest, and a good test of one that was stopped or failing lets
    it be used again, as the same test by a person does, unless only a message can tell. A pause stays. Best effort, and
    nothing where there is no news."""
    known = current().states
    if error is None and known.get(route.key, WELL).failing and _only_by_message(route.key):
        return
    if found := changes({route.key: error}, known):
        _enter(found, known, {route.key: route.name})


def _only_by_message(key: RouteKey) -> bool:
    return breaker.only_by_message(states.of(key).values_list("code", flat=True).first() or "")


def pause(key: RouteKey, by: str) -> bool:
    """Let no message leave by a route until `unpause`, in no mode; `by` is who wants that, for people. Tell whether
    that is new."""
    row = states.of(key).first()
    if row and row.paused:
        return False
    states.pause(key, by)
    _tell(key, _state(row), State(paused=True), _("{who} paused it.").format(who=by) if by else "")
    return True


def unpause(key: RouteKey) -> bool:
    """Let messages leave by a paused route again, those that wait at once; tell whether it was paused."""
    row = states.of(key).first()
    if not (row and row.paused):
        return False
    states.of(key).update(paused=False, paused_by="", paused_at=None)
    row.paused = False
    _tell(key, State(paused=True), _state(row), row.reason)
    _when_committed(_retry_waiting)
    return True


def _enter(found: Changes, known: Mapping[RouteKey, State], names: Mapping[RouteKey, str]) -> None:
    """Write `found`, and announce what is really new: another message may have had the same news before."""
    new: list[RouteKey] = []
    closes = any(not change.health.failing for change, _ in found.values())

    def write(_: object) -> None:
        new.extend(key for key, (change, error) in found.items() if states.enter(key, change, error, known.get(key)))

    if not database.try_to_write(write, one_statement=len(found) == 1):
        return
    if closes and new:
        # What waits was put off to the end of the rest, up to a quarter of an hour ahead: a route that works now is
        # used now. It costs the one message that finds the route working again.
        database.try_to_write(lambda _: _retry_waiting())
    for key in new:
        change, error = found[key]
        before = known.get(key, WELL)
        health = change.health
        after = State(stopped=health.stopped, failing=health.failing, paused=before.paused)
        reason = error.explanation.problem if error and health.failing else ""
        announce.route(key, names[key], before.word, after.word, reason)


def _give_back(unproven: Mapping[RouteKey, MailError]) -> None:
    """Let another message try what this one was to try, because it never came to that; a limit of our own says when
    that can be."""
    for key, error in unproven.items():
        states.give_back(key, min(error.fault.retry_after or 0, limits.MAX_REST_SECONDS))


def _retry_waiting() -> None:
    from .outbox import waiting  # not at the top: what the outbox delivers is noted here

    waiting.retry_waiting()


def _state(row: RouteState | None) -> State:
    return State(stopped=row.stopped, failing=row.failing, paused=row.paused) if row else WELL


def _tell(key: RouteKey, before: State, after: State, reason: str = "") -> None:
    """Announce what a person changed, once it is committed."""
    if before.word != after.word:
        _when_committed(partial(announce.route, key, _name(key), before.word, after.word, reason))


def _name(key: RouteKey) -> str:
    model: type[OAuthService] | type[SmtpConnection] = OAuthService if key.kind is RouteKind.OAUTH else SmtpConnection
    return model._default_manager.filter(pk=key.id).values_list("name", flat=True).first() or ""


def _when_committed(work: Callable[[], None]) -> None:
    """Do `work` when the caller's transaction is committed, at once without one; best effort."""
    transaction.on_commit(work, using=router.db_for_write(RouteState), robust=True)

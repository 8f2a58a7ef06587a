"""What attempts teach about routes: a wrong setting stops one until somebody looks, a failure marks it."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connections, router
from django.db.models import Q
from django.utils import timezone

from mailadmin.core import policy
from mailadmin.core.errors import MailError
from mailadmin.core.settings import RouteKey
from mailadmin.models import RouteState, SenderRefusal, Settings

from . import database
from .attempts import Run
from .routes import State

Changes = dict[RouteKey, tuple[policy.RouteHealth, MailError | None]]

_HEALTH = ["stopped", "failing", "failures", "since", "code", "reason"]
_SIZE = ["size_limit", "size_limit_at"]


def note(run: Run, known: Mapping[RouteKey, State]) -> None:
    """Write what the attempts of one message say of their routes, where it is new: health, else the size that a
    server takes (the next message would write it as well). One statement at most, best effort as the log."""
    if health := changes(run.health, known):
        database.try_to_write(lambda _: record(health), one_statement=True)
    elif sizes := new_sizes(run, known):
        database.try_to_write(lambda _: learn(sizes), one_statement=True)


def changes(outcomes: Mapping[RouteKey, MailError | None], known: Mapping[RouteKey, State]) -> Changes:
    """Return what the outcomes of one message (None: taken) change in what is `known` of the routes."""
    found: Changes = {}
    for key, error in outcomes.items():
        before = known.get(key)
        after = policy.route_health(error, before.failures if before else 0)
        if after is None or (before is None and not after.failing):
            continue
        # A route that keeps failing is written once, not with every message; only the first failures count.
        settled = before is not None and (before.stopped, before.failing) == (after.stopped, after.failing)
        if not (settled and (not after.failing or after.failures > policy.DNS_FAILURES_BEFORE_STOP)):
            found[key] = (after, error)
    return found


def new_sizes(run: Run, known: Mapping[RouteKey, State]) -> dict[RouteKey, int]:
    """Return the limits (bytes, 0 for none) that servers told with this message and that are not the known ones."""
    told = {attempt.route.key: attempt.size_limit for attempt in run.attempts if attempt.size_limit is not None}
    return {key: limit for key, limit in told.items() if limit != known.get(key, State()).size_limit}


def record(changed: Changes) -> None:
    """Write the changes, in one statement whatever the number of routes; every sender reads them with its next
    message."""
    _write([_row(key, health, error) for key, (health, error) in changed.items()], _HEALTH)


def learn(sizes: Mapping[RouteKey, int]) -> None:
    """Write the limits, in one statement."""
    now = timezone.now()
    rows = [
        RouteState(kind=key.kind, route_id=key.id, since=now, size_limit=limit, size_limit_at=now)
        for key, limit in sizes.items()
    ]
    _write(rows, _SIZE)


def resume(key: RouteKey) -> bool:
    """Use a stopped or failing route again, and forget which senders it refused; tell whether there was anything
    against the route itself. What its server said about sizes is kept."""
    SenderRefusal.objects.filter(kind=key.kind, route_id=key.id).delete()
    known = RouteState.objects.filter(kind=key.kind, route_id=key.id)
    against = known.filter(Q(stopped=True) | Q(failing=True)).exists()
    known.filter(size_limit=0).delete()
    known.update(stopped=False, failing=False, failures=0, code="", reason="", since=timezone.now())
    if against:
        Settings.bump()  # connections that were kept open for the old state are not used any more
    return against


def _write(rows: list[RouteState], columns: list[str]) -> None:
    """Add `rows`, or change `columns` of those that exist."""
    features = connections[router.db_for_write(RouteState)].features
    RouteState.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["kind", "route_id"] if features.supports_update_conflicts_with_target else None,
        update_fields=columns,
    )


def _row(key: RouteKey, health: policy.RouteHealth, error: MailError | None) -> RouteState:
    known = error.explanation if error else None
    return RouteState(
        kind=key.kind,
        route_id=key.id,
        stopped=health.stopped,
        failing=health.failing,
        failures=health.failures,
        since=timezone.now(),
        code=known.id if known else "",
        reason=known.problem if known else "",
    )

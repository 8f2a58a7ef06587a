"""What attempts teach about routes: a wrong setting stops one until somebody looks, a failure marks it."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connections, router
from django.db.models import Q
from django.utils import timezone

from mailadmin.core import policy
from mailadmin.core.errors import MailError
from mailadmin.core.settings import RouteKey
from mailadmin.models import RouteState, Settings

from .routes import State

_COLUMNS = ["stopped", "failing", "failures", "since", "code", "reason"]


def changes(
    outcomes: Mapping[RouteKey, MailError | None], known: Mapping[RouteKey, State]
) -> dict[RouteKey, tuple[policy.RouteHealth, MailError | None]]:
    """Return what the outcomes of one message (None: taken) change in what is `known` of the routes."""
    found = {}
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


def record(changed: Mapping[RouteKey, tuple[policy.RouteHealth, MailError | None]]) -> None:
    """Write the changes, in one statement whatever the number of routes; every sender reads them with its next
    message."""
    features = connections[router.db_for_write(RouteState)].features
    RouteState.objects.bulk_create(
        [_row(key, health, error) for key, (health, error) in changed.items()],
        update_conflicts=True,
        unique_fields=["kind", "route_id"] if features.supports_update_conflicts_with_target else None,
        update_fields=_COLUMNS,
    )


def resume(key: RouteKey) -> bool:
    """Use a stopped or failing route again; tell whether there was anything against it."""
    known = RouteState.objects.filter(kind=key.kind, route_id=key.id)
    against = known.filter(Q(stopped=True) | Q(failing=True)).exists()
    known.delete()
    if against:
        Settings.bump()  # connections that were kept open for the old state are not used any more
    return against


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

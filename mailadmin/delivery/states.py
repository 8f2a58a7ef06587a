"""What is known of each route, as every message reads it, and the single statements that change it.

Times are those of the database server, which all processes share: whether a rest is over is asked of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connections, router
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    CharField,
    DateTimeField,
    Field,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.breaker import Change, Circuit
from mailadmin.core.errors import MailError
from mailadmin.core.policy import RouteHealth
from mailadmin.core.settings import RouteKey, RouteKind
from mailadmin.models import RouteState
from mailadmin.models.clock import ServerNow, ahead

from . import database
from .prepared import Row
from .telling import tell

_HEALTH = ["stopped", "failing", "failures", "since", "code", "reason", "open_until", "firm"]
_SIZE = ["size_limit", "size_limit_at"]
_PAUSE = ["paused", "paused_by", "paused_at"]


@dataclass(frozen=True)
class State(Circuit):
    """What is known of a route: its circuit, why it fails and until when it rests; who paused it; and the largest
    message (bytes) that its server takes, 0 when that is not known."""

    reason: str = ""
    until: datetime | None = None
    paused: bool = False
    paused_by: str = ""
    size_limit: int = 0

    @property
    def word(self) -> str:
        """Return the state in a word, as the signal `route_changed` has it."""
        if self.paused:
            return "paused"
        return "stopped" if self.stopped else "failing" if self.failing else "well"


WELL = State()
TYPES: tuple[Field[Any, Any], ...] = (
    TextField(), TextField(), BooleanField(), BooleanField(), BigIntegerField(), TextField(), BigIntegerField(),
    BooleanField(), BooleanField(), DateTimeField(), BooleanField(), TextField(),
)  # fmt: skip


def rows() -> QuerySet[RouteState, Row]:
    """Return the query for what is known of all routes; see `state_of`. Its columns are of the types in `TYPES`."""
    resting = Case(
        When(failing=True, open_until__gt=ServerNow(), then=Value(True)),
        default=Value(False),
        output_field=BooleanField(),
    )
    name = Cast("route_id", CharField(max_length=36))
    return RouteState.objects.filter(kind__in=list(RouteKind)).values_list(
        "kind", name, "stopped", "failing", "failures", "reason", "size_limit",
        resting, "firm", "open_until", "paused", "paused_by",
    )  # fmt: skip


def state_of(row: Row) -> tuple[RouteKey, State]:
    """Return what a row of `rows` says, as the driver gives it."""
    kind, name, stopped, failing, failures, reason, size_limit, resting, firm, until, paused, paused_by = row
    return RouteKey(RouteKind(kind), str(UUID(name))), State(
        stopped=bool(stopped),
        failing=bool(failing),
        failures=failures,
        open=bool(resting),
        firm=bool(firm),
        reason=reason,
        until=_moment(until),
        paused=bool(paused),
        paused_by=paused_by,
        size_limit=size_limit,
    )


def _moment(raw: Any) -> datetime | None:
    """Return the moment that a driver gives as a text (SQLite), or without a time zone (MySQL): all are in UTC."""
    found = datetime.fromisoformat(raw) if isinstance(raw, str) else raw
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def of(key: RouteKey) -> QuerySet[RouteState, RouteState]:
    """Return the row about one route."""
    return RouteState.objects.filter(kind=key.kind, route_id=key.id)


def enter(key: RouteKey, change: Change, error: MailError | None, before: State | None) -> bool:
    """Write what an attempt says of a route, on the condition that nobody wrote anything else since `before` was read
    (None: there was no row); tell whether that was so, as far as one statement can tell.

    The news of an attempt that began before other news is no news. Only a wrong setting counts in any case, so that no
    account is locked by further tries.
    """
    values = _values(change, error)
    if before is None:
        row = RouteState(kind=key.kind, route_id=key.id, **values)
        if change.health.stopped:
            _add([row], _HEALTH)
        else:
            RouteState.objects.bulk_create([row], ignore_conflicts=True)
        return True
    known = of(key)
    if change.health.stopped:
        known = known.filter(stopped=False)
    else:
        known = known.filter(stopped=before.stopped, failing=before.failing, failures=before.failures)
    return bool(known.update(**values))


def probe(key: RouteKey) -> bool:
    """Take the right to try a route whose rest is over, and tell whether it was to be had: of all who ask at the same
    time one gets it, and after limits.REST_PROBE_SECONDS another one. A route that is well meanwhile is for all.

    One statement, which outlives a roll-back of the caller. Where the database cannot be asked, a message is not kept
    from leaving by that.
    """
    free = Q(failing=False) | Q(open_until__isnull=True) | Q(open_until__lte=ServerNow())

    def take(_: object) -> bool:
        return bool(of(key).filter(free, stopped=False).update(open_until=ahead(limits.REST_PROBE_SECONDS)))

    try:
        return database.write(take, one_statement=True)
    except Exception as error:  # of any type, as in `database.try_to_write`
        tell(logging.WARNING, "Nobody could be asked who tries a resting route (%s).", type(error).__name__)
        return True


def give_back(key: RouteKey, seconds: float) -> None:
    """Give back the right of `probe`, because the message said nothing about the route; in so many seconds another one
    may try it."""
    of(key).filter(failing=True, stopped=False).update(open_until=ahead(seconds))


def learn(sizes: Mapping[RouteKey, int]) -> None:
    """Write the largest messages (bytes, 0 for no limit) that servers take, in one statement."""
    now = timezone.now()
    _add(
        [
            RouteState(kind=key.kind, route_id=key.id, since=now, size_limit=limit, size_limit_at=now)
            for key, limit in sizes.items()
        ],
        _SIZE,
    )


def pause(key: RouteKey, by: str) -> None:
    """Write that `by` paused a route; one statement."""
    now = timezone.now()
    row = RouteState(kind=key.kind, route_id=key.id, since=now, paused=True, paused_by=by, paused_at=now)
    _add([row], _PAUSE)


def well() -> dict[str, Any]:
    """Return what is written about a route that is well."""
    return _values(Change(RouteHealth()), None)


def _values(change: Change, error: MailError | None) -> dict[str, Any]:
    known = error.explanation if error and change.health.failing else None
    return {
        "stopped": change.health.stopped,
        "failing": change.health.failing,
        "failures": change.health.failures,
        "since": timezone.now(),
        "code": known.id if known else "",
        "reason": known.problem if known else "",
        "open_until": ahead(change.rest.seconds) if change.rest else None,
        "firm": bool(change.rest and change.rest.firm),
    }


def _add(rows: list[RouteState], columns: list[str]) -> None:
    """Add `rows`, or change `columns` of those that exist."""
    features = connections[router.db_for_write(RouteState)].features
    RouteState.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["kind", "route_id"] if features.supports_update_conflicts_with_target else None,
        update_fields=columns,
    )

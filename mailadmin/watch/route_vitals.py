"""How each route stands, as a monitor reads it (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailadmin.core.settings import RouteKey
from mailadmin.core.texts import _
from mailadmin.delivery.routes import Snapshot, State


class Condition(StrEnum):
    """The state of a route as a monitor reads it."""

    WELL = "well"
    FAILING = "failing"  # the last message failed; the next one tries it
    RESTING = "resting"  # the circuit breaker is open
    STOPPED = "stopped"  # until somebody looks
    PAUSED = "paused"  # by somebody
    BROKEN = "broken"  # its settings cannot be used

    @property
    def sentence(self) -> str:
        """Return how the route called {name} stands, and the {reason}."""
        return {
            Condition.WELL: _("“{name}” is well: {reason}"),
            Condition.FAILING: _("“{name}” is failing: {reason}"),
            Condition.RESTING: _("“{name}” is resting: {reason}"),
            Condition.STOPPED: _("“{name}” is stopped: {reason}"),
            Condition.PAUSED: _("“{name}” is paused: {reason}"),
            Condition.BROKEN: _("“{name}” is broken: {reason}"),
        }[self]


@dataclass(frozen=True)
class RouteVital:
    """One enabled route: `usable` tells whether a message would be handed to it now, `reason` says why not."""

    key: RouteKey
    name: str
    condition: Condition
    usable: bool = True
    reason: str = ""
    until: datetime | None = None  # the end of its rest


def vitals_of(snapshot: Snapshot) -> Iterator[RouteVital]:
    """Yield how each enabled route stands; those whose settings cannot be used come last."""
    for one in snapshot.routes:
        yield route_vital(one.key, one.name, snapshot.states.get(one.key))
    for broken in snapshot.broken:
        yield RouteVital(broken.key, broken.name, Condition.BROKEN, False, broken.reason)


def route_vital(key: RouteKey, name: str, state: State | None) -> RouteVital:
    """Return how a route stands of which `state` is known (None: nothing against it). One that failed in a way that
    costs time, or that its server asked for, is not tried before its rest is over, and is not believed to be well
    before somebody got through."""
    if state is None or not (state.paused or state.stopped or state.failing):
        return RouteVital(key, name, Condition.WELL)
    if state.paused:
        by = _("Paused by {who}.") if state.paused_by else _("Somebody paused it.")
        return RouteVital(key, name, Condition.PAUSED, False, by.format(who=state.paused_by))
    if state.stopped:
        return RouteVital(key, name, Condition.STOPPED, False, state.reason)
    condition = Condition.RESTING if state.open else Condition.FAILING
    return RouteVital(key, name, condition, not state.firm, state.reason, state.until if state.open else None)

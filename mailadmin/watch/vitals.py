"""Whether mail leaves: what a monitor must know, in few statements, and in sentences what is wrong.

The rules are apart from the reading: `read` asks the database, `faults` and `details` only look at what it said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Count

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.core.preferences import Preferences, Sending
from mailadmin.core.settings import RouteKey
from mailadmin.delivery import routes
from mailadmin.delivery.routes import State
from mailadmin.models import Delivery, OutboxEntry

from .outbox import Overview, overview
from .waiting import lasting

_HOUR = timedelta(hours=1)


class Condition(StrEnum):
    """The state of a route as a monitor reads it."""

    WELL = "well"
    FAILING = "failing"  # the last message failed; the next one tries it
    RESTING = "resting"  # the circuit breaker is open
    STOPPED = "stopped"  # until somebody looks
    PAUSED = "paused"  # by somebody
    BROKEN = "broken"  # its settings cannot be used


@dataclass(frozen=True)
class RouteVital:
    """One enabled route: `usable` tells whether a message would be handed to it now, `reason` says why not."""

    key: RouteKey
    name: str
    condition: Condition
    usable: bool = True
    reason: str = ""
    until: datetime | None = None  # the end of its rest


@dataclass(frozen=True)
class Vitals:
    """What was read. `oldest_at` is when the message that is in the outbox for longest came there; `unsure` and
    `last_hour` are of the log; `awaits_worker` tells that somebody must run to send what is queued."""

    outbox: Overview
    preferences: Preferences
    routes: Sequence[RouteVital]
    oldest_at: datetime | None
    unsure: int
    last_hour: Mapping[DeliveryState, int]
    awaits_worker: bool = True

    @property
    def age(self) -> float:
        """Return for how many seconds the oldest message is in the outbox; 0 when none is."""
        return _seconds(self.oldest_at, self.outbox.now)

    @property
    def beat_age(self) -> float | None:
        """Return how many seconds ago a worker said last that it lives, None without one."""
        beats = [worker.beat_at for worker in self.outbox.workers]
        return _seconds(max(beats), self.outbox.now) if beats else None


def read() -> Vitals:
    """Return how things stand: ten statements, each bounded or by an index, however long the log is. Raises what the
    database raises, MailError and ConfigurationError."""
    snapshot = routes.current()
    found = overview(snapshot.preferences)
    recent = Delivery.objects.order_by().filter(state__in=list(DeliveryState), created_at__gte=found.now - _HOUR)
    unsure = Delivery.objects.order_by().filter(state=DeliveryState.UNSURE)[: limits.OUTBOX_COUNTED]
    broken = (RouteVital(one.key, one.name, Condition.BROKEN, False, one.reason) for one in snapshot.broken)
    return Vitals(
        outbox=found,
        preferences=snapshot.preferences,
        routes=[*(route_vital(one.key, one.name, snapshot.states.get(one.key)) for one in snapshot.routes), *broken],
        # Keys are ordered by time, so that the first one is the oldest.
        oldest_at=OutboxEntry.objects.order_by("pk").values_list("queued_at", flat=True).first(),
        unsure=unsure.count(),
        last_hour={DeliveryState(s): n for s, n in recent.values_list("state").annotate(number=Count("pk"))},
        awaits_worker=conf.setting("QUEUE_WAKE") != "tasks",  # Django's own tasks have workers that we do not see
    )


def route_vital(key: RouteKey, name: str, state: State | None) -> RouteVital:
    """Return how a route stands of which `state` is known (None: nothing against it). One that failed in a way that
    costs time, or that its server asked for, is not tried before its rest is over, and is not believed to be well
    before somebody got through."""
    if state is None or not (state.paused or state.stopped or state.failing):
        return RouteVital(key, name, Condition.WELL)
    if state.paused:
        by = f"Paused by {state.paused_by}." if state.paused_by else "Somebody paused it."
        return RouteVital(key, name, Condition.PAUSED, False, by)
    if state.stopped:
        return RouteVital(key, name, Condition.STOPPED, False, state.reason)
    condition = Condition.RESTING if state.open else Condition.FAILING
    return RouteVital(key, name, condition, not state.firm, state.reason, state.until if state.open else None)


def faults(vitals: Vitals) -> list[str]:
    """Return in sentences why mail does not leave as it should; nothing where somebody wanted it so (all mail is held
    by the switch, every route is paused)."""
    found = list(_route_faults(vitals.routes))
    if vitals.preferences.objection:
        found.append(f"All mail is held: {vitals.preferences.objection}")
    due, no_worker = vitals.outbox.due_for, vitals.awaits_worker and not vitals.outbox.workers
    if vitals.outbox.held:
        return found
    if no_worker and due > limits.HEALTH_WORKER_SECONDS:
        found.append(f"No worker runs; the oldest due message has waited for {lasting(due)}.")
    elif vitals.outbox.late:
        found.append(f"The oldest due message has waited for {lasting(due)}, and no worker has taken it.")
    return found


def details(vitals: Vitals) -> dict[str, Any]:
    """Return everything as values for JSON."""
    found, sending = vitals.outbox, vitals.preferences.sending
    waiting = found.waiting
    return {
        "sending": str(Sending.HELD if vitals.preferences.held else sending),
        "objection": vitals.preferences.objection,
        "outbox": {
            "waiting": waiting.number,
            "more_than_counted": waiting.more,
            "reasons": {str(reason): count.number for reason, count in found.counts.items()},
            "oldest_due_seconds": round(found.due_for, 1),
            "oldest_seconds": round(vitals.age, 1),
            "needs_decision": found.undecided.number,
        },
        "unsure": vitals.unsure,
        "last_hour": {str(state): number for state, number in vitals.last_hour.items()},
        "routes": [
            {
                "kind": str(route.key.kind),
                "id": route.key.id,
                "name": route.name,
                "state": str(route.condition),
                "reason": route.reason,
                "until": route.until.isoformat() if route.until else None,
            }
            for route in vitals.routes
        ],
        "workers": [
            {
                "name": worker.name,
                "threads": worker.threads,
                "handled": worker.handled,
                "stopping": worker.stopping,
                "beat_age_seconds": round(_seconds(worker.beat_at, found.now), 1),
            }
            for worker in found.workers
        ],
        "lost_workers": len(found.lost),
    }


def _route_faults(found: Sequence[RouteVital]) -> list[str]:
    if not found:
        return ["No SMTP connection or OAuth service is enabled, so no mail can leave."]
    if any(route.usable for route in found) or all(route.condition is Condition.PAUSED for route in found):
        return []
    told = (f"“{route.name}” is {route.condition}: {route.reason}".rstrip(": ") for route in found)
    return [f"No route can be used. {' '.join(told)}"]


def _seconds(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0

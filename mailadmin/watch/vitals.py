"""Whether mail leaves: what a monitor must know, in few statements, and in sentences what is wrong.

The rules are apart from the reading: `read` asks the database, `faults` and `details` only look at what it said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.core.preferences import Preferences, Sending
from mailadmin.core.settings import RouteKey
from mailadmin.core.texts import _
from mailadmin.models import ConnectionTest, Delivery, OutboxEntry

from . import reading
from .finding import ERROR, WARNING, Finding
from .findings import findings, shown
from .of_secrets import Ending, endings
from .outbox import Overview
from .route_vitals import Condition, RouteVital, vitals_of
from .waiting import lasting

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Vitals:
    """What was read. `oldest_at` is when the message that is in the outbox for longest came there; `unsure` and
    `last_hour` are of the log; `awaits_worker` tells that somebody must run to send what is queued. `tests` has the
    latest finished test of each enabled route that was tested; `endings` what ends on a known day; `watched_at` is when
    somebody looked after the schedule last."""

    outbox: Overview
    preferences: Preferences
    routes: Sequence[RouteVital]
    oldest_at: datetime | None
    unsure: int
    last_hour: Mapping[DeliveryState, int]
    awaits_worker: bool = True
    findings: Sequence[Finding] = ()
    tests: Mapping[RouteKey, ConnectionTest] = field(default_factory=dict)
    endings: Sequence[Ending] = ()
    watched_at: datetime | None = None

    @property
    def age(self) -> float:
        """Return for how many seconds the oldest message is in the outbox; 0 when none is."""
        return _seconds(self.oldest_at, self.outbox.now)

    @property
    def beat_age(self) -> float | None:
        """Return how many seconds ago a worker said last that it lives, None without one."""
        beats = [worker.beat_at for worker in self.outbox.workers]
        return _seconds(max(beats), self.outbox.now) if beats else None

    @property
    def watch_age(self) -> float | None:
        """Return how many seconds ago somebody looked after the schedule, None when nobody ever did."""
        return _seconds(self.watched_at, self.outbox.now) if self.watched_at else None

    def test_age(self, key: RouteKey) -> float | None:
        """Return how many seconds ago the latest finished test of a route began, None without one."""
        test = self.tests.get(key)
        return _seconds(test.started_at, self.outbox.now) if test else None

    def number(self, tone: str) -> int:
        """Return how many findings of that tone are shown."""
        return sum(finding.tone == tone and not finding.early for finding in self.findings)


def read() -> Vitals:
    """Return how things stand: some twenty statements, each bounded or by an index, however long the log is. Raises
    what the database raises, MailError and ConfigurationError."""
    seen = reading.read()
    now = seen.outbox.now
    recent = Delivery.objects.order_by().filter(state__in=list(DeliveryState), created_at__gte=now - _HOUR)
    unsure = Delivery.objects.order_by().filter(state=DeliveryState.UNSURE)[: limits.OUTBOX_COUNTED]
    return Vitals(
        outbox=seen.outbox,
        preferences=seen.snapshot.preferences,
        routes=list(vitals_of(seen.snapshot)),
        # Keys are ordered by time, so that the first one is the oldest.
        oldest_at=OutboxEntry.objects.order_by("pk").values_list("queued_at", flat=True).first(),
        unsure=unsure.count(),
        last_hour={DeliveryState(s): n for s, n in recent.values_list("state").annotate(number=Count("pk"))},
        awaits_worker=conf.setting("QUEUE_WAKE") != "tasks",  # Django's own tasks have workers that we do not see
        findings=findings(seen),
        tests={one.row.key: one.test for one in seen.routes if one.test},
        endings=endings(seen),
        watched_at=seen.settings.watched_at,
    )


def faults(vitals: Vitals) -> list[str]:
    """Return in sentences why mail does not leave as it should; nothing where somebody wanted it so (all mail is held
    by the switch, every route is paused)."""
    found = list(_route_faults(vitals.routes))
    if vitals.preferences.objection:
        found.append(_("All mail is held: {reason}").format(reason=vitals.preferences.objection))
    due, no_worker = vitals.outbox.due_for, vitals.awaits_worker and not vitals.outbox.workers
    if vitals.outbox.held:
        return found
    if no_worker and due > limits.HEALTH_WORKER_SECONDS:
        text = _("No worker runs; the oldest due message has waited for {time}.")
        found.append(text.format(time=lasting(due)))
    elif vitals.outbox.late:
        text = _("The oldest due message has waited for {time}, and no worker has taken it.")
        found.append(text.format(time=lasting(due)))
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
                "test": str(vitals.tests[route.key].state) if route.key in vitals.tests else None,
                "test_age_seconds": _rounded(vitals.test_age(route.key)),
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
        "watch_age_seconds": _rounded(vitals.watch_age),
        "endings": [
            {"what": one.noun, "of": one.of, "on": one.ends_on.isoformat(), "days": one.days} for one in vitals.endings
        ],
        "errors": vitals.number(ERROR),
        "warnings": vitals.number(WARNING),
        "findings": [finding.as_data() for finding in shown(vitals.findings)],
    }


def _route_faults(found: Sequence[RouteVital]) -> list[str]:
    if not found:
        return [_("No SMTP connection or OAuth service is enabled, so no mail can leave.")]
    if any(route.usable for route in found) or all(route.condition is Condition.PAUSED for route in found):
        return []
    told = (one.condition.sentence.format(name=one.name, reason=one.reason).rstrip(": ") for one in found)
    return [_("No route can be used. {reasons}").format(reasons=" ".join(told))]


def _seconds(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)

"""The numbers of a monitor in the text format of Prometheus, version 0.0.4 (pure).

Source: prometheus.io, "Exposition formats". All are gauges: the log is pruned, so that nothing can be counted up
from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mailadmin.core.outcome import DeliveryState
from mailadmin.core.preferences import Sending
from mailadmin.watch.finding import ERROR, WARNING
from mailadmin.watch.route_vitals import Condition, RouteVital
from mailadmin.watch.vitals import Vitals
from mailadmin.watch.waiting import Why

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[Mapping[str, str], float]


@dataclass(frozen=True)
class Gauge:
    """One number, or one for each set of labels: `help` says in a sentence what it is."""

    name: str
    help: str
    samples: tuple[Sample, ...]


def gauges(vitals: Vitals, healthy: bool) -> Iterator[Gauge]:
    """Yield everything that a monitor is told."""
    outbox, preferences = vitals.outbox, vitals.preferences
    waiting = tuple(({"reason": str(why)}, _number(outbox.counts.get(why))) for why in Why)
    hour = tuple(({"state": str(state)}, float(vitals.last_hour.get(state, 0))) for state in DeliveryState)
    yield _plain("mailadmin_healthy", "Whether mail leaves as it should, as the health address says.", healthy)
    yield Gauge(
        "mailadmin_outbox_messages",
        "Messages in the outbox by the reason why they wait, counted up to 10000.",
        waiting,
    )
    yield _plain(
        "mailadmin_outbox_oldest_due_seconds", "How long the oldest due message has waited to be taken.", outbox.due_for
    )
    yield _plain("mailadmin_outbox_oldest_seconds", "How long the oldest message is in the outbox.", vitals.age)
    yield _plain(
        "mailadmin_unsure_messages", "Messages of the log that may have been delivered, up to 10000.", vitals.unsure
    )
    yield Gauge(
        "mailadmin_deliveries_last_hour", "Messages that were begun in the last hour, by their state now.", hour
    )
    yield Gauge(
        "mailadmin_route_state", "Whether an enabled route is in this state (one of them is 1).", tuple(_states(vitals))
    )
    yield _plain("mailadmin_workers", "Workers that have said of late that they live.", len(outbox.workers))
    yield _plain("mailadmin_workers_lost", "Workers that ended without a word.", len(outbox.lost))
    if vitals.beat_age is not None:
        text = "Time since a worker said last that it lives."
        yield _plain("mailadmin_worker_beat_age_seconds", text, vitals.beat_age)
    yield _plain("mailadmin_sending_held", "Whether all mail is held.", preferences.held)
    redirected = preferences.sending is Sending.REDIRECTED
    yield _plain("mailadmin_sending_redirected", "Whether all mail goes to one address.", redirected)
    yield from _watched(vitals)


def _watched(vitals: Vitals) -> Iterator[Gauge]:
    """Yield what the schedule and the findings say."""
    tones = tuple(({"tone": tone}, float(vitals.number(tone))) for tone in (ERROR, WARNING))
    yield Gauge("mailadmin_findings", "What is wrong now, as the dashboard lists it, by its tone.", tones)
    if vitals.watch_age is not None:
        text = "Time since somebody looked after the schedule of tests and alerts."
        yield _plain("mailadmin_watch_age_seconds", text, vitals.watch_age)
    named = [(_route(route), vitals.tests.get(route.key), vitals.test_age(route.key)) for route in vitals.routes]
    ages = tuple((labels, age) for labels, _, age in named if age is not None)
    yield Gauge("mailadmin_route_test_age_seconds", "Time since the latest finished test of a route began.", ages)
    good = tuple((labels, float(test.state != test.State.FAILED)) for labels, test, _ in named if test)
    yield Gauge("mailadmin_route_test_passed", "Whether the latest finished test of a route did not fail.", good)
    ends = tuple(({"what": one.noun, "of": one.of, "key": one.key}, float(one.days)) for one in vitals.endings)
    text = "Days until a secret or certificate ends, negative afterwards."
    yield Gauge("mailadmin_days_left", text, ends)


def _route(route: RouteVital) -> dict[str, str]:
    return {"kind": str(route.key.kind), "route": route.name}


def exposition(found: Iterable[Gauge]) -> str:
    """Return `found` as text, with a line end after each line."""
    return "".join(f"{line}\n" for gauge in found for line in _lines(gauge))


def _lines(gauge: Gauge) -> Iterator[str]:
    yield f"# HELP {gauge.name} {_escaped(gauge.help)}"
    yield f"# TYPE {gauge.name} gauge"
    for labels, value in gauge.samples:
        told = ",".join(f'{name}="{_escaped(text, quote=True)}"' for name, text in labels.items())
        yield f"{gauge.name}{f'{{{told}}}' if told else ''} {value:.15g}"


def _escaped(text: str, *, quote: bool = False) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quote else text


def _states(vitals: Vitals) -> Iterator[Sample]:
    for route in vitals.routes:
        for condition in Condition:
            yield _route(route) | {"state": str(condition)}, float(route.condition is condition)


def _number(count: object) -> float:
    return float(getattr(count, "number", 0))


def _plain(name: str, text: str, value: float) -> Gauge:
    return Gauge(name, text, (({}, float(value)),))

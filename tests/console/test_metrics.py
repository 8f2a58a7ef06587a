"""Metrics in the text format of Prometheus, read back by Prometheus' own parser (P14)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from mailadmin.console.metrics import Gauge, exposition, gauges
from mailadmin.core.outcome import DeliveryState
from mailadmin.core.preferences import Preferences, Sending
from mailadmin.core.settings import RouteKey, RouteKind
from mailadmin.models import ConnectionTest, Worker
from mailadmin.watch.finding import ERROR, WARNING, Finding
from mailadmin.watch.of_secrets import Ending
from mailadmin.watch.outbox import Counted, Overview
from mailadmin.watch.route_vitals import Condition, RouteVital
from mailadmin.watch.vitals import Vitals
from mailadmin.watch.waiting import Why

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
RELAY = RouteVital(RouteKey(RouteKind.SMTP, "1"), "Relay A", Condition.WELL)

Sample = tuple[str, frozenset[tuple[str, str]]]


def worker(seconds_ago: float, **values: Any) -> Worker:
    return Worker(name="w", beat_at=NOW - timedelta(seconds=seconds_ago), started_at=NOW, **values)


def vitals(**changes: Any) -> Vitals:
    values: dict[str, Any] = {
        "outbox": Overview(now=NOW, counts={}),
        "preferences": Preferences(),
        "routes": [RELAY],
        "oldest_at": None,
        "unsure": 0,
        "last_hour": {},
    }
    return Vitals(**(values | changes))


def read_back(found: list[Gauge]) -> dict[Sample, float]:
    text = exposition(found)
    assert text.endswith("\n") and "\n\n" not in text
    families = list(text_string_to_metric_families(text))
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    values = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(values) == len(samples)
    return values


def told(found: Vitals, healthy: bool = True) -> dict[Sample, float]:
    return read_back(list(gauges(found, healthy)))


def one(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())


def test_p14_the_outbox_by_reason_its_ages_and_workers() -> None:
    outbox = Overview(
        now=NOW,
        counts={Why.DUE: Counted(3), Why.UNSURE: Counted(2), Why.AGAIN: Counted(10_000, more=True)},
        oldest=NOW - timedelta(seconds=90),
        workers=[worker(7.5), worker(3)],
        lost=[worker(500)],
    )
    found = told(vitals(outbox=outbox, oldest_at=NOW - timedelta(hours=1), unsure=4))
    assert found[one("mailadmin_outbox_messages", reason="due")] == 3
    assert found[one("mailadmin_outbox_messages", reason="unsure")] == 2
    assert found[one("mailadmin_outbox_messages", reason="again")] == 10_000
    assert found[one("mailadmin_outbox_messages", reason="claimed")] == 0
    assert found[one("mailadmin_outbox_oldest_due_seconds")] == 90
    assert found[one("mailadmin_outbox_oldest_seconds")] == 3600
    assert found[one("mailadmin_unsure_messages")] == 4
    assert found[one("mailadmin_workers")] == 2
    assert found[one("mailadmin_workers_lost")] == 1
    assert found[one("mailadmin_worker_beat_age_seconds")] == 3


def test_p14_nothing_is_zero_and_not_missing_but_for_the_beat_of_nobody() -> None:
    found = told(vitals())
    assert found[one("mailadmin_outbox_oldest_due_seconds")] == 0
    assert found[one("mailadmin_workers")] == 0
    assert not [name for name, _ in found if name == "mailadmin_worker_beat_age_seconds"]
    reasons = [labels for name, labels in found if name == "mailadmin_outbox_messages"]
    states = [labels for name, labels in found if name == "mailadmin_deliveries_last_hour"]
    assert (len(reasons), len(states)) == (len(Why), len(DeliveryState))


def test_p14_the_last_hour_by_state() -> None:
    found = told(vitals(last_hour={DeliveryState.SENT: 120, DeliveryState.FALLBACK: 3}))
    assert found[one("mailadmin_deliveries_last_hour", state="sent")] == 120
    assert found[one("mailadmin_deliveries_last_hour", state="sent-by-fallback")] == 3
    assert found[one("mailadmin_deliveries_last_hour", state="failed")] == 0


def test_p14_each_route_is_in_one_state() -> None:
    resting = RouteVital(RouteKey(RouteKind.OAUTH, "2"), 'Contoso "365"', Condition.RESTING, usable=False)
    found = told(vitals(routes=[RELAY, resting]))
    for route in (RELAY, resting):
        for condition in Condition:
            labels = {"kind": str(route.key.kind), "route": route.name, "state": str(condition)}
            assert found[one("mailadmin_route_state", **labels)] == (condition is route.condition)


@pytest.mark.parametrize("healthy", [True, False])
def test_the_verdict_of_the_health_address_is_a_number(healthy: bool) -> None:
    assert told(vitals(), healthy)[one("mailadmin_healthy")] == healthy


@pytest.mark.parametrize(
    ("preferences", "held", "redirected"),
    [
        (Preferences(), 0, 0),
        (Preferences(sending=Sending.HELD), 1, 0),
        (Preferences(sending=Sending.REDIRECTED), 0, 1),
        (Preferences(objection="It was copied."), 1, 0),
    ],
)
def test_n9_whether_mail_is_held_or_redirected_is_a_number(
    preferences: Preferences, held: int, redirected: int
) -> None:
    found = told(vitals(preferences=preferences))
    assert found[one("mailadmin_sending_held")] == held
    assert found[one("mailadmin_sending_redirected")] == redirected


NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)


@given(NAMES, NAMES, st.floats(-1e15, 1e15).map(lambda number: float(f"{number:.15g}")))
def test_every_text_and_number_comes_back_as_it_was(label: str, text: str, value: float) -> None:
    gauge = Gauge("mailadmin_x", text, (({"route": label}, value),))
    (family,) = text_string_to_metric_families(exposition([gauge]))
    (sample,) = family.samples
    assert (sample.labels, sample.value) == ({"route": label}, value)


@given(NAMES)
def test_no_name_of_a_route_breaks_the_lines(name: str) -> None:
    found = vitals(routes=[replace(RELAY, name=name)])
    assert len(exposition(gauges(found, True)).split("\n")) == len(exposition(gauges(vitals(), True)).split("\n"))


def test_p14_n11_the_age_of_each_test_the_days_left_and_what_is_wrong() -> None:
    """P14, N11."""
    test = ConnectionTest(state="failed", started_at=NOW - timedelta(minutes=5))
    ending = Ending("service:1:first", "client secret", "Contoso app", NOW.date(), 9, ())
    findings = [Finding(ERROR, "a", "stopped", "A"), Finding(WARNING, "b", "expiry", "B", early=True)]
    watched = {"watched_at": NOW - timedelta(seconds=40), "tests": {RELAY.key: test}}
    found = told(vitals(**watched, endings=[ending], findings=findings))
    assert found[one("mailadmin_route_test_age_seconds", kind="smtp", route="Relay A")] == 300
    assert found[one("mailadmin_route_test_passed", kind="smtp", route="Relay A")] == 0
    assert found[one("mailadmin_days_left", what="client secret", of="Contoso app", key="service:1:first")] == 9
    assert found[one("mailadmin_findings", tone="error")] == 1
    assert found[one("mailadmin_findings", tone="warning")] == 0  # the other one is only told early
    assert found[one("mailadmin_watch_age_seconds")] == 40
    assert one("mailadmin_watch_age_seconds") not in told(vitals())

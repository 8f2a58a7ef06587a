"""N2: the same entry of the knowledge base decides what becomes of a message and its route, and what the pages say."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from mailadmin.core import breaker
from mailadmin.core.breaker import Circuit
from mailadmin.core.errors import MailError, Scope, mail_error
from mailadmin.core.fault import Kind
from mailadmin.core.knowledge import Entry, entries
from mailadmin.core.outcome import DeliveryState
from mailadmin.core.policy import DNS_FAILURES_BEFORE_STOP, Haste, after_failure, may_succeed_later, route_health
from mailadmin.core.report import StepState, as_text
from mailadmin.core.terms import Failover, Health
from mailadmin.delivery.attempts import Attempt
from mailadmin.delivery.log import attempt_values
from mailadmin.models import ConnectionTest, ConnectionTestStep, Delivery, DeliveryAttempt
from mailadmin.probes.recorder import Recorder, StepFailed
from tests.core.failures import FAILURES
from tests.fakes.smtp_routes import smtp_route

# "unknown" is the net below all: no failure of a known kind falls so far.
ENTRIES = [entry for entry in entries() if entry.id in FAILURES]
every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
RECIPIENTS = ("ada@example.org",)


def error_of(entry: Entry) -> MailError:
    return mail_error(FAILURES[entry.id][0])


def failed_step(entry: Entry) -> Recorder:
    """Return a ladder of one step that ended with this failure, as a test writes it."""
    recorder = Recorder([("one", entry.id)])
    with pytest.raises(StepFailed), recorder.step("one"):
        raise error_of(entry)
    return recorder


@every_entry
def test_n2_the_entry_decides_what_becomes_of_the_message(entry: Entry) -> None:
    error = error_of(entry)
    assert error.explanation.failover is entry.failover
    for haste in Haste:
        follows = after_failure(error, RECIPIENTS, haste)
        waits = entry.failover is Failover.LATER and haste is Haste.PATIENT
        assert bool(follows.try_next) == (
            entry.failover is Failover.NEXT or (entry.failover is Failover.LATER and not waits)
        )
        assert bool(follows.later) == waits
        assert bool(follows.final) == (entry.failover in (Failover.FAIL, Failover.UNSURE))
        assert follows.unsure == (entry.failover is Failover.UNSURE)
    assert (error.scope is Scope.UNSURE) == (entry.failover is Failover.UNSURE)
    assert error.temporary == entry.retry
    if entry.retry:
        assert may_succeed_later(error)


@every_entry
def test_n2_the_entry_decides_what_becomes_of_the_route(entry: Entry) -> None:
    error = error_of(entry)
    health, change = route_health(error, 0), breaker.change(error, Circuit())
    if entry.health in (Health.NONE, Health.COUNT):
        assert (health, change) == (None, None)
        return
    assert health
    assert change
    assert health.failing
    assert health.stopped == change.health.stopped == (entry.health is Health.CONFIG)
    assert (change.rest is None) == (entry.health is Health.CONFIG)
    if error.fault.kind is Kind.DNS_NOT_FOUND:  # a name that stays unknown is a wrong setting
        again = route_health(error, DNS_FAILURES_BEFORE_STOP - 1)
        assert again
        assert again.stopped


@every_entry
def test_n2_the_step_of_a_test_and_its_report_say_what_the_entry_says(entry: Entry) -> None:
    error, recorder = error_of(entry), failed_step(entry)
    step, known = recorder.steps[0], error.explanation
    assert recorder.errors["one"].explanation == known
    assert (step.state, step.code) == (StepState.FAILED, entry.id)
    assert (step.problem, step.cause, tuple(step.remedy)) == (known.title, known.cause, known.remedy)
    assert (step.owner, step.setting) == (entry.owner.label, entry.setting)
    report = as_text("Test", recorder.steps)
    for text in (known.title, known.cause, *known.remedy, entry.owner.label):
        assert text in report


@pytest.mark.django_db
def test_n2_the_page_of_a_test_says_what_every_entry_says(viewer_client: Client) -> None:
    test = ConnectionTest.objects.create(kind="smtp", name="Relay A", target="mail.example.org:587", state="failed")
    for place, entry in enumerate(ENTRIES):
        ConnectionTestStep.objects.create(test=test, place=place, **asdict(failed_step(entry).steps[0]))
    page = viewer_client.get(reverse("mailadmin:test", args=[test.pk])).text
    for entry in ENTRIES:
        assert_told(entry, page)


@pytest.mark.django_db
def test_n2_the_delivery_log_says_what_every_entry_says(viewer_client: Client) -> None:
    now = datetime.now(UTC)
    delivery = Delivery.objects.create(created_at=now, finished_at=now, state=DeliveryState.FAILED, subject="Hello")
    for number, entry in enumerate(ENTRIES, 1):
        attempt = Attempt(smtp_route(25), now, 0.1, accepted=False, error=error_of(entry))
        values = attempt_values(delivery.pk, number, attempt, now)
        row = DeliveryAttempt.objects.create(**{**values, "route_id": None})
        assert (row.code, row.unsure) == (entry.id, entry.failover is Failover.UNSURE), entry.id
    page = viewer_client.get(reverse("mailadmin:log", args=[delivery.pk])).text
    for entry in ENTRIES:
        assert_told(entry, page)
        assert page.count(reverse("mailadmin:knowledge", args=[entry.id])) >= 1


def assert_told(entry: Entry, page: str) -> None:
    known = error_of(entry).explanation
    for text in (known.title, known.cause, *known.remedy, known.owner.label):
        assert escape(text) in page, entry.id

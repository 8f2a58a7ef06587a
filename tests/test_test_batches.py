"""Test all: every enabled route at once, a few at a time (N1)."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from mailadmin import testruns
from mailadmin.core import limits
from mailadmin.models import ConnectionTest, IntegratedService, SmtpConnection
from tests.console.rows_to_watch import plain_row
from tests.fakes import certificates
from tests.fakes.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna", "anna@example.org")


def server(**changes: Any) -> SmtpServer:
    return SmtpServer(**({"identity": certificates.good(), "features": ("SIZE 10000000",)} | changes))


def ended(batch: UUID) -> list[ConnectionTest]:
    """Wait for the threads of `batch` and return its tests by the names of their routes."""
    for thread in threading.enumerate():
        if thread.name == f"tests-{batch}":
            thread.join(30)
    return list(ConnectionTest.objects.filter(batch=batch).order_by("name"))


def test_n1_every_enabled_route_is_tested_and_each_service_that_none_of_them_uses(anna: User) -> None:
    with server() as peer:
        for number in range(limits.TEST_ALL_AT_ONCE + 2):
            plain_row(peer.port, f"Relay {number}")
        plain_row(peer.port, "Switched off", enabled=False)
        IntegratedService.objects.create(name="Spare app", tenant="t.example", client_id="3c1d22aa")
        tests = ended(testruns.start_all(anna, "ben@example.net"))
        assert len(peer.messages) == limits.TEST_ALL_AT_ONCE + 2
    assert [test.name for test in tests] == [*(f"Relay {n}" for n in range(limits.TEST_ALL_AT_ONCE + 2)), "Spare app"]
    assert [test.state for test in tests[:-1]] == ["ok"] * (limits.TEST_ALL_AT_ONCE + 2)
    assert tests[-1].state == "failed"  # it has no credential
    assert {test.asked_by_name for test in tests} == {"anna"}
    assert all(test.digest and test.values for test in tests)


def test_no_more_than_a_few_run_at_the_same_time(anna: User) -> None:
    inside, most, lock = 0, 0, threading.Lock()
    together = threading.Barrier(limits.TEST_ALL_AT_ONCE)

    def count(connection: Any) -> bool:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        with suppress(threading.BrokenBarrierError):
            together.wait(0.3)  # the first few meet here; a fifth would be counted
        with lock:
            inside -= 1
        connection.say("220 ready")
        return True

    with server(script={"GREETING": [count] * 20}) as peer:
        for number in range(limits.TEST_ALL_AT_ONCE + 3):
            plain_row(peer.port, f"Relay {number}")
        ended(testruns.start_all(anna))
    assert 1 < most <= limits.TEST_ALL_AT_ONCE


def test_one_person_runs_one_batch_at_a_time_and_another_person_their_own(anna: User) -> None:
    free = threading.Event()

    def hold(connection: Any) -> bool:
        free.wait(10)
        connection.say("220 ready")
        return True

    with server(script={"GREETING": [hold] * 4}) as peer:
        plain_row(peer.port)
        first = testruns.start_all(anna)
        with pytest.raises(testruns.StillRunning) as refused:
            testruns.start_all(anna)
        assert refused.value.batch == first
        other = testruns.start_all(User.objects.create_user("ben"))
        free.set()
        ended(first), ended(other)
        assert ended(testruns.start_all(anna))[0].state == "ok"


def test_tests_of_a_batch_leave_the_limit_of_single_tests_alone(anna: User) -> None:
    for number in range(limits.TESTS_PER_MINUTE + 1):
        plain_row(1, f"Relay {number}")
    ended(testruns.start_all(anna))
    testruns.start(testruns.subject_of_row(SmtpConnection.objects.first()), user=anna)  # type: ignore[arg-type]


def test_a_batch_is_stopped_and_those_that_waited_ran_no_step(anna: User) -> None:
    reached, free = threading.Event(), threading.Event()

    def hold(connection: Any) -> bool:
        reached.set()
        free.wait(10)
        connection.say("220 ready")
        return True

    with server(script={"GREETING": [hold] * 9}) as peer:
        for number in range(limits.TEST_ALL_AT_ONCE + 1):
            plain_row(peer.port, f"Relay {number}")
        batch = testruns.start_all(anna)
        assert reached.wait(10)
        assert testruns.stop_all(batch) == limits.TEST_ALL_AT_ONCE + 1
        free.set()
        tests = ended(batch)
    assert {test.state for test in tests} == {"cancelled"}
    assert tests[-1].verdict == "Stopped on request after 0 of 9 steps."


def test_settings_that_cannot_be_read_are_a_failed_test_and_the_others_go_on(anna: User) -> None:
    with server() as peer:
        plain_row(peer.port, "Sound")
        SmtpConnection.objects.filter(pk=plain_row(1, "Broken").pk).update(security="no-such-security")
        tests = ended(testruns.start_all(anna))
    assert [(test.name, test.state) for test in tests] == [("Broken", "failed"), ("Sound", "ok")]
    assert "cannot be used" in tests[0].verdict


def test_nothing_to_test_is_a_sentence(anna: User) -> None:
    with pytest.raises(testruns.NothingToTest, match=r"nothing to test"):
        testruns.start_all(anna)
    assert not ConnectionTest.objects.exists()


def test_what_waits_for_its_turn_after_its_process_died_shows_as_interrupted(anna: User) -> None:
    test = testruns.write(testruns.subject_of_row(plain_row(1)), anna, "", True, batch=UUID(int=1))
    ConnectionTest.objects.update(beat_at=timezone.now() - timedelta(seconds=limits.TEST_LOST_SECONDS + 1))
    test.refresh_from_db()
    assert test.shown_state == "interrupted"
    free = testruns.start_all(anna)  # the lost one is in nobody's way
    ended(free)

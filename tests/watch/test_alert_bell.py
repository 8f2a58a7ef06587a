"""The thread that tells what a process met while no worker runs (P8): soon, together, and never in a sender's way."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from mailadmin.core import limits
from mailadmin.delivery.send import send_message
from mailadmin.models import Alert, AlertDelivery, Incident
from mailadmin.watch import alerts
from mailadmin.watch.alerts import bell
from mailadmin.watch.alerts.bell import Bell
from tests.delivery.conftest import Peers, a_message, add_oauth, add_smtp
from tests.fakes.graph_server import ScriptedServer, says

from .alert_rows import webhook


class Looks:
    """Counts the looks, and wants another one after `pauses`."""

    def __init__(self, *pauses: float | None) -> None:
        self.pauses, self.times, self.done = list(pauses), 0, threading.Event()

    def __call__(self) -> float | None:
        self.times += 1
        pause = self.pauses.pop(0) if self.pauses else None
        if pause is None:
            self.done.set()
        return pause


def ended(one: Bell) -> bool:
    until = time.monotonic() + 5
    while one._thread is not None and time.monotonic() < until:
        time.sleep(0.01)
    return one._thread is None


def test_many_rings_are_one_look() -> None:
    looks = Looks()
    one = Bell(looks, lambda: True, gather=0.05)
    for _ in range(50):
        one.ring()
    assert looks.done.wait(5)
    assert ended(one)
    assert looks.times == 1


def test_it_looks_again_when_something_is_due() -> None:
    looks = Looks(0.01, 0.01, None)
    one = Bell(looks, lambda: True, gather=0)
    one.ring()
    assert looks.done.wait(5)
    assert ended(one)
    assert looks.times == 3


def test_it_rings_again_after_it_has_ended() -> None:
    looks = Looks(None, None)
    one = Bell(looks, lambda: True, gather=0)
    for times in (1, 2):
        one.ring()
        assert ended(one)
        assert looks.times == times


def test_where_nobody_is_to_be_told_it_is_deaf_for_a_while() -> None:
    looks = Looks()
    asked: list[bool] = []

    def nobody() -> bool:
        asked.append(True)
        return False

    one = Bell(looks, nobody, gather=0)
    one.ring()
    assert ended(one)
    one.ring()
    assert one._thread is None
    assert (len(asked), looks.times) == (1, 0)


def test_at_the_end_of_the_process_it_looks_at_once() -> None:
    looks = Looks()
    one = Bell(looks, lambda: True, gather=60)
    one.ring()
    one.end()
    assert looks.times == 1


def test_the_end_of_the_process_waits_for_a_look_that_is_under_way() -> None:
    begun, go_on = threading.Event(), threading.Event()
    seen: list[str] = []

    def look() -> None:
        begun.set()
        go_on.wait(5)
        seen.append("looked")

    one = Bell(look, lambda: True, gather=0)
    one.ring()
    assert begun.wait(5)
    threading.Timer(0.05, go_on.set).start()
    one.end()
    assert seen == ["looked"]


def test_nobody_waits_for_a_bell_that_sleeps() -> None:
    looks = Looks(600.0)
    one = Bell(looks, lambda: True, gather=0)
    one.ring()
    while looks.times == 0 or one._looking:
        time.sleep(0.01)
    before = time.monotonic()
    one.end()
    assert time.monotonic() - before < limits.ALERT_LAST_SECONDS / 2
    one._rung.set()  # so that the thread ends with the test


@pytest.mark.django_db(transaction=True)
def test_p8_a_process_without_a_worker_tells_by_itself(peers: Peers) -> None:
    add_oauth(peers)
    add_smtp(peers)
    peers.graph_fault = "403"
    with ScriptedServer(says(200), tls=False) as hook:
        webhook(hook)
        one = Bell(alerts.look, alerts.anybody, gather=0.05)
        bell.install(one)
        send_message(a_message())
        one.end()
        assert {request.line.split(" ")[0] for request in hook.requests} == {"POST"}
    assert set(Alert.objects.values_list("event", flat=True)) == {"failing", "fallback"}
    assert set(AlertDelivery.objects.values_list("state", flat=True)) == {"sent"}


@pytest.mark.django_db(transaction=True)
def test_it_is_rung_when_the_transaction_of_the_caller_is_over(peers: Peers) -> None:
    add_oauth(peers)
    add_smtp(peers)
    peers.graph_fault = "403"
    rings: list[bool] = []

    class Counted:
        def ring(self) -> None:
            rings.append(connection.in_atomic_block)

    bell.install(Counted())
    with transaction.atomic():
        send_message(a_message())
        assert rings == []
    assert set(rings) == {False}
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        send_message(a_message())
        raise ZeroDivisionError
    assert len(rings) <= 2, "what was rolled back rings nobody; its news stay, and are told with the next ones"


@pytest.mark.django_db
class TestStatements:
    """Alerts cost a sender nothing, be there channels or not."""

    def test_a_direct_message_makes_five_statements_with_a_channel_too(self, peers: Peers) -> None:
        add_smtp(peers)
        assert self._statements() == 5

    def test_a_message_by_the_fallback_makes_no_more(self, peers: Peers) -> None:
        add_oauth(peers)
        add_smtp(peers)
        peers.graph_fault = "403"
        assert self._statements() == 5
        assert not Incident.objects.exists()

    def _statements(self) -> int:
        """Return the statements of the third message, without the savepoints of the test; the first ones find out how
        the routes stand and what size they take."""
        with ScriptedServer(says(200), tls=False) as hook:
            webhook(hook)
            for _ in range(2):
                send_message(a_message())
            with CaptureQueriesContext(connection) as statements:
                send_message(a_message())
        return sum("SAVEPOINT" not in statement["sql"] for statement in statements)


def test_limits_fit_together() -> None:
    assert limits.ALERT_CLAIM_SECONDS > limits.ALERT_SECONDS
    assert len(limits.ALERT_RETRY_SECONDS) == limits.ALERT_TRIES - 1

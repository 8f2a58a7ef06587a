"""The parts of a worker, each by itself: room in memory, waking and waiting, handing over to a task queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import pytest
from celery import Celery
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from mailadmin.conf import ConfigurationError
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.delivery.options import SendOptions
from mailadmin.delivery.outbox import publish, wake
from mailadmin.delivery.outbox.publish import Publisher
from mailadmin.delivery.outbox.room import Closed, Room
from mailadmin.delivery.send import send_message
from mailadmin.models import Delivery, Settings
from tests.fakes.smtp_server import SmtpServer

from .conftest import a_message, plain

LONG = 20  # seconds; nothing here takes so long


class TestRoom:
    def test_messages_share_it_and_one_that_is_too_much_waits_for_another_ones_end(self) -> None:
        room, entered = Room(100), threading.Event()

        def enter() -> None:
            with room.of(60):
                entered.set()

        thread = threading.Thread(target=enter)
        with room.of(40), room.of(30):
            thread.start()
            assert not entered.wait(0.05)
        assert entered.wait(LONG)
        thread.join()

    def test_a_message_that_is_bigger_than_all_of_it_is_let_in_alone(self) -> None:
        room = Room(100)
        with room.of(500):
            pass
        with room.of(100):
            pass

    def test_small_ones_that_come_later_do_not_keep_a_big_one_out(self) -> None:
        room, order = Room(100), list[str]()

        def enter(name: str, size: int) -> None:
            with room.of(size):
                order.append(name)

        with room.of(50):
            big = threading.Thread(target=enter, args=("big", 80))
            big.start()
            wait_until(lambda: len(room._line) == 1)
            small = threading.Thread(target=enter, args=("small", 10))
            small.start()
            wait_until(lambda: len(room._line) == 2)
            assert order == []
        for thread in (big, small):
            thread.join()
        assert order == ["big", "small"]

    def test_who_waits_when_it_closes_is_sent_away(self) -> None:
        room, sent_away = Room(100), threading.Event()

        def enter() -> None:
            try:
                with room.of(1):
                    pass
            except Closed:
                sent_away.set()

        with room.of(100):
            thread = threading.Thread(target=enter)
            thread.start()
            room.close()
            assert sent_away.wait(LONG)
        thread.join()
        with pytest.raises(Closed), room.of(1):
            pass


def wait_until(true: Any) -> None:
    until = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < until
        time.sleep(0.002)


@pytest.fixture
def waiter() -> Iterator[wake.Waiter]:
    with wake.Waiter() as one:
        yield one


@pytest.mark.django_db(transaction=True)
class TestWaiting:
    def test_it_ends_when_its_time_is_over(self, waiter: wake.Waiter) -> None:
        waiter.wait(0.01)

    def test_whoever_wakes_it_ends_it_also_when_it_has_not_begun(self, waiter: wake.Waiter) -> None:
        for _ in range(100_000):
            waiter.wake()  # more than fits into its pipe
        assert waited(waiter) < LONG
        threading.Timer(0.05, waiter.wake).start()
        assert waited(waiter) < LONG

    @pytest.mark.skipif("connection.vendor == 'mysql'", reason="MySQL and MariaDB tell nobody: they are polled")
    def test_what_another_connection_commits_and_announces_ends_it(self, waiter: wake.Waiter) -> None:
        waiter.wait(0.01)  # it listens from now on

        def commit() -> None:
            Settings.load().save()
            wake.announce([uuid4()])
            connection.close()

        thread = threading.Timer(0.05, commit)
        thread.start()
        assert waited(waiter) < LONG
        thread.join()

    def test_a_listener_that_fails_is_left_out_and_the_worker_looks_at_once(self, waiter: wake.Waiter) -> None:
        class Broken:
            fd = None
            look_seconds = 0.01

            def heard(self) -> bool:
                raise ConnectionResetError

            def close(self) -> None:
                pass

        waiter._listener = Broken()
        waiter._listen_at = time.monotonic() + LONG
        assert waited(waiter) < LONG
        assert waiter._listener is None
        waiter.wait(0.01)

    def test_closing_it_leaves_nothing_open(self) -> None:
        one = wake.Waiter()
        one.wait(0.01)
        one.close()
        one.wake()


def waited(waiter: wake.Waiter) -> float:
    since = time.monotonic()
    waiter.wait(LONG)
    return time.monotonic() - since


@pytest.fixture
def told(settings: Any) -> Iterator[Callable[[], list[UUID]]]:
    """What a task queue was told: Celery, with a broker in memory."""
    settings.MAILADMIN = settings.MAILADMIN | {"QUEUE_WAKE": "celery"}
    app = Celery("tests", broker="memory://", set_as_current=True)
    publish._publisher.cache_clear()
    publish.remember_celery()

    def drained() -> list[UUID]:
        publish._publisher("celery")._last_words()
        found = []
        with app.connection() as broker, broker.SimpleQueue("celery") as tasks, suppress(tasks.Empty):
            while task := tasks.get_nowait():
                assert task.headers["task"] == "mailadmin.deliver"
                found.append(UUID(task.payload[0][0]))
                task.ack()
        return found

    drained()
    yield drained
    publish._celery_app = None
    publish._publisher.cache_clear()


@pytest.mark.django_db(transaction=True)
def test_a_project_whose_celery_is_always_eager_sends_by_itself(settings: Any) -> None:
    settings.MAILADMIN = settings.MAILADMIN | {"QUEUE_WAKE": "celery"}
    app = Celery("eager", broker="amqp://nobody@127.0.0.1:1//", set_as_current=True)
    app.conf.task_always_eager = True
    publish._publisher.cache_clear()
    publish.remember_celery()
    try:
        with SmtpServer() as server:
            plain(server)
            sent = send_message(a_message(), SendOptions(delivery="queued"))
            wait_until(lambda: Delivery.objects.get(pk=sent.delivery_id).state == DeliveryState.SENT)
            assert len(server.messages) == 1
            publish._publisher("celery")._last_words()
    finally:
        publish._celery_app = None
        publish._publisher.cache_clear()


@pytest.mark.django_db(transaction=True)
class TestWhenItIsCommitted:
    def test_outside_a_transaction_it_is_announced_at_once(self, told: Callable[[], list[UUID]]) -> None:
        one = uuid4()
        wake.when_committed(one)
        assert told() == [one]

    def test_all_messages_of_a_transaction_are_announced_together_at_its_end(
        self, told: Callable[[], list[UUID]]
    ) -> None:
        ids = [uuid4() for _ in range(3)]
        with transaction.atomic():
            for one in ids:
                with transaction.atomic():
                    wake.when_committed(one)
            assert len(connection.run_on_commit) == 1
            assert told() == []
        assert told() == ids

    def test_what_is_rolled_back_is_not_announced_and_hinders_nothing_else(
        self, told: Callable[[], list[UUID]]
    ) -> None:
        undone, kept = uuid4(), uuid4()
        with transaction.atomic():
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                wake.when_committed(undone)
                raise ZeroDivisionError
            with transaction.atomic():
                wake.when_committed(kept)
        assert told() == [kept]
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            wake.when_committed(undone)
            raise ZeroDivisionError
        assert told() == []

    def test_a_caller_that_commits_by_itself_is_left_alone(self, told: Callable[[], list[UUID]]) -> None:
        transaction.set_autocommit(False)
        try:
            wake.when_committed(uuid4())
            transaction.rollback()
        finally:
            transaction.set_autocommit(True)
        assert told() == []

    def test_announcing_never_raises(self, settings: Any) -> None:
        for way in ("", "celery", "tasks", "pigeon", 5):
            settings.MAILADMIN = settings.MAILADMIN | {"QUEUE_WAKE": way}
            wake.announce([])

    def test_without_a_task_queue_it_costs_at_most_one_small_statement(self) -> None:
        with CaptureQueriesContext(connection) as captured:
            wake.announce([uuid4() for _ in range(100)])
        wanted = ["NOTIFY mailadmin_outbox"] if connection.vendor == "postgresql" else []
        assert [query["sql"] for query in captured] == wanted


class TestPublisher:
    def test_it_hands_over_in_another_thread_what_it_is_given(self) -> None:
        got: list[UUID] = []
        ids = [uuid4() for _ in range(5)]
        publisher = Publisher(got.append)
        publisher.put(ids)
        publisher._last_words()
        assert got == ids

    def test_a_broker_that_does_not_answer_holds_nobody_up_and_what_is_too_much_is_dropped(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "WAKE_IDS", 10)
        monkeypatch.setattr(limits, "WAKE_LAST_SECONDS", 0.01)
        answers, got = threading.Event(), list[UUID]()

        def hand_over(one: UUID) -> None:
            answers.wait(LONG)
            got.append(one)

        publisher = Publisher(hand_over)
        publisher.put([uuid4() for _ in range(100)])
        publisher._last_words()  # nor the end of the process
        answers.set()
        wait_until(lambda: not publisher._ids.unfinished_tasks)
        assert 10 <= len(got) <= 11

    def test_a_broker_that_failed_is_left_alone_for_a_while(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[UUID] = []

        def fail(one: UUID) -> None:
            asked.append(one)
            raise ConnectionRefusedError

        publisher = Publisher(fail)
        publisher.put([uuid4() for _ in range(5)])
        publisher._last_words()
        publisher.put([uuid4()])
        assert len(asked) == 1
        publisher._again_at = 0.0
        publisher.put([uuid4()])
        publisher._last_words()
        assert len(asked) == 2

    def test_an_unknown_way_is_an_error_of_the_settings(self) -> None:
        with pytest.raises(ConfigurationError, match="QUEUE_WAKE"):
            publish.publish("pigeon", [])

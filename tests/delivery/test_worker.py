"""The engine of a worker: what is queued is sent, once, by whatever number of them, and a stop loses nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import django
import pytest
from django.db import connection, connections
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.delivery.options import SendOptions
from mailadmin.delivery.outbox import heart
from mailadmin.delivery.outbox.claims import claim
from mailadmin.delivery.outbox.engine import Engine
from mailadmin.delivery.outbox.one import deliver_one
from mailadmin.delivery.send import send_message
from mailadmin.models import Delivery, OutboxEntry, Worker
from tests.fakes.smtp_actions import Action
from tests.fakes.smtp_server import Connection, SmtpServer

from .conftest import a_message, plain

pytestmark = pytest.mark.django_db(transaction=True)

LONG = 20  # seconds; nothing here takes so long


@pytest.fixture(autouse=True)
def no_thread_is_left(transactional_db: None) -> Iterator[None]:
    """An engine that is stopped does not wait for its threads; the database of the test must."""
    yield
    wait_until(lambda: not threads_of_engines())


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as one:
        yield one


def queue(*subjects: str, **options: Any) -> None:
    for subject in subjects:
        send_message(a_message(subject=subject), SendOptions(delivery="queued", **options))


def subjects(server: SmtpServer) -> list[str]:
    """The subjects of what was taken."""
    lines = [line for message in server.messages for line in message.split(b"\r\n") if line.startswith(b"Subject: ")]
    return sorted(line.removeprefix(b"Subject: ").decode() for line in lines)


def wait_until(true: Callable[[], Any]) -> None:
    until = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


@contextmanager
def running(engine: Engine) -> Iterator[threading.Thread]:
    """Run `engine` beside the test; it is told to stop at the end of the block."""

    def run() -> None:
        try:
            engine.run()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        engine.stop()
        thread.join(LONG)
        assert not thread.is_alive()


class Held:
    """A server's answer that comes when the test says so."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __call__(self, _: Connection) -> bool:
        self.reached.set()
        self.go_on.wait(LONG)
        return False


class TestOnce:
    def test_it_sends_what_is_due_and_ends(self, server: SmtpServer) -> None:
        plain(server)
        queue("1", "2", "3")
        queue("later", send_at=timezone.now() + timedelta(hours=1))
        engine = Engine(2, "here")
        engine.run(once=True)
        assert subjects(server) == ["1", "2", "3"]
        assert (engine.report.sent, engine.report.handled, engine.report.failed) == (3, 3, 0)
        assert OutboxEntry.objects.count() == 1
        assert not Worker.objects.exists()

    def test_with_nothing_to_do_it_ends_at_once(self) -> None:
        Engine(2, "here").run(once=True)

    def test_what_cannot_be_sent_now_is_put_off_and_counted(self) -> None:
        with SmtpServer({"RCPT": ["450 4.2.0 Later", "550 5.1.1 Nobody"]}) as server:
            plain(server)
            queue("put off")
            engine = Engine(1, "here")
            engine.run(once=True)
            assert (engine.report.put_off, engine.report.sent) == (1, 0)
            OutboxEntry.objects.update(due_at=timezone.now())
            engine = Engine(1, "here")
            engine.run(once=True)
        assert (engine.report.failed, engine.report.put_off) == (1, 0)
        assert Delivery.objects.get().state == DeliveryState.FAILED

    def test_a_database_that_cannot_be_read_is_an_error(self, server: SmtpServer) -> None:
        with without_the_outbox(), pytest.raises(Exception, match="outbox"):
            Engine(1, "here").run(once=True)


class TestManyAtOnce:
    def test_engines_that_race_send_every_message_once(self, server: SmtpServer) -> None:
        plain(server)
        names = sorted(str(number) for number in range(40))
        queue(*names)
        engines = [Engine(3, f"host {number}") for number in range(3)]

        def run(engine: Engine) -> None:
            engine.run(once=True)
            connections.close_all()

        threads = [threading.Thread(target=run, args=(engine,)) for engine in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert subjects(server) == names
        assert sum(engine.report.sent for engine in engines) == 40
        assert not OutboxEntry.objects.exists()

    def test_a_task_queue_that_names_a_message_often_sends_it_once(self, server: SmtpServer) -> None:
        plain(server)
        queue("once")
        key = OutboxEntry.objects.get().pk
        states: list[DeliveryState | None] = []

        def deliver() -> None:
            states.append(deliver_one(key, "task"))
            connections.close_all()

        threads = [threading.Thread(target=deliver) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(str(state) for state in states) == ["None", "None", "None", "sent"]
        assert deliver_one(key, "task") is None
        assert subjects(server) == ["once"]


@pytest.mark.skipif(django.VERSION < (6, 0), reason="Django has no task framework yet")
class TestDjangosTasks:
    def test_a_commit_tells_the_task_framework_which_sends_it(self, server: SmtpServer, settings: Any) -> None:
        """Django's own backend for development does a task at once."""
        settings.MAILADMIN = settings.MAILADMIN | {"QUEUE_WAKE": "tasks"}
        plain(server)
        queue("told")
        wait_until(lambda: not OutboxEntry.objects.exists())
        assert subjects(server) == ["told"]

    def test_a_task_that_comes_late_does_nothing(self, server: SmtpServer) -> None:
        from mailadmin.delivery.outbox.django_tasks import deliver

        plain(server)
        queue("sent already")
        key = str(OutboxEntry.objects.get().pk)
        results = [deliver.enqueue(key) for _ in range(2)]
        assert [result.return_value for result in results] == ["sent", ""]
        assert subjects(server) == ["sent already"]


class TestRunning:
    def test_it_is_woken_by_a_commit_and_shows_itself_in_the_roster(self, server: SmtpServer) -> None:
        plain(server)
        engine = Engine(2, "here:7")
        with running(engine):
            wait_until(Worker.objects.exists)
            row = Worker.objects.get()
            assert (row.name, row.threads, row.stopping) == ("here:7", 2, False)
            queue("woken")
            wait_until(lambda: not OutboxEntry.objects.exists())
            queue("again", "and again")
            wait_until(lambda: not OutboxEntry.objects.exists())
        assert subjects(server) == ["again", "and again", "woken"]
        assert not Worker.objects.exists()

    def test_a_row_that_was_taken_from_the_roster_is_written_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "CLAIM_BEAT_SECONDS", 0.01)
        monkeypatch.setattr(limits, "WORKER_POLL_SECONDS", 0.02)
        with running(Engine(1, "here")):
            wait_until(Worker.objects.exists)
            Worker.objects.all().delete()
            wait_until(Worker.objects.exists)

    def test_it_waits_for_its_database_and_goes_on(self, server: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "WORKER_PAUSE_SECONDS", 0.01)
        monkeypatch.setattr(limits, "WORKER_POLL_SECONDS", 0.02)
        plain(server)
        queue("patient")
        with without_the_outbox() as back:
            engine = Engine(1, "here")
            with running(engine):
                wait_until(lambda: engine._pause > 0.02)
                back()
                wait_until(lambda: not OutboxEntry.objects.exists())
        assert subjects(server) == ["patient"]

    def test_more_than_a_host_can_hold_is_sent_one_after_the_other(
        self, server: SmtpServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "WORKER_BYTES", 1)
        plain(server)
        queue(*"abcdef")
        Engine(4, "here").run(once=True)
        assert subjects(server) == [*"abcdef"]


class TestStopping:
    def test_it_finishes_what_it_has_begun(self) -> None:
        held = Held()
        with SmtpServer({"DOT": [held_then_good(held)]}) as server:
            plain(server)
            queue("begun")
            engine = Engine(1, "here")
            with running(engine) as thread:
                assert held.reached.wait(LONG)
                queue("not begun")
                engine.stop()
                wait_until(lambda: Worker.objects.filter(stopping=True).exists() or engine.stopped)
                assert thread.is_alive()
                held.go_on.set()
                thread.join(LONG)
            assert Delivery.objects.get(subject="begun").state == DeliveryState.SENT
        entry = OutboxEntry.objects.get()
        assert (entry.delivery.subject, entry.claim) == ("not begun", None)

    @pytest.mark.parametrize("moment", ["GREETING", "MAIL"])
    def test_what_has_not_left_in_time_is_given_back_and_another_worker_sends_it(
        self, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        monkeypatch.setattr(limits, "WORKER_STOP_SECONDS", 0.05)
        held = Held()
        with SmtpServer({moment: [held]}) as server:
            plain(server)
            queue("slow")
            with running(Engine(1, "here")):
                assert held.reached.wait(LONG)
            entry = OutboxEntry.objects.get()
            assert (entry.claim, entry.worker, entry.leaving, entry.crashes) == (None, "", [], 0)
            Engine(1, "there").run(once=True)
            assert subjects(server) == ["slow"]
            held.go_on.set()
            wait_until(lambda: not threads_of_engines())
            assert subjects(server) == ["slow"]

    def test_what_may_have_left_keeps_its_claim_until_it_lapses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "WORKER_STOP_SECONDS", 0.05)
        held = Held()
        with SmtpServer({"DOT": [held]}) as server:
            plain(server)
            queue("leaving")
            with running(Engine(1, "here")):
                assert held.reached.wait(LONG)
            entry = OutboxEntry.objects.get()
            assert entry.claim
            assert entry.leaving == ["ann@example.org"]
            held.go_on.set()

    def test_a_second_stop_ends_it_at_once(self) -> None:
        held = Held()
        with SmtpServer({"MAIL": [held]}) as server:
            plain(server)
            queue("slow")
            engine = Engine(1, "here")
            with running(engine) as thread:
                assert held.reached.wait(LONG)
                engine.stop()
                engine.stop()
                thread.join(LONG)
            assert OutboxEntry.objects.get().claim is None
            held.go_on.set()

    def test_what_waits_for_memory_is_given_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "WORKER_BYTES", 1)
        held = Held()
        with SmtpServer({"DOT": [held_then_good(held)]}) as server:
            plain(server)
            queue("first")
            engine = Engine(2, "here")
            with running(engine) as thread:
                assert held.reached.wait(LONG)
                queue("second")
                wait_until(lambda: OutboxEntry.objects.exclude(claim=None).count() == 2)
                engine.stop()
                wait_until(lambda: OutboxEntry.objects.filter(claim=None).count() == 1)
                held.go_on.set()
                thread.join(LONG)
            assert subjects(server) == ["first"]


def held_then_good(held: Held) -> Action:
    def act(connection: Connection) -> bool:
        held(connection)
        connection.say("250 2.0.0 Taken")
        return True

    return act


class TestHeart:
    def test_a_claim_that_is_held_does_not_lapse(self, server: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "CLAIM_BEAT_SECONDS", 0.01)
        plain(server)
        queue("held")
        (claimed,) = claim("here", 1)
        OutboxEntry.objects.update(due_at=timezone.now())
        with heart.Heart().hold(claimed.claim):
            wait_until(lambda: OutboxEntry.objects.get().due_at > timezone.now() + timedelta(seconds=5))
        assert OutboxEntry.objects.get().claim == claimed.claim.token

    def test_it_goes_on_when_the_database_was_away(self, server: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "CLAIM_BEAT_SECONDS", 0.01)
        monkeypatch.setattr(limits, "CLAIM_BEAT_AGAIN_SECONDS", 0.01)
        plain(server)
        queue("held")
        (claimed,) = claim("here", 1)
        OutboxEntry.objects.update(due_at=timezone.now())
        beating = heart.Heart()
        with without_the_outbox() as back, beating.hold(claimed.claim):
            time.sleep(0.05)
            back()
            wait_until(lambda: OutboxEntry.objects.get().due_at > timezone.now() + timedelta(seconds=5))
        wait_until(lambda: not beating._beats)


def threads_of_engines() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith(("mailadmin-worker", "mailadmin-sweep"))]


@contextmanager
def without_the_outbox() -> Iterator[Callable[[], None]]:
    """Take the table of the outbox away, as a database does that is away; give what brings it back sooner."""
    table = OutboxEntry._meta.db_table

    def rename(old: str, new: str) -> None:
        quoted = connection.ops.quote_name
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {quoted(old)} RENAME TO {quoted(new)}")

    def back() -> None:
        with suppress(StopIteration):
            next(once)
            rename(f"{table}_away", table)

    once = iter([None])
    rename(table, f"{table}_away")
    try:
        yield back
    finally:
        back()

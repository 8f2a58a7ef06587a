"""Celery drives the outbox, with a real worker, on RabbitMQ and on Redis: no mail is lost whatever they lose."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, current_app
from django.utils import timezone
from kombu import pools

from mailadmin.core.outcome import DeliveryState
from mailadmin.delivery.options import SendOptions
from mailadmin.delivery.outbox import publish
from mailadmin.delivery.send import send_message
from mailadmin.models import Delivery, OutboxEntry, Worker
from tests.delivery.conftest import a_message, plain
from tests.delivery.shared_processes import environment
from tests.fakes.smtp_server import Connection, SmtpServer
from tests.services.processes import running, short_folder, wait_for
from tests.services.rabbitmq import RabbitMq, require_rabbitmq
from tests.services.redis import Redis, require_redis

pytestmark = [pytest.mark.service("rabbitmq"), pytest.mark.service("redis"), pytest.mark.django_db(transaction=True)]

LONG = 60  # seconds for what happens within a few on an idle machine


@pytest.fixture(scope="module", params=["rabbitmq", "redis"])
def broker(request: pytest.FixtureRequest) -> Iterator[RabbitMq | Redis]:
    kind, needs = {"rabbitmq": (RabbitMq, require_rabbitmq), "redis": (Redis, require_redis)}[request.param]
    needs()
    with short_folder() as folder:
        one = kind(folder)
        one.start()
        try:
            yield one
        finally:
            one.stop()


@pytest.fixture(autouse=True)
def application(broker: RabbitMq | Redis, settings: Any) -> Iterator[None]:
    """Let this process be one of the project."""
    settings.MAILADMIN = settings.MAILADMIN | {"QUEUE_WAKE": "celery"}
    before = current_app._get_current_object()
    app = Celery("application", broker=broker.address, set_as_current=True)
    publish._publisher.cache_clear()
    publish.remember_celery()
    yield
    publish._celery_app = None
    publish._publisher.cache_clear()
    app.close()
    pools.reset()
    before.set_current()  # an app that is closed must not be the one of later tests


@contextmanager
def worker(broker: RabbitMq | Redis, folder: Path, *, sweeps: bool) -> Iterator[int]:
    """Run a Celery worker, with the beat that sweeps or without; give the number of its process group."""
    beat = ["--beat", "--schedule", str(folder / "beat")] if sweeps else []
    quick = ["--without-gossip", "--without-mingle", "--concurrency", "2", "--loglevel", "info"]
    project = ["-A", "tests.services.celery_project"]
    command = [sys.executable, "-m", "celery", *project, "worker", *quick, *beat, "--pidfile", str(folder / "pid")]
    own = {"TESTS_BROKER": broker.address, "DJANGO_SETTINGS_MODULE": "tests.services.celery_settings"}
    log = folder / "celery.log"
    log.unlink(missing_ok=True)
    (folder / "pid").unlink(missing_ok=True)
    with running(command, lambda: " ready." in log.read_text(errors="replace"), log, environment() | own):
        yield int((folder / "pid").read_text())


def queue(*subjects: str) -> None:
    for subject in subjects:
        send_message(a_message(subject=subject), SendOptions(delivery="queued"))


def announced() -> None:
    """Wait until the broker has all that it was told."""
    assert wait_for(lambda: not publish._publisher("celery")._ids.unfinished_tasks, LONG)


def all_sent() -> bool:
    return not OutboxEntry.objects.exists()


def test_what_is_queued_is_sent_by_a_worker_that_is_told(broker: RabbitMq | Redis, tmp_path: Path) -> None:
    with SmtpServer() as server, worker(broker, tmp_path, sweeps=False):
        plain(server)
        queue("1", "2", "3")
        assert wait_for(all_sent, LONG)
        assert len(server.messages) == 3
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.SENT}


def test_what_the_broker_has_lost_is_sent_by_the_sweep(broker: RabbitMq | Redis, tmp_path: Path) -> None:
    with SmtpServer() as server:
        plain(server)
        queue("1", "2")
        announced()
        broker.stop()
        queue("3")  # a broker that is away is nobody's error
        announced()
        broker.start()
        with worker(broker, tmp_path, sweeps=True):
            assert wait_for(all_sent, LONG)
            assert Worker.objects.get().name.startswith("celery on ")
        assert len(server.messages) == 3


class Held:
    """A server's answer that comes when the test says so."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __call__(self, _: Connection) -> bool:
        self.reached.set()
        self.go_on.wait(LONG)
        return False


def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(broker: RabbitMq | Redis, tmp_path: Path) -> None:
    """One message has not left when its worker is killed, and another one may have."""
    here, leaving = Held(), Held()
    with SmtpServer({"MAIL": [here], "DOT": [leaving]}) as server:
        plain(server)
        with worker(broker, tmp_path, sweeps=False) as group:
            queue("here")
            assert here.reached.wait(LONG)
            queue("leaving")
            assert leaving.reached.wait(LONG)
            os.killpg(os.getpgid(group), signal.SIGKILL)
        for held in (here, leaving):
            held.go_on.set()
        OutboxEntry.objects.update(due_at=timezone.now())  # half a minute is over, and the claims lapse
        with worker(broker, tmp_path, sweeps=True):
            assert wait_for(lambda: state("here") == "sent" and state("leaving") == "unsure", LONG)
        assert len(server.messages) == 2


def state(subject: str) -> str:
    return Delivery.objects.get(subject=subject).state

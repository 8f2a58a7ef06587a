"""Everything that a soak runs on: it is started on loopback, may be killed by its id, and ends with the soak."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import django
from cryptography.fernet import Fernet

from soak.ledger import NO_FAULTS, Faults
from tests.services.postgresql import DURABLE, Postgresql
from tests.services.rabbitmq import RabbitMq
from tests.services.redis import Redis

Result = TypeVar("Result")

MAILWORKER, CELERY, BEAT = "mailworker", "celery", "beat"
BROKERS: dict[str, type[RabbitMq] | type[Redis]] = {"rabbitmq": RabbitMq, "redis": Redis}
THREADS = 8  # of a mailworker; a Celery worker has half as many processes
_AWAY_SECONDS = 60  # how long the database may be away before the soak gives up
_LOG_BYTES = 4000


@dataclass
class Worker:
    """A running worker: what it is, its process (the leader of a group), and the name of its host if it has one."""

    kind: str
    process: subprocess.Popen[bytes]
    host: str = ""

    def end(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the worker and what it has started, and wait for its end."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class MailServer:
    """The running mail server: its journal and how it is given other faults."""

    journal: Path
    process: subprocess.Popen[str]

    def set(self, faults: Faults) -> None:
        """Let it fail as `faults` say from now on."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(faults.to_json() + "\n")
        self.process.stdin.flush()
        self.process.stdout.readline()


@dataclass
class House:
    """Database, broker (one of BROKERS) and workers, with all files in `folder`. `random` is what every choice comes
    from."""

    folder: Path
    seed: int
    broker_kind: str
    workers: list[Worker] = field(default_factory=list)
    started: int = 0  # workers, as long as the house stands
    restarted: int = 0  # processes of Celery that ended by themselves

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 -- no secret
        self.database = Postgresql(self.folder, DURABLE | {"max_connections": "200"})
        self.broker: RabbitMq | Redis = BROKERS[self.broker_kind](self.folder)

    def open(self) -> None:
        """Start database and broker, and make this very process one of the project."""
        self.database.start()
        self.broker.start()
        os.environ.update(
            DJANGO_SETTINGS_MODULE="soak.settings",
            SOAK_DATABASE=self.database.address,
            SOAK_BROKER=self.broker.address,
            SOAK_KEY=Fernet.generate_key().decode(),
            SOAK_WAKE="celery",
        )
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)

    def close(self) -> None:
        """End whatever was started."""
        self.end_workers()
        self.broker.stop()
        self.database.stop()

    # -- workers ---------------------------------------------------------------------------------------

    def start_worker(self, kind: str, host: str = "", *options: str) -> Worker:
        """Start a worker of this kind, on a host of that name where the system lets us."""
        logs, django_admin = self.folder / f"{kind}.log", [sys.executable, "-m", "django"]
        celery = [sys.executable, "-m", "celery", "-A", "soak.celery_app"]
        # A name of its own: RabbitMQ may still hold the queue of a killed worker with the same one.
        self.started += 1
        named = ["--without-mingle", "-n", f"soak-{self.started}@%h"]
        command = {
            MAILWORKER: [*django_admin, "mailworker", "--threads", str(THREADS), *options],
            CELERY: [*celery, "worker", "-l", "warning", "-c", str(THREADS // 2), *named, *options],
            BEAT: [*celery, "beat", "-l", "warning", "-s", str(self.folder / "beat"), "--pidfile", ""],
        }[kind]
        if host:
            command = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host, *command]
        with logs.open("ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        worker = Worker(kind, process, host)
        self.workers.append(worker)
        return worker

    def replace(self, worker: Worker, number: int = signal.SIGKILL) -> Worker:
        """Kill a worker and start another one like it, as a supervisor does."""
        worker.end(number)
        self.workers.remove(worker)
        return self.start_worker(worker.kind, worker.host)

    def end_workers(self, number: int = signal.SIGTERM) -> None:
        """End all workers."""
        while self.workers:
            self.workers.pop().end(number)

    def supervise(self) -> None:
        """Start what Celery ended by itself again, as a supervisor does: its processes may end with their broker."""
        for worker in [one for one in self.workers if one.kind != MAILWORKER and one.process.poll() is not None]:
            self.replace(worker)
            self.restarted += 1

    def fallen(self) -> list[str]:
        """Return a sentence for each worker of our own that ended by itself: none ever should."""
        ours = [worker for worker in self.workers if worker.kind == MAILWORKER]
        return [f"A {worker.kind} ended by itself." for worker in ours if worker.process.poll() is not None]

    def logs(self) -> str:
        """Return the ends of the workers' logs, for a soak that went wrong."""
        ends = [(path.name, path.read_text(errors="replace")[-_LOG_BYTES:]) for path in self.folder.glob("*.log")]
        return "\n".join(f"--- {name}\n{text}" for name, text in ends)

    def keep(self, folder: Path) -> None:
        """Copy the journals and logs to `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.glob("*.[jl]*"):
            shutil.copy(path, folder)

    # -- the mail server and the application -----------------------------------------------------------

    @contextlib.contextmanager
    def mail_server(self, name: str, faults: Faults = NO_FAULTS, milliseconds: float = 0) -> Iterator[MailServer]:
        """Run a mail server, and let the two routes of the project lead to it. `name` is that of its journal."""
        journal = self.folder / f"{name}-taken.jsonl"
        command = [sys.executable, "-m", "soak.server", str(journal), str(self.seed), faults.to_json()]
        pipe = subprocess.PIPE
        process = subprocess.Popen([*command, str(milliseconds)], stdin=pipe, stdout=pipe, text=True)
        try:
            assert process.stdin and process.stdout
            self._routes([int(word) for word in process.stdout.readline().split()])
            yield MailServer(journal, process)
            process.stdin.close()
            process.wait(10)
        finally:
            process.kill()
            process.wait()

    def _routes(self, ports: list[int]) -> None:
        from mailadmin.models import RouteState, SmtpConnection

        times = {"connect_timeout": 2, "command_timeout": 3, "message_timeout": 20}
        times |= {"final_timeout": 4, "final_background_timeout": 4}
        for place, port in enumerate(ports):
            row = SmtpConnection.objects.filter(name=f"Route {place}").first() or SmtpConnection(name=f"Route {place}")
            row.host, row.port, row.security, row.order = "localhost", port, "none", place
            for name, seconds in times.items():
                setattr(row, name, seconds)
            row.save()
        RouteState.objects.all().delete()

    def produce(self, prefix: str, messages: int, seconds: float = 0, aborts: int = 100) -> subprocess.Popen[bytes]:
        """Start an application that queues messages (soak/producer.py); its journal is `queued(prefix)`."""
        words = [str(self.queued(prefix)), prefix, str(self.seed), str(messages), str(seconds), str(aborts)]
        with (self.folder / "producer.log").open("ab") as output:
            return subprocess.Popen([sys.executable, "-m", "soak.producer", *words], stdout=output, stderr=output)

    def queued(self, prefix: str) -> Path:
        """Return the journal of the application."""
        return self.folder / f"{prefix}-queued.jsonl"

    # -- the database ----------------------------------------------------------------------------------

    def ask(self, work: Callable[[], Result]) -> Result:
        """Return what `work` reads or does; while the database is away, it is tried again."""
        from django.db import InterfaceError, OperationalError, connection

        until = time.monotonic() + _AWAY_SECONDS
        while True:
            try:
                return work()
            except (InterfaceError, OperationalError):
                connection.close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

"""The outbox by itself: how fast messages are queued, claimed and sent by several workers, and a worker's memory.

Part of `make bench`; `make bench ARGS=Q` runs only this. PostgreSQL is one of our own that waits for the disk at each
commit (fsync), as an installation's does; SQLite is a file in WAL mode.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from bench.servers import Server, serving
from tests.services.postgresql import DURABLE, running_postgresql

OURS, POST_OFFICE = "mailadmin.backends.EmailBackend", "post_office.EmailBackend"
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
_BY_THREADS = "mailadmin, 8 threads"
_QUEUEING = (
    ("one row written", "write", OURS),
    ("django-post-office", "enqueue", POST_OFFICE),
    ("mailadmin", "enqueue", OURS),
    ("django-post-office, 8 threads", "enqueue-by-threads", POST_OFFICE),
    (_BY_THREADS, "enqueue-by-threads", OURS),
    ("mailadmin, 100 in one transaction", "enqueue-together", OURS),
)
_ROUND_TRIP_MS = 10
_THREADS = 8
_TIMEOUT = 3600
_MEMORY = re.compile(r"VmRSS:\s+(\d+) kB")
_SAMPLES = 10


@dataclass(frozen=True)
class Sizes:
    """How much is done: messages queued, sent by each number of workers, rows of the log (a tenth of them waits),
    claims, and the messages after which a worker's memory is looked at."""

    queued: int = 2000
    drained: int = 2000
    rows: int = 1_000_000
    claims: int = 500
    memory: int = 100_000


_SHORT = Sizes(queued=50, drained=100, rows=5000, claims=50, memory=500)


@dataclass(frozen=True)
class Place:
    """A project with its database and, where it sends anything, the server."""

    address: str
    server: Server | None = None

    @property
    def count(self) -> int:
        """Return how many messages the server took so far."""
        assert self.server
        return self.server.count()

    def environment(self, backend: str = OURS) -> dict[str, str]:
        """Return the environment of a process of the project."""
        own = {
            "BENCH_DATABASE": self.address,
            "BENCH_PORT": str(self.server.port if self.server else 1),
            "BENCH_BACKEND": backend,
        }
        return os.environ | own | {"DJANGO_SETTINGS_MODULE": "bench.settings", "BENCH_DELIVERY": "queued"}

    def task(self, name: str, count: int, backend: str = OURS) -> dict[str, float]:
        """Carry out a task of bench.queue_tasks and return its figures."""
        return dict(json.loads(self.call(["bench.queue_tasks", name, str(count)], backend).splitlines()[-1]))

    def call(self, module: list[str], backend: str = OURS) -> str:
        """Run a module and return what it printed. Raises RuntimeError with its words when it fails."""
        command, environment = [sys.executable, "-W", "ignore", "-m", *module], self.environment(backend)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT)
        if done.returncode:
            raise RuntimeError(f"{' '.join(module)[:200]} failed:\n{done.stderr[-3000:]}")
        return done.stdout

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker that ends when nothing is due."""
        command = [sys.executable, "-m", "django", "mailworker", "--once", "--threads", str(_THREADS), "-v", "0"]
        return subprocess.Popen(command, env=self.environment(), stdout=subprocess.DEVNULL)


def run(report: Callable[[str], None], short: bool) -> None:
    """Measure, and give each table (Markdown) to `report`. Raises RuntimeError when a message was lost."""
    sizes = _SHORT if short else Sizes()
    os.environ.setdefault("BENCH_KEY", Fernet.generate_key().decode())
    for measure in (_enqueue, _drain, _claims, _memory):
        report("\n".join(measure(sizes)))


def _enqueue(sizes: Sizes) -> Iterator[str]:
    yield "### Q1 Queueing, one process\n"
    yield f"{sizes.queued} messages of 2 KB, each in a transaction of its own unless said. The first row of a database"
    yield "is the least that any such transaction costs there: one small row, and the disk.\n"
    yield "| database | by | a second | median ms | p95 ms |\n|---|---|---:|---:|---:|"
    figures: dict[str, float] = {}
    for database in (SQLITE, POSTGRESQL):
        with _place(database) as place:
            for title, task, backend in _QUEUEING:
                figures[title] = (taken := place.task(task, sizes.queued, backend))["a second"]
                figures[f"{title}, p95"] = taken["p95 ms"]
                speeds = f"{taken['a second']:.0f} | {taken['median ms']:.2f} | {taken['p95 ms']:.2f}"
                yield f"| {database} | {title} | {speeds} |"
    reached, slow = figures[_BY_THREADS], figures[f"{_BY_THREADS}, p95"]
    yield ""
    yield _judged("queueing on PostgreSQL by one process", f"{reached:.0f} a second", "at least 500", reached >= 500)
    yield _judged("its p95", f"{slow:.1f} ms", "below 20 ms", slow < 20)
    yield ""


def _drain(sizes: Sizes) -> Iterator[str]:
    yield f"### Q2 Sending what is queued, PostgreSQL, round trip {_ROUND_TRIP_MS} ms\n"
    yield f"{sizes.drained} messages; a worker has {_THREADS} threads; counted by the server from the first one on.\n"
    yield "| by | messages/s |\n|---|---:|"
    reached = {}
    with _place(POSTGRESQL, _ROUND_TRIP_MS) as place:
        place.task("enqueue", sizes.drained - 3, POST_OFFICE)
        seconds = place.task("post-office", 1, POST_OFFICE)["seconds"]
        yield f"| django-post-office, 1 process of 5 threads | {sizes.drained / seconds:.0f} |"
        for workers in (1, 2, 4):
            place.task("enqueue", sizes.drained - 3)
            reached[workers] = _drained(place, workers, sizes.drained)
            yield f"| mailadmin, {workers} {'workers' if workers > 1 else 'worker'} | {reached[workers]:.0f} |"
    yield ""
    yield _judged("sending with 4 workers", f"{reached[4]:.0f} a second", "at least 100", reached[4] >= 100)
    yield ""


def _drained(place: Place, workers: int, messages: int) -> float:
    """Let workers send what is queued; return the messages a second."""
    before = place.count
    running = [place.worker() for _ in range(workers)]
    while place.count == before and any(one.poll() is None for one in running):
        time.sleep(0.005)
    started = time.perf_counter()
    while place.count - before < messages and any(one.poll() is None for one in running):
        time.sleep(0.005)
    seconds = time.perf_counter() - started
    for one in running:
        one.wait(_TIMEOUT)
    if place.count - before != messages:
        raise RuntimeError(f"{messages} messages were queued, and the server took {place.count - before}.")
    return messages / seconds


def _claims(sizes: Sizes) -> Iterator[str]:
    yield f"### Q3 Claiming with {sizes.rows:,} messages in the log, a tenth of them waiting\n"
    yield "| database | median ms | p95 ms |\n|---|---:|---:|"
    judged = []
    for database in (SQLITE, POSTGRESQL):
        with _place(database) as place:
            place.task("fill", sizes.rows)
            figures = place.task("claim", sizes.claims)
        yield f"| {database} | {figures['median ms']:.2f} | {figures['p95 ms']:.2f} |"
        slow = figures["p95 ms"]
        judged.append(_judged(f"p95 of a claim on {database}", f"{slow:.1f} ms", "below 20 ms", slow < 20))
    yield from ["", *judged, ""]


def _memory(sizes: Sizes) -> Iterator[str]:
    yield f"### Q4 Memory of one worker over {sizes.memory:,} messages, PostgreSQL\n"
    yield "| after messages | MiB resident |\n|---:|---:|"
    seen: list[tuple[int, float]] = []
    with _place(POSTGRESQL, 0) as place:
        place.task("enqueue", sizes.memory - 3)
        worker = place.worker()
        while worker.poll() is None:
            sent = place.count
            if sent >= (len(seen) + 1) * sizes.memory / _SAMPLES:
                found = _MEMORY.search(Path(f"/proc/{worker.pid}/status").read_text())
                seen.append((sent, int(found[1]) / 1024 if found else 0.0))
            time.sleep(0.02)
        if place.count != sizes.memory:
            raise RuntimeError(f"{sizes.memory} messages were queued, and the server took {place.count}.")
    yield from (f"| {sent} | {mebibytes:.1f} |" for sent, mebibytes in seen)
    grown = seen[-1][1] - seen[1][1] if len(seen) > 1 else 0.0
    yield ""
    yield _judged("growth from the second tenth to the last", f"{grown:.1f} MiB", "at most 5 MiB", grown <= 5)
    yield ""


@contextlib.contextmanager
def _place(database: str, round_trip_ms: float | None = None) -> Iterator[Place]:
    """Make a project; with `round_trip_ms` there is a server so far away."""
    with tempfile.TemporaryDirectory(prefix="mailadmin-bench-") as name, contextlib.ExitStack() as stack:
        address = f"{name}/bench.sqlite3"
        if database == POSTGRESQL:
            address = stack.enter_context(running_postgresql(DURABLE))
        server = None
        if round_trip_ms is not None:
            server = stack.enter_context(serving("smtp-sink", round_trip_ms, Path(name)))
        place = Place(address, server)
        order = {
            "port": server.port if server else 1,
            "secured": False,
            "ca_pem": "",
            "sessions": 4,
            "graph": False,
            "per_minute": 0,
        }
        place.call(["bench.prepare", json.dumps(order)])
        yield place


def _judged(what: str, reached: str, wanted: str, met: bool) -> str:
    return f"- {what}: {reached}; the goal is {wanted}: **{'met' if met else 'missed'}**."

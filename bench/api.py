"""The HTTP API: 200 queued messages a second, offered to one gunicorn worker on PostgreSQL.

Part of `make bench`; `make bench ARGS=A` runs only this. Each request is due at its own moment, and its time counts
from there, so that a server which falls behind is not asked less. PostgreSQL waits for the disk at each commit.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cryptography.fernet import Fernet

from tests.services.postgresql import DURABLE, running_postgresql
from tests.services.processes import free_ports, running

RATE, SECONDS = 200, 20  # messages a second, for so long
_SHORT_RATE, _SHORT_SECONDS = 20, 2
_GOAL_MS = 100.0
_THREADS, _CONNECTIONS = 4, 16
_ROOT = Path(__file__).parent.parent
_BODY = json.dumps(
    {
        "to": "ann@example.org",
        "subject": "Your invoice",
        "text": "Dear Ann,\n" + "x" * 800,
        "delivery": "queued",
        "label": "bench",
    }
).encode()
_SET_UP = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from mailadmin.core.clients import digest, new_token
from mailadmin.models import ApiClient, SmtpConnection
token = new_token().reveal()
ApiClient.objects.create(name="bench", scopes=["send"], token_digest=digest(token), token_start=token[:12],
    minute_limit=0, daily_limit=0)
SmtpConnection.objects.create(name="Relay", host="127.0.0.1", security="none", auth="none",
    from_address="shop@example.org")
print(token)
"""
_COUNT = """
import django; django.setup()
from mailadmin.models import OutboxEntry
print(OutboxEntry.objects.count())
"""


@dataclass(frozen=True)
class Taken:
    """What was measured: answers a second, times in milliseconds, and the seconds of CPU that the worker spent for a
    thousand requests; `refused` are answers other than 202."""

    a_second: float
    median: float
    p99: float
    cpu: float
    refused: int


def run(report: Callable[[str], object], short: bool) -> None:
    """Measure, and give the table (Markdown) to `report`. Raises RuntimeError when a message is not in the outbox."""
    rate, seconds = (_SHORT_RATE, _SHORT_SECONDS) if short else (RATE, SECONDS)
    with tempfile.TemporaryDirectory(prefix="mailadmin-bench-") as folder, running_postgresql(DURABLE) as database:
        environment = _environment(database, Path(folder))
        token = _python(_SET_UP, environment)
        ways = [("a view that does nothing", "/nothing"), ("mailadmin", "/api/v1/messages")]
        if find_spec("post_office"):
            ways.insert(1, ("a view with django-post-office, no token", "/post-office"))
        with _served(environment, Path(folder)) as (port, worker):
            found = {title: _offer(port, path, token, worker, rate, seconds) for title, path in ways}
        queued = int(_python(_COUNT, environment))
        asked = rate * seconds - found["mailadmin"].refused
        if queued < asked:
            raise RuntimeError(f"{asked} messages were answered with 202, and {queued} are in the outbox.")
    report(_table(found, rate, seconds))


def _offer(port: int, path: str, token: str, worker: int, rate: int, seconds: int) -> Taken:
    """Send `rate` messages a second, each at its moment, and return how they were answered."""
    places, lock = iter(range(rate * seconds)), threading.Lock()
    times: list[float] = []
    refused: list[int] = []
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    start, spent = time.monotonic() + 0.3, _cpu(worker)

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with lock:
                place = next(places, None)
            if place is None:
                return
            due = start + place / rate
            time.sleep(max(due - time.monotonic(), 0))
            connection.request("POST", path, _BODY, headers)
            answer = connection.getresponse()
            answer.read()
            times.append(1000 * (time.monotonic() - due))
            if answer.status != 202:
                refused.append(answer.status)

    threads = [threading.Thread(target=client) for _ in range(_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = time.monotonic() - start
    times.sort()
    return Taken(
        a_second=len(times) / whole,
        median=times[len(times) // 2],
        p99=times[int(len(times) * 0.99)],
        cpu=1000 * (_cpu(worker) - spent) / len(times),
        refused=len(refused),
    )


@contextlib.contextmanager
def _served(environment: dict[str, str], folder: Path) -> Iterator[tuple[int, int]]:
    """Serve the project by gunicorn with one worker; give its port and the process id of the worker."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    command += ["--workers", "1", "--threads", str(_THREADS), "--pid", str(folder / "pid"), "--log-level", "warning"]
    with running(command, lambda: _answers(port), folder / "log", environment):
        master = (folder / "pid").read_text().strip()
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        yield port, int(children[0])


def _environment(database: str, folder: Path) -> dict[str, str]:
    (folder / "keys").write_text(Fernet.generate_key().decode() + "\n")
    own = {"DATABASE_URL": database, "MAILADMIN_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "bench.api_settings"}
    return os.environ | own | {"PYTHONPATH": str(_ROOT), "PYTHONWARNINGS": "ignore"}


def _python(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return done.stdout.split()[-1]


def _answers(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("POST", "/nothing", b"{}")
        return connection.getresponse().status == 202
    except OSError:
        return False


def _cpu(process: int) -> float:
    """Return how many seconds of CPU a process has spent."""
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _table(found: dict[str, Taken], rate: int, seconds: int) -> str:
    ours = found["mailadmin"]
    lines = [
        "### A1 The HTTP API, one gunicorn worker, PostgreSQL",
        "",
        f"{rate} messages a second offered for {seconds} s by {_CONNECTIONS} connections, queued; times from the "
        "moment at which each was due.",
        "",
        "| asked | a second | median ms | p99 ms | CPU s / 1000 | ratio |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for title, one in found.items():
        times = f"{one.a_second:.0f} | {one.median:.1f} | {one.p99:.1f}"
        lines.append(f"| {title} | {times} | {one.cpu:.2f} | {one.cpu / ours.cpu:.2f} |")
    met = "met" if ours.p99 < _GOAL_MS and not ours.refused else "missed"
    lines += ["", f"A1: p99 of mailadmin {ours.p99:.0f} ms, goal below {_GOAL_MS:.0f} ms: {met}.", ""]
    return "\n".join(lines)

"""`manage.py mailworker`, as a supervisor or cron runs it: in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from mailadmin.delivery.options import SendOptions
from mailadmin.delivery.send import send_message
from mailadmin.models import OutboxEntry, Worker
from tests.delivery.conftest import a_message, plain
from tests.delivery.shared_processes import ROOT, environment
from tests.fakes.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)

COMMAND = [sys.executable, "-W", "error", "manage.py", "mailworker", "--skip-checks"]
LONG = 30  # seconds for a process to start on a busy machine


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as one:
        yield one


def queue(*subjects: str) -> None:
    for subject in subjects:
        send_message(a_message(subject=subject), SendOptions(delivery="queued"))


def run(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = environment() | {"DJANGO_SETTINGS_MODULE": "tests.settings"} | variables
    return subprocess.run([*COMMAND, *options], cwd=ROOT, env=env, capture_output=True, text=True, timeout=LONG)


@contextmanager
def working(*options: str) -> Iterator[subprocess.Popen[str]]:
    env = environment() | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    pipe = subprocess.PIPE
    process = subprocess.Popen([*COMMAND, *options], cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True)
    try:
        wait_until(Worker.objects.exists)
        yield process
    finally:
        process.kill()
        process.communicate()


def complaints(lines: str) -> list[str]:
    """What is no line of the log about a message that was sent."""
    return [line for line in lines.splitlines() if "INFO mailadmin.delivery" not in line]


def wait_until(true: Callable[[], Any]) -> None:
    until = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_once_sends_what_is_due_and_says_so_for_cron(server: SmtpServer) -> None:
    plain(server)
    queue("1", "2")
    ended = run("--once")
    assert (ended.returncode, complaints(ended.stderr)) == (0, [])
    assert ended.stdout == "2 sent, 0 failed, 0 put off, 0 under way.\n"
    assert len(server.messages) == 2
    assert not OutboxEntry.objects.exists()


def test_once_without_its_database_is_exit_code_1_and_a_sentence(tmp_path: Path) -> None:
    ended = run("--once", DATABASE_URL=f"sqlite:///{tmp_path}/empty.sqlite3")
    assert ended.returncode == 1
    assert complaints(ended.stderr)[-1] == (
        "CommandError: The outbox cannot be read (OperationalError); it was not emptied. "
        "Does the database run, and has it been migrated?"
    )
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("threads", ["0", "65", "many"])
def test_threads_that_nobody_means_are_refused(threads: str) -> None:
    ended = run("--threads", threads)
    assert ended.returncode == 2
    assert "--threads" in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_sends_until_it_is_told_to_stop(server: SmtpServer, tmp_path: Path, number: signal.Signals) -> None:
    plain(server)
    health_file = tmp_path / "health"
    with working("--threads", "2", "--health-file", str(health_file)) as process:
        queue("1")
        wait_until(lambda: not OutboxEntry.objects.exists())
        assert Worker.objects.get().name.endswith(f":{process.pid}")
        os.kill(process.pid, number)
        told, complained = process.communicate(timeout=LONG)
    assert (process.returncode, complaints(complained)) == (0, [])
    assert told.splitlines()[-1] == "1 sent, 0 failed, 0 put off, 0 under way."
    health = json.loads(health_file.read_text())
    assert (health["handled"], health["in_hand"]) == (1, 0)
    assert abs(time.time() - health["time"]) < 600
    assert list(tmp_path.iterdir()) == [health_file]
    assert not Worker.objects.exists()


def test_a_health_file_that_cannot_be_written_is_said_and_stops_nothing(server: SmtpServer, tmp_path: Path) -> None:
    plain(server)
    queue("1")
    ended = run("--once", "--health-file", str(tmp_path / "nowhere" / "health"))
    assert ended.returncode == 0
    assert "cannot be written" in ended.stderr
    assert len(server.messages) == 1


def test_a_worker_that_was_killed_stays_in_the_roster_and_its_message_is_sent_by_the_next(server: SmtpServer) -> None:
    plain(server)
    with working() as process:
        process.kill()
        process.wait()
    assert Worker.objects.exists()
    queue("1")
    assert run("--once").returncode == 0
    assert len(server.messages) == 1


def test_inside_a_transaction_it_says_at_once_that_its_threads_would_see_nothing() -> None:
    queue("1")
    with transaction.atomic(), pytest.raises(CommandError, match="inside a transaction"):
        call_command("mailworker", "--once")


def test_whoever_calls_it_has_the_signals_back_afterwards(server: SmtpServer) -> None:
    plain(server)
    queue("1")
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    call_command("mailworker", "--once", "--threads", "1", verbosity=0)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    assert len(server.messages) == 1


def test_a_thread_may_call_it(server: SmtpServer) -> None:
    plain(server)
    queue("1")

    def call() -> None:
        call_command("mailworker", "--once", "--threads", "1", verbosity=0)
        connections.close_all()

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(LONG)
    assert len(server.messages) == 1


def test_its_threads_have_connections_of_their_own_where_the_project_has_a_pool(
    server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite and the drivers of servers know no such option: whoever hands it on to them cannot connect."""
    plain(server)
    queue("1")
    connections["default"].close()
    values = connections.settings["default"]
    given = values | {"OPTIONS": values["OPTIONS"] | {"pool": True}}
    monkeypatch.setitem(connections.settings, "default", given)
    call_command("mailworker", "--once", "--threads", "1", verbosity=0)
    assert connections.settings["default"] == given
    assert len(server.messages) == 1

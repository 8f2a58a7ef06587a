"""Send what is queued: the worker process."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.db import connections

from mailadmin.core import limits
from mailadmin.delivery.outbox.engine import Engine, Report
from mailadmin.delivery.outbox.roster import own_name
from mailadmin.delivery.outbox.wake import alias
from mailadmin.models import OutboxEntry
from mailadmin.watch.schedule import watching


def _threads(text: str) -> int:
    number = int(text)
    if not 1 <= number <= limits.MAX_WORKER_THREADS:
        raise ArgumentTypeError(f"must be from 1 to {limits.MAX_WORKER_THREADS}")
    return number


class Command(BaseCommand):
    """Runs until SIGTERM or Ctrl-C, which lets it finish what it has begun; a second one ends it at once. Exit codes: 0
    when it was told to stop, or with --once when nothing is due any more; 1 when --once could not get so far."""

    help = (
        "Send queued messages until told to stop. Any number of these may run, on any number of hosts with the same "
        "database. Beside that one of them tests the connections at their interval and sends alerts. With --once (for "
        "cron) it only sends, and ends when nothing is due; exit code 0 when it got so far, else 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how to work."""
        parser.add_argument(
            "--threads",
            type=_threads,
            default=limits.WORKER_THREADS,
            help=f"messages under way at once (default {limits.WORKER_THREADS})",
        )
        parser.add_argument("--once", action="store_true", help="send what is due, then end (for cron)")
        parser.add_argument("--health-file", type=Path, help="a file that is written anew with each sign of life")

    def handle(self, *args: Any, threads: int, once: bool, health_file: Path | None, **options: Any) -> None:
        """Run the engine. Raises CommandError with a sentence."""
        if connections[alias()].in_atomic_block:
            raise CommandError(
                "A worker cannot run inside a transaction: its threads do not see what is not committed. "
                "A test that needs one is a TransactionTestCase."
            )
        engine = Engine(threads, own_name(), self._told(health_file, verbose=options["verbosity"] > 0))
        if not once:
            self.stdout.write(f"Worker {engine.name} sends with {threads} threads. Ctrl-C stops it.")
        try:
            with _stopped_by_signals(engine), _without_pools(), nullcontext() if once else watching():
                engine.run(once)
        except DatabaseError as error:
            raise CommandError(
                f"The outbox cannot be read ({type(error).__name__}); it was not emptied. "
                "Does the database run, and has it been migrated?"
            ) from None
        self.stdout.write(_words(engine.report))
        if once and engine.stopped:
            raise CommandError("It was stopped before everything due was sent.")

    def _told(self, health_file: Path | None, *, verbose: bool) -> Any:
        progress_at = time.monotonic() + limits.WORKER_PROGRESS_SECONDS

        def told(report: Report) -> None:
            nonlocal progress_at
            if health_file:
                self._write_health(health_file, report)
            if verbose and time.monotonic() >= progress_at:
                progress_at = time.monotonic() + limits.WORKER_PROGRESS_SECONDS
                self.stdout.write(f"{_words(report)}{_waiting()}")

        return told

    def _write_health(self, path: Path, report: Report) -> None:
        """Write the file as a whole, so that nobody reads half of it; what cannot be written is said, and no reason to
        stop sending."""
        new = path.with_name(f".{path.name}.{os.getpid()}")
        health = {"time": time.time(), "handled": report.handled, "in_hand": report.in_hand}
        try:
            new.write_text(json.dumps(health) + "\n")
            new.replace(path)
        except OSError as error:
            self.stderr.write(f"The health file {path} cannot be written ({error.strerror}).")


@contextmanager
def _stopped_by_signals(engine: Engine) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C stop `engine` while the block runs. Only the main thread can ask for that: whoever calls
    the command in another one keeps its signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: engine.stop()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def _without_pools() -> Iterator[None]:
    """Let all threads that start while the block runs, and this one, have connections of their own. They keep them, and
    a pool (Django's option of that name; four connections) would have none left to renew the claims."""
    pooled = {name: values for name, values in connections.settings.items() if "pool" in values["OPTIONS"]}
    for name, values in pooled.items():
        options = {option: value for option, value in values["OPTIONS"].items() if option != "pool"}
        _replace(name, values | {"OPTIONS": options})
    try:
        yield
    finally:
        for name, values in pooled.items():
            _replace(name, values)


def _replace(name: str, values: dict[str, Any]) -> None:
    connections[name].close()
    del connections[name]
    connections.settings[name] = values


def _words(report: Report) -> str:
    return f"{report.sent} sent, {report.failed} failed, {report.put_off} put off, {report.in_hand} under way."


def _waiting() -> str:
    try:
        return f" {OutboxEntry.objects.count()} in the outbox."
    except DatabaseError:
        return " The database does not answer."

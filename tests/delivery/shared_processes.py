"""Several real processes with one database, started, led and ended by a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.db import connection

ROOT = Path(__file__).resolve().parent.parent.parent


class Process:
    """A running `tests.delivery.shared_program`."""

    def __init__(self, environment: dict[str, str], what: str, *numbers: int) -> None:
        command = [sys.executable, "-W", "error", "-m", "tests.delivery.shared_program", what, *map(str, numbers)]
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.running = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)

    def hears(self) -> Any:
        """Return the next thing that the process tells."""
        assert self.running.stdout
        line = self.running.stdout.readline()
        if not line:
            assert self.running.stderr
            raise AssertionError(self.running.stderr.read())
        return json.loads(line)

    def go_on(self) -> None:
        """Let the process go on."""
        assert self.running.stdin
        self.running.stdin.write("\n")
        self.running.stdin.flush()

    def kill(self) -> None:
        """End the process at once, as the kernel does when memory is short."""
        self.running.kill()
        self.running.wait(20)

    def ends(self) -> str:
        """Wait for the end of the process, which is a good one, and return what it wrote into its log."""
        _, errors = self.running.communicate(timeout=60)
        assert self.running.returncode == 0, errors
        return errors


@contextmanager
def processes(number: int, what: str, *numbers: int, **variables: str) -> Iterator[list[Process]]:
    """Start processes that all have reached their beginning; those that are left are killed at the end."""
    with ExitStack() as stack:
        started = [Process(environment() | variables, what, *numbers) for _ in range(number)]
        for process in started:
            stack.callback(_clean_up, process)
        for process in started:
            assert process.hears() == "ready"
        yield started


def told_by(number: int, what: str, *numbers: int, **variables: str) -> list[Any]:
    """Return what each of the processes told at its end; none of them had anything to complain about."""
    with processes(number, what, *numbers, **variables) as started:
        for process in started:
            process.go_on()
        told = [process.hears() for process in started]
        assert [process.ends() for process in started] == [""] * number
    return told


def environment() -> dict[str, str]:
    """Return the environment in which a process reaches the database of this test."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        address = f"sqlite:///{values['NAME']}"
    else:
        kind = {"postgresql": "postgres", "mysql": "mysql"}[connection.vendor]
        address = f"{kind}://{values['USER']}@{values['HOST']}:{values['PORT']}/{values['NAME']}"
    return os.environ | {"DATABASE_URL": address}


def _clean_up(process: Process) -> None:
    process.kill()
    for pipe in (process.running.stdin, process.running.stdout, process.running.stderr):
        if pipe:
            pipe.close()

"""`make run` keeps a worker beside the console."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest

from mailadmin.management.commands.mailadmin_up import _end
from tests.e2e.console import running_console, wait_for


@pytest.mark.timeout(180)
def test_the_worker_is_started_again_when_it_ends_and_ends_with_the_console() -> None:
    with running_console() as console:

        def worker() -> int:
            with closing(sqlite3.connect(console.folder / "console.sqlite3")) as database:
                rows = database.execute("SELECT name FROM mailadmin_worker ORDER BY started_at DESC").fetchall()
            return int(rows[0][0].rpartition(":")[2]) if rows else 0

        first = wait_for(worker, seconds=60)
        os.kill(first, signal.SIGKILL)
        second = wait_for(lambda: worker() not in (0, first) and worker(), seconds=60)
    assert not alive(second)


class CtrlC(subprocess.Popen[bytes]):
    """A process that somebody does not want to wait for."""

    pressed = False

    def wait(self, timeout: float | None = None) -> int:
        if not self.pressed:
            self.pressed = True
            assert self.stdout and self.stdout.readline() == b"told\n"
            raise KeyboardInterrupt
        return super().wait(timeout)


ENDS_WHEN_TOLD_TWICE = """
import signal, sys, time
told = []
def hear(*_):
    told.append(1)
    print("told", flush=True)
    if len(told) > 1:
        sys.exit(7)
signal.signal(signal.SIGTERM, hear)
print("ready", flush=True)
while True:
    time.sleep(0.01)
"""


@pytest.mark.parametrize(("kind", "patience"), [(CtrlC, 60), (subprocess.Popen, 0.2)])
def test_who_takes_too_long_or_meets_a_second_ctrl_c_is_told_again_before_force_is_used(
    kind: Any, patience: float
) -> None:
    with kind([sys.executable, "-c", ENDS_WHEN_TOLD_TWICE], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        _end(process, patience)
        assert process.returncode == 7


def alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True

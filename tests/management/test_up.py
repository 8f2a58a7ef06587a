"""`make run` keeps a worker beside the console."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing

import pytest

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


def alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True

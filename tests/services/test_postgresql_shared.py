"""A database that goes away while messages leave through Graph: no message fails by it (N7)."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.delivery.shared_processes import ROOT, processes
from tests.services.postgresql import require_postgresql, running_postgresql

pytestmark = [pytest.mark.service("postgresql")]


def test_n7_without_its_database_a_process_keeps_the_limits_alone_and_says_so_once(tmp_path: Path) -> None:
    require_postgresql()
    with ExitStack() as stack:
        database = ExitStack()
        address = stack.enter_context(database).enter_context(running_postgresql())
        variables = {"DATABASE_URL": address, "MAILADMIN_DATA_DIR": str(tmp_path)}
        command = [sys.executable, "manage.py", "migrate", "--skip-checks", "--verbosity=0"]
        subprocess.run(command, cwd=ROOT, env=os.environ | variables, check=True)
        (process,) = stack.enter_context(processes(1, "outage", **variables))
        process.go_on()
        assert process.hears() == "held"
        database.close()
        process.go_on()
        assert process.hears() == "went on"
        log = process.ends()
    assert log.count("could not be given back") == 1
    assert log.count("cannot be reached") == 1

"""Models and delivery on MariaDB: the same tests as on SQLite, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.mariadb import require_mariadb, running_mariadb

pytestmark = [pytest.mark.service("mariadb")]

ROOT = Path(__file__).resolve().parent.parent.parent
LOG = tuple(f"tests/console/test_{name}.py" for name in ("log", "log_pages", "log_export", "outbox", "waiting"))
WATCH = tuple(f"tests/watch/test_{name}.py" for name in ("findings", "schedule", "silence", "alerts"))

# These say nothing of the database, and ran on another one already.
ELSEWHERE = (
    "attaching",
    "bad_messages",
    "content",
    "first_message",
    "identity",
    "integration_page",
    "odd_messages",
    "quick_mime",
    "redirect",
    "sizes",
    "twenty_thousand_addresses",
)


@pytest.mark.timeout(1200)
def test_models_and_delivery_hold_on_mariadb(tmp_path: Path) -> None:
    require_mariadb()
    without = [f"--ignore=tests/delivery/test_{name}.py" for name in ELSEWHERE]
    with running_mariadb() as address:
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "0", "tests/delivery", "tests/models", *LOG, *WATCH, *without],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": address, "MAILADMIN_DATA_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
        )
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]

"""Models and delivery on PostgreSQL: the same tests as on SQLite, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.postgresql import require_postgresql, running_postgresql

pytestmark = [pytest.mark.service("postgresql")]

ROOT = Path(__file__).resolve().parent.parent.parent
# Without what says nothing of a database and takes half a minute.
DELIVERY = ("tests/delivery", "--ignore=tests/delivery/test_twenty_thousand_addresses.py")
LOG = tuple(f"tests/console/test_{name}.py" for name in ("log", "log_pages", "log_export", "outbox", "waiting"))
API = tuple(f"tests/api/test_{name}.py" for name in ("allowance", "asking"))
WATCH = tuple(f"tests/watch/test_{name}.py" for name in ("findings", "schedule", "silence", "alerts"))


@pytest.mark.timeout(900)
def test_models_and_delivery_hold_on_postgresql_and_the_log_survives_a_roll_back(tmp_path: Path) -> None:
    require_postgresql()
    with running_postgresql() as address:
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "0", *DELIVERY, "tests/models", *LOG, *WATCH, *API],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": address, "MAILADMIN_DATA_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
        )
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]

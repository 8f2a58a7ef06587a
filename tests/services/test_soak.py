"""The soak runs on this Python and Django: its smallest part. The whole of it is `make soak`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.postgresql import require_postgresql
from tests.services.redis import require_redis

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.service("postgresql")
@pytest.mark.service("redis")
@pytest.mark.timeout(300)
def test_nothing_that_was_rolled_back_is_sent_and_everything_else_is() -> None:
    require_postgresql()
    require_redis()
    command = [sys.executable, "-m", "soak", "--seconds", "1", "--seed", "5", "rollback"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "Every message is accounted for." in done.stdout

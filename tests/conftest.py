"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mailadmin.core.keyring import new_key
from mailadmin.transports import shared


@pytest.fixture(scope="session", autouse=True)
def key_file() -> None:
    """Make the key file that the settings of the tests name."""
    path = Path(os.environ["MAILADMIN_DATA_DIR"]) / "keys"
    if not path.exists():
        path.write_text(new_key() + "\n")


@pytest.fixture(autouse=True)
def fresh_shared_state() -> None:
    """Let no test wait for the pace or the pause that an earlier one left behind; what reaches other processes is
    installed where it is tested."""
    shared.install(shared.Process)

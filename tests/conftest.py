"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mailadmin.core.keyring import new_key
from mailadmin.transports import shared

# Files that take a minute and more: begun last, they would keep one process while the others have nothing to do.
_LONG = frozenset({"test_mariadb.py", "test_postgresql.py", "test_celery.py", "test_soak.py", "test_outbox_crashes.py"})


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; else the order stays as chance has made it."""
    items.sort(key=lambda item: item.path.name not in _LONG)


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

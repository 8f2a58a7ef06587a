"""What every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import translation

from mailadmin.core.keyring import new_key
from mailadmin.transports import shared
from mailadmin.watch.alerts import bell, news
from tests.services.postfix import NEEDS, Postfix, running_postfix
from tests.services.processes import require

# Files that take a minute and more: begun last, they would keep one process while the others have nothing to do.
_LONG = frozenset({"test_mariadb.py", "test_postgresql.py", "test_celery.py", "test_soak.py", "test_outbox_crashes.py"})


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, then those that start a console and a browser; else the order stays as
    chance has made it."""
    items.sort(key=lambda item: (item.path.name not in _LONG, item.get_closest_marker("browser") is None))


@pytest.fixture(scope="session", autouse=True)
def key_file() -> None:
    """Make the key file that the settings of the tests name."""
    path = Path(os.environ["MAILADMIN_DATA_DIR"]) / "keys"
    if not path.exists():
        path.write_text(new_key() + "\n")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Let PostgreSQL drop the test database although a thread of a test may still close its connection."""
    yield
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )


@pytest.fixture(autouse=True)
def nobody_rings() -> None:
    """Let no message of a test start the threads that tell of it, and no news of it reach the next test."""
    for name in (bell.ALERTS, bell.DONE):
        bell.install(bell.Silent(), name)
    news.take()


@pytest.fixture(autouse=True)
def site_language() -> None:
    """Let no test speak the language of a page that an earlier one read: Django leaves a thread in it."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def fresh_shared_state() -> None:
    """Let no test wait for the pace or the pause that an earlier one left behind; what reaches other processes is
    installed where it is tested."""
    shared.install(shared.Process)


@pytest.fixture(scope="session")
def postfix() -> Iterator[Postfix]:
    """A real server: one in each process of the tests, for every folder of them."""
    require(*NEEDS, root=True)
    with running_postfix() as server:
        yield server

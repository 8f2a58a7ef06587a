"""The command that runs the sandbox: which ports it takes."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from mailadmin.management.commands.sandbox import started
from mailadmin.models import SandboxServer
from mailadmin.sandbox.database import Database


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database()
    yield database
    database.close()


def test_a_port_of_last_time_that_is_taken_gives_way_to_a_free_one(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        sandbox = started(SandboxServer(smtp_port=taken), None, 0, database)
    try:
        assert sandbox.smtp_port not in (0, taken)
    finally:
        sandbox.stop()


def test_a_port_that_was_asked_for_and_is_taken_is_told(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="address already in use"):
        started(SandboxServer(), other.getsockname()[1], 0, database)

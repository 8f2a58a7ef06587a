"""The sandbox's inbox in the database: kept by one thread, and never more than the disk can bear."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from mailadmin.models import SandboxMessage, SandboxServer
from mailadmin.sandbox import database as module
from mailadmin.sandbox.database import Database

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database()
    yield database
    database._run(lambda: BaseDatabaseWrapper.close(connection))  # Django never closes an SQLite database in memory
    database.close()


def keep(database: Database, number: int) -> None:
    database.keep(
        "graph", "a@example.org", ["b@example.org"], f"Subject: =?utf-8?q?N=C2=B0?= {number}\r\n\r\nx".encode()
    )


def test_messages_of_many_threads_are_kept(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: keep(database, number), range(40)))
    assert SandboxMessage.objects.count() == 40
    assert SandboxMessage.objects.filter(subject="N° 7").count() == 1


def test_the_oldest_messages_go_first(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_MESSAGES", 3)
    for number in range(5):
        keep(database, number)
    database.trim()
    assert {row.subject for row in SandboxMessage.objects.all()} == {"N° 2", "N° 3", "N° 4"}
    monkeypatch.setattr(module, "KEPT_BYTES", 10)
    database.trim()  # nothing came since, so nothing is looked at
    assert SandboxMessage.objects.count() == 3
    keep(database, 5)
    database.trim()
    assert [row.subject for row in SandboxMessage.objects.all()] == ["N° 5"]


def test_the_console_says_how_to_fail_and_it_counts_at_once(database: Database) -> None:
    assert (database.smtp(), database.graph()) == ("", "")
    server = SandboxServer.load()
    server.smtp_fault, server.graph_fault = "535", "403"
    server.save()
    assert (database.smtp(), database.graph()) == ("535", "403")


def test_what_failed_with_a_broken_connection_is_done_again_on_a_new_one(database: Database) -> None:
    times: list[int] = []

    def job() -> str:
        times.append(1)
        if len(times) == 1:
            raise OperationalError("The server closed the connection.")
        return "done"

    assert database._run(job) == "done"


def test_a_subject_that_cannot_be_read_loses_no_message(database: Database) -> None:
    database.keep("smtp", "", [], b"Subject: =?utf-8?q?=\xff\x00?=\r\n\r\nx")
    assert SandboxMessage.objects.count() == 1

"""The sandbox's inbox in the database: kept by one thread, and never more than the disk can bear."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from mailadmin.models import SandboxMessage, SandboxServer
from mailadmin.sandbox import database as module
from mailadmin.sandbox.database import Database

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database()
    yield database
    for worker in (database._reader, database._writer):  # Django never closes an SQLite database in memory
        worker.submit(lambda: BaseDatabaseWrapper.close(connection)).result()
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

    def job() -> None:
        times.append(1)
        if len(times) == 1:
            raise OperationalError("The server closed the connection.")

    database._write(job).result()
    assert len(times) == 2


def test_a_subject_that_cannot_be_read_loses_no_message(database: Database) -> None:
    database.keep("smtp", "", [], b"Subject: =?utf-8?q?=\xff\x00?=\r\n\r\nx")
    assert SandboxMessage.objects.count() == 1


def test_n17_a_message_sent_within_a_transaction_on_sqlite_is_accepted_and_written_afterwards(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has one writer, here whoever sends: it would wait for our answer, and we for its transaction."""
    monkeypatch.setattr(module, "KEEP_SECONDS", 0.1)
    with transaction.atomic():
        SandboxMessage.objects.create(raw=b"what the sender wrote")
        for number in (1, 2):
            keep(database, number)
    database._write(lambda: None).result()
    assert set(SandboxMessage.objects.values_list("subject", flat=True)) == {"", "N° 1", "N° 2"}


def test_what_can_never_be_written_is_an_error_at_once(database: Database) -> None:
    def job() -> None:
        raise OperationalError("no such table")

    with pytest.raises(OperationalError, match="no such table"):
        database._write(job).result()

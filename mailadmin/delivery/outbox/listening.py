"""How a database tells that the outbox may have changed: PostgreSQL by NOTIFY, SQLite by the version of its file."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from mailadmin.core import limits

CHANNEL = "mailadmin_outbox"


class Listener(Protocol):
    """A database connection of its own that is asked whether something came. `fd` is what to wait for until it can
    know, None when it must be asked every `look_seconds`."""

    fd: int | None
    look_seconds: float

    def heard(self) -> bool:
        """Tell whether the outbox may have changed since the last time. Raises what the database raises."""

    def close(self) -> None:
        """Close the connection. Never raises."""


def listener_for(alias: str) -> Listener | None:
    """Return what goes with the database `alias`; None when it must be polled. Raises what the database raises."""
    connection = connections[alias]
    if connection.vendor == "postgresql" and _driver_is_psycopg():
        return _Notifications(alias)
    if connection.vendor == "sqlite" and not _is_in_memory(connection):
        return _FileVersion(alias)
    return None


class _Notifications:
    """PostgreSQL says so by itself. Behind a pooler that gives a connection to another client with each transaction
    nothing is ever heard, which is no worse than polling."""

    look_seconds: float = limits.WORKER_LISTEN_SECONDS

    def __init__(self, alias: str) -> None:
        self._connection = _connection(alias)
        with self._connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        self.fd: int | None = self._connection.connection.fileno()

    def heard(self) -> bool:
        """See `Listener`."""
        return bool(list(self._connection.connection.notifies(timeout=0)))

    def close(self) -> None:
        """See `Listener`."""
        _close(self._connection)


class _FileVersion:
    """SQLite counts the changes that others make; the number is in memory that all processes share."""

    fd: int | None = None
    look_seconds: float = limits.WORKER_LOOK_SECONDS

    def __init__(self, alias: str) -> None:
        self._connection = _connection(alias)
        self._seen = self._version()

    def heard(self) -> bool:
        """See `Listener`."""
        before, self._seen = self._seen, self._version()
        return self._seen != before

    def close(self) -> None:
        """See `Listener`."""
        _close(self._connection)

    def _version(self) -> object:
        with self._connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            return cursor.fetchone()


def _is_in_memory(connection: Any) -> bool:
    return bool(connection.is_in_memory_db())


def _driver_is_psycopg() -> bool:
    """Tell whether Django uses psycopg 3; with version 2 the outbox is polled."""
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    return bool(is_psycopg3)


def _connection(alias: str) -> BaseDatabaseWrapper:
    """Return a connection that nobody else uses, none of a pool, where every statement is a transaction."""
    connection = connections.create_connection(alias)
    options = {name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"}
    connection.settings_dict = connection.settings_dict | {"OPTIONS": options, "CONN_MAX_AGE": None}
    connection.set_autocommit(True)
    return connection


def _close(connection: BaseDatabaseWrapper) -> None:
    with suppress(Exception):  # nothing depends on a goodbye
        connection.close()

"""The port of `transports.shared` for all processes and hosts with one PostgreSQL, MySQL or MariaDB.

No transaction is open while a place is held: a place is a row with an end, and belongs to whoever wrote the holder into
it. Who comes back late, when another one has the place already, gives nothing back.
"""

from __future__ import annotations

import hashlib
import logging
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.utils import CursorWrapper

from mailadmin.core import limits
from mailadmin.delivery.telling import tell
from mailadmin.transports.line import GiveBack, Line
from mailadmin.transports.shared import NotNow, Pace, SharedToken, turn

from . import sealing
from .connecting import Connections
from .statements import LAST_WAITING, MYSQL, POSTGRESQL, WAITING, Statements

_NAME_CHARS = 80
_KEY_CHARS = 64


class DatabaseShared:
    """The port by rows in the database `alias`."""

    def __init__(self, alias: str) -> None:
        self._say = POSTGRESQL if connections[alias].vendor == "postgresql" else MYSQL
        self._connections = Connections(alias)
        self._line = Line(_RowPlaces(self._connections, self._say))

    def token(self, key: str) -> SharedToken | None:
        """See `Shared`. Raises django.db.Error."""
        row = self._connections.run(lambda cursor: _one(cursor, self._say.read_sealed, _short(key, _KEY_CHARS)))
        return sealing.opened(key, *row) if row else None

    def keep_token(self, key: str, token: SharedToken | None) -> None:
        """See `Shared`. Raises django.db.Error."""
        short = _short(key, _KEY_CHARS)
        kept = (short, sealing.sealed(key, token), token.expires_at) if token else None

        def write(cursor: CursorWrapper) -> None:
            cursor.execute(self._say.forget_sealed, [short])
            if kept:
                cursor.execute(self._say.add_sealed, kept)

        self._connections.run(write, whole=True)

    @contextmanager
    def lease(self, name: str, places: int, wait: float) -> Iterator[None]:
        """See `Shared`. Taking raises django.db.Error; giving back raises nothing, because the place has an end."""
        with self._connections.kept(), self._line.hold(_short(name, _NAME_CHARS), places, wait):
            yield

    def book(self, name: str, pace: Pace, patience: float) -> float:
        """See `Shared`. Raises django.db.Error."""
        name = _short(name, _NAME_CHARS)

        def write(cursor: CursorWrapper) -> float:
            row = _one(cursor, self._say.lock_pace, name)
            if row is None:
                cursor.execute(self._say.add_pace, [name])
                row = _one(cursor, self._say.lock_pace, name) or (0.0, 0.0, 0.0)
            due, paused, now = row
            wait, due = turn(due, paused, now, pace, patience)
            if wait > patience:
                raise NotNow(wait)
            cursor.execute(self._say.book, [due, name])
            return wait

        return self._connections.run(write, whole=True)

    def until_free(self, name: str, pace: Pace) -> float:
        """See `Shared`. Raises django.db.Error."""
        row = self._connections.run(lambda cursor: _one(cursor, self._say.read_pace, _short(name, _NAME_CHARS)))
        due, paused, now = row or (0.0, 0.0, 0.0)
        return turn(due, paused, now, pace)[0]

    def pause(self, name: str, seconds: float) -> None:
        """See `Shared`. Raises django.db.Error."""
        name = _short(name, _NAME_CHARS)

        def write(cursor: CursorWrapper) -> None:
            cursor.execute(self._say.pause, [seconds, name])
            if not cursor.rowcount:
                cursor.execute(self._say.add_pace, [name])
                cursor.execute(self._say.pause, [seconds, name])

        self._connections.run(write)


class _RowPlaces:
    """Places: each is a row. Who waits has a row too."""

    def __init__(self, connections: Connections, say: Statements) -> None:
        self._connections = connections
        self._say = say
        self._id = uuid.uuid4().hex

    def take(self, name: str, places: int, polite: bool) -> GiveBack | None:
        """See `Places`. Raises django.db.Error."""
        holder = uuid.uuid4().hex
        values = (holder, limits.GRAPH_LEASE_SECONDS, name, places, polite, name, self._id)

        def write(cursor: CursorWrapper) -> bool:
            cursor.execute(self._say.take, values)
            return bool(cursor.rowcount)

        return (lambda: self._give_back(name, holder)) if self._connections.run(write) else None

    @contextmanager
    def waiting(self, name: str, places: int, seconds: float) -> Iterator[None]:
        """See `Places`. Makes the places that are missing, which nobody could take so far. Raises django.db.Error."""

        def show(cursor: CursorWrapper) -> None:
            cursor.execute(self._say.count_places, [name, places])
            if cursor.fetchone()[0] < places:
                for place in range(places):
                    cursor.execute(self._say.add_place, [name, place, "", -1])
            mark = random.randint(WAITING, LAST_WAITING)  # noqa: S311 -- no secret; the same one twice does no harm
            cursor.execute(self._say.add_place, [name, mark, self._id, seconds])

        self._connections.run(show)
        try:
            yield
        finally:
            self._quietly("forgotten", self._say.forget_waiting, name, self._id)

    def _give_back(self, name: str, holder: str) -> None:
        self._quietly("given back", self._say.give_back, name, holder)

    def _quietly(self, what: str, sql: str, *values: str) -> None:
        try:
            self._connections.run(lambda cursor: cursor.execute(sql, values))
        except Exception as error:  # of any type, as in `try_to_write`: a message must not fail by it
            tell(logging.WARNING, "A place for a request could not be %s (%s).", what, type(error).__name__)


def _one(cursor: CursorWrapper, sql: str, value: str) -> tuple[Any, ...] | None:
    cursor.execute(sql, [value])
    row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def _short(name: str, chars: int) -> str:
    """Return `name`, or a digest of one that the column could not hold."""
    return name if len(name) <= chars else hashlib.sha256(name.encode()).hexdigest()

"""Database connections for short work that has nothing to do with the caller's transaction."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from mailadmin.core import limits
from mailadmin.delivery import database
from mailadmin.transports.shared import NotNow

Result = TypeVar("Result")

_opened: set[BaseDatabaseWrapper] = set()
_inherited: list[BaseDatabaseWrapper] = []


class Connections:
    """Reaches the database `alias` from any thread: over the caller's connection where it is open and in no
    transaction, else over one of our own. Those are kept while somebody needs them soon (`kept`), and for as long as
    Django keeps its own (CONN_MAX_AGE)."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(limits.SHARED_CONNECTIONS)
        self._idle: list[BaseDatabaseWrapper] = []
        self._keepers = 0

    def run(self, work: Callable[[CursorWrapper], Result], *, whole: bool = False) -> Result:
        """Return what `work` returns, which gets a cursor; `whole` puts it into a transaction of its own.

        Work that is cut off is done once more: a server that was started anew, or a deadlock, costs nothing else.
        Raises django.db.Error, and what the drivers and the host project raise.
        """
        if database.event_loop_runs():
            return database.read_apart(lambda: self.run(work, whole=whole))
        try:
            return self._run(work, whole)
        except (OperationalError, InterfaceError):
            return self._run(work, whole)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep connections open while the block runs: they are needed again at its end."""
        with self._lock:
            self._keepers += 1
        try:
            yield
        finally:
            with self._lock:
                self._keepers -= 1
            if not self._keepers and not self._stay:
                self._close_idle()

    def _run(self, work: Callable[[CursorWrapper], Result], whole: bool) -> Result:
        with self._connection() as connection, _transaction(connection, whole), connection.cursor() as cursor:
            return work(cursor)

    @contextmanager
    def _connection(self) -> Iterator[BaseDatabaseWrapper]:
        callers = connections[self._alias]
        if _of_use(callers):
            yield callers
            return
        if not self._room.acquire(timeout=limits.LOG_SECONDS):
            raise TimeoutError("no connection became free")
        with ExitStack() as stack:
            stack.callback(self._room.release)
            stack.enter_context(self.kept())
            connection, sound = self._take(), False
            try:
                yield connection
                sound = True
            except NotNow:
                sound = True
                raise
            finally:
                with self._lock:
                    self._idle.append(connection)
                if not sound:
                    self._close_idle()  # the server may be gone, or was started anew

    def _take(self) -> BaseDatabaseWrapper:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = connections.create_connection(self._alias)
            connection.inc_thread_sharing()
            connection.set_autocommit(True)
            _opened.add(connection)
        elif self._stay:
            connection.close_if_unusable_or_obsolete()
        return connection

    def _close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        _opened.difference_update(idle)
        with contextlib.suppress(Exception):  # nothing depends on a goodbye
            if idle and database.event_loop_runs():
                database.read_apart(lambda: _close(idle))
            else:
                _close(idle)

    @property
    def _stay(self) -> bool:
        return bool(connections[self._alias].settings_dict["CONN_MAX_AGE"] != 0)


def _close(idle: list[BaseDatabaseWrapper]) -> None:
    for connection in idle:
        connection.close()


def _of_use(callers: BaseDatabaseWrapper) -> bool:
    """Tell whether the connection of this thread is open, and what is done on it stands at once: in no transaction but
    the one around a TestCase, which wants its roll-back."""
    if callers.connection is None or callers.errors_occurred:
        return False
    if callers.in_atomic_block:
        return any(getattr(block, "_from_testcase", False) for block in callers.atomic_blocks)
    return callers.get_autocommit()


@contextmanager
def _transaction(connection: BaseDatabaseWrapper, whole: bool) -> Iterator[None]:
    if connection.in_atomic_block:
        with transaction.atomic(using=connection.alias):  # a savepoint: a failure must not break what is around
            yield
        return
    if not whole:
        yield
        return
    connection.set_autocommit(False)
    try:
        yield
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.set_autocommit(True)


def _inherit() -> None:
    """In a forked child: the connections are the parent's. They are neither used nor let go, because some drivers
    would say goodbye to the server."""
    _inherited.extend(_opened)
    _opened.clear()


os.register_at_fork(after_in_child=_inherit)

"""Reaching the database from wherever a message is sent: inside a transaction that may be rolled back, in a
broken one, or under a running event loop.

A helper thread has a database connection of its own. It is used where the caller's cannot serve: Django
refuses the ORM under an event loop, and a log row must survive the caller's roll-back.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS, Error, close_old_connections, connections, router, transaction
from django.db.backends.utils import CursorWrapper

from mailadmin.core import limits
from mailadmin.models import Delivery

from .telling import tell

Result = TypeVar("Result")

# What a database may do to a reader: refuse, keep the helper waiting, or meet the end of the interpreter.
UNREACHABLE = (Error, TimeoutError, RuntimeError)

_helper: ThreadPoolExecutor | None = None


def read(work: Callable[[], Result]) -> Result:
    """Return what `work` reads, from the caller's thread where that is possible, else from the helper."""
    return _in_helper(work) if event_loop_runs() else work()


def read_apart(work: Callable[[], Result]) -> Result:
    """Return what `work` reads on a connection of its own, for when the caller's transaction is broken."""
    return _in_helper(work)


def write(work: Callable[[CursorWrapper], Result], *, one_statement: bool = False) -> Result:
    """Do `work`, which gets a cursor, so that it outlives a roll-back of the caller where the database can do that.
    `one_statement` tells that it needs no transaction to be done as a whole.

    PostgreSQL and MySQL: inside a transaction, on a connection of its own. SQLite has one writer, and a
    TestCase wants its roll-back: there the caller's transaction is used, guarded by a savepoint, so that
    a failure of the log never breaks it.

    The helper is waited for at most limits.LOG_SECONDS, because it may wait in turn for a row that the caller's
    transaction has locked. Raises what `work` raises, and those of UNREACHABLE.
    """
    alias = _alias()

    def whole() -> Result:
        connection = connections[alias]
        if one_statement and not connection.in_atomic_block and connection.get_autocommit():
            with connection.cursor() as cursor:
                return work(cursor)
        with transaction.atomic(using=alias), connection.cursor() as cursor:
            return work(cursor)

    if event_loop_runs() or _in_real_transaction(alias):
        return _in_helper(whole)
    return whole()


def write_with_caller(work: Callable[[CursorWrapper], Result]) -> Result:
    """Do `work`, which gets a cursor, in the caller's transaction, so that it is rolled back with it; as a whole or not
    at all, also where the caller goes on after an error. Under an event loop there is no transaction of the caller, and
    a helper thread does it. Raises what `work` raises, and those of UNREACHABLE."""
    alias = _alias()

    def whole() -> Result:
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            return work(cursor)

    return _in_helper(whole, wait=None) if event_loop_runs() else whole()


def try_to_write(work: Callable[[CursorWrapper], object], *, one_statement: bool = False) -> bool:
    """Do `work` as `write` does, and tell whether that worked: no failure of the log is one of the send."""
    try:
        write(work, one_statement=one_statement)
    except Exception as error:  # of any type: what the host project hangs into its connections has a part in it
        tell(logging.WARNING, "The delivery log could not be written (%s).", type(error).__name__)
        return False
    return True


def try_to_write_apart(work: Callable[[CursorWrapper], object]) -> None:
    """Do `work`, one statement, on a connection of the helper, from a thread that shall have none; best effort. SQLite
    has one writer: while the caller writes, nothing more is to be written, and nobody waits for it."""

    def whole() -> None:
        with connections[_alias()].cursor() as cursor:
            work(cursor)

    try:
        _in_helper(whole)
    except Exception as error:
        tell(logging.DEBUG, "The progress could not be written (%s).", type(error).__name__)


def _in_real_transaction(alias: str) -> bool:
    """Tell whether the caller opened a transaction itself (the one around a TestCase does not count), on a
    database that can write beside it."""
    connection = connections[alias]
    if not connection.in_atomic_block or connection.vendor == "sqlite":
        return False
    blocks = getattr(connection, "atomic_blocks", [])
    # Django marks the blocks of its TestCase; a test that rolls back wants the log rolled back with it.
    return not any(getattr(block, "_from_testcase", False) for block in blocks)


def _alias() -> str:
    return router.db_for_write(Delivery) or DEFAULT_DB_ALIAS


def event_loop_runs() -> bool:
    """Tell whether Django refuses the ORM in this thread, by Django's own rule."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return not os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")


def _in_helper(work: Callable[[], Result], wait: float | None = limits.LOG_SECONDS) -> Result:
    global _helper  # one pool for the process, made when it is first needed
    if _helper is None:
        _helper = ThreadPoolExecutor(max_workers=4, thread_name_prefix="mailadmin-db")
    return _helper.submit(_tidily, work).result(wait)


def _tidily(work: Callable[[], Result]) -> Result:
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()


def _forget() -> None:
    global _helper  # threads do not survive a fork
    _helper = None


os.register_at_fork(after_in_child=_forget)

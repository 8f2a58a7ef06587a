"""The SQL of `database`: one statement for each step, by the clock of the database server.

It is written as PostgreSQL has it; NOW stands for that clock in seconds since the epoch, AHEAD for
limits.SHARED_AHEAD_SECONDS, and LEASES, PACES and TOKENS for the tables. A waiting process has a row among the leases
too, with a place that is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from mailadmin.core import limits
from mailadmin.models import SharedLease, SharedPace, SharedToken

WAITING = 10_000  # places from here on are of those who wait; there are at most MAX_GRAPH_REQUESTS_AT_ONCE others
LAST_WAITING = 32_767  # the largest that the column takes


@dataclass(frozen=True)
class Statements:
    """What is said to a database; the comments name the parameters."""

    # holder, seconds, name, places, whether those who wait elsewhere go first, name, own id
    take: str

    # name, place, holder, seconds
    add_place: str = (
        'INSERT INTO LEASES ("name", "place", "holder", "until") VALUES (%s, %s, %s, NOW + %s) ON CONFLICT DO NOTHING'
    )
    count_places: str = 'SELECT COUNT(*) FROM LEASES WHERE "name" = %s AND "place" < %s'
    give_back: str = """UPDATE LEASES SET "holder" = '', "until" = 0 WHERE "name" = %s AND "holder" = %s"""
    # name, own id
    forget_waiting: str = (
        'DELETE FROM LEASES WHERE "name" = %s AND "place" >= 10000 AND ("holder" = %s OR "until" < NOW)'
    )

    add_pace: str = 'INSERT INTO PACES ("name", "due", "paused") VALUES (%s, 0, 0) ON CONFLICT DO NOTHING'
    read_pace: str = 'SELECT "due", "paused", NOW FROM PACES WHERE "name" = %s'
    lock_pace: str = 'SELECT "due", "paused", NOW FROM PACES WHERE "name" = %s FOR UPDATE'
    book: str = 'UPDATE PACES SET "due" = %s WHERE "name" = %s'
    # A pause that lies further ahead than any does is none, as in `transports.shared.longer_pause`.
    pause: str = (
        'UPDATE PACES SET "paused" = GREATEST(CASE WHEN "paused" > NOW + AHEAD THEN 0 ELSE "paused" END, NOW + %s) '
        'WHERE "name" = %s'
    )

    add_sealed: str = 'INSERT INTO TOKENS ("key", "sealed", "expires_at") VALUES (%s, %s, %s) ON CONFLICT DO NOTHING'
    read_sealed: str = 'SELECT "sealed", "expires_at" FROM TOKENS WHERE "key" = %s'
    forget_sealed: str = 'DELETE FROM TOKENS WHERE "key" = %s OR "expires_at" < NOW'


def _said(statements: Statements, words: Mapping[str, str]) -> Statements:
    """Return the statements with `words` put in, one after the other."""
    said = {}
    for field in fields(statements):
        sql = str(getattr(statements, field.name))
        for word, meant in words.items():
            sql = sql.replace(word, meant)
        said[field.name] = sql
    return Statements(**said)


_WORDS = {
    "AHEAD": str(limits.SHARED_AHEAD_SECONDS),
    "LEASES": f'"{SharedLease._meta.db_table}"',
    "PACES": f'"{SharedPace._meta.db_table}"',
    "TOKENS": f'"{SharedToken._meta.db_table}"',
}

POSTGRESQL = _said(
    Statements(
        take='UPDATE LEASES SET "holder" = %s, "until" = NOW + %s WHERE "id" = ('
        'SELECT "id" FROM LEASES WHERE "name" = %s AND "place" < %s AND "until" < NOW AND (NOT %s OR NOT EXISTS ('
        'SELECT 1 FROM LEASES WHERE "name" = %s AND "place" >= 10000 AND "until" > NOW AND "holder" <> %s)) '
        'ORDER BY "place" LIMIT 1 FOR UPDATE SKIP LOCKED)'
    ),
    # clock_timestamp() goes on inside a transaction, where now() stands still.
    _WORDS | {"NOW": "EXTRACT(EPOCH FROM clock_timestamp())::double precision"},
)

MYSQL = _said(
    # Where an UPDATE reads its own table, what it reads is put aside first (the derived table w).
    Statements(
        take='UPDATE LEASES SET "holder" = %s, "until" = NOW + %s '
        'WHERE "name" = %s AND "place" < %s AND "until" < NOW AND (NOT %s OR NOT EXISTS (SELECT 1 FROM ('
        'SELECT "id" FROM LEASES WHERE "name" = %s AND "place" >= 10000 AND "until" > NOW AND "holder" <> %s LIMIT 1'
        ') AS w)) ORDER BY "place" LIMIT 1'
    ),
    # UNIX_TIMESTAMP(NOW(6)) would depend on the time zone of the session.
    _WORDS
    | {
        "INSERT INTO": "INSERT IGNORE INTO",
        " ON CONFLICT DO NOTHING": "",
        "NOW": "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6)",
        '"': "`",
    },
)

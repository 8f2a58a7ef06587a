"""The index of the log's search: every run of three letters of a text, with the texts that have it, so that a part of
a word is found in a million messages. Each database has its own kind.

- SQLite: an FTS5 table over `LogText`, which triggers keep.
- PostgreSQL: a GIN index of pg_trgm, where the extension is there or may be made.
- Others, and an SQLite or PostgreSQL without these: none; the log is then looked through, newest first.

Both databases read the lists of all runs that they are asked for, and those of ".org" or "@ex" name every message. So
they are asked for the rarest runs only, and what they find is looked at: that takes a twentieth of the time.

It is made after `migrate` (a later migration may rebuild the table, which loses triggers; an extension may be
installed later), and never by a migration.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import AppConfig
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from mailadmin.core import limits
from mailadmin.models import LogText

SHORTEST = 3  # letters; shorter texts have no trigram
_INDEX = "mailadmin_logtext_trigrams"
_TABLE = LogText._meta.db_table
# Beside it, for log_text: the few texts of messages that are under way. (Of a model, MariaDB would complain.)
_OPEN = "mailadmin_logtext_open"
_MAKE_OPEN = f"CREATE INDEX IF NOT EXISTS {_OPEN} ON {_TABLE} (delivery_id) WHERE NOT over"
_RAREST = 3  # runs asked for; each further one costs reading and excludes little
_found: set[str] = set()  # aliases of databases that are known to have the index


@dataclass(frozen=True)
class Place:
    """A text that was found: its number, which grows with time, and its message."""

    number: int
    delivery: UUID


def available(alias: str) -> bool:
    """Tell whether the database has the index. What was there once is not asked for again."""
    if alias not in _found and _there(connections[alias]):
        _found.add(alias)
    return alias in _found


def find(folded: str, border: int | None, newer: bool, most: int, alias: str) -> tuple[list[Place], int | None]:
    """Return texts that contain `folded` (SHORTEST letters or more), and the number up to which all were looked at,
    None when these are all.

    The newest come first, beginning below the number `border`; with `newer` the oldest first, beginning above it.
    About `most` texts are looked at, so that the call stays short whatever is looked for.
    """
    search = _find_postgresql if connections[alias].vendor == "postgresql" else _find_sqlite
    return search(folded, border, newer, most, connections[alias])


def install(sender: AppConfig, using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """Make the index in the database `using` where it can have one; nothing happens when it is there."""
    connection = connections[using]
    if not router.allow_migrate_model(using, LogText) or _TABLE not in connection.introspection.table_names():
        return
    statements = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}.get(connection.vendor, ())
    if not statements or _there(connection):
        return
    try:
        with transaction.atomic(using=using), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    except DatabaseError:  # no FTS5 in this SQLite, no right to make an extension: the search does without
        _found.discard(using)


# -- SQLite -----------------------------------------------------------------------------------------------

_FORGET = f"INSERT INTO {_INDEX} ({_INDEX}, rowid, text) VALUES ('delete', OLD.id, OLD.text)"  # noqa: S608 -- our names
_KEEP = f"INSERT INTO {_INDEX} (rowid, text) VALUES (NEW.id, NEW.text)"  # noqa: S608 -- our names
_TRIGGERS = {
    f"{_INDEX}_insert": f"AFTER INSERT ON {_TABLE} BEGIN {_KEEP}; END",
    f"{_INDEX}_delete": f"AFTER DELETE ON {_TABLE} BEGIN {_FORGET}; END",
    f"{_INDEX}_update": f"AFTER UPDATE OF text ON {_TABLE} BEGIN {_FORGET}; {_KEEP}; END",
}
# detail=none: only which text has a run, not where, which is half the size; the text itself is looked at afterwards.
_SQLITE = (
    f"CREATE VIRTUAL TABLE IF NOT EXISTS {_INDEX} USING fts5("
    f"text, content='{_TABLE}', content_rowid='id', tokenize='trigram case_sensitive 1', detail=none)",
    *(f"CREATE TRIGGER IF NOT EXISTS {name} {rule}" for name, rule in _TRIGGERS.items()),
    _MAKE_OPEN,
    f"INSERT INTO {_INDEX} ({_INDEX}) VALUES ('rebuild')",  # noqa: S608 -- our names
)


def _find_sqlite(
    folded: str, border: int | None, newer: bool, most: int, connection: BaseDatabaseWrapper
) -> tuple[list[Place], int | None]:
    comparison, order = (">", "ASC") if newer else ("<", "DESC")
    limit: list[Any] = [] if border is None else [border]
    beyond = f"AND rowid {comparison} %s" if limit else ""
    with connection.cursor() as cursor:
        runs = rarest(_runs(folded), _sample(cursor))
        asked = " AND ".join('"' + run.replace('"', '""') + '"' for run in runs)
        cursor.execute(
            f"SELECT t.id, t.delivery_id, instr(t.text, %s) FROM ("  # noqa: S608 -- our names
            f"SELECT rowid FROM {_INDEX} WHERE {_INDEX} MATCH %s {beyond} ORDER BY rowid {order} LIMIT %s"
            f") AS c JOIN {_TABLE} AS t ON t.id = c.rowid ORDER BY t.id {order}",
            [folded, asked, *limit, most],
        )
        rows = cursor.fetchall()
    places = [Place(number, UUID(delivery)) for number, delivery, found in rows if found]
    return places, rows[-1][0] if len(rows) == most else None


# -- PostgreSQL -------------------------------------------------------------------------------------------

_POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    f"CREATE INDEX IF NOT EXISTS {_INDEX} ON {_TABLE} USING gin (text gin_trgm_ops)",
    _MAKE_OPEN,
)


def _find_postgresql(
    folded: str, border: int | None, newer: bool, most: int, connection: BaseDatabaseWrapper
) -> tuple[list[Place], int | None]:
    """First those nearest to the border are looked through: a common text is found there at once, and the index would
    name a million. Only then the index is asked, behind a fence that keeps the planner from reading the whole table."""
    comparison, order = (">", "ASC") if newer else ("<", "DESC")
    nearby = max(most, limits.LOG_LOOK_ROWS)
    pattern = f"%{escape_like(folded)}%"
    limit: list[Any] = [] if border is None else [border]
    beyond = f"WHERE id {comparison} %s" if limit else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, delivery_id, text LIKE %s FROM {_TABLE} {beyond} ORDER BY id {order} LIMIT %s",  # noqa: S608 -- our names
            [pattern, *limit, nearby],
        )
        near = cursor.fetchall()
        places = [Place(number, delivery) for number, delivery, found in near if found]
        if len(near) < nearby:
            return places, None
        if len(places) > limits.PAGE_ROWS:
            return places, near[-1][0]
        # pg_trgm knows letters and digits only.
        runs = rarest({run for run in _runs(folded) if run.isalnum()}, _sample(cursor)) or [folded]
        asked = " AND ".join(["text LIKE %s"] * len(runs))
        cursor.execute(
            f"WITH far AS MATERIALIZED (SELECT id, delivery_id, text FROM {_TABLE} WHERE {asked})"  # noqa: S608 -- our names
            f" SELECT id, delivery_id FROM far WHERE text LIKE %s AND id {comparison} %s ORDER BY id {order} LIMIT %s",
            [*(f"%{escape_like(run)}%" for run in runs), pattern, near[-1][0], most],
        )
        far = [Place(number, delivery) for number, delivery in cursor.fetchall()]
    return places + far, far[-1].number if len(far) == most else None


def escape_like(text: str) -> str:
    """Return `text` as LIKE takes it literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


# -- both -------------------------------------------------------------------------------------------------


def rarest(runs: Collection[str], sample: Sequence[str]) -> list[str]:
    """Return those of `runs` that the fewest texts of `sample` have."""
    return sorted(runs, key=lambda run: (sum(run in text for text in sample), run))[:_RAREST]


def _runs(folded: str) -> set[str]:
    """Return the runs of three letters of `folded`."""
    return {folded[start : start + SHORTEST] for start in range(len(folded) - SHORTEST + 1)}


def _sample(cursor: CursorWrapper) -> list[str]:
    """Return the latest texts."""
    cursor.execute(f"SELECT text FROM {_TABLE} ORDER BY id DESC LIMIT %s", [limits.SEARCH_SAMPLE_ROWS])  # noqa: S608 -- our names
    return [text for (text,) in cursor.fetchall()]


def _there(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether the index and all that keeps it are there."""
    if connection.vendor == "sqlite":
        names = [_INDEX, _OPEN, *_TRIGGERS]
        question = f"SELECT COUNT(*) FROM sqlite_master WHERE name IN ({', '.join(['%s'] * len(names))})"  # noqa: S608 -- places
    elif connection.vendor == "postgresql":
        names = [_INDEX, _OPEN]
        question = (
            "SELECT COUNT(*) FROM pg_indexes WHERE schemaname = ANY (current_schemas(false)) AND indexname IN (%s, %s)"
        )
    else:
        return False
    with connection.cursor() as cursor:
        cursor.execute(question, names)
        return bool(cursor.fetchone()[0] == len(names))

"""Filling tables by SQL: copies of one row, in one statement, as many as may be."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connection, models

_NUMBERS = {
    "postgresql": "SELECT generate_series AS n FROM generate_series(1, %s)",
    "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s) "
    "SELECT n FROM numbers",
}
# A UUID made of the number; Django keeps it as 32 digits where the database has no such type.
_UUID = {"postgresql": "lpad(to_hex(n + %d), 32, '0')::uuid", "sqlite": "printf('%%%%032x', n + %d)"}


def uuids(first: int) -> str:
    """Return the expression of a UUID for each copy: `first` and the copy's number, n."""
    return _UUID[connection.vendor] % first


def copies(row: models.Model, count: int, changes: Mapping[str, str]) -> None:
    """Write `count` copies of `row`, a stored one, with `changes`: a SQL expression, in which n is the number of the
    copy, for each column (by the name of its field) that differs; a percent sign in it is doubled. A key that the
    database makes is made anew."""
    own = [field for field in row._meta.concrete_fields if not isinstance(field, models.AutoField)]
    quote = connection.ops.quote_name
    into = ", ".join(quote(str(field.column)) for field in own)
    values = ", ".join(changes.get(field.name, f"one.{quote(str(field.column))}") for field in own)
    table, key = quote(row._meta.db_table), quote(str(row._meta.pk.column))
    numbers = _NUMBERS[connection.vendor]
    pk = row._meta.pk.get_db_prep_value(row.pk, connection)
    with connection.cursor() as cursor:
        # No value of ours comes from outside; names and expressions are those of the callers.
        statement = f"INSERT INTO {table} ({into}) SELECT {values} FROM ({numbers}) AS numbers, {table} AS one "  # noqa: S608
        cursor.execute(f"{statement} WHERE one.{key} = %s", [count, pk])


def analyse() -> None:
    """Let the database learn how big its tables are."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

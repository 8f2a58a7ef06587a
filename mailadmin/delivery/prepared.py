"""SQL that is built once and run with every message.

The ORM compiles a statement each time anew, which takes several times as long as the database needs to run it.
Only that is left out: the fields of the model prepare the values, and Django's connection runs the statement.
Model signals are not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper

Values = Mapping[str, Any]  # by the names of the model's attributes ("asked_by_id", not "asked_by")
Row = tuple[Any, ...]

_Model: TypeAlias = type[models.Model]
_Field: TypeAlias = "models.Field[Any, Any]"


def _prepare(field: _Field, value: Any, connection: BaseDatabaseWrapper) -> Any:
    """Return `value` as the database wants it. Text is what most values are, and it goes as it is."""
    if type(value) is str and type(field) in (models.CharField, models.TextField):
        return value
    return field.get_db_prep_save(value, connection)


class Insert:
    """Adds rows of `model`; what a row does not name gets the default of its field."""

    def __init__(self, model: _Model) -> None:
        self._model = model
        self._fields: list[_Field] = [f for f in model._meta.concrete_fields if not isinstance(f, models.AutoField)]
        self._built: dict[str, tuple[str, list[Any]]] = {}

    def __call__(self, rows: Sequence[Values]) -> None:
        """Add `rows`, in one statement."""
        connection = connections[router.db_for_write(self._model)]
        sql, defaults = self._build(connection)
        _execute(connection, sql, [self._prepared(row, defaults, connection) for row in rows])

    def _prepared(self, row: Values, defaults: list[Any], connection: BaseDatabaseWrapper) -> list[Any]:
        return [
            _prepare(field, row[field.attname], connection) if field.attname in row else default
            for field, default in zip(self._fields, defaults, strict=True)
        ]

    def _build(self, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        if connection.alias not in self._built:
            columns = ", ".join(_quoted(field.column, connection) for field in self._fields)
            places = ", ".join(["%s"] * len(self._fields))
            sql = f"INSERT INTO {_table(self._model, connection)} ({columns}) VALUES ({places})"  # noqa: S608 -- names of the model
            defaults = [field.get_db_prep_save(field.get_default(), connection) for field in self._fields]
            self._built[connection.alias] = sql, defaults
        return self._built[connection.alias]


class Update:
    """Changes the attributes `names` of rows of `model`."""

    def __init__(self, model: _Model, names: Iterable[str]) -> None:
        by_name = {field.attname: field for field in model._meta.concrete_fields}
        self._model = model
        self._key = next(field for field in by_name.values() if field.primary_key)
        self._fields: list[_Field] = [*(by_name[name] for name in names), self._key]
        self._built: dict[str, str] = {}

    def __call__(self, row: Values) -> None:
        """Change the row whose primary key `row` names to its other values."""
        connection = connections[router.db_for_write(self._model)]
        values = [_prepare(field, row[field.attname], connection) for field in self._fields]
        _execute(connection, self._build(connection), [values])

    def _build(self, connection: BaseDatabaseWrapper) -> str:
        if connection.alias not in self._built:
            changes = ", ".join(f"{_quoted(field.column, connection)} = %s" for field in self._fields[:-1])
            table, key = _table(self._model, connection), _quoted(self._key.column, connection)
            self._built[connection.alias] = f"UPDATE {table} SET {changes} WHERE {key} = %s"  # noqa: S608 -- names of the model
        return self._built[connection.alias]


class Select:
    """The rows of one query on `model` that never changes, as the driver gives them (no field converts them)."""

    def __init__(self, model: _Model, query: Callable[[], models.QuerySet[Any, Any]]) -> None:
        self._model, self._query = model, query
        self._built: dict[str, tuple[str, Row]] = {}

    def __call__(self) -> tuple[Row, ...]:
        """Return the rows."""
        connection = connections[router.db_for_read(self._model)]
        if connection.alias not in self._built:
            self._built[connection.alias] = self._query().query.get_compiler(connection=connection).as_sql()
        with connection.cursor() as cursor:
            cursor.execute(*self._built[connection.alias])
            return tuple(cursor.fetchall())


def _quoted(name: str | None, connection: BaseDatabaseWrapper) -> str:
    return str(connection.ops.quote_name(str(name)))


def _table(model: _Model, connection: BaseDatabaseWrapper) -> str:
    return _quoted(model._meta.db_table, connection)


def _execute(connection: BaseDatabaseWrapper, sql: str, many: list[list[Any]]) -> None:
    with connection.cursor() as cursor:
        if len(many) == 1:
            cursor.execute(sql, many[0])
        elif many:
            cursor.executemany(sql, many)

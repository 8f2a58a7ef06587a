"""SQL that is built once and run with every message.

The ORM compiles a statement each time anew, which takes several times as long as the database needs to run it.
Only that is left out: the fields of the model prepare the values, and Django's cursor runs the statement.
Model signals are not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from mailadmin.models.clock import ServerNow

Values = Mapping[str, Any]  # by the names of the model's attributes ("asked_by_id", not "asked_by")
Row = tuple[Any, ...]

_Model: TypeAlias = type[models.Model]
_Field: TypeAlias = "models.Field[Any, Any]"

_ABSENT = object()
# What every database takes as it is: most values, and preparing them takes longer than writing them.
_PLAIN: tuple[tuple[type[_Field], type], ...] = (
    (models.CharField, str),
    (models.TextField, str),
    (models.IntegerField, int),
    (models.BooleanField, bool),
)


class Columns:
    """Some fields of a model, in the order in which a statement has them."""

    def __init__(self, fields: Iterable[_Field]) -> None:
        self.fields = tuple(fields)
        self._parts = [
            (field.attname, field, next((plain for kind, plain in _PLAIN if isinstance(field, kind)), None))
            for field in self.fields
        ]
        self._defaults: dict[str, list[Any]] = {}

    def prepared(self, row: Values, connection: BaseDatabaseWrapper) -> list[Any]:
        """Return the values of `row` as the database wants them; what it does not name gets the field's default."""
        defaults = self._defaults.get(connection.alias) or self._prepare_defaults(connection)
        found = []
        for (name, field, plain), default in zip(self._parts, defaults, strict=True):
            value = row.get(name, _ABSENT)
            if value is _ABSENT:
                value = default
            elif value is not None and type(value) is not plain:
                value = field.get_db_prep_save(value, connection)
            found.append(value)
        return found

    def names(self, connection: BaseDatabaseWrapper) -> list[str]:
        """Return the names of the columns, quoted."""
        return [quoted(str(field.column), connection) for field in self.fields]

    def _prepare_defaults(self, connection: BaseDatabaseWrapper) -> list[Any]:
        found = [field.get_db_prep_save(field.get_default(), connection) for field in self.fields]
        self._defaults[connection.alias] = found
        return found


class Insert:
    """Adds rows of `model`; what a row does not name gets the default of its field. The fields named in `now` get the
    time of the database server."""

    def __init__(self, model: _Model, now: Iterable[str] = ()) -> None:
        clock = frozenset(now)
        self._now = [str(field.column) for field in model._meta.concrete_fields if field.name in clock]
        written = (
            field
            for field in model._meta.concrete_fields
            if not isinstance(field, models.AutoField) and field.column not in self._now
        )
        self._model = model
        self._columns = Columns(written)
        self._built: dict[str, str] = {}

    def __call__(self, cursor: CursorWrapper, rows: Sequence[Values]) -> None:
        """Add `rows`, by one call of the driver. Only one row needs no transaction to be added as a whole."""
        sql = self._built.get(cursor.db.alias) or self._build(cursor.db)
        many = [self._columns.prepared(row, cursor.db) for row in rows]
        if len(many) == 1:
            cursor.execute(sql, many[0])
        elif many:
            cursor.executemany(sql, many)

    def _build(self, connection: BaseDatabaseWrapper) -> str:
        names = self._columns.names(connection)
        values = ["%s"] * len(names)
        if self._now:
            names += [quoted(column, connection) for column in self._now]
            values += [_time_of_the_server(self._model, connection)] * len(self._now)
        columns, places = ", ".join(names), ", ".join(values)
        sql = f"INSERT INTO {quoted(self._model._meta.db_table, connection)} ({columns}) VALUES ({places})"  # noqa: S608 -- names of the model
        self._built[connection.alias] = sql
        return sql


class Update:
    """Changes the attributes `names` of a row of `model`; what a row does not name gets the default of its field."""

    def __init__(self, model: _Model, names: Iterable[str]) -> None:
        fields = {field.attname: field for field in model._meta.concrete_fields}
        key = next(field for field in fields.values() if field.primary_key)
        self._table = model._meta.db_table
        self._columns = Columns((*(fields[name] for name in names), key))
        self._built: dict[str, str] = {}

    def __call__(self, cursor: CursorWrapper, row: Values) -> None:
        """Change the row whose primary key `row` names."""
        sql = self._built.get(cursor.db.alias) or self._build(cursor.db)
        cursor.execute(sql, self._columns.prepared(row, cursor.db))

    def _build(self, connection: BaseDatabaseWrapper) -> str:
        *names, key = (f"{name} = %s" for name in self._columns.names(connection))
        sql = f"UPDATE {quoted(self._table, connection)} SET {', '.join(names)} WHERE {key}"  # noqa: S608 -- names of the model
        self._built[connection.alias] = sql
        return sql


class Select:
    """The rows of a query that never changes, as the driver gives them (no field converts them)."""

    def __init__(self, query: Callable[[], models.QuerySet[Any, Any]]) -> None:
        self._query = query
        self._built: dict[str, tuple[str, Row]] = {}

    def __call__(self, cursor: CursorWrapper) -> tuple[Row, ...]:
        """Return the rows."""
        cursor.execute(*(self._built.get(cursor.db.alias) or self._build(cursor.db)))
        return tuple(cursor.fetchall())

    def _build(self, connection: BaseDatabaseWrapper) -> tuple[str, Row]:
        sql, parameters = self._query().query.get_compiler(connection=connection).as_sql()
        self._built[connection.alias] = sql, parameters
        return sql, parameters


def _time_of_the_server(model: _Model, connection: BaseDatabaseWrapper) -> str:
    compiler = model._default_manager.all().query.get_compiler(connection=connection)
    return str(compiler.compile(ServerNow())[0])


def quoted(name: str, connection: BaseDatabaseWrapper) -> str:
    """Return the name of a table or column as this database wants it in a statement."""
    return str(connection.ops.quote_name(name))

"""SQL that is built once and run with every message.

The ORM compiles a statement each time anew, which takes several times as long as the database needs to run it.
Only that is left out: the fields of the model prepare the values, and Django's cursor runs the statement.
Model signals are not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

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


class _Columns:
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
        return [_quoted(str(field.column), connection) for field in self.fields]

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
        self._columns = _Columns(written)
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
            names += [_quoted(column, connection) for column in self._now]
            values += [_time_of_the_server(self._model, connection)] * len(self._now)
        columns, places = ", ".join(names), ", ".join(values)
        sql = f"INSERT INTO {_quoted(self._model._meta.db_table, connection)} ({columns}) VALUES ({places})"  # noqa: S608 -- names of the model
        self._built[connection.alias] = sql
        return sql


class Update:
    """Changes the attributes `names` of a row of `model`; what a row does not name gets the default of its field."""

    def __init__(self, model: _Model, names: Iterable[str]) -> None:
        fields = {field.attname: field for field in model._meta.concrete_fields}
        key = next(field for field in fields.values() if field.primary_key)
        self._table = model._meta.db_table
        self._columns = _Columns((*(fields[name] for name in names), key))
        self._built: dict[str, str] = {}

    def __call__(self, cursor: CursorWrapper, row: Values) -> None:
        """Change the row whose primary key `row` names."""
        sql = self._built.get(cursor.db.alias) or self._build(cursor.db)
        cursor.execute(sql, self._columns.prepared(row, cursor.db))

    def _build(self, connection: BaseDatabaseWrapper) -> str:
        *names, key = (f"{name} = %s" for name in self._columns.names(connection))
        sql = f"UPDATE {_quoted(self._table, connection)} SET {', '.join(names)} WHERE {key}"  # noqa: S608 -- names of the model
        self._built[connection.alias] = sql
        return sql


class Delete:
    """Deletes the rows of `model` whose attribute `name` has a value. What refers to them is not looked at."""

    def __init__(self, model: _Model, name: str) -> None:
        self._model = model
        self._columns = _Columns(field for field in model._meta.concrete_fields if field.attname == name)
        self._built: dict[str, str] = {}

    def __call__(self, cursor: CursorWrapper, value: object) -> None:
        """Delete the rows."""
        sql = self._built.get(cursor.db.alias) or self._build(cursor.db)
        cursor.execute(sql, self._columns.prepared({self._columns.fields[0].attname: value}, cursor.db))

    def _build(self, connection: BaseDatabaseWrapper) -> str:
        (column,) = self._columns.names(connection)
        sql = f"DELETE FROM {_quoted(self._model._meta.db_table, connection)} WHERE {column} = %s"  # noqa: S608 -- names of the model
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


class Fetch:
    """The rows of a query that differs only in one key, with their values as the ORM converts them. `query` gives it
    for a key; annotations come last."""

    _SOME_KEY = UUID("00000000-0000-7000-8000-000000000000")  # stands in the parameters for the key of each call

    def __init__(self, query: Callable[[UUID], models.QuerySet[Any, Any]]) -> None:
        self._query = query
        self._built: dict[str, tuple[str, list[Any], tuple[int, ...], dict[int, Any]]] = {}

    def __call__(self, cursor: CursorWrapper, key: UUID) -> list[Row]:
        """Return the rows for `key`."""
        connection = cursor.db
        sql, parameters, places, converters = self._built.get(connection.alias) or self._build(connection)
        filled = list(parameters)
        for place in places:
            filled[place] = _prepared_key(key, connection)
        cursor.execute(sql, filled)
        return [_converted(row, converters, connection) for row in cursor.fetchall()]

    def _build(self, connection: BaseDatabaseWrapper) -> tuple[str, list[Any], tuple[int, ...], dict[int, Any]]:
        compiler = self._query(self._SOME_KEY).query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        stand_in = _prepared_key(self._SOME_KEY, connection)
        places = tuple(place for place, value in enumerate(parameters) if value == stand_in)
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        built = self._built[connection.alias] = sql, list(parameters), places, converters
        return built


def _prepared_key(key: UUID, connection: BaseDatabaseWrapper) -> Any:
    return models.UUIDField().get_db_prep_value(key, connection)


def _converted(row: Row, converters: dict[int, Any], connection: BaseDatabaseWrapper) -> Row:
    values = list(row)
    for place, (functions, column) in converters.items():
        for function in functions:
            values[place] = function(values[place], column, connection)
    return tuple(values)


def _time_of_the_server(model: _Model, connection: BaseDatabaseWrapper) -> str:
    compiler = model._default_manager.all().query.get_compiler(connection=connection)
    return str(compiler.compile(ServerNow())[0])


def _quoted(name: str, connection: BaseDatabaseWrapper) -> str:
    return str(connection.ops.quote_name(name))

"""SQL about the rows of one key, built once as that of `prepared`: for what a worker does with every message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias
from uuid import UUID

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from mailadmin.models.clock import ServerNow, ahead

from .prepared import Columns, Row, Values, quoted

_Model: TypeAlias = type[models.Model]


class Fetch:
    """The rows of a query that differs only in one key (a UUID or a text), with their values as the ORM converts them.
    `query` gives it for a key; annotations come last."""

    # What stands in the parameters for the key of each call.
    _SOME_UUID, _SOME_TEXT = UUID("00000000-0000-7000-8000-000000000000"), "any text"

    def __init__(self, query: Callable[[Any], models.QuerySet[Any, Any]], key: type[UUID] | type[str] = UUID) -> None:
        self._query = query
        self._some_key: UUID | str = self._SOME_UUID if key is UUID else self._SOME_TEXT
        self._built: dict[str, tuple[str, list[Any], tuple[int, ...], dict[int, Any]]] = {}

    def __call__(self, cursor: CursorWrapper, key: UUID | str) -> list[Row]:
        """Return the rows for `key`."""
        connection = cursor.db
        sql, parameters, places, converters = self._built.get(connection.alias) or self._build(connection)
        filled = list(parameters)
        for place in places:
            filled[place] = _prepared_key(key, connection)
        cursor.execute(sql, filled)
        return [_converted(row, converters, connection) for row in cursor.fetchall()]

    def _build(self, connection: BaseDatabaseWrapper) -> tuple[str, list[Any], tuple[int, ...], dict[int, Any]]:
        compiler = self._query(self._some_key).query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        stand_in = _prepared_key(self._some_key, connection)
        places = tuple(place for place, value in enumerate(parameters) if value == stand_in)
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        built = self._built[connection.alias] = sql, list(parameters), places, converters
        return built


class Change:
    """Changes the attributes `names` of the rows of `model` whose attributes `where` have given values.

    The attributes in `clock` get the time of the database server, so many seconds ahead. Of the rows only those are
    meant whose attributes `null` are NULL, and whose attributes `past` are not ahead of the server's time. Model
    signals are not sent.
    """

    def __init__(
        self,
        model: _Model,
        names: Iterable[str],
        *,
        where: Iterable[str],
        clock: Mapping[str, float] | None = None,
        null: Iterable[str] = (),
        past: Iterable[str] = (),
    ) -> None:
        attributes = {field.attname: field for field in model._meta.concrete_fields}
        self._model = model
        self._changed = Columns(attributes[name] for name in names)
        self._where = Columns(attributes[name] for name in where)
        self._null = Columns(attributes[name] for name in null)
        self._past = Columns(attributes[name] for name in past)
        self._clock = {Columns([attributes[name]]): seconds for name, seconds in (clock or {}).items()}
        self._built: dict[str, tuple[str, list[Any]]] = {}

    def __call__(self, cursor: CursorWrapper, row: Values, where: Values) -> int:
        """Give the attributes of `row` to the rows with those of `where`, and return how many there were."""
        sql, times = self._built.get(cursor.db.alias) or self._build(cursor.db)
        values = [*self._changed.prepared(row, cursor.db), *times, *self._where.prepared(where, cursor.db)]
        cursor.execute(sql, values)
        return int(cursor.rowcount)

    def _build(self, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        changes = [f"{name} = %s" for name in self._changed.names(connection)]
        times: list[Any] = []
        for column, seconds in self._clock.items():
            expression, parameters = self._compiled(ahead(seconds) if seconds else ServerNow(), connection)
            changes += [f"{name} = {expression}" for name in column.names(connection)]
            times += parameters
        now, _ = self._compiled(ServerNow(), connection)
        conditions = [
            *(f"{name} = %s" for name in self._where.names(connection)),
            *(f"{name} IS NULL" for name in self._null.names(connection)),
            *(f"{name} <= {now}" for name in self._past.names(connection)),
        ]
        table = quoted(self._model._meta.db_table, connection)
        sql = f"UPDATE {table} SET {', '.join(changes)} WHERE {' AND '.join(conditions)}"  # noqa: S608 -- names of the model
        built = self._built[connection.alias] = sql, times
        return built

    def _compiled(self, expression: Any, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        query = self._model._default_manager.all().query
        compiler = query.get_compiler(connection=connection)
        sql, parameters = compiler.compile(expression.resolve_expression(query))
        return sql, list(parameters)


class Delete:
    """Deletes the rows of `model` whose attributes `names` have given values. What refers to them is not looked at."""

    def __init__(self, model: _Model, *names: str) -> None:
        attributes = {field.attname: field for field in model._meta.concrete_fields}
        self._model = model
        self._where = Columns(attributes[name] for name in names)
        self._built: dict[str, str] = {}

    def __call__(self, cursor: CursorWrapper, row: Values) -> int:
        """Delete the rows with the values in `row`, and return how many there were."""
        sql = self._built.get(cursor.db.alias) or self._build(cursor.db)
        cursor.execute(sql, self._where.prepared(row, cursor.db))
        return int(cursor.rowcount)

    def _build(self, connection: BaseDatabaseWrapper) -> str:
        conditions = " AND ".join(f"{name} = %s" for name in self._where.names(connection))
        table = quoted(self._model._meta.db_table, connection)
        sql = f"DELETE FROM {table} WHERE {conditions}"  # noqa: S608 -- names of the model
        self._built[connection.alias] = sql
        return sql


def _prepared_key(key: UUID | str, connection: BaseDatabaseWrapper) -> Any:
    if isinstance(key, str):
        return key
    return models.UUIDField().get_db_prep_value(key, connection)


def _converted(row: Row, converters: dict[int, Any], connection: BaseDatabaseWrapper) -> Row:
    values = list(row)
    for place, (functions, column) in converters.items():
        for function in functions:
            values[place] = function(values[place], column, connection)
    return tuple(values)

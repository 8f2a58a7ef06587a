"""What a table of a settings file is: its keys follow from the columns and slots of a model, so that every option that
a form offers is in the file, under the name that the history and the audit trail know it by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models

from mailadmin.core.alerts import CHOSEN
from mailadmin.core.clients import Scope
from mailadmin.models.fields import Checked
from mailadmin.models.secrets import HeldSecret, SecretHolder

from . import values
from .values import Sort

STORED = "(stored in the database)"  # what stands for a secret in a plan; no reference looks like it
SERVICE, ROUTES = "integrated_service", "routes"  # columns that name other rows
Row = Any  # one of the models that the tables are of
Values = dict[str, Any]  # by the keys of a table, each as the file has it
_LISTS = {"host_list", "sender_list", "mailbox_list", "resolvers"}
_SETS: dict[str, Sort] = {
    "events": values.AllOrSome(tuple(event.value for event in CHOSEN)),
    "scopes": values.Chosen(tuple(scope.value for scope in Scope)),
    ROUTES: values.Names(),
}


def always(row: Row) -> bool:
    """Tell that a key means something in every row."""
    return True


@dataclass(frozen=True)
class Key:
    """One key: the column or slot that keeps it, how it is written, and what it is when it is left out; `belongs` tells
    of a row whether the key means something in it."""

    name: str
    column: str
    sort: Sort
    default: Any
    belongs: Callable[[Row], bool] = always

    @property
    def secret(self) -> bool:
        """Tell whether it is kept in a slot for secrets."""
        return isinstance(self.sort, values.Reference)

    def held(self, row: Row) -> HeldSecret:
        """Return what the slot of a secret key holds."""
        held: HeldSecret = getattr(row, self.column)
        return held


@dataclass(frozen=True)
class Table:
    """One kind of table. `title` is the key that tells rows apart, "" where there is only one such table; `owned` tells
    whether the console leaves a row alone that comes from a file."""

    name: str
    model: type[models.Model]
    keys: tuple[Key, ...]
    title: str = "name"
    owned: bool = True

    @property
    def head(self) -> str:
        """Return the line that begins one."""
        return f"[[{self.name}]]" if self.title else f"[{self.name}]"

    @property
    def known(self) -> list[str]:
        """Return the names of its keys."""
        return [key.name for key in self.keys]

    def key_of(self, column: str) -> str:
        """Return the key for a column or slot, the column itself where none is for it."""
        return next((key.name for key in self.keys if key.column == column), column)

    def title_of(self, row: Row) -> str:
        """Return the name of a row, "" where there is only one table."""
        return str(getattr(row, self.title)) if self.title else ""

    def values(self, row: Row, routes: Mapping[str, str]) -> Values:
        """Return what the file would say of `row`, defaults included; a secret as its reference, as STORED, or "" for
        none. `routes` names the routes by their keys."""
        return {key.name: _value(row, key, routes) for key in self.keys}


def table(
    name: str,
    model: type[models.Model],
    front: Iterable[str],
    *,
    leave: Collection[str] = (),
    rest: bool = True,
    names: Mapping[str, str] | None = None,
    belongs: Mapping[str, Callable[[Row], bool]] | None = None,
    title: str = "name",
    owned: bool = True,
) -> Table:
    """Return the table of a model: all slots, and all columns that people edit but those to `leave`, the `front` ones
    first; without `rest` no others. `names` gives a key another name than its column."""
    columns = {f.name: f for f in model._meta.concrete_fields if f.editable and not f.primary_key}
    slots = [held.name for held in model().secrets()] if issubclass(model, SecretHolder) else []
    others = (*columns, *slots) if rest else ()
    order = [one for one in dict.fromkeys((*front, *others)) if one not in leave]
    keys = []
    for one in order:
        sort = values.Reference() if one in slots else sort_of(columns[one])
        default = "" if one in slots or one == SERVICE else sort.of_column(columns[one].get_default())
        keys.append(Key((names or {}).get(one, one), one, sort, default, (belongs or {}).get(one, always)))
    return Table(name, model, tuple(keys), title, owned)


def sort_of(column: models.Field[Any, Any]) -> Sort:
    """Return how the values of a column are written."""
    checks = {one.check for one in column.validators if isinstance(one, Checked)}
    if isinstance(column, models.JSONField):
        return _SETS[column.name]
    if column.choices:
        return values.Choice(tuple(value for value, _ in column.flatchoices))
    if checks & {*_LISTS, "selectors"}:
        return values.Words(lower="selectors" in checks)
    if "domain" in checks:
        return values.Domain()
    if "address_list" in checks:
        return values.Addresses()
    if checks & {"certificates", "client_certificate"}:
        return values.Pem()
    plain: list[tuple[type[models.Field[Any, Any]], Sort]] = [
        (models.BooleanField, values.Flag()),
        (models.IntegerField, values.Whole()),
        (models.FloatField, values.Number()),
        (models.DateTimeField, values.Moment()),  # before the day, which it is made of
        (models.DateField, values.Day()),
    ]
    return next((sort for kind, sort in plain if isinstance(column, kind)), values.Text())


def _value(row: Row, key: Key, routes: Mapping[str, str]) -> Any:
    if key.secret:
        held = key.held(row)
        return (held.reference or STORED) if held.stored else ""
    if not key.belongs(row):
        return key.default
    stored = getattr(row, key.column)
    if key.column == SERVICE:
        return stored.name if stored else ""
    if key.column == ROUTES:
        return [routes.get(one, one) for one in stored]  # one that was deleted stays: an empty list means any route
    return key.sort.of_column(stored)

"""Turns the tables of a file into rows, in memory: with the checks of the models, which the forms of the console use as
well, and with every fault told at once. Nothing is saved."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from mailadmin.core.clients import digest, new_token
from mailadmin.models.clients import OVER
from mailadmin.models.credentials import CredentialHolder

from .document import Document, Entry
from .faults import Fault, did_you_mean
from .installed import Installed
from .slots import put_secrets
from .table import ROUTES, SERVICE, Key, Row, Table, Values
from .tables import CHANNELS, CLIENTS, OAUTH, SENDING, SERVICES, SMTP

_FIRST = {SERVICES.name: 0, OAUTH.name: 1, SMTP.name: 2}  # clients of the API name routes, and routes name services
_NO_USE = "This means nothing here, by what the other keys say; leave it out."
_NEEDED = "This is needed: the name of the integrated service that gives the token."


@dataclass
class Built:
    """A row as the file wants it. `before` is what stood in it, {} for a new one; `found` is who managed it; `was` is
    the row as it was, for the audit trail; `host` is where its webhook led, None without one."""

    entry: Entry
    row: Row
    new: bool
    before: Values
    found: str
    was: Row
    host: str | None = None
    after: Values = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @property
    def table(self) -> Table:
        """Return what kind of table it is."""
        return self.entry.table

    @property
    def wrong(self) -> bool:
        """Tell whether it cannot be as the file wants it."""
        return bool(self.faults or self.entry.refused)

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Return the keys that differ, each with its value before and after; of a new row what is not as usual."""
        usual = {key.name: key.default for key in self.table.keys}
        pairs = {name: (self.before.get(name, usual[name]), value) for name, value in self.after.items()}
        if self.host is not None:  # the same reference may name an address on another host by now
            pairs["host"] = (self.host, self.row.host)
        return {name: (old, new) for name, (old, new) in pairs.items() if old != new}


def build(document: Document, installed: Installed) -> list[Built]:
    """Return each table of the file as a row, what others name first."""
    order = sorted(document.entries, key=lambda entry: _FIRST.get(entry.table.name, len(_FIRST)))
    return [_build(document, entry, installed) for entry in order]


def _build(document: Document, entry: Entry, installed: Installed) -> Built:
    built = _begin(entry, installed)
    built.faults += _name_others(document, built, installed)
    for key in entry.table.keys:
        if not key.secret and key.name not in entry.refused and key.column not in (SERVICE, ROUTES):
            setattr(built.row, key.column, _column(built, key))
    if isinstance(built.row, CredentialHolder):
        built.row.settle_credentials()
    built.faults += _own_faults(document, built)
    if not built.wrong:
        built.faults += put_secrets(document, entry, built.row, built.before)
    if not built.wrong:
        built.after = entry.table.values(built.row, installed.routes)
    return built


def _begin(entry: Entry, installed: Installed) -> Built:
    """Return the row that the entry speaks of, as it is, or a new one."""
    row: Row = installed.find(entry.table, entry.title)
    if row is not None:
        before = entry.table.values(row, installed.routes)
        found = row.managed_by if entry.table.owned else ""
        host = row.host if entry.table in (CHANNELS, CLIENTS) else None
        return Built(entry, row, False, before, found, copy(row), host)
    row = entry.table.model(**{entry.table.title: entry.title})
    if entry.table is CLIENTS:
        row.token_digest = digest(new_token().reveal())  # of a token that nobody has; the console makes the first one
    installed.add(entry.table, entry.title, row)
    return Built(entry, row, True, {}, "", entry.table.model())


def _column(built: Built, key: Key) -> Any:
    """Return what the column of `key` shall hold: what it holds, where that means what the file says."""
    wanted = built.entry.given.get(key.name, key.default)
    if not built.new and built.before[key.name] == wanted and key.belongs(built.row):
        return getattr(built.row, key.column)
    return key.sort.to_column(wanted)


def _name_others(document: Document, built: Built, installed: Installed) -> Iterator[Fault]:
    """Put in the other rows that a table names; yield a fault for a name that nobody has."""
    for key in built.table.keys:
        if key.column == SERVICE and key.name not in built.entry.refused:
            yield from _name_service(document, built, key, installed)
        if key.column == ROUTES:
            yield from _name_routes(document, built, key, installed)


def _name_service(document: Document, built: Built, key: Key, installed: Installed) -> Iterator[Fault]:
    name = built.entry.given.get(key.name, "")
    service = installed.find(SERVICES, name) if name else None
    if service is not None or (not name and built.row._meta.get_field(SERVICE).null):
        built.row.integrated_service = service
    elif not name:
        yield document.fault(built.entry, key.name, _NEEDED)
    else:
        known = [SERVICES.title_of(row) for row in installed.rows[SERVICES.name].values()]
        hint = did_you_mean(name, known) if known else "There is none yet."
        yield document.fault(built.entry, key.name, f"There is no integrated service “{name}”.", hint)


def _name_routes(document: Document, built: Built, key: Key, installed: Installed) -> Iterator[Fault]:
    found = {name: installed.route_key(name) for name in built.entry.given.get(key.name, [])}
    built.row.routes = [route for route in found.values() if route]
    for name, route in found.items():
        if not route:
            hint = did_you_mean(name, sorted(installed.routes.values())) if installed.routes else ""
            text = f"There is no route “{name}”; one is written as “smtp:Relay A” or “oauth:Contoso 365”."
            yield document.fault(built.entry, key.name, text, hint)


def _own_faults(document: Document, built: Built) -> Iterator[Fault]:
    """Yield what the model finds wrong, and keys that mean nothing beside the others."""
    entry, row = built.entry, built.row
    told = {fault.key for fault in built.faults} | entry.refused
    for name, sentences in _model_errors(row, _others(entry), whole=not told):
        key = "" if name == NON_FIELD_ERRORS else entry.table.key_of(name)
        told.add(key)
        yield document.fault(entry, key, " ".join(sentences))
    if entry.table is CLIENTS and row.expired and built.before.get("expires_at") != row.expires_at:
        yield document.fault(entry, "expires_at", str(OVER))
    if entry.table is SENDING:
        for name, sentence in row.sending_errors().items():
            yield document.fault(entry, entry.table.key_of(name), sentence)
    for one in entry.table.keys:
        spare = one.name not in told and entry.given.get(one.name, one.default) != one.default
        if spare and not one.belongs(row):
            yield document.fault(entry, one.name, _NO_USE)


def _others(entry: Entry) -> set[str]:
    """Return the columns that the file does not decide, or not well: the model has nothing to say of them."""
    keys = entry.table.keys
    ours = {key.column for key in keys if key.name not in entry.refused and key.column != SERVICE}
    return {column.name for column in entry.table.model._meta.concrete_fields} - ours


def _model_errors(row: Row, others: set[str], *, whole: bool) -> list[tuple[str, list[str]]]:
    """Return the sentences of the model by its columns; what several columns decide only when each was read."""
    try:
        if whole:
            row.full_clean(exclude=others, validate_unique=False, validate_constraints=False)
        else:
            row.clean_fields(exclude=others)
    except ValidationError as error:
        return list(error.message_dict.items())
    return []

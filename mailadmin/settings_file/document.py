"""Reads a settings file: which tables stand in it, with which values, and everything that is wrong with them by
themselves. What is wrong beside what is installed is `building`'s."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailadmin.core import limits

from .faults import Fault, Unreadable, did_you_mean
from .lines import Places, places
from .table import Table
from .tables import BY_NAME

NAME = "name"  # of the file, above all tables
_NAME_CHARS = 200  # the column Named.managed_by


@dataclass
class Entry:
    """One table of the file: the values that it gives, by key, and what is wrong with others."""

    table: Table
    title: str
    number: int  # among the tables of its name
    given: dict[str, Any] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)


@dataclass
class Document:
    """A file that was read: `name` is what its rows say that they are managed by."""

    name: str
    entries: list[Entry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    places: Places = field(default_factory=Places)

    def of(self, table: Table) -> list[Entry]:
        """Return the entries of one kind, in their order."""
        return [entry for entry in self.entries if entry.table is table]

    def fault(self, entry: Entry, key: str, text: str, remedy: str = "") -> Fault:
        """Return something wrong with a key ("" for the whole table)."""
        line = self.places.of(entry.table.name, entry.number, key)
        return Fault(text, remedy, entry.table.name, entry.title, key, line)


def read(path: Path) -> Document:
    """Return the file at `path`. Raises Unreadable with a sentence when it cannot be read at all."""
    try:
        if path.stat().st_size > limits.SETTINGS_FILE_BYTES:
            raise Unreadable(f"{path} is too large to be a settings file.")
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable(f"{path} is no settings file: it is not text in UTF-8.") from None
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}.") from None
    return parse(text, path.name, path.parent)


def parse(text: str, name: str, folder: Path) -> Document:
    """Return the file with this `text`, called `name` unless it says otherwise itself; certificates are read from
    `folder`. Raises Unreadable when it is no TOML."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Unreadable(f"{name} is not written as TOML: {error or 'it is nested too deeply'}.") from None
    document = Document(name, places=places(text))
    _take_name(document, data.pop(NAME, name))
    for key, value in data.items():
        if key not in BY_NAME:
            line = document.places.of(key) or document.places.of("", 0, key)
            hint = did_you_mean(key, list(BY_NAME))
            document.faults.append(Fault(f"There is no table “{key}”.", hint, line=line))
        else:
            document.entries += _entries(document, BY_NAME[key], value, folder)
    _refuse_twins(document)
    return document


def _take_name(document: Document, given: Any) -> None:
    if isinstance(given, str) and given.strip().isprintable() and 0 < len(given.strip()) <= _NAME_CHARS:
        document.name = given.strip()
        return
    text = f"The name of the file must be a text of at most {_NAME_CHARS} characters."
    document.faults.append(Fault(text, key=NAME, line=document.places.of("", 0, NAME)))


def _entries(document: Document, table: Table, value: Any, folder: Path) -> Iterator[Entry]:
    """Yield the tables called `table`. Those in the wrong brackets are refused."""
    tables = value if table.title else [value]
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        line = document.places.of(table.name)
        document.faults.append(Fault(f"This table is written as {table.head}.", table=table.name, line=line))
        return
    for number, given in enumerate(tables):
        title = given.get(table.title, "") if table.title else ""
        entry = Entry(table, title.strip() if isinstance(title, str) else "", number)
        _take(document, entry, given, folder)
        if table.title in entry.given:
            entry.title = entry.given[table.title]
        if table.title and not entry.title:
            text = f"Each {table.head} needs the key “{table.title}”, by which it is known."
            document.faults.append(document.fault(entry, "", text))
        else:
            yield entry


def _take(document: Document, entry: Entry, given: dict[str, Any], folder: Path) -> None:
    """Read each value of a table, or tell what is wrong with it."""
    keys = {key.name: key for key in entry.table.keys}
    for name, value in given.items():
        if name not in keys:
            hint = did_you_mean(name, list(keys))
            document.faults.append(document.fault(entry, name, f"There is no key “{name}”.", hint))
            continue
        try:
            entry.given[name] = keys[name].sort.read(value, folder)
        except ValueError as error:
            entry.refused.add(name)
            document.faults.append(document.fault(entry, name, str(error)))


def _refuse_twins(document: Document) -> None:
    """Leave out what stands twice: names that differ only by their case are one."""
    seen: dict[tuple[str, str], Entry] = {}
    for entry in document.entries:
        first = seen.setdefault((entry.table.name, entry.title.lower()), entry)
        if first is not entry:
            line = document.places.of(entry.table.name, first.number)
            where = f" (line {line})" if line else ""
            text = f"“{first.title}” stands here twice{where}."
            document.faults.append(document.fault(entry, entry.table.title, text, "Keep one of them."))
    document.entries = list(seen.values())

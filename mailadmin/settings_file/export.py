"""Writes the whole installation as a settings file: what is not as usual, in a stable order, and no secret."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import toml_text
from .installed import Installed, read
from .table import STORED, Row, Table
from .tables import PREFERENCES, TABLES

_HEAD = """\
# Settings of mailadmin: docs/settings-file.md tells every key.
# What is left out is as usual. A secret is never in this file: it is a reference (“env:NAME”, “file:/path”),
# or it is stored in the database and stays as it is.
#
#   python manage.py mailadmin_plan FILE     shows what would change
#   python manage.py mailadmin_apply FILE    changes it
"""


def export() -> str:
    """Return the file. Routes stand in the order in which they are tried, everything else by name."""
    installed = read()
    return "\n".join([_HEAD, *_tables(installed)]).rstrip("\n") + "\n"


def _tables(installed: Installed) -> Iterator[str]:
    for table in TABLES:
        rows = list(installed.rows[table.name].values()) if table.title else [installed.settings]
        for row in rows:
            values, comments = _of_row(table, row, installed)
            if values or table.title or table is PREFERENCES:
                yield toml_text.table(table.head, values, comments) + "\n"


def _of_row(table: Table, row: Row, installed: Installed) -> tuple[dict[str, Any], list[str]]:
    """Return what is not as usual in a row, and a comment for each secret that is kept in the database."""
    found = table.values(row, installed.routes)
    usual = {key.name: key.default for key in table.keys}
    values = {name: value for name, value in found.items() if value != STORED and (value != usual[name])}
    stored = [f"{name}: stored in the database, and kept" for name, value in found.items() if value == STORED]
    if table.title and table.title not in values:  # never empty, and never left out
        values = {table.title: found[table.title], **values}
    return values, stored

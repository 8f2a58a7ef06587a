"""What is installed: every row that a settings file may speak of, read once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from mailadmin.core.settings import RouteKey
from mailadmin.models import Settings

from .table import Row, Table
from .tables import OAUTH, ROUTES, SERVICES, SMTP, TABLES

_GONE = re.compile(r"(oauth|smtp):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KINDS = {OAUTH.name: "oauth", SMTP.name: "smtp"}  # a route is named with its kind in a file: "smtp:Relay A"


@dataclass
class Installed:
    """The rows of each table, by their names in lower case, in the order of the console; the preferences once, because
    two tables speak of them."""

    settings: Settings
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    routes: dict[str, str] = field(default_factory=dict)  # what a file calls each route, by its key

    def find(self, table: Table, title: str) -> Row | None:
        """Return the row of this name, None when there is none."""
        return self.rows[table.name].get(title.lower()) if table.title else self.settings

    def add(self, table: Table, title: str, row: Row) -> None:
        """Know a row that is about to be made, so that others can name it."""
        self.rows[table.name][title.lower()] = row
        if table in ROUTES:
            self.routes[str(row.key)] = f"{KINDS[table.name]}:{title}"

    def route_key(self, name: str) -> str | None:
        """Return the key of the route that a file calls `name`, or that was deleted and is told by its key; None when
        there is none."""
        found = next((key for key, one in self.routes.items() if one.lower() == name.lower()), None)
        return found or (name if _GONE.fullmatch(name) else None)


def read(*, locked: bool = False) -> Installed:
    """Return what is installed; `locked` until the end of the caller's transaction, so that nobody changes it
    meanwhile."""
    found = Installed(Settings.locked() if locked else Settings.load())
    for table in TABLES:
        if not table.title:
            continue
        rows: Any = table.model._default_manager.all()
        if locked:
            rows = rows.select_for_update()
        found.rows[table.name] = {}
        for row in rows:
            found.add(table, table.title_of(row), row)
    services = {row.pk: row for row in found.rows[SERVICES.name].values()}
    for table in ROUTES:
        for row in found.rows[table.name].values():
            if row.integrated_service_id:  # the same object everywhere, so that a change of it is seen
                row.integrated_service = services[row.integrated_service_id]
    return found


def key_of(row: Row) -> str:
    """Return the key of a route as text."""
    key: RouteKey = row.key
    return str(key)

"""What applying a file would do: which rows it makes, changes and removes, exactly, and what speaks against it.

The rules of ownership: a row that comes from a file says so (`managed_by`) and belongs to that file. Another row with a
name of the file is only taken over when that is asked for (`adopt`); one of this file that it no longer names is only
removed when that is asked for (`prune`). Rows of the console, and of other files, are never removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mailadmin.core import limits
from mailadmin.models.alerts import too_many_channels

from .building import Built, build
from .document import Document
from .faults import Fault
from .installed import Installed, key_of
from .order import new_order
from .table import SERVICE, Row, Table
from .tables import CHANNELS, ROUTES, SERVICES, TABLES
from .values import in_words

CREATE, CHANGE, ADOPT, DELETE, RELEASE = "create", "change", "adopt", "delete", "release"


@dataclass(frozen=True)
class Step:
    """One row that is made, changed, taken over unchanged, removed, or given back to the console."""

    action: str
    table: Table
    name: str
    row: Row = field(repr=False)
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    adopted: str | None = None  # who managed it before ("": the console), where that changes
    built: Built | None = field(default=None, repr=False)

    def as_data(self) -> dict[str, Any]:
        """Return it for JSON, with the values in words."""
        keys = {name: [in_words(old), in_words(new)] for name, (old, new) in self.changes.items()}
        return {
            "action": self.action,
            "table": self.table.name,
            "name": self.name,
            "keys": keys,
            "adopted_from": self.adopted,
        }


@dataclass
class Plan:
    """All of it. `order` maps the table of routes to their names before and after, where that changes; `notes` are
    sentences on what is left as it is."""

    file: str
    steps: list[Step] = field(default_factory=list)
    order: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    places: dict[str, list[Row]] = field(default_factory=dict, repr=False)
    notes: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to do."""
        return not (self.steps or self.order)

    @property
    def digest(self) -> str:
        """Return what names this very plan: another one has another digest."""
        told = json.dumps([[step.as_data() for step in self.steps], self.order], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def as_data(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "file": self.file,
            "digest": self.digest,
            "steps": [step.as_data() for step in self.steps],
            "order": {name: list(both) for name, both in self.order.items()},
            "notes": self.notes,
            "faults": [fault.as_data() for fault in self.faults],
        }


def make(document: Document, installed: Installed, *, prune: bool = False, adopt: bool = False) -> Plan:
    """Return what applying `document` would do to what is `installed`. The rows in the plan are changed in memory, so
    that `installed` is used up."""
    left = list(_left_over(document, installed))
    names = {table.name: list(installed.rows[table.name].values()) for table in ROUTES}
    builds = build(document, installed)
    plan = Plan(document.name, faults=[*document.faults, *(fault for built in builds for fault in built.faults)])
    for built in sorted(builds, key=lambda one: TABLES.index(one.table)):
        _decide(plan, document, built, adopt=adopt)
    for table, row in left:
        _leave(plan, table, row, prune=prune)
    removed = {id(step.row) for step in plan.steps if step.action == DELETE}
    for table in ROUTES:
        _arrange(plan, table, [row for row in names[table.name] if id(row) not in removed], document, installed)
    plan.faults += _still_used(plan, installed)
    plan.faults += _too_many(plan, installed)
    plan.faults.sort(key=lambda fault: fault.line or 0)
    return plan


def _decide(plan: Plan, document: Document, built: Built, *, adopt: bool) -> None:
    """Say what becomes of a row of the file."""
    if built.wrong:
        return
    table, name, changes = built.table, built.entry.title, built.changes
    if built.new:
        plan.steps.append(Step(CREATE, table, name, built.row, changes, built=built))
        return
    foreign = table.owned and built.found != document.name
    if foreign and not (adopt or (changes and _untouched(built))):
        owner = f"the file {built.found}" if built.found else "the console"
        if changes:
            text = f"It exists already and belongs to {owner}, with other values ({', '.join(changes)})."
            remedy = "Take it over with --adopt, or choose another name."
            plan.faults.append(document.fault(built.entry, table.title, text, remedy))
        else:
            plan.notes.append(f"{_called(table, name)} is as the file says, and still belongs to {owner} (--adopt).")
    elif changes or foreign:
        adopted = built.found if foreign else None
        plan.steps.append(Step(CHANGE if changes else ADOPT, table, name, built.row, changes, adopted, built))


def _untouched(built: Built) -> bool:
    """Tell whether these are the preferences, which always exist, as nobody has changed them yet."""
    usual = {key.name: key.default for key in built.table.keys}
    return not built.table.title and not built.found and built.before == usual


def _left_over(document: Document, installed: Installed) -> Iterator[tuple[Table, Row]]:
    """Yield the rows that belong to the file and that it does not name (any more)."""
    for table in TABLES:
        named = {entry.title.lower() for entry in document.of(table)}
        rows = installed.rows[table.name].values() if table.title else [installed.settings]
        for row in rows:
            if table.owned and row.managed_by == document.name and table.title_of(row).lower() not in named:
                yield table, row


def _leave(plan: Plan, table: Table, row: Row, *, prune: bool) -> None:
    """Remove a row that the file no longer names, or say that it stays."""
    name = table.title_of(row)
    action = DELETE if table.title else RELEASE
    if prune:
        plan.steps.append(Step(action, table, name, row))
    else:
        what = "removes it" if table.title else "gives them back to the console"
        plan.notes.append(f"{_called(table, name)}: the file no longer says anything of it; --prune {what}.")


def _arrange(plan: Plan, table: Table, now: list[Row], document: Document, installed: Installed) -> None:
    """Put the routes into the order of the file."""
    wanted = [row for entry in document.of(table) if (row := installed.find(table, entry.title)) is not None]
    order = new_order(now, wanted)
    stay = [row for row in order if not row._state.adding]
    if stay != now:
        plan.order[table.name] = ([row.name for row in now], [row.name for row in order])
    plan.places[table.name] = order


def _still_used(plan: Plan, installed: Installed) -> Iterator[Fault]:
    """Yield the integrated services that would be removed under routes that stay."""
    removed = {key_of(step.row) for step in plan.steps if step.action == DELETE and step.table in ROUTES}
    routes = [row for table in ROUTES for row in installed.rows[table.name].values() if key_of(row) not in removed]
    for step in plan.steps:
        if step.action != DELETE or step.table is not SERVICES:
            continue
        users = [row.name for row in routes if getattr(row, f"{SERVICE}_id") == step.row.pk]
        if users:
            text = f"It cannot be removed: {', '.join(f'“{name}”' for name in users)} signs in with it."
            yield Fault(text, "Change or remove that first.", SERVICES.name, step.name)


def _too_many(plan: Plan, installed: Installed) -> Iterator[Fault]:
    """Yield that there would be more channels of alerts than there may be."""
    removed = sum(step.action == DELETE and step.table is CHANNELS for step in plan.steps)
    if len(installed.rows[CHANNELS.name]) - removed > limits.ALERT_CHANNELS:
        yield Fault(too_many_channels(), table=CHANNELS.name)


def _called(table: Table, name: str) -> str:
    return f"{table.name} “{name}”" if table.title else table.head

"""Applies a settings file, all of it or nothing, with an entry in the audit trail for each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from mailadmin.delivery import health
from mailadmin.delivery.outbox import waiting
from mailadmin.models import AuditEntry, IntegratedService, Settings
from mailadmin.models.snapshots import Changes, Plain, diff, kind_of, plain, snapshot

from .document import Document
from .installed import read
from .plan import ADOPT, CHANGE, CREATE, DELETE, RELEASE, Plan, Step, make
from .table import Row
from .tables import ROUTES, SENDING, SERVICES, TABLES

_NAME_CHARS = 150  # the column AuditEntry.user_name
_WORDS = {CREATE: "created", CHANGE: "changed", ADOPT: "changed", RELEASE: "changed", DELETE: "deleted"}


class Refused(Exception):
    """Nothing was applied, because of the faults in `plan`."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(f"The file is not applied. {' '.join(map(str, plan.faults))}")
        self.plan = plan


class Moved(Exception):
    """Nothing was applied: what is installed changed since the plan was shown; `plan` is the present one."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("What is installed was changed since this plan was made, so nothing was applied. Plan again.")
        self.plan = plan


@dataclass(frozen=True)
class Choices:
    """What may be done besides making and changing what belongs to the file: remove, and take over. `digest` is that of
    the plan that people agreed to, "" for whichever."""

    prune: bool = False
    adopt: bool = False
    digest: str = ""


@dataclass(frozen=True)
class Who:
    """On whose behalf: the words of the audit trail, such as "mailadmin_apply mail.toml", and the account."""

    name: str
    detail: str = ""


def plan_of(document: Document, choices: Choices) -> Plan:
    """Return what `apply` would do now. Nothing is changed."""
    return make(document, read(), prune=choices.prune, adopt=choices.adopt)


@transaction.atomic
def apply(document: Document, choices: Choices, who: Who) -> Plan:
    """Apply the file and return what was done. Raises Refused and Moved, and then nothing was; the rows are locked as
    long as it takes, so that nobody changes them meanwhile."""
    plan = make(document, read(locked=True), prune=choices.prune, adopt=choices.adopt)
    if plan.faults:
        raise Refused(plan)
    if choices.digest and choices.digest != plan.digest:
        raise Moved(plan)
    for step in _in_turn(plan):
        _take(step, document.name, who)
    for name in plan.order:
        table = next(table for table in ROUTES if table.name == name)
        record(who, "moved", None, kind_of(table.model), {"order": [", ".join(names) for names in plan.order[name]]})
    for rows in plan.places.values():
        _number(rows)
    if any(step.table is SENDING for step in plan.steps):
        waiting.retry_waiting()
    return plan


@transaction.atomic
def release(name: str, who: Who) -> int:
    """Give every row that the file `name` manages back to the console, as it stands; return how many there were."""
    count = 0
    for table in (one for one in TABLES if one.owned):
        rows: Any = table.model._default_manager.select_for_update().filter(managed_by=name)
        for row in rows:
            before = snapshot(row)
            row.managed_by = ""
            row.save(update_fields=["managed_by"])
            record(who, "changed", row, changes=diff(before, snapshot(row)))
            count += 1
    if count:
        Settings.bump()
    return count


def _in_turn(plan: Plan) -> list[Step]:
    """Return the steps so that no row names another one that is not there: what others name is made first and removed
    last."""
    removed = [step for step in plan.steps if step.action == DELETE]
    kept = [step for step in plan.steps if step.action != DELETE]
    return [*kept, *sorted(removed, key=lambda step: step.table is SERVICES)]


def _take(step: Step, file: str, who: Who) -> None:
    """Do one step, with its entry."""
    row, built = step.row, step.built
    if step.action == DELETE:
        record(who, "deleted", row, before=plain(row))
        _resume(row)
        row.delete()
        return
    was = snapshot(built.was if built else row)
    if step.table.owned:
        row.managed_by = "" if step.action == RELEASE else file
    row.save()
    before = plain(built.was) if built and not built.new else None
    record(who, _WORDS[step.action], row, changes=diff(was, snapshot(row)), before=before)
    if step.changes:
        _resume(row)


def _resume(row: Row) -> None:
    """A changed setting gets a new chance, as in the console: nothing that was learned of the old one counts."""
    routes = row.routes() if isinstance(row, IntegratedService) else (row,) if hasattr(row, "key") else ()
    for route in routes:
        health.resume(route.key)


def _number(rows: list[Row]) -> None:
    """Give the routes of one kind their places; those whose place is right are left alone."""
    for place, row in enumerate(rows):
        if row.order != place:
            type(row).objects.filter(pk=row.pk).update(order=place)


def record(
    who: Who,
    action: str,
    row: models.Model | None,
    kind: str = "",
    changes: Changes | None = None,
    before: Plain | None = None,
    detail: str = "",
) -> None:
    """Add an entry to the audit trail, on behalf of `who`; `kind` says what it is about where there is no one row."""
    AuditEntry.objects.create(
        user_name=who.name[:_NAME_CHARS],
        action=action,
        object_type=kind or (kind_of(row) if row else ""),
        object_id=str(row.pk) if row else "",
        object_name=str(row)[:255] if row else "",
        changes=changes or {},
        before=before or {},
        detail=f"{detail} {who.detail}".strip(),
    )

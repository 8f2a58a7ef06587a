"""The guard: a database that was copied from another environment, or restored from an older backup, sends nothing until
somebody confirms that it belongs here. The rules are in `core.guard`; this binds, counts and compares.

The order of writing keeps every other process content at any moment: the database is first when it counts on, the file
is first when a database is bound or confirmed.
"""

from __future__ import annotations

import logging
import secrets
from functools import partial
from typing import Any

from django.apps import apps as installed
from django.core.exceptions import FieldDoesNotExist
from django.db import router, transaction

from mailadmin import conf
from mailadmin.core import guard, limits
from mailadmin.core.guard import Binding, Finding, Place
from mailadmin.models import Settings

from . import database, generation
from .telling import tell

_objected = False  # what this process found last


def place() -> Place:
    """Return where we are. A folder that cannot be written and holds no file guards nothing: then only the name does.
    Raises ConfigurationError."""
    environment = conf.environment()
    try:
        path = generation.file()
        known = generation.read(path) if path else None
    except OSError:
        return Place(environment)
    guarded = path is not None and (known is not None or generation.can_write(path))
    return Place(environment, guarded, known)


def objection(row: Settings) -> str:
    """Return in a sentence why nothing may leave with the database that `row` is from, "" when nothing speaks against
    it. Reads the file; no statement as long as the database is not behind it. Raises ConfigurationError."""
    here, binding = place(), Binding(row.environment, row.generation)
    finding = guard.judge(binding, here)
    if finding is Finding.OLDER and _counted_on(here):
        return ""
    return guard.objection(finding, binding, here)


def advance() -> None:
    """Bind a database that was never bound, and count on once an hour; nothing while there is an objection, except that
    every process is told. For the start of a worker and its sweep. Raises ConfigurationError, and what the database
    raises."""
    global _objected
    row = Settings.load()
    here, binding = place(), Binding(row.environment, row.generation)
    finding = guard.judge(binding, here)
    objected, _objected = _objected, finding.objects
    if finding.objects:
        if not objected:  # the file may be gone while they run, and they read it only when the settings change
            Settings.bump()
        return
    try:
        if finding is Finding.NEW:
            _bind(binding, here)
        elif here.environment != binding.environment:
            _update(binding, Binding(here.environment, binding.generation))
        elif here.guarded:
            _count_on(binding, finding)
    except OSError as error:
        tell(logging.WARNING, "The generation file cannot be written (%s).", type(error).__name__)


def confirm() -> str:
    """Bind the database to this place, so that mail may leave again, and return the objection that is settled by that;
    "" when there was none. Waiting messages are the caller's business. Raises OSError when the file cannot be written:
    then nothing is changed."""
    row = Settings.load()
    if not (settled := objection(row)):
        return ""
    here, binding = place(), Binding(row.environment, row.generation)
    number = guard.confirmed(binding, here, secrets.randbelow(guard.LINEAGES))
    if here.guarded and (path := generation.file()):
        generation.write(path, number)
    Settings.objects.filter(pk=1).update(environment=here.environment, generation=number)
    Settings.bump()
    return settled


def name_database(using: str, apps: Any = installed, **kwargs: Any) -> None:
    """Give a new database the name of this environment (receiver of `post_migrate`), for those who never start a
    worker. `apps` is the state after the migrations: a partial one may not know the column yet."""
    try:
        rows = apps.get_model("mailadmin", "Settings").objects.using(using)
        rows.model._meta.get_field("generation")
    except (LookupError, FieldDoesNotExist):
        return
    if (name := conf.environment()) and router.allow_migrate_model(using, rows.model):
        rows.filter(pk=1, environment="", generation=0).update(environment=name)


def _bind(binding: Binding, here: Place) -> None:
    """Give a database its name and, where a file counts along, its first generation. Several processes may do it at
    once: one of them makes the file, and one the row."""
    path = generation.file() if here.guarded else None
    if path is None:
        if binding.environment != here.environment:
            _update(binding, Binding(here.environment, 0))
        return
    made = here.generation is None and generation.write(
        path, guard.first(secrets.randbelow(guard.LINEAGES)), only_new=True
    )
    number = generation.read(path)
    if number is None:  # damaged
        generation.write(path, number := guard.first(secrets.randbelow(guard.LINEAGES)))
    if not _update(binding, Binding(here.environment, number)) and made:
        generation.write(path, Settings.load().generation)  # another host was faster


def _count_on(binding: Binding, finding: Finding) -> None:
    path = generation.file()
    if path is None or not generation.can_write(path):
        return
    if finding is Finding.AHEAD:
        generation.write(path, binding.generation)
    elif generation.age(path) >= limits.GUARD_SECONDS:
        following = Binding(binding.environment, binding.generation + 1)
        with transaction.atomic(using=router.db_for_write(Settings)):
            if _update(binding, following):
                transaction.on_commit(
                    partial(generation.write, path, following.generation), using=router.db_for_write(Settings)
                )


def _update(before: Binding, after: Binding) -> bool:
    """Change the binding, unless another process did; tell whether this one did."""
    row = Settings.objects.filter(pk=1, environment=before.environment, generation=before.generation)
    return bool(row.update(environment=after.environment, generation=after.generation))


def _counted_on(here: Place) -> bool:
    """Tell whether the database is not behind the file after all: our own transaction may be older than the last
    count, and show what was."""
    try:
        latest = database.read_apart(lambda: Settings.objects.filter(pk=1).values_list("generation", flat=True).first())
    except database.UNREACHABLE:
        return False
    return latest is not None and here.generation is not None and latest >= here.generation

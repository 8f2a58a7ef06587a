"""What every message has to know before it can leave: the routes, what is known of them, and the preferences. A
versioned copy in the process, of which one cheap read tells whether it is still good."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field, replace

from django.db import connections, router
from django.db.models import F, QuerySet, Value
from django.utils import timezone

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.preferences import Preferences
from mailadmin.core.redact import clean
from mailadmin.core.settings import Route, RouteKey
from mailadmin.core.texts import _
from mailadmin.models import OAuthService, Settings, SmtpConnection

from . import database, states
from .preferences import preferences
from .prepared import Row, Select
from .states import State
from .telling import tell


@dataclass(frozen=True)
class Broken:
    """An enabled row that gives no route, and why. `place` counts the routes that are preferred to it."""

    key: RouteKey
    name: str
    reason: str
    place: int


@dataclass(frozen=True)
class Snapshot:
    """The enabled routes in their order of preference, what is known of them, the rows among them that cannot be
    used, and the preferences. `seen` is what the database said when all this was read, `generation` how old it is (see
    `guard`)."""

    version: str
    routes: tuple[Route, ...]
    states: dict[RouteKey, State]
    broken: tuple[Broken, ...] = ()
    seen: tuple[Row, ...] = ()
    preferences: Preferences = field(default_factory=Preferences)
    generation: int = 0

    def named(self, name: str) -> RouteKey | None:
        """Return the enabled route called `name` (case is ignored), None when there is none."""
        enabled = (*self.routes, *self.broken)
        return next((one.key for one in enabled if one.name.lower() == name.lower()), None)


_snapshot: Snapshot | None = None
_GENERATION = 6  # the column of the look that has it: a number in every row


def current() -> Snapshot:
    """Return the snapshot in force: one cheap read tells whether it still is.

    When the database cannot be read, the last good copy serves. Raises MailError when there is none.
    """
    global _snapshot  # shared by every backend instance of the process
    known = _snapshot  # another thread may replace it at any time, even by what its transaction takes back
    try:
        seen = database.read(_look)
        if known is None or known.seen != seen or not known.version:
            known = _snapshot = database.read(lambda: _renewed(known, seen))
    except database.UNREACHABLE as error:
        if known is None:
            known = _snapshot = _load_apart(error)
        tell(logging.WARNING, "The mail settings cannot be read (%s); a good copy is used.", type(error).__name__)
        return _aged(known)
    return known


def forget() -> None:
    """Drop the snapshot, so that the next message reads the settings again."""
    global _snapshot
    _snapshot = None


def _query() -> QuerySet[Settings, Row]:
    """Return the query for the version of the settings with their generation, so that a database that was put back is
    noticed at once, and the rows about routes."""
    nothing: list[F | Value] = [Value(None, kind) for kind in states.TYPES[2:]]
    nothing[_GENERATION - 2] = F("generation")
    version = Settings.objects.filter(pk=1).values_list(Value("", states.TYPES[0]), "version", *nothing)
    return version.union(states.rows(), all=True)


_select = Select(_query)


def _look() -> tuple[Row, ...]:
    with connections[router.db_for_read(Settings)].cursor() as cursor:
        return _select(cursor)


def _renewed(known: Snapshot | None, seen: tuple[Row, ...]) -> Snapshot:
    """Return the snapshot for what the database said; only what changed is read again."""
    settings = next((row for row in seen if not row[0]), None)  # there is none while there are no settings
    version, generation = (settings[1], settings[_GENERATION]) if settings else ("", 0)
    found = dict(states.state_of(row) for row in seen if row[0])
    if not (known and version and known.version == version):
        known = _load(version, found)
    elif known.generation != generation:
        known = replace(known, preferences=_preferences())
    return replace(known, states=found, seen=seen, generation=generation)


def _load(version: str, found: dict[RouteKey, State]) -> Snapshot:
    oauth = OAuthService.objects.filter(enabled=True).select_related("integrated_service")
    smtp = SmtpConnection.objects.filter(enabled=True).select_related("integrated_service")
    routes: list[Route] = []
    broken: list[Broken] = []
    rows: list[OAuthService | SmtpConnection] = [*oauth, *smtp]
    for row in rows:
        try:
            routes.append(row.to_route())
        except Exception as error:  # whatever is wrong with a row, the others must go on
            reason = _("Its settings cannot be used: {reason} Open it in the console and correct it.")
            reason = reason.format(reason=clean(str(error)))
            broken.append(Broken(row.key, row.name, reason, len(routes)))
            tell(logging.WARNING, "The settings of the route %r cannot be used (%s).", row.name, type(error).__name__)
    return Snapshot(version, tuple(routes), found, tuple(broken), preferences=_preferences())


def _preferences() -> Preferences:
    return preferences(Settings.objects.filter(pk=1).first())


def _load_apart(error: Exception) -> Snapshot:
    """Read on another connection: the caller's transaction may be broken while the database is well."""
    try:
        return database.read_apart(lambda: _renewed(None, _look()))
    except database.UNREACHABLE:
        text = _("The mail settings cannot be read from the database ({error}).").format(error=error)
        raise MailError(Fault(Phase.SETTINGS, Kind.NO_ROUTE, text=text, field="database")) from error


def _aged(known: Snapshot) -> Snapshot:
    """Return the copy with the rests that are over by our own clock: no server tells it meanwhile."""
    now = timezone.now()
    over = {key: replace(one, open=False) for key, one in known.states.items() if one.until and one.until <= now}
    return replace(known, states=known.states | over) if over else known


os.register_at_fork(after_in_child=forget)

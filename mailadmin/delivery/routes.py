"""Which routes a message may take: a versioned snapshot of the settings, and the plan for one message."""

from __future__ import annotations

import logging
import os
import uuid
from dataclasses import dataclass, field, replace

from django.db import connections, router
from django.db.models import BigIntegerField, CharField, QuerySet, TextField, Value
from django.db.models.functions import Cast

from mailadmin.conf import ConfigurationError
from mailadmin.core import limits, sender
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.outcome import Skipped
from mailadmin.core.preferences import Preferences
from mailadmin.core.redact import clean
from mailadmin.core.settings import OAuthRoute, Route, RouteKey, RouteKind
from mailadmin.core.sizes import base64_size
from mailadmin.models import OAuthService, RouteState, Settings, SmtpConnection

from . import database
from .convert import Draft
from .preferences import preferences
from .prepared import Row, Select
from .telling import tell


@dataclass(frozen=True)
class State:
    """What is known of a route: what speaks against it, and the largest message (bytes) that its server takes, 0 when
    that is not known."""

    stopped: bool = False
    failing: bool = False
    failures: int = 0
    reason: str = ""
    size_limit: int = 0


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
    used, and the preferences. `seen` is what the database said when all this was read."""

    version: str
    routes: tuple[Route, ...]
    states: dict[RouteKey, State]
    broken: tuple[Broken, ...] = ()
    seen: tuple[Row, ...] = ()
    preferences: Preferences = field(default_factory=Preferences)

    def named(self, name: str) -> RouteKey | None:
        """Return the enabled route called `name` (case is ignored), None when there is none."""
        enabled = (*self.routes, *self.broken)
        return next((one.key for one in enabled if one.name.lower() == name.lower()), None)


@dataclass
class Plan:
    """The routes to try for one message, and those not to try with the reason. `passed_over` tells that a
    preferred route is out of order, so that whatever sends now is the fallback."""

    routes: list[Route] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    passed_over: bool = False


_snapshot: Snapshot | None = None


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
    return known


def plan(snapshot: Snapshot, draft: Draft, only: RouteKey | None = None) -> Plan:
    """Return which routes to try for `draft`, in order, and why the others are left out.

    `only` limits the choice to one route, stopped or not: a person chose it. Raises ConfigurationError when
    nothing is enabled at all.
    """
    if not snapshot.routes and not snapshot.broken:
        raise ConfigurationError(
            "No SMTP connection or OAuth service is enabled, so no mail can leave. Add one in the mailadmin console."
        )
    found = Plan()
    for broken in snapshot.broken:
        if only in (None, broken.key):
            found.skipped.append(Skipped(broken.name, broken.reason))
            found.passed_over = found.passed_over or broken.place == 0
    too_small: list[tuple[Route, Skipped]] = []
    for route in snapshot.routes:
        if only is not None and route.key != only:
            continue
        state = snapshot.states.get(route.key, State())
        if reason := _misfit(route, draft):
            found.skipped.append(Skipped(route.name, reason))
        elif state.stopped and only is None:
            found.skipped.append(Skipped(route.name, f"It is stopped until somebody looks: {state.reason}"))
            found.passed_over = found.passed_over or not found.routes
        elif reason := _over(draft.content.size, state.size_limit) or _over_one_request(route, draft.content.size):
            too_small.append((route, Skipped(route.name, reason)))
        else:
            found.routes.append(route)
    if found.routes:
        found.skipped += [skipped for _, skipped in too_small]
    else:  # nothing else is left: the server itself has the last word, its limit may have been raised
        found.routes = [route for route, _ in too_small]
    return found


def no_route(found: Plan) -> MailError:
    """Return the error for a plan without a route to try."""
    reasons = " ".join(f"{skipped.name}: {skipped.reason}" for skipped in found.skipped)
    return MailError(Fault(Phase.SETTINGS, Kind.NO_ROUTE, text=reasons or "The chosen route is not enabled."))


def _misfit(route: Route, draft: Draft) -> str:
    """Say why `route` cannot carry `draft`, or return ""."""
    only_for = route.sender.only_for
    if only_for and (draft.sender is None or not sender.listed(draft.sender, only_for)):
        return f"It is only for other senders ({', '.join(only_for)})."
    if isinstance(route, OAuthRoute) and draft.foreign:
        return "The message names people in To or Cc who shall not get it; Graph would send it to them."
    if isinstance(route, OAuthRoute) and not all("@" in address for address in draft.addresses):
        return "A recipient has no domain; only a server that completes such names can take the message."
    return ""


def _over(size: int, limit: int) -> str:
    if not 0 < limit < size:
        return ""
    return f"The message has {_amount(size)}; this server takes at most {_amount(limit)}."


def _over_one_request(route: Route, size: int) -> str:
    """Say that a message needs an upload which the route is not set to do, or return ""."""
    if not isinstance(route, OAuthRoute) or route.large_messages or base64_size(size) <= limits.GRAPH_REQUEST_BYTES:
        return ""
    limit = _amount(limits.GRAPH_REQUEST_BYTES // 4 * 3)
    return f"The message has {_amount(size)}; one request to Graph takes {limit}, and uploads are not switched on."


def _amount(size: int) -> str:
    """Return a number of bytes as a person reads it: "310 kB", "4.2 MB", "35 MB"."""
    if size < 1_000_000:
        return f"{-(-size // 1000)} kB"
    return f"{size / 1_000_000:.1f}".removesuffix(".0") + " MB"


def _query() -> QuerySet[Settings, Row]:
    """Return the query for what every message has to know: the version of the settings, and the rows about routes."""
    text, number = Value("", TextField()), Value(0, BigIntegerField())
    version = Settings.objects.filter(pk=1).values_list(
        Value(""), "version", Value(False), Value(False), Value(0), text, number
    )
    states = RouteState.objects.filter(kind__in=list(RouteKind)).values_list(
        "kind", Cast("route_id", CharField(max_length=36)), "stopped", "failing", "failures", "reason", "size_limit"
    )
    return version.union(states, all=True)


_select = Select(_query)


def _look() -> tuple[Row, ...]:
    with connections[router.db_for_read(Settings)].cursor() as cursor:
        return _select(cursor)


def _renewed(known: Snapshot | None, seen: tuple[Row, ...]) -> Snapshot:
    """Return the snapshot for what the database said; only what changed is read again."""
    version, states = "", {}  # there is no version while there are no settings
    for kind, name, stopped, failing, failures, reason, size_limit in seen:
        if kind:
            key = RouteKey(RouteKind(kind), str(uuid.UUID(name)))
            states[key] = State(bool(stopped), bool(failing), failures, reason, size_limit)
        else:
            version = name
    if known and version and known.version == version:
        return replace(known, states=states, seen=seen)
    return replace(_load(version, states), seen=seen)


def _load(version: str, states: dict[RouteKey, State]) -> Snapshot:
    oauth = OAuthService.objects.filter(enabled=True).select_related("integrated_service")
    smtp = SmtpConnection.objects.filter(enabled=True).select_related("integrated_service")
    routes: list[Route] = []
    broken: list[Broken] = []
    rows: list[OAuthService | SmtpConnection] = [*oauth, *smtp]
    for row in rows:
        try:
            routes.append(row.to_route())
        except Exception as error:  # whatever is wrong with a row, the others must go on
            reason = f"Its settings cannot be used: {clean(str(error))} Open it in the console and correct it."
            broken.append(Broken(row.key, row.name, reason, len(routes)))
            tell(logging.WARNING, "The settings of the route %r cannot be used (%s).", row.name, type(error).__name__)
    chosen = preferences(Settings.objects.filter(pk=1).first())
    return Snapshot(version, tuple(routes), states, tuple(broken), preferences=chosen)


def _load_apart(error: Exception) -> Snapshot:
    """Read on another connection: the caller's transaction may be broken while the database is well."""
    try:
        return database.read_apart(lambda: _renewed(None, _look()))
    except database.UNREACHABLE:
        raise MailError(
            Fault(Phase.SETTINGS, Kind.NO_ROUTE, text=f"The mail settings cannot be read from the database ({error}).")
        ) from error


def forget() -> None:
    """Drop the snapshot, so that the next message reads the settings again."""
    global _snapshot
    _snapshot = None


os.register_at_fork(after_in_child=forget)

"""Which routes a message may take, in which order, and why the others are left out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from django.utils import timezone

from mailadmin.conf import ConfigurationError
from mailadmin.core import limits, sender
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.outcome import Skipped
from mailadmin.core.settings import OAuthRoute, Route, RouteKey
from mailadmin.core.sizes import base64_size
from mailadmin.core.texts import _

from . import states
from .convert import Draft
from .snapshot import Broken
from .snapshot import Snapshot as Snapshot
from .snapshot import current as current
from .snapshot import forget as forget
from .states import WELL
from .states import State as State


@dataclass
class Plan:
    """The routes to try for one message, and those not to try with the reason. `passed_over` tells that a
    preferred route is out of order, so that whatever sends now is the fallback.

    `resting` tells that a route is left out because it rests, until `retry_at` at the earliest (by the clock of the
    database; None where nobody knows), `probed` that another message is trying one at this moment, and `paused` that
    one is left out because somebody paused it. `resorts` are those of the routes that rest and are tried only because
    nothing else is left; `unasked` those whose rest is over, for which `turn` asks whether this message may try them.
    `limited` tells that only some routes were asked for.
    """

    routes: list[Route] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    passed_over: bool = False
    resting: bool = False
    paused: bool = False
    retry_at: datetime | None = None
    probed: bool = False
    resorts: dict[RouteKey, Skipped] = field(default_factory=dict)
    unasked: dict[RouteKey, State] = field(default_factory=dict)
    limited: bool = False

    def turn(self, route: Route) -> Skipped | None:
        """Return why `route` is not to be tried although its turn has come, or None: of all messages that come to a
        route whose rest is over, one tries it. At most one statement."""
        state = self.unasked.pop(route.key, None)
        if state is None or states.probe(route.key):
            return None
        return Skipped(route.name, _tried_elsewhere(state))

    def spared(self, tried: Collection[RouteKey]) -> list[Skipped]:
        """Return what to say of the resorts that were not needed."""
        return [skipped for key, skipped in self.resorts.items() if key not in tried]


def plan(
    snapshot: Snapshot,
    draft: Draft,
    only: RouteKey | None = None,
    *,
    queued: bool = False,
    by_hand: bool = False,
    avoid: Collection[RouteKey] = (),
    among: Collection[RouteKey] | None = None,
    probe: Callable[[RouteKey], bool] = states.probe,
) -> Plan:
    """Return which routes to try for `draft`, in order, and why the others are left out.

    A route that rests is left out until one message has tried it with success. In direct mode it is tried all the same
    when nothing else is left, unless it rests firmly; a `queued` message waits. `only` limits the choice to one route;
    where a person chose it (`by_hand`) it is tried though it rests or is stopped, but not while it is paused. `avoid`
    are left out because the message is about their failing; of others than those `among` (None: any) nothing is said.
    `probe` takes the right to try a route whose rest is over.
    Raises ConfigurationError when nothing is enabled at all.
    """
    if not snapshot.routes and not snapshot.broken:
        raise ConfigurationError(
            _("No SMTP connection or OAuth service is enabled, so no mail can leave. Add one in the mailadmin console.")
        )

    def offered(key: RouteKey) -> bool:
        return only in (None, key) and (among is None or key in among)

    sieve = _Sieve(draft, chosen=only is not None and by_hand, queued=queued, avoid=avoid, probe=probe)
    for broken in snapshot.broken:
        if offered(broken.key):
            sieve.leave_out(broken, broken.reason, broken.place - 1)  # it stands before the route at its place
    for place, route in enumerate(snapshot.routes):
        if offered(route.key):
            sieve.take(route, snapshot.states.get(route.key, WELL), place)
    found = sieve.plan()
    found.limited = among is not None
    return found


def no_route(found: Plan) -> MailError:
    """Return the error for a plan without a route to try."""
    reasons = " ".join(f"{skipped.name}: {skipped.reason}" for skipped in found.skipped)
    kind = Kind.ROUTE_RESTING if found.resting else Kind.ROUTE_PAUSED if found.paused else Kind.NO_ROUTE
    seconds = (found.retry_at - timezone.now()).total_seconds() if found.retry_at else None
    if found.probed:
        seconds = min(limits.REST_PROBE_SECONDS, seconds if seconds is not None else limits.REST_PROBE_SECONDS)
    return MailError(
        Fault(
            Phase.SETTINGS,
            kind,
            text=reasons or _nothing_offered(found),
            retry_after=max(seconds, 0.0) if seconds is not None else None,
        )
    )


def _nothing_offered(found: Plan) -> str:
    if found.limited:
        return _("No route that this API client may use is enabled.")
    return _("The chosen route is not enabled.")


class _Verdict(Enum):
    USABLE = auto()
    UNFIT = auto()  # for this message
    TOO_SMALL = auto()  # for this message, as far as is known
    OUT_OF_ORDER = auto()  # paused or stopped
    RESTING = auto()
    RESORT = auto()  # resting, and tried all the same when nothing else is left


class _Sieve:
    """Sorts the routes for one message, in the order of preference."""

    def __init__(
        self,
        draft: Draft,
        *,
        chosen: bool,
        queued: bool,
        avoid: Collection[RouteKey],
        probe: Callable[[RouteKey], bool],
    ) -> None:
        self._draft, self._chosen, self._queued, self._avoid, self._probe = draft, chosen, queued, avoid, probe
        self._found = Plan()
        self._places: dict[RouteKey, int] = {}
        self._disordered: list[int] = []  # places of what is out of order
        self._resorts: list[Route] = []
        self._too_small: list[tuple[Route, Skipped]] = []

    def leave_out(self, one: Route | Broken, reason: str, place: int) -> None:
        """Leave out what is out of order."""
        self._found.skipped.append(Skipped(one.name, reason, one.key))
        self._disordered.append(place)

    def take(self, route: Route, state: State, place: int) -> None:
        """Put `route` where it belongs."""
        found = self._found
        self._places[route.key] = place
        verdict, reason = self._judge(route, state)
        if verdict is _Verdict.USABLE:
            if state.half_open and not self._chosen and found.routes:
                found.unasked[route.key] = state
            found.routes.append(route)
        elif verdict is _Verdict.UNFIT:
            found.skipped.append(Skipped(route.name, reason, route.key))
        elif verdict is _Verdict.TOO_SMALL:
            self._too_small.append((route, Skipped(route.name, reason, route.key)))
        elif verdict is _Verdict.RESORT:
            found.resorts[route.key] = Skipped(route.name, reason)
            self._resorts.append(route)
            self._disordered.append(place)
        else:
            self.leave_out(route, reason, place)
            found.paused = found.paused or state.paused
            if verdict is _Verdict.RESTING:
                found.resting, found.probed = True, found.probed or not state.open
                if state.open and state.until:
                    found.retry_at = min(found.retry_at or state.until, state.until)

    def plan(self) -> Plan:
        """Return the plan."""
        found = self._found
        found.routes += self._resorts
        if found.routes:
            found.skipped += [skipped for _, skipped in self._too_small]
        else:  # nothing else is left: the server itself has the last word, its limit may have been raised
            found.routes = [route for route, _ in self._too_small]
        if found.routes:
            first = self._places[found.routes[0].key]
            found.passed_over = any(place < first for place in self._disordered)
        return found

    def _judge(self, route: Route, state: State) -> tuple[_Verdict, str]:
        if route.key in self._avoid:
            return _Verdict.UNFIT, _("The message is about this very route, which fails.")
        if reason := _misfit(route, self._draft):
            return _Verdict.UNFIT, reason
        if reason := _out_of_order(state, self._chosen):
            return _Verdict.OUT_OF_ORDER, reason
        rests = _Verdict.RESTING if self._queued or state.firm else _Verdict.RESORT
        if state.open and not self._chosen:
            return rests, _rests(state)
        size = self._draft.content.size
        if reason := _over(size, state.size_limit) or _over_one_request(route, size):
            return _Verdict.TOO_SMALL, reason
        first = not self._found.routes  # whose turn it is at once
        if state.half_open and first and not self._chosen and not self._probe(route.key):
            return rests, _tried_elsewhere(state)
        return _Verdict.USABLE, ""


def _out_of_order(state: State, chosen: bool) -> str:
    if state.paused:
        text = _("It is paused, until somebody resumes it.")
        if state.paused_by:
            text = _("It is paused by {who}, until somebody resumes it.")
        return text.format(who=state.paused_by)
    if state.stopped and not chosen:
        return _("It is stopped until somebody looks: {reason}").format(reason=state.reason)
    return ""


def _rests(state: State) -> str:
    if state.until is None:
        return _("It failed and rests for now: {reason}").format(reason=state.reason)
    until = f"{timezone.localtime(state.until):%H:%M:%S}"
    return _("It failed and rests until {time}: {reason}").format(time=until, reason=state.reason)


def _tried_elsewhere(state: State) -> str:
    return _("It failed, and another message is trying it at this moment: {reason}").format(reason=state.reason)


def _misfit(route: Route, draft: Draft) -> str:
    """Say why `route` cannot carry `draft`, or return ""."""
    only_for = route.sender.only_for
    if only_for and (draft.sender is None or not sender.listed(draft.sender, only_for)):
        return _("It is only for other senders ({senders}).").format(senders=", ".join(only_for))
    if isinstance(route, OAuthRoute) and draft.foreign:
        return _("The message names people in To or Cc who shall not get it; Graph would send it to them.")
    if isinstance(route, OAuthRoute) and not all("@" in address for address in draft.addresses):
        return _("A recipient has no domain; only a server that completes such names can take the message.")
    return ""


def _over(size: int, limit: int) -> str:
    if not 0 < limit < size:
        return ""
    text = _("The message has {size}; this server takes at most {limit}.")
    return text.format(size=_amount(size), limit=_amount(limit))


def _over_one_request(route: Route, size: int) -> str:
    """Say that a message needs an upload which the route is not set to do, or return ""."""
    if not isinstance(route, OAuthRoute) or route.large_messages or base64_size(size) <= limits.GRAPH_REQUEST_BYTES:
        return ""
    limit = _amount(limits.GRAPH_REQUEST_BYTES // 4 * 3)
    text = _("The message has {size}; one request to Graph takes {limit}, and uploads are not switched on.")
    return text.format(size=_amount(size), limit=limit)


def _amount(size: int) -> str:
    """Return a number of bytes as a person reads it: "310 kB", "4.2 MB", "35 MB"."""
    if size < 1_000_000:
        return f"{-(-size // 1000)} kB"
    return f"{size / 1_000_000:.1f}".removesuffix(".0") + " MB"

"""The circuit breaker of a route (pure): whether it rests after a failure, for how long, and how firmly.

Closed means that a route is well. A failure that is the route's own opens it: the route rests, so that callers do not
wait for it again and again. When the rest is over it is half-open: exactly one message tries it. Success closes it, a
failure opens it for longer. A wrong setting is no matter of rest: the route is stopped until somebody looks.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import limits, policy
from .errors import MailError, Scope
from .fault import Kind, Phase
from .policy import RouteHealth

# What may take the whole time for a connection or an answer, with each message anew.
_SLOW = frozenset(
    {
        Kind.TCP_TIMEOUT,
        Kind.TIMEOUT,
        Kind.TCP_UNREACHABLE,  # a host that is off is looked for on its network for seconds
        Kind.PROXY_UNREACHABLE,
        Kind.PROXY_TARGET,
        Kind.CRL_UNAVAILABLE,
    }
)
# Entries of the knowledge base by which a peer asks for less: to go on would make it worse. Graph's are not among
# them: its transport keeps the pause that was asked for by itself, and waits a short one out.
_TOO_MANY_MESSAGES = frozenset({"rate-limited", "hourly-limit", "daily-limit"})
_TOO_MUCH = _TOO_MANY_MESSAGES | {"entra-loop"}
# Where an answer, though a refusal, comes from a server that takes messages.
_AT_WORK = (Phase.SENDER, Phase.RECIPIENT, Phase.DATA, Phase.GRAPH)


@dataclass(frozen=True)
class Circuit:
    """What is known of a route: `stopped` until somebody looks, or `failing`, after so many `failures` running.

    A failing route rests while it is `open`; `firm` tells that it is not tried before that even where no other route
    is left.
    """

    stopped: bool = False
    failing: bool = False
    failures: int = 0
    open: bool = False
    firm: bool = False

    @property
    def half_open(self) -> bool:
        """Tell whether the rest of a failing route is over, so that one message is to try it."""
        return self.failing and not (self.stopped or self.open)


@dataclass(frozen=True)
class Rest:
    """For how many seconds a route rests, and whether firmly."""

    seconds: float
    firm: bool


@dataclass(frozen=True)
class Change:
    """What is to be written about a route: its health, and how long it rests (None where it does not)."""

    health: RouteHealth
    rest: Rest | None = None


def change(error: MailError | None, before: Circuit) -> Change | None:
    """Return what an attempt that ended with `error` (None: taken) changes in what was known `before`, or None.

    A route that is tried while it rests, because no other was left, tells nothing new by failing again, unless it now
    costs time; only the failures that make a wrong host name certain are counted all the same.
    """
    after = policy.route_health(error, before.failures)
    if after is None:
        alive = error is not None and before.failing and not before.stopped and _proves_life(error)
        return Change(RouteHealth()) if alive else None
    if error is None:
        return Change(after) if before.failing or before.stopped else None
    if after.stopped or before.stopped:
        return None if before.stopped else Change(after)
    rest = rest_after(error, after.failures)
    counted = error.fault.kind is Kind.DNS_NOT_FOUND
    if before.open and not counted and (before.firm or not rest.firm):
        return None
    return Change(after, rest)


def rest_after(error: MailError, failures: int) -> Rest:
    """Return how long a route rests after `error`, a failure of its own, which was the last of so many running (1 for
    the first).

    A time that the peer names counts, within limits.MAX_REST_SECONDS. Else the rest doubles with each failure, but
    for a resolver's: it comes back for all routes at once.
    """
    fault = error.fault
    if fault.retry_after is not None:
        return Rest(min(max(fault.retry_after, 1.0), limits.MAX_REST_SECONDS), firm=fault.phase is not Phase.GRAPH)
    if fault.kind is Kind.DNS_FAILED:
        return Rest(limits.REST_DNS_SECONDS, firm=True)
    if fault.phase is Phase.AUTH and fault.kind is not Kind.TICKET_MISSING:  # that one is found missing here
        return Rest(_doubled(limits.REST_SIGN_IN_SECONDS, failures), firm=True)
    return Rest(_doubled(limits.REST_SECONDS, failures), firm=fault.kind in _SLOW or error.code in _TOO_MUCH)


def only_by_message(code: str) -> bool:
    """Tell whether a route that failed by the entry `code` is proven well by a message alone: a peer that wants fewer
    messages goes on to take sign-ins."""
    return code in _TOO_MANY_MESSAGES


def _doubled(first: float, failures: int) -> float:
    steps = min(max(failures, 1) - 1, 10)  # far more than lead to the longest rest
    return float(min(first * 2**steps, limits.MAX_REST_SECONDS))


def _proves_life(error: MailError) -> bool:
    """Tell whether `error`, which is not the route's own, is the answer of a peer that is at work."""
    fault = error.fault
    answered = fault.smtp_code is not None or fault.http_status is not None
    return answered and fault.phase in _AT_WORK and error.scope is not Scope.UNSURE

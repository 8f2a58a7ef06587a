"""What to do after each failure, and what a failure says of the route (pure; the facts behind it are
in the knowledge base)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .errors import MailError
from .fault import Kind
from .knowledge import Failover, Health

DNS_FAILURES_BEFORE_STOP = 3  # a name that does not exist three times running is a wrong setting


class Haste(Enum):
    """How long a message can wait for what passes by itself."""

    CALLER = "caller"  # direct mode: while a route remains, another one is tried
    URGENT = "urgent"  # queued, and not to wait while another route remains
    PATIENT = "patient"  # queued: the same routes again later


@dataclass(frozen=True)
class Step:
    """What follows a failed attempt: `try_next` with the recipients still to be served by another
    route, `later` with those who wait for another run over the routes, and those for whom it is over."""

    try_next: tuple[str, ...]
    final: tuple[str, ...]
    unsure: bool = False
    later: tuple[str, ...] = ()


def after_failure(error: MailError, recipients: tuple[str, ...], haste: Haste = Haste.CALLER) -> Step:
    """Return what follows `error` for the `recipients` of the attempt."""
    return after_refusals({address: error.recipients.get(address, error) for address in recipients}, haste)


def after_refusals(refused: dict[str, MailError], haste: Haste = Haste.CALLER) -> Step:
    """Return what follows the refusal of some recipients, one by one: a mailbox that does not exist is
    final, a refusal to relay is for the next route, and who may have been served is not served again."""
    ways: dict[Failover, list[str]] = {failover: [] for failover in Failover}
    for address, error in refused.items():
        ways[_failover(error, haste)].append(address)
    return Step(
        try_next=tuple(ways[Failover.NEXT]),
        final=(*ways[Failover.FAIL], *ways[Failover.UNSURE]),
        unsure=bool(ways[Failover.UNSURE]),
        later=tuple(ways[Failover.LATER]),
    )


def _failover(error: MailError, haste: Haste) -> Failover:
    """Return what the knowledge base says, for this haste: LATER means NEXT where nobody can wait."""
    failover = error.explanation.failover
    return Failover.NEXT if failover is Failover.LATER and haste is not Haste.PATIENT else failover


def may_succeed_later(error: MailError) -> bool:
    """Tell whether a message for which no route is left may still be sent later: the failure passes by itself, or
    somebody mends the route."""
    known = error.explanation
    return known.retry or known.failover is Failover.LATER or known.health in (Health.TRIP, Health.CONFIG)


@dataclass(frozen=True)
class RouteHealth:
    """What an attempt says of its route: `stopped` until somebody looks, `failing` for now, or fine."""

    stopped: bool = False
    failing: bool = False
    failures: int = 0


def route_health(error: MailError | None, failures_before: int) -> RouteHealth | None:
    """Return the health of a route after an attempt, or None when the attempt says nothing about it.

    `error` None means that the route took the message; `failures_before` counts the failures since.
    """
    if error is None:
        return RouteHealth()
    health = error.explanation.health
    if health is Health.CONFIG:
        return RouteHealth(stopped=True, failing=True, failures=failures_before + 1)
    if health is Health.TRIP:
        failures = failures_before + 1
        stop = error.fault.kind is Kind.DNS_NOT_FOUND and failures >= DNS_FAILURES_BEFORE_STOP
        return RouteHealth(stopped=stop, failing=True, failures=failures)
    return None

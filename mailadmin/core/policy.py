"""What to do after each failure, and what a failure says of the route (pure; the facts behind it are
in the knowledge base)."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import MailError, RecipientsRefused, Scope
from .fault import Kind
from .knowledge import Failover, Health

DNS_FAILURES_BEFORE_STOP = 3  # a name that does not exist three times running is a wrong setting


@dataclass(frozen=True)
class Step:
    """What follows a failed attempt: `try_next` with the recipients still to be served by another
    route, and those for whom it is over."""

    try_next: tuple[str, ...]
    final: tuple[str, ...]
    unsure: bool = False


def after_failure(error: MailError, recipients: tuple[str, ...]) -> Step:
    """Return what follows `error` for the `recipients` of the attempt, in direct mode.

    LATER means NEXT here: the caller waits, and while a route remains another one is tried.
    """
    if error.scope is Scope.UNSURE:
        return Step((), recipients, unsure=True)
    if isinstance(error, RecipientsRefused):
        return after_refusals(error.recipients)
    if error.explanation.failover is Failover.FAIL:
        return Step((), recipients)
    return Step(recipients, ())


def after_refusals(refused: dict[str, MailError]) -> Step:
    """Return what follows the refusal of some recipients, one by one: a mailbox that does not exist is
    final, a refusal to relay is for the next route, and who may have been served is not served again."""
    over = (Failover.FAIL, Failover.UNSURE)
    onwards = tuple(address for address, error in refused.items() if error.explanation.failover not in over)
    return Step(onwards, tuple(address for address in refused if address not in onwards))


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

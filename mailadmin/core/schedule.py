"""When a queued message is tried again, and what follows a run over its routes (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from . import limits
from .settings import OnUnsure

_ASKED_AT_LEAST = 10  # a pause that a server asks for is at least this part of the usual one: no crowd every second


def retry_pause(tries: int, luck: float, asked: float | None = None) -> float:
    """Return how many seconds to wait after the failure number `tries` (from 1) that may pass.

    `luck` is a random number from 0 to 1, so that a crowd does not come back at once. `asked` is what the server asked
    for (Retry-After, seconds): it is done so, but not ever more often than a tenth of our own pauses.
    """
    usual = limits.RETRY_SECONDS[min(max(tries, 1), len(limits.RETRY_SECONDS)) - 1]
    if asked is not None:
        return max(asked, usual / _ASKED_AT_LEAST)
    return usual * (1 + limits.RETRY_JITTER * (2 * luck - 1))


def turn_pause(asked: float, waited: float, luck: float) -> float:
    """Return how many seconds a message waits for a turn of a rate of our own, of which the next comes in `asked`
    seconds.

    Whoever has `waited` long stands in a long line, and all of it would come back for that one turn: so the line comes
    back spread over as long again, up to limits.TURN_SPREAD_SECONDS.
    """
    return asked + luck * min(waited, limits.TURN_SPREAD_SECONDS)


def unsure_pause(luck: float) -> float:
    """Return how many seconds to wait before a message that may have been taken is sent once more."""
    least, most = limits.UNSURE_SECONDS
    return least + (most - least) * luck


class Next(StrEnum):
    """What follows a run."""

    DONE = "done"  # nobody waits any more
    LATER = "later"  # somebody was surely not served, and is tried again
    RESEND = "resend"  # only such wait who may have got it, and they are served once more
    HOLD = "hold"  # only such wait who may have got it, and a person decides


@dataclass(frozen=True)
class Standing:
    """How a message stands after a run: whether somebody waits who was surely not served, whether somebody may have
    got it, whether those may be served once more, and whether the lifetime of the message is over."""

    pending: bool
    unsure: bool
    may_resend: bool = False
    over: bool = False


def follow(standing: Standing) -> Next:
    """Return what follows. Who was surely not served goes before those who may have got it, as long as the message
    lives; the end of its life does not keep the one resend from those who were told nothing."""
    if standing.pending and not standing.over:
        return Next.LATER
    if not standing.unsure:
        return Next.DONE
    return Next.RESEND if standing.may_resend else Next.HOLD


def may_resend(chosen: OnUnsure, resends: int, *, same_route: bool) -> bool:
    """Tell whether a message that may have been taken is sent once more: not where the route or the message says hold,
    not after limits.UNSURE_RESENDS, and only where one route alone left it unclear (`same_route`): no other provider
    could recognise the double."""
    return chosen is OnUnsure.RESEND and resends < limits.UNSURE_RESENDS and same_route

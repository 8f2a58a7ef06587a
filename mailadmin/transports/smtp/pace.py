"""Keeping to the rate of a connection by ourselves, together with all other processes that send by it."""

from __future__ import annotations

import time
from collections.abc import Callable

from mailadmin.core import limits
from mailadmin.core.durations import in_words
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import Rate, SmtpRoute
from mailadmin.core.texts import _
from mailadmin.transports.shared import NotNow, Pace, shared


def await_turn(route: SmtpRoute, patience: float, rest: Callable[[float], object] = time.sleep) -> None:
    """Take the next turn of `route` to send a message, and let the time until then pass by `rest`. A route without a
    rate, or one that was never saved, has no turns.

    Raises MailError (PACED, with the seconds until then), and takes no turn, when that is longer than `patience`
    seconds.
    """
    if not (route.rate.messages and route.key.id):
        return
    try:
        wait = shared().book(f"smtp:{route.key.id}", pace_of(route.rate), patience)
    except NotNow as refusal:
        text = _("The rate of “{name}” is {number} in {period}; its next turn comes in {time}.").format(
            name=route.name,
            number=route.rate.messages,
            period=in_words(route.rate.seconds),
            time=in_words(refusal.seconds),
        )
        fault = Fault(Phase.MESSAGE, Kind.PACED, text, host=route.host, retry_after=refusal.seconds)
        raise MailError(fault) from None
    if wait > 0:
        rest(wait)


def until_turn(route: SmtpRoute) -> float:
    """Return after how many seconds the next turn of `route` would be, without taking it."""
    if not (route.rate.messages and route.key.id):
        return 0.0
    return shared().until_free(f"smtp:{route.key.id}", pace_of(route.rate))


def pace_of(rate: Rate) -> Pace:
    """Return the pace that keeps to `rate`, which sets a limit.

    A part of the messages may leave at once, so that few are not held up; the others follow evenly, a little slower
    than the rate, so that in any time of `seconds`, wherever it begins, there are never more than `messages`: with a
    burst of b, at most b - 1 + seconds / interval turns come within it.
    """
    burst = max(rate.messages // limits.RATE_BURST_PART, 1)
    return Pace(rate.seconds / (rate.messages - burst + 1), burst)

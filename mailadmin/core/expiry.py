"""How near the end of a credential is, in words (pure)."""

from __future__ import annotations

from datetime import date

from . import limits
from .texts import N_, _

_ADVICE = {
    60: N_("There is time to plan its renewal."),
    30: N_("Make a new one in time."),
    14: N_("Make a new one within the next days."),
    7: N_("Make a new one this week: few days are left."),
    1: N_("Make a new one now."),
}


def countdown(days: int) -> str:
    """Return when something ends whose last day is `days` from today, to follow "ends"/"ended"."""
    if days < 0:
        return _("yesterday") if days == -1 else _("{days} days ago").format(days=-days)
    return {0: _("today"), 1: _("tomorrow")}.get(days, _("in {days} days").format(days=days))


def stage(days: int) -> int | None:
    """Return the last of the stages 60, 30, 14, 7 and 1 (days) that is reached, 0 after the end, None before all."""
    if days < 0:
        return 0
    return min((one for one in limits.CREDENTIAL_STAGES_DAYS if days <= one), default=None)


def advice(days: int) -> str:
    """Return what to do while something ends in `days` days, "" while nothing is to be done."""
    reached = stage(days)
    if reached is None:
        return ""
    return _(_ADVICE.get(reached, _ADVICE[1]))


def days_left(ends_on: date | None, today: date) -> int | None:
    """Return the days until `ends_on`, negative after it, None when no end is known."""
    return (ends_on - today).days if ends_on else None

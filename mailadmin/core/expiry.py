"""How near the end of a credential is, in words (pure)."""

from __future__ import annotations

from datetime import date

from . import limits

_ADVICE = {
    60: "There is time to plan its renewal.",
    30: "Make a new one in time.",
    14: "Make a new one within the next days.",
    7: "Make a new one this week: few days are left.",
    1: "Make a new one now.",
}


def countdown(days: int) -> str:
    """Return when something ends whose last day is `days` from today, to follow "ends"/"ended"."""
    if days < 0:
        return "yesterday" if days == -1 else f"{-days} days ago"
    return {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")


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
    return _ADVICE.get(reached, "Make a new one now.")


def days_left(ends_on: date | None, today: date) -> int | None:
    """Return the days until `ends_on`, negative after it, None when no end is known."""
    return (ends_on - today).days if ends_on else None

"""A number of seconds, as a person reads it."""

from __future__ import annotations

import math

from .texts import _, ngettext

_MINUTE, _HOUR = 60, 3600


def units() -> tuple[str, ...]:
    """Return the words for units that stand behind the numbers here."""
    counted = [one(number).partition(" ")[2] for one in (days, in_words) for number in (1, 2)]
    return (*counted, in_words(2 * _MINUTE).partition(" ")[2], in_words(2 * _HOUR).partition(" ")[2])


def days(number: int) -> str:
    """Return "1 day" or "12 days"."""
    return ngettext("{number} day", "{number} days", number).format(number=number)


def in_words(seconds: float) -> str:
    """Return "1 second", "90 seconds", "5 minutes" or "3 hours": rounded up, so that nobody comes too early."""
    whole = math.ceil(seconds)
    if whole < 2 * _MINUTE:
        return ngettext("{number} second", "{number} seconds", whole).format(number=whole)
    if whole < 2 * _HOUR:
        return _("{number} minutes").format(number=math.ceil(whole / _MINUTE))
    return _("{number} hours").format(number=math.ceil(whole / _HOUR))

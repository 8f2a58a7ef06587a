"""A number of seconds, as a person reads it."""

from __future__ import annotations

import math

_MINUTE, _HOUR = 60, 3600


def in_words(seconds: float) -> str:
    """Return "1 second", "90 seconds", "5 minutes" or "3 hours": rounded up, so that nobody comes too early."""
    whole = math.ceil(seconds)
    if whole < 2 * _MINUTE:
        return f"{whole} second{'' if whole == 1 else 's'}"
    if whole < 2 * _HOUR:
        return f"{math.ceil(whole / _MINUTE)} minutes"
    return f"{math.ceil(whole / _HOUR)} hours"

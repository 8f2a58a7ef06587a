"""The last day of a server's certificate, as a test wrote it down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

ENDS_ON = "Ends on"  # as the step "Encryption" writes it: the server's own certificate before the rest of the chain


def last_day(details: Sequence[Sequence[str]]) -> date | None:
    """Return the day that the first of `details` (pairs of label and value) with that label names, None without one."""
    for label, value in details:
        if label == ENDS_ON:
            try:
                return date.fromisoformat(value[:10])
            except ValueError:
                return None
    return None

"""Runs of Test Connection: a row with its steps, walked by a thread that starts when the row is committed.

Typed secrets stay in the memory of that thread. The page reads the rows, so it works under any server.
"""

from __future__ import annotations

from .drafts import count_for, forget_draft, open_draft
from .ladders import SERVICE, AppSubject, Subject, target
from .runs import TooManyTests, report, run_now, start, steps_of

__all__ = [
    "SERVICE",
    "AppSubject",
    "Subject",
    "TooManyTests",
    "count_for",
    "forget_draft",
    "open_draft",
    "report",
    "run_now",
    "start",
    "steps_of",
    "target",
]

"""Runs of Test Connection: a row with its steps, walked by a thread that starts when the row is committed.

Typed secrets stay in the memory of that thread. The page reads the rows, so it works under any server.
"""

from __future__ import annotations

from .batches import NothingToTest, StillRunning, start_all, stop_all
from .drafts import count_for, forget_draft, open_draft
from .ladders import SERVICE, AppSubject, Subject, target
from .rows import report, steps_of, steps_of_all, write
from .runs import TooManyTests, run_now, start
from .subjects import app_subject, rows_to_test, subject_of_row
from .values import digest_of, in_words, values_of

__all__ = [
    "SERVICE",
    "AppSubject",
    "NothingToTest",
    "StillRunning",
    "Subject",
    "TooManyTests",
    "app_subject",
    "count_for",
    "digest_of",
    "forget_draft",
    "in_words",
    "open_draft",
    "report",
    "rows_to_test",
    "run_now",
    "start",
    "start_all",
    "steps_of",
    "steps_of_all",
    "stop_all",
    "subject_of_row",
    "target",
    "values_of",
    "write",
]

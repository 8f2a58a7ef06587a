"""N5: how near an end is, in words."""

from __future__ import annotations

from datetime import date

import pytest

from mailadmin.core import expiry


@pytest.mark.parametrize(
    ("days", "stage"),
    [(61, None), (60, 60), (31, 60), (30, 30), (15, 30), (14, 14), (8, 14), (7, 7), (2, 7), (1, 1), (0, 1), (-1, 0)],
)
def test_n5_the_stages_are_60_30_14_7_and_1_days(days: int, stage: int | None) -> None:
    """N5."""
    assert expiry.stage(days) == stage
    assert bool(expiry.advice(days)) is (stage is not None)


def test_the_nearer_the_end_the_more_urgent_the_words() -> None:
    assert len({expiry.advice(days) for days in (60, 30, 14, 7, 1)}) == 5
    assert expiry.advice(-5) == expiry.advice(0) == "Make a new one now."


@pytest.mark.parametrize(
    ("days", "words"),
    [(-9, "9 days ago"), (-1, "yesterday"), (0, "today"), (1, "tomorrow"), (2, "in 2 days"), (400, "in 400 days")],
)
def test_a_countdown_reads_well(days: int, words: str) -> None:
    assert expiry.countdown(days) == words


def test_the_days_left_are_counted_from_today() -> None:
    assert expiry.days_left(date(2027, 1, 3), date(2026, 12, 31)) == 3
    assert expiry.days_left(None, date(2026, 12, 31)) is None

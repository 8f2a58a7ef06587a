"""Times for people."""

from __future__ import annotations

import pytest

from mailadmin.core.durations import in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (0.2, "1 second"),
        (60, "60 seconds"),
        (119.5, "2 minutes"),
        (121, "3 minutes"),
        (3600, "60 minutes"),
        (7201, "3 hours"),
        (86_400, "24 hours"),
    ],
)
def test_a_time_is_said_for_people(seconds: float, words: str) -> None:
    assert in_words(seconds) == words

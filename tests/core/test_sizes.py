"""Sizes as people read them."""

from __future__ import annotations

import pytest

from mailadmin.core.sizes import in_words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1 kB"),
        (1_540, "1.5 kB"),
        (10_240_000, "10 MB"),
        (1_500_000, "1.5 MB"),
        (35_000_000, "35 MB"),
        (157_286_400, "157 MB"),
    ],
)
def test_a_size_is_told_with_two_digits_or_more(size: int, words: str) -> None:
    assert in_words(size) == words

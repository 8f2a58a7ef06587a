"""Sizes as people read them."""

from __future__ import annotations

import pytest

from mailadmin.core.sizes import in_words, parse


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


@pytest.mark.parametrize(
    ("text", "size"),
    [("4096", 4096), ("300 kB", 300_000), ("25MB", 25_000_000), (" 1,5 mb ", 1_500_000), ("2g", 2 * 10**9), ("0", 0)],
)
def test_a_size_may_be_typed_as_people_write_it(text: str, size: int) -> None:
    assert parse(text) == size


@pytest.mark.parametrize("text", ["", "big", "-1", "5 TB", "1 2", "1e9", "99999 GB", "٣ MB", "1" * 40])
def test_what_is_no_size_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="Type a size"):
        parse(text)

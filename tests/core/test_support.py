"""The support report as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core.support import Section, as_text


def test_every_section_has_its_title_and_an_empty_one_says_so() -> None:
    text = as_text("Report", [Section("Now", ["one", "  two"]), Section("Then")])
    assert text == "Report\n\nNow\n---\none\n  two\n\nThen\n----\nNone."


@given(st.lists(st.text(alphabet=st.characters(categories=("L", "N", "P")), min_size=1, max_size=30), min_size=1))
def test_a_long_line_goes_on_below_and_loses_no_word(words: list[str]) -> None:
    text = as_text("R", [Section("T", [" ".join(words)])])
    assert text.split()[3:] == [word for text in words for word in text.split()]
    assert all(len(line) <= 110 for line in text.splitlines())

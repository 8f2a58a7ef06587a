"""N8: no value leaves its quotes."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from mailadmin.console.powershell import literal, literals, one_line

from .powershell_reader import read


@given(st.text())
@example("it's $env:PATH `n $(calc) ; # <# '' @' '@")
@example("\u2019; Remove-Item \u2018")
@example("a'\r\n; calc '")
@example("\u201a\u201b''\u2028x\u2029\x00\u202e")
def test_n8_a_literal_is_one_string_on_one_line_with_the_same_text(text: str) -> None:
    """N8."""
    quoted = literal(text)
    assert len(quoted.splitlines()) == 1
    assert read(quoted) == ("′", [one_line(text)])


@given(st.lists(st.text()))
def test_an_array_holds_each_text_once(texts: list[str]) -> None:
    code, values = read(literals(texts))
    assert values == [one_line(text) for text in texts]
    assert code == "@(" + ", ".join("′" for _ in texts) + ")"


def test_what_cannot_be_seen_becomes_a_blank() -> None:
    assert one_line("a\r\nb\tc\x00d\u2028e\u202ef") == "a  b c d e f"
    assert literal("O'Brien’s $x") == "'O''Brien’’s $x'"

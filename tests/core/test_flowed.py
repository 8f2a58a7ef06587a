"""format=flowed (RFC 3676): what a reader joins again is what was written."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core.flowed import flow
from mailadmin.core.limits import FLOWED_CHARS


def unflowed(text: str) -> str:
    """Read a flowed text as section 4 of the RFC says, with DelSp=no."""
    paragraphs: list[tuple[str, str]] = []
    open_depth: str | None = None
    for line in text.split("\n"):
        depth = re.match(">*", line)[0]  # type: ignore[index]  # it always fits
        content = line[len(depth) :].removeprefix(" ")
        if content == "-- ":
            open_depth = None
        if open_depth == depth and paragraphs:
            paragraphs[-1] = (depth, paragraphs[-1][1] + content)
        else:
            paragraphs.append((depth, content))
        open_depth = depth if content.endswith(" ") and content != "-- " else None
    return "\n".join(f"{depth} {content}" if depth else content for depth, content in paragraphs)


def normal(text: str) -> str:
    """Return `text` without what flowing takes away: blanks at the end of lines, and those between ">" and the text."""
    lines = []
    for line in re.split(r"\r\n|\r|\n", text):
        depth = re.match(">*", line)[0]  # type: ignore[index]  # it always fits
        content = line[len(depth) :].removeprefix(" ") if depth else line
        content = content if content == "-- " else content.rstrip(" ")
        lines.append(f"{depth} {content}" if depth else content)
    return "\n".join(lines)


@given(st.lists(st.text("ab >-", max_size=200) | st.text(max_size=40) | st.just("-- "), max_size=6).map("\n".join))
def test_a_reader_gets_back_what_was_written(text: str) -> None:
    assert unflowed(flow(text)) == normal(text)


@given(st.lists(st.text("abc", min_size=1, max_size=30), max_size=60).map(" ".join))
def test_lines_are_short_and_break_behind_a_blank(text: str) -> None:
    *soft, _last = flow(text).split("\n")
    assert all(len(line) <= FLOWED_CHARS and line.endswith(" ") for line in soft)


@pytest.mark.parametrize(
    ("text", "flowed"),
    [
        ("short", "short"),
        ("a line of the writer's own  \nthe next", "a line of the writer's own\nthe next"),
        (" indented", "  indented"),
        ("From here", " From here"),
        ("> quoted", "> quoted"),
        (">>deeper", ">> deeper"),
        ("-- \nAda", "-- \nAda"),
        ("x" * 100, "x" * 100),
        ("x" * 100 + " y", "x" * 100 + " \ny"),
        ("a\r\nb\rc", "a\nb\nc"),
    ],
)
def test_what_a_reader_could_misread(text: str, flowed: str) -> None:
    assert flow(text) == flowed


def test_no_line_in_the_middle_is_taken_for_a_signature() -> None:
    assert "-- " not in flow("-- " + "x" * 90 + " and more").split("\n")

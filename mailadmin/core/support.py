"""The support report of an installation as plain text (pure)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_WIDTH = 110  # characters of a line; what is longer goes on below, indented


@dataclass(frozen=True)
class Section:
    """One part of the report: its title and its lines. Without lines it says "None." """

    title: str
    lines: Sequence[str] = ()


def as_text(heading: str, sections: Iterable[Section]) -> str:
    """Return the report: a heading, then each section with its title underlined."""
    parts = [heading]
    for section in sections:
        lines = [line for text in section.lines or ["None."] for line in _wrapped(text)]
        parts.append("\n".join([section.title, "-" * len(section.title), *lines]))
    return "\n\n".join(parts)


def _wrapped(text: str) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    one_line = " ".join(text.split())
    first = indent[2:]
    return textwrap.wrap(
        first + one_line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )

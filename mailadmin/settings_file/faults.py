"""What is wrong in a settings file, told all at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: a sentence, what to do where that is not said in it, and where it stands; `line` is
    None where the line cannot be told."""

    text: str
    remedy: str = ""
    table: str = ""
    name: str = ""
    key: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = " ".join(part for part in (self.table, f"“{self.name}”" if self.name else "") if part)
        where = ", ".join(part for part in (where, self.key) if part)
        line = f"line {self.line}" if self.line else ""
        start = ": ".join(part for part in (line, where) if part)
        return f"{start}: {self.said}" if start else self.said

    @property
    def said(self) -> str:
        """Return the sentence with what to do."""
        return f"{self.text} {self.remedy}".strip()

    def as_data(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


class Unreadable(Exception):
    """The file itself cannot be read; the text is a sentence."""


def did_you_mean(word: str, known: list[str]) -> str:
    """Return a question with the most similar of the `known` words, else which there are."""
    near = get_close_matches(word, known, n=1)
    return f"Did you mean “{near[0]}”?" if near else f"Known here: {', '.join(known)}."

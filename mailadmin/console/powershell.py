"""Values inside a PowerShell script: quoted so that nothing in them ever runs (pure).

Source: learn.microsoft.com, "about_Quoting_Rules": in single quotes nothing is expanded, and a quote is doubled.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# PowerShell takes typographic quotes for a single quote, too.
_QUOTES = frozenset("'\u2018\u2019\u201a\u201b")
# Control and format characters, line and paragraph separators, halves of surrogate pairs.
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


def literal(text: str) -> str:
    """Return `text` as a string in single quotes, on one line; what cannot be seen becomes a blank."""
    return "'" + "".join(char * 2 if char in _QUOTES else char for char in one_line(text)) + "'"


def literals(texts: Iterable[str]) -> str:
    """Return `texts` as an array: @('a', 'b')."""
    return f"@({', '.join(literal(text) for text in texts)})"


def one_line(text: str) -> str:
    """Return `text` with a blank for each line end and everything else that cannot be seen, as a comment needs it."""
    return "".join(" " if unicodedata.category(char) in _UNSEEN else char for char in text)

"""Text whose lines a mail program may join again and wrap to its window: format=flowed (RFC 3676, pure).

A line that ends with a blank goes on in the next one. So blanks at the end of the writer's own lines are taken away,
and a line that would be misread is stuffed with one at its beginning (section 4.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .limits import FLOWED_CHARS

_SIGNATURE = "-- "  # section 4.3: it ends with a blank, and flows nowhere
_QUOTED = re.compile(r"(>+) ?(.*)", re.DOTALL)  # section 4.5; the blank is stuffing, as most programs write it
_MISREAD = (" ", ">", "From ")
_BREAKS = re.compile(r"\r\n|\r|\n")


def flow(text: str) -> str:
    """Return `text` with its long lines broken softly, each line end as LF. Lines of quotations (">") keep their depth.
    A word longer than a line stays whole."""
    return "\n".join(line for paragraph in _BREAKS.split(text) for line in _lines(paragraph))


def _lines(paragraph: str) -> Iterator[str]:
    quoted = _QUOTED.fullmatch(paragraph)
    depth, rest = (quoted[1], quoted[2]) if quoted else ("", paragraph)
    if rest == _SIGNATURE:
        yield f"{depth} {rest}" if depth else rest
        return
    chunks = list(_chunks(rest.rstrip(" "), FLOWED_CHARS - len(depth) - 1))
    for chunk in chunks:
        stuffed = depth or chunk.startswith(_MISREAD)
        yield f"{depth} {chunk}" if stuffed else chunk


def _chunks(rest: str, width: int) -> Iterator[str]:
    """Cut `rest` behind blanks into pieces of at most `width` characters, the blanks included. None but the last may
    be taken for the sign of a signature, and the last does not end with a blank."""
    while len(rest) > width:
        cut = rest.rfind(" ", 0, width) + 1 or rest.find(" ") + 1
        if rest[:cut] == _SIGNATURE:  # alone on a line it would end the text; a longer line is allowed (section 4.2)
            cut = rest.find(" ", cut) + 1
        if not cut:
            break
        yield rest[:cut]
        rest = rest[cut:]
    yield rest

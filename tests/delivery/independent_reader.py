"""A second reader of address headers, written from RFC 5322 section 3.4 and on its own: it shares no line with
`core.addresses`, nor with Python's parsers, so that the two can be compared."""

from __future__ import annotations

import re

_PIECES = re.compile(
    r'(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<literal>\[[^\]\\]*\])|(?P<special>[(),:;<>@])'
    r'|(?P<blank>[ \t]+)|(?P<atom>[^\s"(),:;<>@\[\]\\]+)',
    re.DOTALL,
)


class UnreadableError(ValueError):
    """This text is no address header."""


def mailboxes(header: str) -> list[str]:
    """Return `local@domain` for each mailbox in the unfolded value of a header, the local part without its quotes."""
    found: list[str] = []
    for entry in _entries(_pieces(header)):
        pieces = [piece for piece in entry if piece[0] != "blank"]
        if not pieces:
            continue
        if ("special", "<") in pieces:
            start, end = pieces.index(("special", "<")), len(pieces) - 1
            if pieces[end] != ("special", ">") or any(kind == "special" for kind, _ in pieces[:start]):
                raise UnreadableError(header)
            pieces = pieces[start + 1 : end]
        found.append(_mailbox(pieces, header))
    return found


def _pieces(text: str) -> list[tuple[str, str]]:
    """Cut `text` into pieces, comments left out."""
    pieces, place, depth = [], 0, 0
    while place < len(text):
        if depth and text[place] == "\\":
            place += 2
            continue
        if text[place] == "(":
            depth += 1
        elif text[place] == ")" and depth:
            depth -= 1
        elif not depth:
            match = _PIECES.match(text, place)
            if not match:
                raise UnreadableError(text)
            pieces.append((str(match.lastgroup), match[0]))
            place = match.end()
            continue
        place += 1
    if depth:
        raise UnreadableError(text)
    return pieces


def _entries(pieces: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Cut at the commas, and take the names of groups away."""
    entries: list[list[tuple[str, str]]] = [[]]
    angle = False
    for kind, text in pieces:
        if kind == "special" and text in "<>":
            angle = text == "<"
        if kind == "special" and text in ",;" and not angle:
            entries.append([])
        elif kind == "special" and text == ":" and not angle:
            entries[-1] = []
        else:
            entries[-1].append((kind, text))
    return entries


def _mailbox(pieces: list[tuple[str, str]], header: str) -> str:
    ats = [place for place, piece in enumerate(pieces) if piece == ("special", "@")]
    if len(ats) != 1:
        raise UnreadableError(header)
    local, domain = pieces[: ats[0]], pieces[ats[0] + 1 :]
    if (
        len(local) != 1
        or len(domain) != 1
        or local[0][0] not in ("quoted", "atom")
        or domain[0][0] not in ("atom", "literal")
    ):
        raise UnreadableError(header)
    kind, text = local[0]
    name = re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if kind == "quoted" else text
    return f"{name}@{domain[0][1]}"

"""Editing the header block of a finished message, so that a route's changes need no second build (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.policy import SMTP

_FIELD = re.compile(rb"([^\s:]+)[ \t]*:")
_EMPTY_LINE = b"\r\n\r\n"
_LINE_END = re.compile(rb"\r\n|\r|\n")


def canonical(content: bytes) -> bytes:
    """Return `content` with every line end as CRLF (RFC 5321 2.3.8), so that no server sees another end of
    the data than we do (SMTP smuggling, CVE-2023-51764)."""
    return _LINE_END.sub(b"\r\n", content)


def split(content: bytes) -> tuple[list[tuple[str, bytes]], bytes]:
    """Return the header fields as (lower-case name, raw lines with CRLF) in order, and the body (which begins
    after the empty line). `content` has CRLF line ends."""
    return fields(content), content[_head_length(content) + len(_EMPTY_LINE) :]


def fields(content: bytes) -> list[tuple[str, bytes]]:
    """Return the header fields as `split` does. The body is not touched: it may be many megabytes."""
    found: list[tuple[str, bytes]] = []
    for line in content[: _head_length(content)].split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and found:
            name, raw = found[-1]
            found[-1] = (name, raw + line + b"\r\n")
        else:
            field = _FIELD.match(line)
            found.append((field[1].decode("ascii", "replace").lower() if field else "", line + b"\r\n"))
    return found


def _head_length(content: bytes) -> int:
    """Return how many bytes stand before the empty line; all of them when there is none."""
    end = content.find(_EMPTY_LINE)
    return len(content) if end < 0 else end


def replace(content: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    """Return `content` with the named fields (lower case) replaced by folded lines, added at the end of the
    block when they were missing, or removed (None). Every other byte stays as it is."""
    known, body = split(content)
    left = dict(changes)
    lines: list[bytes] = []
    for name, raw in known:
        if name not in changes:
            lines.append(raw)
            continue
        new = left.pop(name, None)
        if new is not None:
            lines.append(new)
    lines += [new for new in left.values() if new is not None]
    return b"".join(lines) + b"\r\n" + body


def values(content: bytes, name: str) -> list[str]:
    """Return the unfolded value of every field called `name` (lower case)."""
    return [
        raw.partition(b":")[2].replace(b"\r\n", b"").strip().decode("utf-8", "replace")
        for found, raw in fields(content)
        if found == name
    ]


def value(content: bytes, name: str) -> str:
    """Return the unfolded value of the first field called `name` (lower case), or ""."""
    return next(iter(values(content, name)), "")


def fold(name: str, text: str) -> bytes:
    """Return an unstructured header (Subject) as folded, encoded lines with CRLF (RFC 2047)."""
    folded: str = SMTP.header_factory(name, text).fold(policy=SMTP)
    return folded.encode("utf-8", "surrogateescape")

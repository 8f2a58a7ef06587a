"""Editing the header block of a finished message, so that a route's changes need no second build (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.policy import SMTP

_FIELD = re.compile(rb"([^\s:]+)[ \t]*:")
_LINE_END = re.compile(rb"\r\n|\r|\n")


def canonical(content: bytes) -> bytes:
    """Return `content` with every line end as CRLF (RFC 5321 2.3.8), so that no server sees another end of
    the data than we do (SMTP smuggling, CVE-2023-51764)."""
    return _LINE_END.sub(b"\r\n", content)


def split(content: bytes) -> tuple[list[tuple[str, bytes]], bytes]:
    """Return the header fields as (lower-case name, raw lines with CRLF) in order, and the body (which begins
    after the empty line). `content` has CRLF line ends."""
    head, empty, body = content.partition(b"\r\n\r\n")
    fields: list[tuple[str, bytes]] = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and fields:
            name, raw = fields[-1]
            fields[-1] = (name, raw + line + b"\r\n")
        else:
            found = _FIELD.match(line)
            fields.append((found[1].decode("ascii", "replace").lower() if found else "", line + b"\r\n"))
    return fields, body if empty else b""


def replace(content: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    """Return `content` with the named fields (lower case) replaced by folded lines, added at the end of the
    block when they were missing, or removed (None). Every other byte stays as it is."""
    fields, body = split(content)
    left = dict(changes)
    lines: list[bytes] = []
    for name, raw in fields:
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
        for found, raw in split(content)[0]
        if found == name
    ]


def value(content: bytes, name: str) -> str:
    """Return the unfolded value of the first field called `name` (lower case), or ""."""
    return next(iter(values(content, name)), "")


def fold(name: str, text: str) -> bytes:
    """Return an unstructured header (Subject) as folded, encoded lines with CRLF (RFC 2047)."""
    folded: str = SMTP.header_factory(name, text).fold(policy=SMTP)
    return folded.encode("utf-8", "surrogateescape")

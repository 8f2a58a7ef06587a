"""Editing the header block of a finished message, so that a route's changes need no second build (pure).

A head is the header block with its empty line, as `core.content.Content` holds it: the body is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.policy import SMTP
from functools import lru_cache

_NAME = re.compile(rb"([^\s:]+)[ \t]*:")
_LINE_END = re.compile(rb"\r\n|\r|\n")


def canonical(content: bytes) -> bytes:
    """Return `content` with every line end as CRLF (RFC 5321 2.3.8), so that no server sees another end of
    the data than we do (SMTP smuggling, CVE-2023-51764)."""
    if content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r"):
        return content
    return _LINE_END.sub(b"\r\n", content)


def fields(head: bytes) -> list[tuple[str, bytes]]:
    """Return the header fields of `head` as (lower-case name, raw lines with CRLF) in order; the name is empty
    for a line that is no field."""
    found: list[tuple[str, bytes]] = []
    for line in head.removesuffix(b"\r\n").removesuffix(b"\r\n").split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and found:
            name, raw = found[-1]
            found[-1] = (name, raw + line + b"\r\n")
        elif line:
            field = _NAME.match(line)
            found.append((field[1].decode("ascii", "replace").lower() if field else "", line + b"\r\n"))
    return found


def replace(head: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    """Return `head` with the named fields (lower case) replaced by folded lines, added at the end of the
    block when they were missing, or removed (None). Every other byte stays as it is."""
    left = dict(changes)
    lines: list[bytes] = []
    for name, raw in fields(head):
        if name not in changes:
            lines.append(raw)
            continue
        new = left.pop(name, None)
        if new is not None:
            lines.append(new)
    lines += [new for new in left.values() if new is not None]
    return b"".join(lines) + b"\r\n"


def holds(head: bytes, name: str) -> bool:
    """Tell whether `head` has a field called `name` (lower case), also an empty one."""
    return _field(name).search(head) is not None


def values(head: bytes, name: str) -> list[str]:
    """Return the unfolded value of every field called `name` (lower case)."""
    return [found.replace(b"\r\n", b"").strip().decode("utf-8", "replace") for found in _field(name).findall(head)]


def value(head: bytes, name: str) -> str:
    """Return the unfolded value of the first field called `name` (lower case), or ""."""
    found = _field(name).search(head)
    return found[1].replace(b"\r\n", b"").strip().decode("utf-8", "replace") if found else ""


def fold(name: str, text: str) -> bytes:
    """Return a header as folded lines with CRLF, encoded where it must be (RFC 2047, RFC 2231)."""
    folded: str = SMTP.header_factory(name, text).fold(policy=SMTP)
    return folded.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=64)
def _field(name: str) -> re.Pattern[bytes]:
    """Return what finds a field with its folded lines."""
    return re.compile(rb"^%b[ \t]*:(.*(?:\n[ \t].*)*)" % re.escape(name.encode()), re.MULTILINE | re.IGNORECASE)

"""What a message means to whoever reads it: recipients, headers, bodies and files, decoded; its bytes may differ."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields, replace
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses
from typing import Any

# Written by each way for itself, or told by the structure.
_NOT_COMPARED = {"mime-version", "content-transfer-encoding", "content-type", "content-disposition", "bcc", "received"}
_ADDRESSES = {"from", "sender", "to", "cc", "reply-to"}
_PRIORITIES = {"importance", "priority", "x-priority", "x-msmail-priority"}
_AS_THEY_ARE = {"multipart/signed", "multipart/encrypted", "multipart/report"}  # another byte breaks them
_URGENT, _LOW = {"high", "urgent", "1", "2"}, {"low", "non-urgent", "4", "5"}

Shape = Any
"""A body as (type, text), or a multipart as (type, shapes); None where there is none."""
_NO_TEXT: Shape = ("text/plain", "")  # nothing to read, as where there is no text at all


@dataclass(frozen=True)
class File:
    """An attachment: `content` is a digest of its bytes, or the meaning of an attached message."""

    name: str
    kind: str
    inline: bool
    cid: str
    content: Any


@dataclass(frozen=True)
class Meaning:
    """What two ways are compared by. `exact` is a digest of a body that must not change in a byte."""

    recipients: frozenset[str]
    headers: tuple[tuple[str, Any], ...]
    priority: str
    bodies: Shape
    files: tuple[File, ...]
    exact: str


def meaning(
    raw: bytes, recipients: Iterable[str] = (), *, with_date: bool = True, changed: Collection[str] = ()
) -> Meaning:
    """Return what `raw`, delivered to `recipients`, means.

    A way without Date of its own is compared without it. A file that is named in `changed` is compared without its name
    and place, and then so is one without a name, and an attached message, whose name may have got an ending.
    """
    message = message_from_bytes(raw, policy=default)
    files: list[File] = []
    bodies = _shape(message, files) or _NO_TEXT
    if changed:
        files = [_unnamed(file, changed) for file in files]
    kept = raw.partition(b"\r\n\r\n")[2].rstrip() if message.get_content_type() in _AS_THEY_ARE else b""
    return Meaning(
        recipients=frozenset(recipients),
        headers=tuple(sorted(_headers(message, with_date))),
        priority=_priority(message),
        bodies=bodies,
        files=tuple(sorted(files, key=repr)),  # the ways may have them in another order
        exact=_digest(kept),
    )


def difference(one: Meaning, other: Meaning) -> str:
    """Return what differs, "" when nothing does."""
    names = [field.name for field in fields(Meaning) if getattr(one, field.name) != getattr(other, field.name)]
    return "; ".join(f"{name}: {getattr(one, name)!r} became {getattr(other, name)!r}" for name in names)


def _unnamed(file: File, changed: Collection[str]) -> File:
    is_changed = not file.name or file.name in changed or file.kind == "message/rfc822"
    return replace(file, name="", inline=False) if is_changed else file


def _headers(message: EmailMessage, with_date: bool) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, raw in message.raw_items():  # the modern parser fails on some, and reads long names otherwise
        key, value = name.lower(), " ".join(str(raw).split())
        if key in _NOT_COMPARED | _PRIORITIES or (key == "date" and not with_date):
            continue
        if key in _ADDRESSES:
            people = (
                (_decoded(who), address.lower()) for who, address in getaddresses([value.rstrip(" ,")]) if address
            )
            found.append((key, tuple(people)))
        else:
            found.append((key, " ".join(_decoded(value).split())))
    return found


def _decoded(raw: str) -> str:
    try:
        # A byte order mark begins each encoded word in UTF-16.
        return str(make_header(decode_header(raw))).replace("\ufeff", "")
    except (LookupError, ValueError, HeaderParseError):  # no such character set, or not in it
        return raw


def _priority(message: EmailMessage) -> str:
    said = {str(message[name]).split()[0].lower() for name in _PRIORITIES if message[name]}
    return "high" if said & _URGENT else "low" if said & _LOW else "normal"


def _shape(part: EmailMessage, files: list[File]) -> Shape:
    """Return the bodies of `part`, and put its files into `files`."""
    kind = part.get_content_type()
    if part.is_multipart() and part.get_content_maintype() == "multipart":
        shapes = [shape for child in part.iter_parts() if (shape := _shape(child, files)) is not None]
        if kind in ("multipart/mixed", "multipart/related") and len(shapes) < 2:
            return shapes[0] if shapes else None
        return kind, tuple(shapes)
    if _is_body(part):
        method = str(part.get_param("method", "")).upper()  # of an invitation
        return (f"{kind} {method}".rstrip(), _text(part))
    files.append(_file(part, kind))
    return None


def _is_body(part: EmailMessage) -> bool:
    attached = part.get_content_disposition() == "attachment" or part.get_filename() or part["Content-ID"]
    return part.get_content_maintype() == "text" and not attached


def _text(part: EmailMessage) -> str:
    octets = part.get_payload(decode=True) or b""
    text = octets.decode(part.get_content_charset() or "utf-8", "replace")  # type: ignore[union-attr] # decoded: bytes
    return text.replace("\r\n", "\n").rstrip("\n")


def _file(part: EmailMessage, kind: str) -> File:
    cid = str(part["Content-ID"] or "").strip("<> ")
    disposition = part.get_content_disposition()
    inline = disposition == "inline" or (bool(cid) and disposition != "attachment")
    return File(part.get_filename() or "", kind, inline, cid, _content(part, kind))


def _content(part: EmailMessage, kind: str) -> Any:
    payload = part.get_payload()
    if kind == "message/rfc822" and isinstance(payload, list):
        inner = payload[0].as_bytes(policy=part.policy.clone(linesep="\r\n"))
        if str(part["Content-Transfer-Encoding"]).lower() == "base64":
            inner = message_from_bytes(b"Content-Transfer-Encoding: base64\r\n\r\n" + inner).get_payload(decode=True)
        return meaning(inner)
    octets = part.get_payload(decode=True)
    octets = octets if isinstance(octets, bytes) else b""
    return _digest(octets.replace(b"\r\n", b"\n") if kind.startswith("text/") else octets)


def _digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()[:16] if octets else ""

"""Messages as bytes: what a MIME request brings, whom it is for, and what its recipients get (pure).

Rules: learn.microsoft.com, "Send Outlook messages in MIME format"; RFC 5322 and RFC 2045 to 2047 for the form.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import SMTP, compat32
from urllib.parse import quote
from uuid import uuid4

from mailadmin.core.texts import _

from .refusal import Refused

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_BCC = re.compile(rb"^bcc:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(rb"[!-9;-~]+:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*")
_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(;[ -~]*)?", re.ASCII)
_WORD_BYTES = 42  # of an encoded word: with its frame 75 characters at most (RFC 2047 section 2)
_NAME_CHARS = 60  # of an encoded file name on one line
_DEFAULT_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Attached:
    """A file of a message. `inline` ones belong to the HTML body, which names their `content_id`."""

    name: str
    content_type: str
    content: bytes
    inline: bool = False
    content_id: str = ""


@dataclass(frozen=True)
class Envelope:
    """What the headers of a message say: whom it is for (To, Cc, Bcc), who it is from, its Message-ID and subject."""

    recipients: tuple[str, ...]
    sender: str
    message_id: str
    subject: str


def from_base64(body: bytes) -> bytes:
    """Return the message of a MIME request. Raises Refused."""
    try:
        raw = base64.b64decode(body.translate(None, b"\r\n\t "), validate=True)
    except binascii.Error:
        raise Refused(400, "ErrorMimeContentInvalidBase64String", "The MIME content is not base64.") from None
    if not _FIELD.match(raw.partition(b"\n")[0] + b"\n"):
        raise Refused(400, "BadRequest", "The MIME content does not contain all required information.")
    return raw


def envelope(raw: bytes) -> Envelope:
    """Return what the headers say. Raises Refused when there is no recipient, or a bad one."""
    headers = _headers(raw)
    found = [address for header in ("To", "Cc", "Bcc") for address in _addresses(headers, header)]
    for address in found:
        if not (address.username and address.domain):
            raise Refused(400, "ErrorInvalidRecipients", f"At least one recipient is not valid: {address}")
    if not found:
        text = "At least one recipient is not valid., A message can't be sent because it contains no recipients."
        raise Refused(400, "ErrorInvalidRecipients", text)
    recipients = dict.fromkeys(address.addr_spec for address in found)
    sender = next((address.addr_spec for address in _addresses(headers, "From")), "")
    return Envelope(tuple(recipients), sender, message_id(raw), subject(raw))


def message_id(raw: bytes) -> str:
    """Return the Message-ID of a message, one of our own when it has none."""
    found = BytesHeaderParser(policy=compat32).parsebytes(_head(raw)).get("Message-ID")
    return "".join(str(found).split()) if found else f"<{uuid4()}@sandbox.invalid>"


def subject(raw: bytes) -> str:
    """Return the subject of a message."""
    try:
        return str(_headers(raw).get("Subject", ""))
    except Exception:  # the standard library's parser fails on some headers
        return _("(unreadable subject)")


def without_bcc(raw: bytes) -> bytes:
    """Return the message as recipients get it: Exchange takes the Bcc header away."""
    head = _head(raw)
    return _BCC.sub(b"", head) + raw[len(head) :]


def put_together(raw: bytes, files: Sequence[Attached]) -> bytes:
    """Return the message `raw` with `files`: inline ones beside its body (RFC 2387), the others behind it."""
    inline = [_part(file) for file in files if file.inline]
    others = [_part(file) for file in files if not file.inline]
    if not (inline or others):
        return raw
    head, entity = _split(raw)
    if inline:
        entity = _with_parts("related", entity, inline)
    if others:
        entity = _with_parts("mixed", entity, others)
    return head + entity


def encoded_words(text: str, always: bool = False) -> str:
    """Return `text` for a header: as it is when it is short ASCII, else (or `always`) in encoded words (RFC 2047)."""
    plain = text.isascii() and text.isprintable() and len(text) < 200 and "=?" not in text and text == text.strip()
    if plain and not always:
        return text
    words, part = [], b""
    for char in text:
        one = char.encode()
        if len(part) + len(one) > _WORD_BYTES:
            words.append(part)
            part = b""
        part += one
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in (*words, part))


def _head(raw: bytes) -> bytes:
    """Return the header lines with the end of the last one."""
    end = _BLANK_LINE.search(raw)
    return raw[: end.start() + (2 if raw[end.start() : end.start() + 1] == b"\r" else 1)] if end else raw


def _headers(raw: bytes) -> EmailMessage:
    parsed = BytesHeaderParser(policy=SMTP).parsebytes(_head(raw))
    if not isinstance(parsed, EmailMessage):
        raise TypeError("The policy makes other messages.")
    return parsed


def _addresses(headers: EmailMessage, name: str) -> list[Address]:
    """Return the addresses of the headers with this name. Raises Refused when they cannot be read."""
    try:
        return [address for value in headers.get_all(name, []) for address in value.addresses]
    except Exception:  # as above
        text = f"At least one recipient is not valid: the header {name} cannot be read."
        raise Refused(400, "ErrorInvalidRecipients", text) from None


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Return the headers of the message, and its content with the headers that describe it."""
    head = _head(raw)
    fields = _FIELD.findall(head if head.endswith(b"\n") else head + b"\r\n")
    own = [field for field in fields if not field.lower().startswith(b"content-")]
    about = [field for field in fields if field.lower().startswith(b"content-")]
    if not any(field.lower().startswith(b"mime-version:") for field in own):
        own.append(b"MIME-Version: 1.0\r\n")
    return b"".join(own), b"".join(about) + (raw[len(head) :] or b"\r\n")


def _with_parts(kind: str, entity: bytes, parts: Sequence[bytes]) -> bytes:
    """Return `entity` with `parts`: in it when it is mixed already, else in a new multipart of this kind."""
    head = BytesHeaderParser(policy=compat32).parsebytes(_head(entity))
    known = head.get_boundary()
    if head.get_content_type() == "multipart/mixed" and known:
        end = entity.rfind(b"\n--" + known.encode("ascii", "replace") + b"--") + 1
        if end:
            between = b"--" + known.encode("ascii", "replace") + b"\r\n"
            return b"".join((entity[:end], *(between + part + b"\r\n" for part in parts), entity[end:]))
    boundary = f"=_{uuid4().hex}".encode()
    about = f'; type="{head.get_content_type()}"' if kind == "related" else ""
    first = f'Content-Type: multipart/{kind}; boundary="{boundary.decode()}"{about}\r\n\r\n'.encode()
    pieces = [first]
    for part in (entity, *parts):
        pieces += [b"--" + boundary + b"\r\n", part, b"\r\n"]
    return b"".join((*pieces, b"--" + boundary + b"--\r\n"))


def _part(file: Attached) -> bytes:
    """Return a file as a part. A message within goes as it is: RFC 2046 section 5.2.1 allows it no base64."""
    kind = file.content_type if _TYPE.fullmatch(file.content_type) else _DEFAULT_TYPE
    as_it_is = kind.lower().startswith("message/rfc822")
    lines = [f"Content-Type: {kind}", f"Content-Transfer-Encoding: {'8bit' if as_it_is else 'base64'}"]
    lines.append(_disposition("inline" if file.inline else "attachment", file.name))
    if file.content_id:
        lines.append(f"Content-ID: <{file.content_id}>")
    head = "\r\n".join((*lines, "", "")).encode()
    return head + (file.content if as_it_is else base64.encodebytes(file.content).replace(b"\n", b"\r\n"))


def _disposition(kind: str, name: str) -> str:
    """Return the header with the file name, in pieces where it is long or not plain (RFC 2231 section 4.1)."""
    if name.isascii() and name.isprintable() and not set(name) & set('"\\') and len(name) <= _NAME_CHARS:
        return f'Content-Disposition: {kind}; filename="{name}"'
    pieces = ["utf-8''"]
    for char in name:  # a piece is decoded by itself, so no character may lie across two
        one = quote(char, safe="")
        if len(pieces[-1]) + len(one) > _NAME_CHARS:
            pieces.append("")
        pieces[-1] += one
    return f"Content-Disposition: {kind}" + "".join(f";\r\n filename*{n}*={piece}" for n, piece in enumerate(pieces))

"""Writing parts of a finished message anew in another transfer encoding (RFC 2045 section 6), where the bytes
that are there cannot go over the wire (pure).

What a reader decodes stays the same; headers change only where a line of them breaks the rule itself.
"""

from __future__ import annotations

import base64
import binascii
import email
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from . import headers
from .content import Content, Encoded
from .texts import N_, _

_AS_IT_IS = {"", "7bit", "8bit", "binary"}
_DECODERS: dict[str, Callable[[bytes], bytes]] = {"base64": binascii.a2b_base64, "quoted-printable": binascii.a2b_qp}
_SIGNED = N_("It is signed, so no byte of it may change.")
_ENCODING = "content-transfer-encoding"


class CannotRecodeError(ValueError):
    """The message must not, or cannot, be written anew; the text is a sentence that says why."""


@dataclass(frozen=True)
class Recoder:
    """Writes anew whatever is `broken`; `refold` makes a field (name, raw lines) whole, or raises
    CannotRecodeError when no field may be touched."""

    broken: Callable[[bytes], bool]
    refold: Callable[[str, bytes], bytes]

    def recode(self, content: Content) -> Content:
        """Return `content` with every broken part recoded, and the same object when none is. Encoded pieces are
        never touched. Raises CannotRecodeError."""
        if not any(self.broken(piece) for piece in content.texts()):
            return content
        # A line that nobody could have written stands for each encoded piece while the structure is read.
        mark = b"mailadmin-" + secrets.token_hex(16).encode() + b"\r\n"
        encoded = [piece for piece in content.body if isinstance(piece, Encoded)]
        whole = b"".join([content.head, *(mark if isinstance(p, Encoded) else p for p in content.body)])
        done = Content.of(self._part(whole))
        if not headers.value(done.head, "mime-version"):
            done = Content(headers.replace(done.head, {"mime-version": b"MIME-Version: 1.0\r\n"}), done.body)
        body: list[bytes | Encoded] = []
        for number, text in enumerate(b"".join(p for p in done.body if isinstance(p, bytes)).split(mark)):
            body += [encoded[number - 1], text] if number else [text]
        return Content(done.head, tuple(piece for piece in body if piece))

    def _part(self, part: bytes) -> bytes:
        """Return one part (head and body) recoded."""
        if not self.broken(part):
            return part
        head = Content.of(part).head
        body = part[len(head) :]
        if headers.holds(head, "dkim-signature"):  # covers the headers, too
            raise CannotRecodeError(_(_SIGNED))
        if self.broken(head):
            head = self._head(head)
        if self.broken(body):
            head, body = self._body(head, body)
        if self.broken(body):
            raise CannotRecodeError(_("Its structure is not that of a MIME message."))
        return head + body

    def _head(self, head: bytes) -> bytes:
        lines = [self.refold(name, raw) if self.broken(raw) else raw for name, raw in headers.fields(head)]
        return b"".join([*lines, b"\r\n"])

    def _body(self, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        """Return head and body of a part whose body is broken."""
        about = email.message_from_bytes(head)
        kind = about.get_content_type()
        if kind == "multipart/signed":
            raise CannotRecodeError(_(_SIGNED))
        if kind.startswith("multipart/"):
            return self._composite(head, self._sections(body, about.get_boundary("")))
        if kind in ("message/rfc822", "message/global"):
            return self._composite(head, self._part(body))
        encoding = headers.value(head, _ENCODING).lower()
        if encoding not in _AS_IT_IS:
            body = _decoded(encoding, body)
        name, recoded = _shortest(body) if kind.startswith("text/") else ("base64", _base64(body))
        if body.endswith(b"\r\n") and not recoded.endswith(b"\r\n"):
            recoded += b"\r\n"  # the end of the whole message, where no delimiter follows
        return headers.replace(head, {_ENCODING: f"Content-Transfer-Encoding: {name}\r\n".encode()}), recoded

    def _sections(self, body: bytes, boundary: str) -> bytes:
        """Return the body of a multipart with each part between two delimiters recoded (RFC 2046 section 5.1.1)."""
        delimiter = re.compile(rb"(?:\A|\r\n)--%b(?:--)?[ \t]*(?=\r\n|\Z)" % re.escape(boundary.encode()))
        found = list(delimiter.finditer(body)) if boundary else []
        pieces, place = [], 0
        for this, following in pairwise(found):
            start = min(this.end() + 2, following.start())
            pieces += [body[place:start], self._part(body[start : following.start()])]
            place = following.start()
        return b"".join([*pieces, body[place:]])

    @staticmethod
    def _composite(head: bytes, body: bytes) -> tuple[bytes, bytes]:
        """Return a part made of parts with its own encoding said anew: it may only tell what is in it."""
        if headers.value(head, _ENCODING):
            name = "7bit" if body.isascii() else "8bit"
            head = headers.replace(head, {_ENCODING: f"Content-Transfer-Encoding: {name}\r\n".encode()})
        return head, body


def _decoded(encoding: str, body: bytes) -> bytes:
    try:
        return _DECODERS[encoding](body)
    except (KeyError, binascii.Error):
        raise CannotRecodeError(
            _("A part of it is not in the encoding that it names, “{encoding}”.").format(encoding=encoding[:40])
        ) from None


def _shortest(text: bytes) -> tuple[str, bytes]:
    """Return text in quoted-printable, or in base64 where that is shorter."""
    quoted = headers.canonical(binascii.b2a_qp(text, istext=True))
    encoded = _base64(text)
    return ("quoted-printable", quoted) if len(quoted) <= len(encoded) else ("base64", encoded)


def _base64(data: bytes) -> bytes:
    """Return lines of base64 with CRLF between them; the last has none, as a delimiter brings its own."""
    return base64.encodebytes(data).replace(b"\n", b"\r\n").removesuffix(b"\r\n")

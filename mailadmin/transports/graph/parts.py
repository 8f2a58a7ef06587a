"""A message taken apart at its root, so that large files can be uploaded by themselves (pure).

Only children of the root multipart/mixed or multipart/related are taken out (RFC 2046 section 5.1); what stays is
the same bytes as before. Attachments that stand in the message as `Encoded` are neither copied nor decoded.
"""

from __future__ import annotations

import binascii
import email
import mimetypes
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

from mailadmin.core import headers, limits
from mailadmin.core.content import Content, Encoded
from mailadmin.core.sizes import in_words
from mailadmin.core.texts import _

_Piece = memoryview | Encoded
_AS_IT_IS = ("", "7bit", "8bit", "binary")
_DECODERS: dict[str, Callable[[memoryview], bytes]] = {
    "base64": binascii.a2b_base64,
    "quoted-printable": binascii.a2b_qp,
}
_HEAD_END = re.compile(rb"\A\r\n|\r\n\r\n")
_LINE_FEED = 0x0A
# What Graph can say of a file; any other header or parameter would be lost on the way.
_FILE_HEADERS = {"content-type", "content-transfer-encoding", "content-disposition", "content-id", "mime-version"}
_TYPE_PARAMETERS = {"name", "charset"}
_DISPOSITION_PARAMETERS = {"filename"}
_PLAIN_TEXT = b'Content-Type: text/plain; charset="us-ascii"\r\n'


class CannotTravelError(ValueError):
    """Something of a message cannot go in the form that was tried; the text is a part of a sentence that says why."""


@dataclass(frozen=True)
class Attachment:
    """A file that travels by itself: `data` is what a reader saves. `inline` files are shown inside the HTML, which
    names them by `content_id`. `changed` says what arrives otherwise than it stood in the message ("" for nothing)."""

    name: str
    content_type: str
    data: bytes | memoryview
    inline: bool = False
    content_id: str = ""
    changed: str = ""

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return len(self.data)


@dataclass(frozen=True)
class Part:
    """A part of a message: its headers (with their empty line), and its content as it stands there, without the line
    end that belongs to the delimiter."""

    head: bytes
    body: tuple[_Piece, ...]

    @property
    def about(self) -> EmailMessage:
        """Return what the headers say. Python's own code fails in many ways where they are odd enough."""
        return email.message_from_bytes(self.head, _class=EmailMessage, policy=SMTP)

    @property
    def data(self) -> bytes | memoryview:
        """Return the decoded content. Raises CannotTravelError when it is not in the encoding that it names."""
        encoded = [piece for piece in self.body if isinstance(piece, Encoded)]
        others = [piece for piece in self.body if isinstance(piece, memoryview)]
        if len(encoded) == 1 and all(bytes(piece[:3]) in (b"", b"\r\n") for piece in others):
            return encoded[0].data
        raw = others[0] if len(self.body) == len(others) == 1 else memoryview(b"".join(_blocks(self.body)))
        encoding = headers.value(self.head, "content-transfer-encoding").lower()
        if encoding in _AS_IT_IS:
            return raw
        try:
            return _DECODERS[encoding](raw)
        except (KeyError, binascii.Error):
            raise CannotTravelError(
                _("a part of it is not in the encoding that it names, “{encoding}”").format(encoding=encoding[:40])
            ) from None


@dataclass(frozen=True)
class Apart:
    """A message taken apart: `rest` still is a whole message, and `attachments` belong to it, in their order."""

    rest: Content
    attachments: tuple[Attachment, ...]


def take_apart(content: Content, limit: int) -> Apart:
    """Return `content` with its largest files taken out, until the rest has at most `limit` bytes.

    Raises CannotTravelError.
    """
    if headers.holds(content.head, "dkim-signature"):
        raise CannotTravelError(_("it is signed (DKIM), so no byte of it may change"))
    kind, before, children, after = _opened(content)
    size, taken = content.size, dict[int, Attachment]()
    stays = ""  # why the largest part that stays does so
    for number in sorted(range(len(children)), key=lambda number: -_size(children[number])):
        if size <= limit:
            break
        try:
            taken[number] = attachment(_part(children[number]), body=number == 0, related=kind == "multipart/related")
        except CannotTravelError as reason:
            stays = stays or str(reason)
            continue
        size -= _size(children[number])
    if size > limit:
        text = _("without the files that can be uploaded it still has {size}")
        if stays:
            text = _("without the files that can be uploaded it still has {size}, and {reason}")
        raise CannotTravelError(text.format(size=in_words(size), reason=stays))
    left = [child for number, child in enumerate(children) if number not in taken]
    files = tuple(taken[number] for number in sorted(taken))
    if not left:  # a multipart without parts is none
        return Apart(Content(_without_parts(content.head)), files)
    body = [piece for segment in (before, *left, after) for piece in segment]
    return Apart(Content(content.head, tuple(p if isinstance(p, Encoded) else bytes(p) for p in body)), files)


def opened(content: Content) -> tuple[str, list[Part]]:
    """Return the type of the root multipart (lower case) and its parts. Raises CannotTravelError when the root is
    anything but multipart/mixed or multipart/related."""
    kind, _, children, _ = _opened(content)
    return kind, [_part(child) for child in children]


def attachment(part: Part, body: bool = False, related: bool = False) -> Attachment:
    """Return `part` as a file that travels by itself; `body` tells that it stands where the text of the message
    does, `related` that it stands in a multipart/related, whose first part is the root of the others (RFC 2387).

    Raises CannotTravelError when it is none, or says more than Graph can say of a file.
    """
    try:
        return _attachment(part, body, related)
    except CannotTravelError:
        raise
    except Exception:  # Python's own code, see `Part.about`
        raise CannotTravelError(_("the headers of a part cannot be read")) from None


def _attachment(part: Part, body: bool, related: bool) -> Attachment:
    about = part.about
    kind = about.get_content_type()
    type_header, placing = about["content-type"], about["content-disposition"]
    disposition = (placing.content_disposition or "").lower() if placing else ""
    content_id = headers.value(part.head, "content-id").strip().removeprefix("<").removesuffix(">")
    name = str((placing.params.get("filename") if placing else "") or about.get_param("name") or "")
    shown = _("the part “{name}”").format(name=name or kind)
    if kind.startswith("multipart/"):
        raise CannotTravelError(_("{part} is made of parts itself").format(part=shown))
    bare = kind.startswith("text/") and not (disposition or name or content_id)
    if bare or (body and (related or disposition != "attachment")):
        raise CannotTravelError(_("its text has to stay in it"))
    names = [field for field, _ in headers.fields(part.head)]
    lost = [field for field in names if field not in _FILE_HEADERS or names.count(field) > 1]
    lost += {*(type_header.params if type_header else ())} - _TYPE_PARAMETERS
    lost += {*(placing.params if placing else ())} - _DISPOSITION_PARAMETERS
    lost += [disposition] if disposition not in ("", "inline", "attachment") else []
    if lost:
        raise CannotTravelError(
            _("{part} says more than Graph can keep (“{field}”)").format(part=shown, field=lost[0][:40])
        )
    inline = bool(content_id) and disposition != "attachment"
    final, changed = _named(name, kind, inline, disposition)
    charset = about.get_param("charset") if kind.startswith("text/") else ""
    content_type = f"{kind}; charset={charset}" if charset else kind
    found = Attachment(final, content_type, part.data, inline, content_id, changed)
    if found.size > limits.GRAPH_UPLOAD_BYTES:
        most = in_words(limits.GRAPH_UPLOAD_BYTES)
        raise CannotTravelError(
            _("“{name}” has {size}, and Graph takes at most {most} for a file").format(
                name=final, size=in_words(found.size), most=most
            )
        )
    return found


def _named(name: str, kind: str, inline: bool, disposition: str) -> tuple[str, str]:
    """Return the name under which a file travels, which Graph insists on, and what that changes."""
    if kind == "message/rfc822":
        final = name if name.lower().endswith(".eml") else f"{name or 'message'}.eml"
        return final, _("an attached message arrives as the file “{name}”").format(name=final)
    if not name:
        final = f"attachment{mimetypes.guess_extension(kind) or '.bin'}"
        return final, _("a file without a name arrives as “{name}”").format(name=final)
    if disposition == "inline" and not inline:  # Outlook hides such a file when no text names it
        return name, _("“{name}” arrives as an attachment, not as part of the text").format(name=name)
    return name, ""


def _opened(content: Content) -> tuple[str, list[_Piece], list[list[_Piece]], list[_Piece]]:
    """Return the root's type, and the body in segments of whole lines: what stands before the first part, each part
    with the delimiter line above it, and what stands after the last one. Raises CannotTravelError."""
    try:
        about = Part(content.head, ()).about
        kind, boundary = about.get_content_type(), about.get_boundary("")
    except Exception:  # Python's own code, see `Part.about`
        raise CannotTravelError(_("its headers cannot be read")) from None
    if kind in ("multipart/signed", "multipart/encrypted") or "pkcs7" in kind:
        raise CannotTravelError(_("it is signed or encrypted, so no byte of it may change"))
    if kind not in ("multipart/mixed", "multipart/related") or (kind.endswith("related") and about.get_param("start")):
        raise CannotTravelError(
            _("it has no files beside its text that could be uploaded (its type is {kind})").format(kind=kind[:60])
        )
    first, *others = _segments(content.body, boundary.encode("utf-8", "surrogateescape"))
    closing = re.compile(rb"--%b--" % re.escape(boundary.encode("utf-8", "surrogateescape")))
    last = others.pop() if others and isinstance(line := others[-1][0], memoryview) and closing.match(line) else []
    if not boundary or not others:
        raise CannotTravelError(_("its structure is not that of a MIME message"))
    return kind, first, others, last


def _segments(body: Sequence[bytes | Encoded], boundary: bytes) -> list[list[_Piece]]:
    """Return `body` cut before each delimiter line up to the closing one, which is a piece of its own; every piece of
    a content begins at the beginning of a line, so no delimiter can lie across two."""
    delimiter = re.compile(rb"--%b(--)?[ \t]*(?:\r\n|\Z)" % re.escape(boundary))
    segments: list[list[_Piece]] = [[]]
    closed = not boundary
    for piece in body:
        if isinstance(piece, Encoded):
            segments[-1].append(piece)
            continue
        view, place = memoryview(piece), 0
        for found in () if closed else delimiter.finditer(piece):
            start, end = found.span()
            if closed or (start and piece[start - 1] != _LINE_FEED):
                continue
            segments[-1] += [view[place:start]] if start > place else []
            segments.append([view[start:end]])
            place, closed = end, bool(found[1])
        segments[-1] += [view[place:]] if place < len(view) else []
    return segments


def _part(segment: Sequence[_Piece]) -> Part:
    """Return the part below a delimiter line."""
    pieces = list(segment[1:])
    head = b""
    if pieces and isinstance(first := pieces[0], memoryview):
        found = _HEAD_END.search(first)
        cut = found.end() if found else len(first)
        head, pieces[0] = bytes(first[:cut]), first[cut:]
        if isinstance(last := pieces[-1], memoryview) and bytes(last[-2:]) == b"\r\n":
            pieces[-1] = last[:-2]
    return Part(head, tuple(piece for piece in pieces if isinstance(piece, Encoded) or piece))


def _without_parts(head: bytes) -> bytes:
    """Return `head` for an empty text."""
    return headers.replace(head, {"content-type": _PLAIN_TEXT, "content-transfer-encoding": None})


def _blocks(pieces: Sequence[_Piece]) -> list[bytes | memoryview]:
    blocks: list[bytes | memoryview] = []
    for piece in pieces:
        blocks += piece.blocks() if isinstance(piece, Encoded) else [piece]
    return blocks


def _size(pieces: Sequence[_Piece]) -> int:
    return sum(piece.size if isinstance(piece, Encoded) else len(piece) for piece in pieces)

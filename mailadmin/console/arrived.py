"""Reading a message that arrived in the sandbox: headers, texts and attachments (pure, never fails)."""

from __future__ import annotations

from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message

from django.utils.translation import gettext as _

_BROKEN = (ValueError, LookupError, MessageError)  # what the standard library raises on malformed messages


@dataclass(frozen=True)
class Attachment:
    """A part that is no text body: its file name, type and size in bytes."""

    name: str
    content_type: str
    size: int


@dataclass
class Arrived:
    """What a message holds, as a person reads it."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    html: str = ""
    attachments: list[Attachment] = field(default_factory=list)


def read(raw: bytes) -> Arrived:
    """Return what the message `raw` holds. Broken parts are shown as well as they can be."""
    try:
        return _read(message_from_bytes(raw))
    except RecursionError:  # the standard library's parser goes one call deeper for each nested part
        return Arrived(text=_("(The parts of this message are nested too deeply to be shown. Download it instead.)"))


def _read(message: Message) -> Arrived:
    found = Arrived(headers=[(name, _decoded(value)) for name, value in message.items()])
    for part in message.walk():
        if part.is_multipart():
            continue
        kind, name = part.get_content_type(), _file_name(part)
        if kind == "text/plain" and not name and not found.text:
            found.text = _text(part)
        elif kind == "text/html" and not name and not found.html:
            found.html = _text(part)
        else:
            found.attachments.append(Attachment(_decoded(name or _("(no name)")), kind, len(_content(part))))
    return found


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _file_name(part: Message) -> str | None:
    try:
        return part.get_filename()
    except _BROKEN:
        return _("(unreadable name)")


def _text(part: Message) -> str:
    try:
        return _printable(_content(part).decode(str(part.get_content_charset() or "utf-8"), "replace"))
    except _BROKEN:  # a charset that nobody knows, or that is none
        return _content(part).decode("utf-8", "replace")


def _decoded(value: object) -> str:
    try:
        return _printable(str(make_header(decode_header(str(value)))))
    except _BROKEN:
        return _printable(str(value))


def _printable(text: str) -> str:
    """Return `text` without halves of surrogate pairs, which some charsets yield and no page can carry."""
    return text.encode("utf-8", "replace").decode()

"""What a program attaches: read once, whole and bounded, with its name and type; each fault before anything is sent.

A text or a path names a file, so whatever comes from outside (the HTTP API, a form) must never get here as such.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message as ParsedMessage
from email.message import MIMEPart
from email.mime.base import MIMEBase
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.mail import EmailAttachment, EmailMessage

from mailadmin.core import limits
from mailadmin.core.errors import BadMessage, bad_message
from mailadmin.core.fault import Kind
from mailadmin.core.files import file_name, guessed_name, guessed_type, media_type
from mailadmin.core.redact import clean
from mailadmin.core.sizes import in_words
from mailadmin.core.texts import _

from .parts import MODERN

Content = bytes | str
_TRIPLE = 3


@dataclass(frozen=True)
class Place:
    """Which attachment is read: its number (from 1), and how many bytes the message may still take."""

    number: int
    room: int

    def bad(self, kind: Kind, text: str = "") -> BadMessage:
        """Return the error for this attachment."""
        return bad_message(kind, text, f"attachments.{self.number}")


def read(given: Any, place: Place) -> EmailAttachment | ParsedMessage:
    """Return what was `given` to be attached as Django attaches it.

    That is a path, an open file (also a Django file), bytes, (name, content) or (name, content, type), where content is
    bytes, text or an open file; or a part that is ready, which stays as it is. Raises BadMessage.
    """
    if isinstance(given, MIMEBase) or (MODERN and isinstance(given, MIMEPart)):
        return given
    name, content, kind = _taken(given, place)
    return named(name, content, kind, place)


def named(name: Any, content: Any, kind: Any, place: Place) -> EmailAttachment:
    """Return the attachment with this content, its name and type guessed where they are missing. Raises BadMessage."""
    try:
        kind = media_type(str(kind)) if kind else ""
        name = file_name(str(name)) if name else ""
    except ValueError as error:
        raise place.bad(Kind.ATTACHMENT_BAD, str(error)) from None
    if isinstance(content, EmailMessage | ParsedMessage):
        return EmailAttachment(name or guessed_name(place.number, "message/rfc822"), content, "message/rfc822")
    data = _content(content, name, place)
    kind = kind or guessed_type(name, data)
    if isinstance(data, str) and not kind.startswith("text/"):
        data = data.encode("utf-8", "surrogatepass")
    return EmailAttachment(name or guessed_name(place.number, kind), data, kind)


def size(attachment: Any) -> int:
    """Return how many bytes an attachment has, as far as it can be told without building it."""
    if isinstance(attachment, ParsedMessage):
        payload = attachment.get_payload()
        coded = str(attachment.get("Content-Transfer-Encoding", "")).lower() == "base64"
        return len(payload) * 3 // 4 if coded and isinstance(payload, str) else len(payload or "")
    content = attachment[1] if isinstance(attachment, tuple | list) and len(attachment) == _TRIPLE else None
    if isinstance(content, str):
        return len(content.encode("utf-8", "surrogatepass"))
    return len(content) if isinstance(content, bytes) else 0


# -- what was given -----------------------------------------------------------------------------------------


def _taken(given: Any, place: Place) -> tuple[Any, Any, Any]:
    """Return name, content and type of what was given as one thing."""
    if isinstance(given, str | os.PathLike):
        return _from_path(Path(given), place)
    if isinstance(given, bytes | bytearray | memoryview):
        return "", bytes(given), ""
    if isinstance(given, File):
        return given.name, given, _said_type(given)
    if callable(getattr(given, "read", None)):
        return _stream_name(given), given, ""
    if isinstance(given, tuple | list) and len(given) in (2, _TRIPLE):
        name, content, *kind = given
        return name, content, kind[0] if kind else ""
    shown = clean(type(given).__name__)
    text = _("{type} cannot be attached; a path, an open file, or a name with its content can.").format(type=shown)
    raise place.bad(Kind.ATTACHMENT_BAD, text)


def _from_path(path: Path, place: Place) -> tuple[str, Content, str]:
    shown = clean(str(path))
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise place.bad(Kind.FILE_IS_FOLDER, _("{path} is a folder.").format(path=shown))
        if not stat.S_ISREG(mode):  # reading a pipe or a device would never end
            raise place.bad(Kind.FILE_UNREADABLE, _("{path} is no ordinary file.").format(path=shown))
        with path.open("rb") as file:
            return os.fsencode(path.name).decode("utf-8", "replace"), _bounded(file.read, shown, place), ""
    except FileNotFoundError:
        raise place.bad(Kind.FILE_MISSING, _("There is no file {path}.").format(path=shown)) from None
    except (OSError, ValueError) as error:
        if isinstance(error, BadMessage):  # which is of both families
            raise
        raise place.bad(Kind.FILE_UNREADABLE, _reason(shown, error)) from None


def _said_type(file: File[Any]) -> str:
    """Return what the browser said of an uploaded file, "" where that is no type of a file."""
    try:
        return media_type(getattr(file, "content_type", "") or "")
    except ValueError:
        return ""


def _stream_name(stream: Any) -> str:
    """Return the name that an open file tells of itself; pipes have numbers, and others "<stdin>"."""
    name = getattr(stream, "name", "")
    if isinstance(name, bytes | os.PathLike):
        name = os.fsdecode(name)
    return name if isinstance(name, str) and not name.startswith("<") else ""


# -- content --------------------------------------------------------------------------------------------------


def _content(content: Any, name: str, place: Place) -> Content:
    shown = clean(name) or _("The attachment")
    if content is None:
        raise place.bad(Kind.ATTACHMENT_EMPTY, _("“{name}” has no content.").format(name=shown))
    if callable(getattr(content, "read", None)):
        return _from_stream(content, shown, place)
    if isinstance(content, bytearray | memoryview):
        content = bytes(content)
    if not isinstance(content, bytes | str):
        text = _("The content of “{name}” must be bytes, text or an open file; a path stands alone.")
        raise place.bad(Kind.ATTACHMENT_BAD, text.format(name=shown))
    if size(("", content, "")) > place.room:
        raise _too_large(shown, place)
    return content


def _from_stream(stream: Any, shown: str, place: Place) -> Content:
    """Read an open file from its beginning, where it can be wound back, and leave it as it was."""
    try:
        if isinstance(stream, File) and stream.closed:  # as those of a storage are until they are needed
            with stream.open():
                return _bounded(stream.read, shown, place)
        seekable = getattr(stream, "seekable", None)
        back = stream.tell() if callable(seekable) and seekable() else None
        if back is not None:
            stream.seek(0)
        data = _bounded(stream.read, shown, place)
        if back is not None:
            stream.seek(back)
        elif not data:  # a pipe, or a download, that was read before
            raise place.bad(Kind.ATTACHMENT_EMPTY, _("“{name}” has nothing left to read.").format(name=shown))
    except FileNotFoundError:  # a file of a Django storage
        raise place.bad(Kind.FILE_MISSING, _("There is no file {path}.").format(path=shown)) from None
    except (OSError, ValueError) as error:
        if isinstance(error, BadMessage):  # which is of both families
            raise
        raise place.bad(Kind.FILE_UNREADABLE, _reason(shown, error)) from None
    return data


def _bounded(read: Callable[[int], Any], shown: str, place: Place) -> Content:
    """Return all that `read` gives, and look no further than there is room for."""
    pieces: list[Any] = []
    left = place.room + 1
    while left > 0 and (piece := read(left)):
        if not isinstance(piece, bytes | str):
            text = _("“{name}” gives neither bytes nor text when it is read.").format(name=shown)
            raise place.bad(Kind.ATTACHMENT_BAD, text)
        pieces.append(piece)
        left -= len(piece)
    data: Content = "".join(pieces) if pieces and isinstance(pieces[0], str) else b"".join(pieces)
    if left <= 0 or size(("", data, "")) > place.room:
        raise _too_large(shown, place)
    return data


def _too_large(shown: str, place: Place) -> BadMessage:
    text = _("With “{name}” the attachments have more than {most}.")
    return place.bad(Kind.ATTACHMENTS_TOO_LARGE, text.format(name=shown, most=in_words(limits.ATTACHMENTS_BYTES)))


def _reason(shown: str, error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return _("“{name}” was opened as text and is none; open it with “rb”.").format(name=shown)
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, io.UnsupportedOperation) or "closed file" in why:
        return _("“{name}” is not open for reading.").format(name=shown)
    return f"{shown}: {clean(why)}."

"""The name and the type of an attached file, given or guessed (pure)."""

from __future__ import annotations

import mimetypes
import re

from .limits import ATTACHMENT_NAME_CHARS
from .texts import _

BINARY = "application/octet-stream"

_TOKEN = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"  # noqa: S105 -- a restricted name (RFC 6838 section 4.2)
_TYPE = re.compile(rf"(?!multipart/){_TOKEN}/{_TOKEN}", re.IGNORECASE)
# Control characters, half ones, and those that turn the direction of the text, so that "fdp.exe" reads as "exe.pdf".
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_PACKED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
# The first bytes of what is attached most often; whatever else is looked at by its name.
_BEGINNINGS = (
    (b"%PDF-", "application/pdf", ".pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
    (b"\xff\xd8\xff", "image/jpeg", ".jpg"),
    (b"GIF8", "image/gif", ".gif"),
    (b"PK\x03\x04", "application/zip", ".zip"),
    (b"\x1f\x8b", "application/gzip", ".gz"),
)


def file_name(text: str) -> str:
    """Return `text` without the folders before it. Raises ValueError with a sentence for a name that no file has."""
    name = text.replace("\\", "/").rpartition("/")[2].strip()
    if _HIDDEN.search(name):
        raise ValueError(_("The name of a file cannot hold a line break or another character that nobody sees."))
    if len(name) > ATTACHMENT_NAME_CHARS:
        text = _("The name of a file has at most {number} characters.")
        raise ValueError(text.format(number=ATTACHMENT_NAME_CHARS))
    return name


def media_type(text: str) -> str:
    """Return `text` when it is the type of a single file ("application/pdf"; RFC 6838 section 4.2), in lower case.
    Raises ValueError with a sentence."""
    word = text.strip()
    if not _TYPE.fullmatch(word):
        raise ValueError(_("“{type}” is no type of a file, such as application/pdf.").format(type=word[:60]))
    return word.lower()


def guessed_type(name: str, content: bytes | str) -> str:
    """Return the type of a file by its name, else by how it begins; a text without either is plain text."""
    kind, packed = mimetypes.guess_type(name)
    if packed:  # "list.csv.gz" is no list
        return _PACKED.get(packed, BINARY)
    if kind and not kind.startswith("multipart/"):
        return kind
    if isinstance(content, str):
        return "text/plain"
    return next((found for beginning, found, _end in _BEGINNINGS if content.startswith(beginning)), BINARY)


def guessed_name(place: int, kind: str) -> str:
    """Return a name for the attachment at `place` (from 1), which has none, by its type."""
    known = next((end for _beginning, found, end in _BEGINNINGS if found == kind), "")
    return f"attachment-{place}{known or (kind != BINARY and mimetypes.guess_extension(kind)) or '.bin'}"

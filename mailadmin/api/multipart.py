"""Reading multipart/form-data (RFC 7578): each part with its name, its file name, its type and its bytes.

Django's own reader hides the type of a part that is no file, and that is what tells a whole message in JSON from the
text of one. Nothing here is written to disk, and no name of a file is ever used as a path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string, policy
from email.utils import collapse_rfc2231_value

_HEAD_BYTES = 4 * 1024  # the header lines of one part: its names and its type
_BOUNDARY_CHARS = 70  # RFC 2046 section 5.1.1


class MultipartError(ValueError):
    """The body is not what its boundary promises; the text is a sentence."""


@dataclass(frozen=True)
class Part:
    """One part. `filename` is None for what is no file, `type` and `content_id` are "" when they are not given."""

    name: str
    data: bytes
    filename: str | None = None
    type: str = ""
    content_id: str = ""


def parts(body: bytes, boundary: str, most: int) -> list[Part]:
    """Return the parts of `body`, at most `most`. Raises MultipartError."""
    if not 1 <= len(boundary) <= _BOUNDARY_CHARS or not boundary.isascii() or boundary.endswith(" "):
        raise MultipartError("The content type names no usable boundary.")
    found: list[Part] = []
    for piece in _pieces(body, b"--" + boundary.encode("ascii")):
        if len(found) == most:
            raise MultipartError(f"It has more than {most} parts.")
        found.append(_part(piece))
    return found


def _pieces(body: bytes, line: bytes) -> Iterator[bytes]:
    """Yield what stands between two boundary lines. The line break before a boundary belongs to the boundary."""
    if not body.startswith(line):
        at = body.find(b"\r\n" + line)
        if at < 0:
            raise MultipartError("It does not begin with its boundary.")
        start = at + 2 + len(line)
    else:
        start = len(line)
    while True:
        rest = body[start : start + 2]
        if rest == b"--":
            return
        # Blanks may stand after a boundary (RFC 2046 section 5.1.1).
        end_of_line = body.find(b"\r\n", start)
        if end_of_line < 0 or body[start:end_of_line].strip(b" \t"):
            raise MultipartError("Its last boundary is missing.")
        first = end_of_line + 2
        # A part without header lines begins with the empty line itself, so that it is looked for from there.
        at = body.find(b"\r\n" + line, end_of_line)
        if at < 0:
            raise MultipartError("Its last boundary is missing.")
        yield body[first : max(first, at)]
        start = at + 2 + len(line)


def _part(piece: bytes) -> Part:
    head, empty_line, data = piece.partition(b"\r\n\r\n")
    if piece.startswith(b"\r\n"):
        head, empty_line, data = b"", b"\r\n", piece[2:]
    if not empty_line or len(head) > _HEAD_BYTES:
        raise MultipartError("A part has no end of its header lines, or too many of them.")
    try:
        # The older policy: the newer one takes a second for 8 KB of semicolons, and does not end nested comments well.
        lines = message_from_string(head.decode() + "\r\n\r\n", policy=policy.compat32)
        (disposition, _empty), *told = lines.get_params([("", "")], "content-disposition") or [("", "")]
        given = {name.lower(): collapse_rfc2231_value(value) for name, value in told}
        kind = lines.get_content_type() if "Content-Type" in lines else ""
        content_id = str(lines.get("Content-ID", "")).strip()
        encoding = str(lines.get("Content-Transfer-Encoding", "binary")).strip().lower()
    except Exception as error:  # the standard library's parser fails on some malformed input with errors of its own
        raise MultipartError("The header lines of a part cannot be read.") from error
    if disposition.lower() != "form-data" or "name" not in given:
        raise MultipartError("A part has no name.")
    if encoding not in ("7bit", "8bit", "binary"):  # deprecated by RFC 7578 section 4.7
        raise MultipartError(f"The encoding “{encoding[:40]}” of a part is not read; send its bytes as they are.")
    filename = given.get("filename")
    return Part(given["name"], data, None if filename is None else _base(filename), kind, content_id)


def _base(name: str) -> str:
    """Return the name of a file without the folders that some programs send (RFC 7578 section 4.2)."""
    return name.replace("\\", "/").rpartition("/")[2]

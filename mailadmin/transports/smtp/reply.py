"""SMTP replies: bytes in, replies out, with limits (RFC 5321 sections 4.2 and 4.5.3.1.5). No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mailadmin.core import limits
from mailadmin.core.texts import _

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?=\s|$)")  # RFC 3463
_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # an alert or a handshake: the server speaks TLS


class BadReply(Exception):
    """What came is not an SMTP reply; `tls` tells that it looks like TLS. The bytes are not kept, because
    what a service of another kind says must not be shown."""

    def __init__(self, reason: str, *, tls: bool = False) -> None:
        super().__init__(reason)
        self.tls = tls


@dataclass(frozen=True)
class Reply:
    """One whole reply: its code and the text of each line, without the code. The text is not cleaned and
    may repeat a secret that was sent, so that it never prints."""

    code: int
    lines: tuple[bytes, ...] = field(repr=False)

    @property
    def positive(self) -> bool:
        """Tell whether the command was done (any 2xx; RFC 5321 4.3.2 says to go by the first digit)."""
        return 200 <= self.code < 300

    @property
    def negative(self) -> bool:
        """Tell whether the command was refused, for now (4xx) or for good (5xx)."""
        return self.code >= 400

    @property
    def enhanced(self) -> str:
        """Return the enhanced status code of the first line that has one ("5.7.139"), or ""."""
        found = next(filter(None, (_ENHANCED.match(line) for line in self.lines)), None)
        return found[0].decode("ascii") if found else ""

    @property
    def text(self) -> bytes:
        """Return the lines as one text, the repeated enhanced code only once."""
        repeated = self.enhanced.encode() + b" "
        first, *more = self.lines
        return b" ".join((first, *(line.removeprefix(repeated) for line in more)))


class ReplyParser:
    """Cuts the bytes of a connection into replies."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._code = 0
        self.started = False  # whether the peer has ever said anything

    @property
    def leftover(self) -> bool:
        """Tell whether bytes wait that belong to no reply read so far."""
        return bool(self._buffer or self._lines)

    def begins_with(self, code: int) -> bool:
        """Tell whether the bytes that wait begin with this code."""
        return not self._lines and self._buffer.startswith(b"%d" % code)

    def feed(self, data: bytes) -> None:
        """Take more bytes. Raises BadReply when they begin like TLS instead of SMTP."""
        first, self.started = not self.started, True
        self._buffer += data
        if first and bytes(self._buffer[:2]) in _TLS_RECORDS:
            raise BadReply(_("The server speaks TLS."), tls=True)

    def take(self) -> Reply | None:
        """Return the next whole reply, or None when more bytes are needed.

        Raises BadReply for a line or a reply over the limits, and for what is not a reply.
        """
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            if self._add(line):
                reply = Reply(self._code, tuple(self._lines))
                self._lines = []
                return reply
        if len(self._buffer) > limits.REPLY_LINE_BYTES:
            raise BadReply(_("A line of the answer does not end."))
        return None

    def _add(self, line: bytes) -> bool:
        """Take one line without its LF; tell whether it was the last of its reply."""
        if len(line) > limits.REPLY_LINE_BYTES:
            raise BadReply(_("A line of the answer is too long."))
        found = _LINE.fullmatch(line.rstrip(b"\r"))
        if not found:
            raise BadReply(_("The answer is not an SMTP reply."))
        code, mark, text = int(found[1]), found[2], found[3] or b""
        if self._lines and code // 100 != self._code // 100:
            raise BadReply(_("The lines of one answer contradict each other."))
        if len(self._lines) >= limits.REPLY_LINES:
            raise BadReply(_("The answer does not end."))
        self._code = code
        self._lines.append(text)
        return mark != b"-"

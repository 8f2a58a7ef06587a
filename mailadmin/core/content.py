"""The content of a message in pieces: what stands in it in base64 is encoded only while it is sent."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from struct import Struct

from . import limits

_LINE_DATA, _LINE = 57, 76  # bytes in, letters out, for one line of base64 (RFC 2045 section 6.8)
_BLOCK_LINES = limits.CONTENT_BLOCK_BYTES // (_LINE + 2)
_BLOCK_DATA = _BLOCK_LINES * _LINE_DATA
_BLOCK = Struct(f"{_LINE}s" * _BLOCK_LINES)  # a whole block of letters, line by line


@dataclass(frozen=True)
class Encoded:
    """Bytes that stand in the message in base64: lines of 76 letters, each ended by CRLF."""

    data: bytes

    @property
    def size(self) -> int:
        """Return the number of bytes on the wire."""
        letters = -(-len(self.data) // 3) * 4
        return letters + 2 * -(-letters // _LINE)

    def blocks(self) -> Iterator[bytes]:
        """Yield the encoded lines in blocks of whole lines, at most limits.CONTENT_BLOCK_BYTES each."""
        view = memoryview(self.data)
        for start in range(0, len(view), _BLOCK_DATA):
            letters = binascii.b2a_base64(view[start : start + _BLOCK_DATA], newline=False)
            if len(letters) == _BLOCK.size:  # cut in one call: twice as fast as slices
                lines: Iterable[bytes] = _BLOCK.unpack(letters)
            else:
                lines = [letters[place : place + _LINE] for place in range(0, len(letters), _LINE)]
            yield b"\r\n".join((*lines, b""))


@dataclass(frozen=True)
class Content:
    """A message as RFC 5322 text with CRLF line ends: `head` is the header block with its empty line, `body` the
    pieces after it. Every piece begins at the beginning of a line; all but the last end with CRLF."""

    head: bytes
    body: tuple[bytes | Encoded, ...] = ()

    @classmethod
    def of(cls, whole: bytes) -> Content:
        """Return the content for a finished message with CRLF line ends."""
        end = -2 if whole.startswith(b"\r\n") else whole.find(b"\r\n\r\n")  # a part may have no header at all
        cut = end + 4 if end != -1 else len(whole)
        return cls(whole[:cut], (whole[cut:],) if whole[cut:] else ())

    def with_head(self, head: bytes) -> Content:
        """Return the same body below another head."""
        return Content(head, self.body)

    @cached_property
    def size(self) -> int:
        """Return the number of bytes."""
        return len(self.head) + sum(piece.size if isinstance(piece, Encoded) else len(piece) for piece in self.body)

    @cached_property
    def eight_bit(self) -> bool:
        """Tell whether any byte is beyond ASCII."""
        return not all(piece.isascii() for piece in self.texts())

    def __len__(self) -> int:
        return self.size

    def texts(self) -> Iterator[bytes]:
        """Yield the pieces that are not encoded: the only ones that can break a rule of the wire."""
        yield self.head
        yield from (piece for piece in self.body if isinstance(piece, bytes))

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes of the message in order; encoded pieces in blocks, the others whole."""
        yield self.head
        for piece in self.body:
            if isinstance(piece, Encoded):
                yield from piece.blocks()
            else:
                yield piece

    def __bytes__(self) -> bytes:
        return b"".join(self.blocks())

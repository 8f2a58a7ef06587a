"""What a server may say: replies by the grammar, and every way to spoil one. Each comes with what it means, known from
how it was made and not from reading it, so that a reader can be judged by it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from mailadmin.core import limits


class Then(Enum):
    """What the server does after it has spoken."""

    GO_ON = "go on"
    CLOSE = "close"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Said:
    """Bytes of the server. `code` is what they say, or begin to say; 0 when nothing can be read out of them. `whole`
    tells that they are one whole reply with these `lines`; `surplus` that replies follow which nobody asked for,
    `farewell` that a goodbye does, as it may at any time."""

    data: bytes
    code: int = 0
    whole: bool = False
    lines: tuple[bytes, ...] = ()
    surplus: bool = False
    farewell: bool = False
    then: Then = Then.GO_ON

    @property
    def taken(self) -> bool:
        """Tell whether this, after a message, surely says that it was taken."""
        return self.whole and 200 <= self.code < 300

    @property
    def refused(self) -> bool:
        """Tell whether this surely refuses, or can only ever be completed to a refusal."""
        return 400 <= self.code < 600


TEXTS = (
    b"Ok",
    b"2.0.0 Ok: queued as 4Fxyz",
    b"5.7.139 Authentication unsuccessful, the user credentials were incorrect.",
    b"4.5.3 Error: too many recipients",
    b"5.1.1 <ben@example.net>: Recipient address rejected",
    b"4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred",
    b"",
    b" ",
    b"-",
    b"250 Ok",
    b"5.7.1",
    b"9.9.9 what",
    b"2.0.0.0.0",
    b"5.1234.1 x",
    "2.1.0 Größe: 请确认 ✓".encode(),
    b"Gr\xf6\xdfe in latin-1",
    b"\xff\xfe\xfd",
    b"\x00\x01\x02",
    b"a\x00b",
    b"\x1b[31mred\x1b[0m \x07",
    b"carriage\rreturn",
    b"\x85next\xc2\x85line",
    "\u202egnol\u2028 \u200b".encode(),
    b"\xed\xa0\x80 half a pair",
    b"<script>alert(1)</script> &amp; %s {0} {{ 7 }}",
    b"x" * 600,
    b"=?utf-8?q?5.7.1?=",
    b"\t tabs \t",
    b"QVVUSCBQTEFJTiBhbm5hCg==",
)
ENDS = (b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r\r\n")
FOREIGN = (
    b"\x15\x03\x01\x00\x02\x02\x46",  # a TLS alert
    b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(range(60)),  # a TLS handshake
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html>",
    b"* OK [CAPABILITY IMAP4rev1] ready\r\n",
    b"+OK POP3 ready\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"\r\n",
    b"\n\n\n",
    b"\x00" * 40,
    b"\xff\xfb\x01\xff\xfb\x03",  # telnet
    b"25",
    b"2500 Ok\r\n",
    b"25O Ok\r\n",
    b" 250 Ok\r\n",
    b"-250 Ok\r\n",
    b"250\tOk\r\n",
    b"250+Ok\r\n",
    b"250\xa0Ok\r\n",
    "２５０ Ok\r\n".encode(),
    "٢٥٠ Ok\r\n".encode(),
    b"000 Ok\r\n",
    b"100 Ok\r\n",
    b"199-Ok\r\n199 Ok\r\n",
    b"600 Ok\r\n",
    b"999 Ok\r\n",
    b"\xef\xbb\xbf250 Ok\r\n",
    b"220-\r\n\r\n220 x\r\n",
    b"250-a\r\n250-b\r\nc\r\n250 d\r\n",
)


def plain(code: int, text: bytes = b"2.0.0 Ok") -> Said:
    """Return the reply that a good server gives."""
    return Said(b"%d %s\r\n" % (code, text), code, whole=True, lines=(text,))


def whole(rng: random.Random, code: int) -> Said:
    """Return one whole reply in any form that a reader must take."""
    count = rng.choice((1, 1, 1, 2, 2, 3, 5, 30)) if rng.random() < 0.98 else limits.REPLY_LINES
    first = code // 100 * 100
    said, lines = [], []
    for place in range(count):
        last = place == count - 1
        text = rng.choice(TEXTS) if count < 30 else b"line %d" % place
        if rng.random() < 0.01:
            text = b"x" * (limits.REPLY_LINE_BYTES - rng.choice((6, 6, 7, 100)))
        # Codes of one class may change from line to line, and the last one counts.
        this = code if last or rng.random() < 0.9 else first + rng.randrange(60)
        if last and rng.random() < 0.1:
            said.append(b"%d" % this)
            text = b""
        else:
            said.append(b"%d%s%s" % (this, b" " if last else b"-", text))
        said.append(rng.choice(ENDS))
        lines.append(text)
    return Said(b"".join(said), code, whole=True, lines=tuple(lines))


def goodbye(rng: random.Random) -> Said:
    """Return 421, after which the server closes (RFC 5321 section 3.8)."""
    text = rng.choice((b"4.3.2 Service shutting down", b"4.4.2 idle for too long", b"bye"))
    return Said(
        b"421 %s\r\n" % text, 421, whole=True, lines=(text,), then=rng.choice((Then.CLOSE, Then.CLOSE, Then.RESET))
    )


def odd(rng: random.Random, code: int) -> Said:
    """Return something else than the good reply `code`, spoiled in one of many ways."""
    return rng.choice(_ODD)(rng, code)


def another(rng: random.Random, code: int) -> Said:
    """Return a whole reply that says something else; never something good in place of a refusal, for that would be
    a lie that no client can see through."""
    refusals = (450, 451, 452, 454, 500, 501, 502, 503, 504, 530, 535, 550, 552, 553, 554, 555, 599)
    if code >= 400:
        return whole(rng, rng.choice(refusals))
    if rng.random() < 0.2:
        return goodbye(rng)
    return whole(rng, rng.choice((*refusals, 200, 250, 251, 252, 299, 220, 221, 300, 334, 354, 399)))


def _too_many(rng: random.Random, code: int) -> Said:
    text = rng.choice((b"4.5.3 Error: too many recipients", b"5.5.3 too many", b"too many"))
    return Said(b"452 %s\r\n" % text, 452, whole=True, lines=(text,))


def _cut_off(rng: random.Random, code: int) -> Said:
    """The beginning of a reply; what comes next is taken for its rest, or nothing comes."""
    data = (plain(code) if rng.random() < 0.5 else whole(rng, code)).data
    data = data[: rng.randrange(len(data))]
    return Said(data, code if len(data) >= 3 else 0, then=rng.choice(tuple(Then)))


def _nothing(rng: random.Random, code: int) -> Said:
    return Said(b"", then=rng.choice(tuple(Then)))


def _then_gone(rng: random.Random, code: int) -> Said:
    said = whole(rng, code)
    return Said(said.data, code, whole=True, lines=said.lines, then=rng.choice((Then.CLOSE, Then.RESET)))


def _foreign(rng: random.Random, code: int) -> Said:
    return Said(rng.choice(FOREIGN), then=rng.choice(tuple(Then)))


def _noise(rng: random.Random, code: int) -> Said:
    return Said(b"\x00" + rng.randbytes(rng.choice((1, 10, 300))) + b"\r\n", then=rng.choice(tuple(Then)))


def _too_long(rng: random.Random, code: int) -> Said:
    line = b"%d " % code + b"x" * (limits.REPLY_LINE_BYTES + rng.choice((1, 2, 9000)))
    return Said(line + rng.choice((b"", b"\r\n")))


def _endless(rng: random.Random, code: int) -> Said:
    return Said(b"%d-more\r\n" % code * (limits.REPLY_LINES + rng.choice((1, 2, 500))))


def _contradicting(rng: random.Random, code: int) -> Said:
    other = rng.choice([first for first in (200, 300, 400, 500) if first // 100 != code // 100]) + 50
    return Said(b"%d-one\r\n%d two\r\n" % ((code, other) if rng.random() < 0.5 else (other, code)))


def _twice(rng: random.Random, code: int) -> Said:
    """More answers than questions."""
    said, more = whole(rng, code), another(rng, code) if rng.random() < 0.5 else whole(rng, code)
    return Said(said.data + more.data, code, whole=True, lines=said.lines, surplus=True)


def _goodbye_after(rng: random.Random, code: int) -> Said:
    said, bye = whole(rng, code), goodbye(rng)
    return Said(said.data + bye.data, code, whole=True, lines=said.lines, farewell=True, then=Then.CLOSE)


def _in_mirrors(rng: random.Random, code: int) -> Said:
    """A good reply with a few bytes changed, so that nobody knows what it says; its class stays what it was."""
    data = bytearray(whole(rng, code).data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        place = rng.randrange(3, max(len(data), 4))
        data[place : place + rng.randrange(2)] = rng.randbytes(rng.randrange(2))
    return Said(bytes(data), code, surplus=True)


_ODD: tuple[Callable[[random.Random, int], Said], ...] = (
    *(another,) * 8,
    *(whole,) * 4,
    _too_many,
    _cut_off,
    _cut_off,
    _nothing,
    _then_gone,
    _then_gone,
    _foreign,
    _noise,
    _too_long,
    _endless,
    _contradicting,
    _twice,
    _goodbye_after,
    _in_mirrors,
)

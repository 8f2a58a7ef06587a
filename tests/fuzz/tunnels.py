"""The answers of proxies (`net.tunnels`): a tunnel stands only after a yes, not a byte of the server behind it is
swallowed, and everything else is a refusal in words."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from mailadmin.core.secret import Secret
from mailadmin.core.settings import Proxy, ProxyKind
from mailadmin.net import tunnels

from .case import Case
from .checks import UNPRINTABLE, Violation
from .memory import MemoryLine
from .replies import TEXTS

_GREETING = b"220 mail.example.org ESMTP\r\n"
_PASSWORD = "geheim-fuzz-8"
_STATUS = (200, 200, 200, 299, 100, 301, 400, 401, 403, 404, 405, 407, 408, 500, 501, 502, 503, 504, 505, 0, 99, 2000)
_OPENED = {b"\x05\x00", b"\x05\x02"}  # no sign-in, or one with a password


@dataclass
class _Answers:
    """A proxy that says everything at once; what is asked makes no difference."""

    out: bytearray
    over: bool = False
    broken: bool = False
    in_step: bool = True
    asked: bytearray = field(default_factory=bytearray)

    def take(self, data: bytes) -> None:
        self.asked += data


def feed(case: Case) -> None:
    """Ask a proxy for a tunnel."""
    rng = case.rng
    kind = rng.choice(tuple(ProxyKind))
    answer = bytearray((_http if kind is ProxyKind.HTTP else _socks)(rng))
    valid = rng.random() < 0.5
    if not valid:
        _spoil(rng, answer)
    case.fed.append(bytes(answer))
    case.replies += 1
    peer = _Answers(answer + (_GREETING if valid else b""), over=rng.random() < 0.5)
    user = rng.choice(("", "anna", "ü" * 300))
    proxy = Proxy(kind, "proxy.example.org", 3128, user, Secret(_PASSWORD) if user else None)
    line = tunnels.Line(MemoryLine(rng, peer).as_socket(), time.monotonic() + 60)
    host = rng.choice(("mail.example.org", "192.0.2.1", "2001:db8::1", "x" * 63))
    ask = tunnels.http_connect if kind is ProxyKind.HTTP else tunnels.socks5
    refusal = ask(line, proxy, host, 587)
    case.tally[f"{kind}: {refusal.kind if refusal else 'tunnel'}"] += 1
    if refusal is None:
        if valid and peer.out != _GREETING:
            raise Violation(f"Of the server's greeting this is left: {bytes(peer.out)!r}.")
        if not _says_yes(kind, bytes(answer)):
            raise Violation("A tunnel is said to stand without a yes.")
        return
    said = refusal.text(proxy)
    if UNPRINTABLE.search(said) or _PASSWORD in said:
        raise Violation(f"A refusal is not fit to be shown: {said!r}.")


def _says_yes(kind: ProxyKind, answer: bytes) -> bool:
    if kind is ProxyKind.HTTP:
        return answer[9:10] == b"2"
    return answer[:2] in _OPENED and b"\x05\x00" in answer[2:]


def _http(rng: random.Random) -> bytes:
    """An answer to CONNECT (RFC 9112 section 4)."""
    end = rng.choice((b"\r\n", b"\r\n", b"\n"))
    lines = [b"HTTP/1.%d %03d %s" % (rng.randrange(2), rng.choice(_STATUS), _value(rng))]
    for _ in range(rng.choice((0, 1, 3))):
        name = rng.choice((b"Via", b"Proxy-Status", b"X-Squid-Error", b"Content-Length", b"Proxy-Authenticate"))
        lines.append(name + b": " + _value(rng))
    return end.join([*lines, b"", b""])


def _value(rng: random.Random) -> bytes:
    return rng.choice(TEXTS).replace(b"\r", b"")


def _socks(rng: random.Random) -> bytes:
    """The answers to method, sign-in and request (RFC 1928, RFC 1929)."""
    method = rng.choice((0, 0, 2, 2, 0xFF, 1, 0x80))
    login = bytes([1, rng.choice((0, 0, 0, 1, 255))]) if method == 2 else b""
    address = rng.choice((b"\x01" + rng.randbytes(4), b"\x04" + rng.randbytes(16), b"\x03\x05proxy", b"\x03\x00"))
    reply = rng.choice((0, 0, 0, *range(1, 10), 255))
    return bytes([5, method]) + login + bytes([5, reply, 0]) + address + rng.randbytes(2)


def _spoil(rng: random.Random, answer: bytearray) -> None:
    for _ in range(rng.choice((1, 1, 3, 10))):
        place = rng.randrange(len(answer) + 1)
        answer[place : place + rng.choice((0, 1, 1, 50))] = rng.randbytes(rng.choice((0, 1, 1, 30, 9000)))

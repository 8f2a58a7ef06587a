"""Messages as applications build them, and as nobody should: Django's own classes with generated parts."""

from __future__ import annotations

import random
from collections.abc import Callable
from email.message import MIMEPart
from email.mime.image import MIMEImage
from typing import Any

import django
from django.core.mail import EmailAlternative, EmailMessage, EmailMultiAlternatives

BLIND = "blind-{}@hidden.example"  # in no header, ever
INJECTED = "X-Injected"

_TEXTS = (
    "",
    "Hello",
    "Grüße aus Köln – 请确认 ✓ 👩‍💻",
    ".",
    "..",
    ".\r\n..\r\n.x\r\n",
    "line\n.\nline\n..\n.end",
    "a\rb\nc\r\nd\n\re",
    "\x00",
    "null \x00 inside\r\n",
    "\x1b[31m \x07 \x7f \x85 \u2028 \u2029",
    "\ud83d half a pair \udce9",
    "x" * 997,
    "x" * 998,
    "x" * 999,
    "." * 1500,
    "ä" * 998,
    "word " * 4000,
    "Größe " * 900,
    "From me\n>From you",
    "=?utf-8?q?already_encoded?=",
    "\t tabs \t \x0b \x0c",
    "trailing blank \nand none",
    "\n\n\n",
    "\r\n.\r\nQUIT\r\n",
    f"x\r\n{INJECTED}: yes",
    f"x\n{INJECTED}: yes\n\nbody",
    f"x\r{INJECTED}: yes",
    f"x\u2028{INJECTED}: yes",
    f"x\x85{INJECTED}: yes",
    'a, b; c: d <e> (f) "g" \\ \'',
    "\u202egnol\u202c \u200b \ufeff",
    "a\u0301\u0301\u0301" * 300,
)
_ADDRESSES = (
    "ann@example.org",
    "Ann Example <ann@example.org>",
    "Jürgen Müller <j@example.org>",
    '"O\'Hara, Cåthy" <cathy@example.org>',
    "bob@münchen.example",
    "änn@example.org",
    '"two words"@example.org',
    "x@[192.0.2.1]",
    "root@localhost",
    f"{'l' * 64}@example.org",
    f"{'n' * 300} <n@example.org>",
    "ann@example.org, bob@example.org",
    "no address",
    "a@b@c",
    "@example.org",
    "ann@",
    "",
    " ",
    "ann@example.org\r\nRCPT TO:<eve@example.org>",
    "ann@exa\x00mple.org",
    "a b@example.org",
    "<ann@example.org>",
    "\ud83d <ann@example.org>",
    "ann@example.org>",
    "group: a@example.org;",
)
_HEADERS = (
    "X-Order",
    "Date",
    "Message-ID",
    "To",
    "From",
    "Subject",
    "Reply-To",
    "Sender",
    "List-Unsubscribe",
    "Bcc",
    "Resent-Bcc",
    "References",
    "Content-Type",
    "x" * 80,
    "DKIM-Signature",
)
_NO_HEADERS = (
    "X-Ünicode",
    "X Y",
    "X:Y",
    "",
    f"X-Y: 1\r\n{INJECTED}",
    f"X-Y: 1\n{INJECTED}",
    f"X-Y\r{INJECTED}",
)
_TYPES: tuple[Any, ...] = (
    None,
    "text/plain",
    "text/html",
    "text/csv; charset=utf-8",
    "application/octet-stream",
    "application/pdf",
    "image/png",
    "message/rfc822",
    "multipart/mixed",
    "nonsense",
    "a/b/c",
    "text/plain\r\nX-Injected: yes",
)
_CHARSETS = (None,) * 20 + ("utf-8", "iso-8859-1", "us-ascii", "utf-16", "utf-7", "klingon", "")
_NAMES = (
    None,
    "a.txt",
    "Rechnung für März.pdf",
    "x" * 400,
    "a\r\nX-Injected: yes",
    'a"b\\c',
    "",
    "../../a",
    "\x00.bin",
    "é" * 500,
)


def message(rng: random.Random) -> EmailMessage:
    """Return a message of which most parts are harmless."""
    build: Callable[..., EmailMessage] = EmailMultiAlternatives if rng.random() < 0.5 else EmailMessage
    made = build(
        subject=_text(rng, 0.15),
        body=_text(rng, 0.5),
        from_email=_address(rng) if rng.random() < 0.1 else "anna@example.org",
        to=_addresses(rng, 0.15) or ["ben@example.net"],
        cc=_addresses(rng, 0.05) if rng.random() < 0.3 else None,
        bcc=[BLIND.format(place) for place in range(rng.choice((0, 0, 1, 3)))],
        reply_to=_addresses(rng, 0.1) if rng.random() < 0.2 else None,
        headers=dict(_header(rng) for _ in range(rng.choice((0, 0, 0, 1, 2)))),
    )
    made.encoding = rng.choice(_CHARSETS)
    if isinstance(made, EmailMultiAlternatives) and rng.random() < 0.5:
        kind = "text/html" if rng.random() < 0.9 else rng.choice(_TYPES)
        made.alternatives.append(EmailAlternative(f"<p>{_text(rng, 0.6)}</p>", kind))
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 4))):
        made.attachments.append(_attachment(rng))
    return made


def _text(rng: random.Random, nasty: float) -> str:
    """Return a text; `nasty` is how likely it is an odd one."""
    if rng.random() > nasty:
        return rng.choice(("Hello", "Your order 2291", "Grüße", "", "two\nlines" if nasty > 0.4 else "two lines"))
    if rng.random() < 0.3:
        size = rng.choice((1, 5, 80, 2000))
        return "".join(
            chr(rng.choice((rng.randrange(128), rng.randrange(0x3000), rng.randrange(0x110000)))) for _ in range(size)
        )
    return rng.choice(_TEXTS)


def _header(rng: random.Random) -> tuple[str, str]:
    return rng.choice(_HEADERS if rng.random() < 0.9 else _NO_HEADERS), _text(rng, 0.3)


def _address(rng: random.Random) -> str:
    return rng.choice(_ADDRESSES[:6] if rng.random() < 0.6 else _ADDRESSES)


def _addresses(rng: random.Random, nasty: float) -> list[str]:
    some = [
        f"u{place}@example.org"
        for place in range(rng.choice((0, 1, 1, 2, 3, 120) if rng.random() < 0.1 else (0, 1, 2)))
    ]
    return [*some, _address(rng)] if rng.random() < nasty else some


def _attachment(rng: random.Random) -> Any:
    odd = rng.random() < 0.3
    name, kind = rng.choice(_NAMES[: None if odd else 3]), rng.choice(_TYPES[: None if odd else 7])
    pick = rng.random()
    if pick < 0.4:  # the usual one, large ones too
        size = rng.choice((0, 1, 57, 4096, 4097, 60_000))
        return "a.pdf", rng.randbytes(size), "application/pdf"
    if pick < 0.6:
        return name, _text(rng, 0.8), kind
    if pick < 0.8:
        return name, rng.choice((_text(rng, 0.8).encode("utf-8", "surrogatepass"), rng.randbytes(300))), kind
    if pick < 0.9:
        return "inner.eml", _raw(rng), "message/rfc822"
    return _image(rng.randbytes(rng.choice((10, 9000))))


def _image(data: bytes) -> Any:
    """Return a part of its own, as each Django wants it."""
    if django.VERSION >= (6, 0):
        part = MIMEPart()
        part.set_content(data, maintype="image", subtype="png", disposition="inline", cid="<logo>")
        return part
    image = MIMEImage(data, "png")
    image.add_header("Content-ID", "<logo>")
    return image


def _raw(rng: random.Random) -> Any:
    """Return a message to be attached: Django's own, or bytes of any kind."""
    if rng.random() < 0.3:
        return EmailMessage(_text(rng, 0.3), _text(rng, 0.8), "inner@example.org", ["inner@example.net"])
    body = _text(rng, 0.8).encode("utf-8", "surrogatepass")
    return b"Subject: inner\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body

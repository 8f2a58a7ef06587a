"""Small messages for the sessions: each is known again by its Message-ID."""

from __future__ import annotations

import random

from mailadmin.core.content import Content, Encoded
from mailadmin.transports.base import Mail

_BODIES = (
    b"Hello.\r\n",
    b"",
    b".",
    b".\r\n",
    b"..\r\n.x\r\n\r\n.\r\n",
    b"no end of line",
    b"QUIT\r\n.\r\nMAIL FROM:<>\r\n",
    "Grüße\r\n".encode(),
    b"x" * 998 + b"\r\n",
    b".dots\r\n" * 12_000,
)


def mail(rng: random.Random, number: int) -> Mail:
    """Return message `number` of a case."""
    text = rng.choice(_BODIES)
    head = b"Message-ID: <%d@fuzz.example>\r\nSubject: %d\r\n\r\n" % (number, number)
    body: tuple[bytes | Encoded, ...] = (text,) if text else ()
    if rng.random() < 0.1:
        body = (b"begin\r\n", Encoded(rng.randbytes(rng.choice((1, 5000, 70_000)))), b"end\r\n")
    count = rng.choice((1, 1, 1, 2, 3, 7)) if rng.random() < 0.98 else 130
    utf8 = rng.random() < 0.05
    recipients = tuple(f"{'ü' if utf8 else 'u'}{place}.{number}@example.net" for place in range(count))
    sender = rng.choice(("anna@example.org", "anna@example.org", ""))
    return Mail(sender, recipients, Content(head, body), f"<{number}@fuzz.example>", needs_utf8=utf8)


def number_of(content: bytes) -> int:
    """Return the number of the message that `content` is, -1 for none of them."""
    found = content.partition(b"<")[2].partition(b"@fuzz.example>")[0]
    return int(found) if content.startswith(b"Message-ID: <") and found.isdigit() else -1

"""Messages of every kind that an application can build with Django, for comparing bytes."""

from __future__ import annotations

import email.message
from collections.abc import Callable
from email.encoders import encode_base64
from email.mime.base import MIMEBase
from email.mime.image import MIMEImage
from email.mime.text import MIMEText
from typing import Any

import django
from django.core.mail import EmailMessage, EmailMultiAlternatives

from mailadmin.core.limits import CONTENT_BLOCK_BYTES, STREAMED_BYTES

from .conftest import a_message

Build = Callable[[], EmailMessage]
MODERN = django.VERSION >= (6, 0)
BLOCK = CONTENT_BLOCK_BYTES // 78 * 57
BIG = bytes(range(256)) * 40  # is streamed
SMALL = b"\x89PNG\r\n\x1a\n\x00"


def alternatives(*some: tuple[Any, str], **values: Any) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives("Grüße", "Text ✓\n", "Ünal <a@example.org>", ["b@example.org"], **values)
    for content, kind in some:
        message.attach_alternative(content, kind)
    return message


def attached(*attachments: Any, message: EmailMessage | None = None) -> EmailMessage:
    """A message with triples attached by Django's own method, and parts put into its list."""
    message = message or a_message()
    for attachment in attachments:
        if isinstance(attachment, tuple):
            message.attach(*attachment)
        else:
            message.attachments.append(attachment)
    return message


def older_part(data: bytes, kind: type[MIMEBase] = MIMEImage) -> MIMEBase:
    part = MIMEImage(data, "png") if kind is MIMEImage else MIMEBase("application", "x-own")
    if kind is not MIMEImage:
        part.set_payload(data)
        encode_base64(part)
    part.add_header("Content-ID", "<logo>")
    part.add_header("Content-Disposition", "inline", filename="Lögö.png")
    return part


def newer_part(data: bytes) -> Any:
    part = email.message.MIMEPart()
    part.set_content(data, maintype="image", subtype="png", disposition="inline", cid="<logo>", filename="Lögö.png")
    return part


def unbroken_part(data: bytes) -> MIMEBase:
    """A part whose base64 the application wrote in lines of its own length."""
    part = older_part(data, MIMEBase)
    part.set_payload("".join(str(part.get_payload()).split()[:50]) + "\n")
    return part


class OwnPart(MIMEImage):
    """A part whose class is not the standard library's."""


class Signing(EmailMessage):
    """A subclass that wraps what Django builds, as a package for signing does."""

    def message(self, **options: Any) -> Any:
        built = super().message(**options)
        built["X-Signed"] = str(len(built.as_bytes()))
        return built


class Attaching(EmailMultiAlternatives):
    """A subclass that changes how one attachment is built."""

    def _create_mime_attachment(self, content: Any, mimetype: str) -> Any:
        part = super()._create_mime_attachment(content, mimetype)  # type: ignore[misc]  # Django 5.2 only
        part["X-Own"] = "yes"
        return part

    def _add_attachment(self, message: Any, filename: Any, content: Any, mimetype: Any) -> None:
        super()._add_attachment(message, f"own-{filename}", content, mimetype)  # type: ignore[misc]  # Django 6.0 on


class Templated(EmailMultiAlternatives):
    """A subclass that only fills in fields."""

    content_subtype = "html"

    @property
    def extra(self) -> str:
        return "x"


def related() -> EmailMessage:
    message = attached(
        older_part(BIG), ("a.pdf", BIG, "application/pdf"), message=alternatives(("<p>x</p>", "text/html"))
    )
    if not MODERN:
        message.mixed_subtype = "related"  # type: ignore[attr-defined]  # undocumented, and gone since Django 6.0
    return message


def with_encoding(charset: str, text: str) -> EmailMessage:
    message = a_message(subject=text, body=text)
    message.encoding = charset
    return message


def patched() -> EmailMessage:
    message = attached(("a.pdf", BIG, "application/pdf"))
    plain = message.message
    message.message = lambda **options: plain(**options)  # type: ignore[method-assign]  # as some packages do
    return message


MESSAGE = b"Subject: x\nTo: b@example.org\n\n" + b"body\n" * 2000
TEXT_FILE = "Größe;Preis\n" * 900
KINDS: dict[str, Build] = {
    "text": lambda: a_message(body="Hello\n.\n..two dots\nFrom the end\n"),
    "text without a line end": lambda: a_message(body="Hello"),
    "no text": lambda: a_message(body=""),
    "text in 8 bits": lambda: a_message(body="Grüße ✓\n" * 40),
    "a long text": lambda: a_message(body="line after line\n" * 5000),
    "lines of 998 octets": lambda: a_message(body=("x" * 998 + "\n") * 3),
    "lines of 998 octets in 8 bits": lambda: a_message(body=("ü" * 499 + "\n") * 3),
    "a line too long": lambda: a_message(body="x" * 999),
    "line ends of every kind": lambda: a_message(body="a\r\nb\rc\nd\n\n"),
    "blanks at line ends": lambda: a_message(body="a \nb\t\n \n"),
    "html": lambda: _html(),
    "latin-1": lambda: with_encoding("iso-8859-1", "Grüße"),
    "utf-16": lambda: with_encoding("utf-16", "Grüße"),
    "text and html": lambda: alternatives(("<p>Grüße</p>", "text/html")),
    "three alternatives": lambda: alternatives(("<p>x</p>", "text/html"), ("BEGIN:VCALENDAR\n", "text/calendar")),
    "a binary alternative": lambda: alternatives((b"\x00\x01", "application/x-amp")),
    "html with files": lambda: attached(
        ("a.pdf", BIG, "application/pdf"), older_part(BIG), message=alternatives(("<p>x</p>", "text/html"))
    ),
    "only a file": lambda: attached(("a.pdf", BIG, "application/pdf"), message=a_message(body="")),
    "a text file": lambda: attached(("a.csv", TEXT_FILE, "text/csv")),
    "a text file in bytes": lambda: attached(("a.csv", TEXT_FILE.encode(), "text/csv")),
    "a text file that is no text": lambda: attached(("a.csv", BIG, "text/csv")),
    "a file in a string": lambda: attached(("a.bin", "x" * 9000, "application/octet-stream")),
    "a file without a name": lambda: attached((None, BIG, "application/pdf")),
    "a file of a guessed type": lambda: attached(("a.zip", BIG)),
    "a non-ASCII name": lambda: attached(("Rechnung für März.pdf", BIG, "application/pdf")),
    "a long non-ASCII name": lambda: attached(("ä" * 90 + ".pdf", BIG, "application/pdf")),
    "a name with quotes": lambda: attached(('a "b" \\c;d.pdf', BIG, "application/pdf")),
    "many files": lambda: attached(
        *((f"{n}.png", BIG[n:], "image/png") for n in range(3)), ("s.png", SMALL, "image/png"), older_part(BIG)
    ),
    "the same file twice": lambda: attached(("a.pdf", BIG, "application/pdf"), ("b.pdf", BIG, "application/pdf")),
    "an older part": lambda: attached(older_part(BIG)),
    "an older part of its own type": lambda: attached(older_part(BIG, MIMEBase)),
    "a small older part": lambda: attached(older_part(SMALL)),
    "a part in lines of its own": lambda: attached(unbroken_part(BIG)),
    "a part of its own class": lambda: attached(OwnPart(BIG, "png")),
    "a text part": lambda: attached(MIMEText("Grüße " * 2000, "plain", "utf-8")),
    "a part without an encoding": lambda: attached(_bare_part()),
    "a newer part": lambda: attached(newer_part(BIG)) if MODERN else attached(older_part(BIG)),
    "a related message": related,
    "a message of Django": lambda: attached(("a.eml", a_message(subject="Grüße"), "message/rfc822")),
    "a message of Django with a file": lambda: attached(
        ("a.eml", attached(("b.pdf", BIG, "application/pdf")), "message/rfc822"), ("c.pdf", BIG, "application/pdf")
    ),
    "a message of its own class": lambda: attached(
        ("a.eml", Signing("s", "b", "a@example.org", ["b@example.org"]), "message/rfc822")
    ),
    "a message in bytes": lambda: attached(("a.eml", MESSAGE, "message/rfc822")),
    "a parsed message": lambda: attached(("a.eml", email.message_from_bytes(MESSAGE), "message/rfc822")),
    "a calendar": lambda: attached(("a.ics", "BEGIN:VCALENDAR\nEND:VCALENDAR\n", "text/calendar")),
    "headers": lambda: a_message(
        headers={
            "X-Order": "2291",
            "List-Unsubscribe": "<https://contoso.org/u/1>, <mailto:out@contoso.org>",
            "References": " ".join(f"<{n}.abcdefgh@mail.example.org>" for n in range(12)),
            "X-Long": "word " * 60,
            "X-Words": "Grüße aus Köln",
            "X-Blank": " a  b ",
            "X-Priority": "1",
            "Precedence": "bulk",
        }
    ),
    "its own Date and Message-ID": lambda: a_message(
        headers={"Date": "Mon, 02 Mar 2026 10:00:00 +0100", "Message-ID": "<own@example.org>", "From": "x@example.org"}
    ),
    "a long subject": lambda: a_message(subject="A rather long subject that goes on " * 5),
    "a long subject in 8 bits": lambda: a_message(subject="Größe und Maß " * 12),
    "everybody": lambda: a_message(
        from_email='"Shop, Contoso" <shop@contoso.org>',
        to=["Ann Ünal <ann@example.org>", "bob@example.org", "Bob B <b.b@example.org>"],
        cc=['"O\'Hara, Cathy" <cathy@bücher.example>'],
        bcc=["secret@example.org"],
        reply_to=["Help <help@contoso.org>", "more@contoso.org"],
    ),
    "many recipients": lambda: a_message(to=[f"user{n}@example.org" for n in range(40)]),
    "many named recipients": lambda: a_message(to=[f"User {n} <user{n}@example.org>" for n in range(40)]),
    "a mailbox without a domain": lambda: a_message(to=["root"], from_email="root"),
    "a signing class": lambda: attached(
        ("a.pdf", BIG, "application/pdf"), message=Signing("s", "b", "a@example.org", ["b@example.org"])
    ),
    "an attaching class": lambda: attached(
        ("a.pdf", BIG, "application/pdf"), message=Attaching("s", "b", "a@example.org", ["b@example.org"])
    ),
    "a class with a template": lambda: attached(
        ("a.pdf", BIG, "application/pdf"), message=Templated("s", "<p>b</p>", "a@example.org", ["b@example.org"])
    ),
    "a patched message": patched,
} | {
    f"a file of {size} bytes": lambda size=size: attached(
        ("a.bin", (BIG * (size // 10000 + 1))[:size], "application/x-y")
    )
    for size in (0, 1, 56, 57, 58, STREAMED_BYTES, STREAMED_BYTES + 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 57)
}


def _html() -> EmailMessage:
    message = a_message(body="<p>Grüße</p>")
    message.content_subtype = "html"
    return message


def _bare_part() -> MIMEBase:
    part = MIMEBase("application", "x-own")
    part.set_payload("plain letters\n" * 600)
    return part

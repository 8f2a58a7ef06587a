"""What the kinds of message are made of."""

from __future__ import annotations

from collections.abc import Iterable
from email.message import Message, MIMEPart
from email.mime.image import MIMEImage
from typing import Any

import django
from django.core.mail import EmailAlternative, EmailMessage, EmailMultiAlternatives

FROM = "Robot <robot@example.org>"
TO = ["Ann Example <ann@example.net>"]
TEXT, HTML = "Hello Ann,\n\nyour order has left.\n", "<p>Hello <b>Ann</b>, your order has left.</p>"
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:7@example.org\r\n"
    "DTSTAMP:20261102T100000Z\r\nDTSTART:20261103T090000Z\r\nSUMMARY:Meeting\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
BIG = bytes(range(256)) * 20_480  # 5 MiB


def text(body: str = TEXT, subject: str = "Your order", **fields: Any) -> EmailMessage:
    """Return a message with a text."""
    return EmailMessage(subject, body, **{"from_email": FROM, "to": TO, **fields})


def both(html: str = HTML, **fields: Any) -> EmailMultiAlternatives:
    """Return a message with a text and an HTML body."""
    made = EmailMultiAlternatives("Your order", TEXT, **{"from_email": FROM, "to": TO, **fields})
    made.attach_alternative(html, "text/html")
    return made


def only_html(body: str = HTML, **fields: Any) -> EmailMessage:
    """Return a message with an HTML body."""
    made = text(body, **fields)
    made.content_subtype = "html"
    return made


def headers(**values: str) -> EmailMessage:
    """Return a message with more headers: an underscore stands for a hyphen."""
    return text(headers={name.replace("_", "-"): value for name, value in values.items()})


def attached(name: str | None, content: Any, kind: str | None = None, message: EmailMessage | None = None) -> Any:
    """Return a message with an attachment."""
    made = message or text()
    made.attach(name, content, kind)
    return made


def attached_part(part: Any, message: EmailMessage | None = None) -> EmailMessage:
    """Return a message with a part that the application made itself."""
    made = message or text()
    made.attachments.append(part)
    return made


def image(cid: str = "logo@example.org") -> Any:
    """Return an inline image as a part, as each Django wants it."""
    if django.VERSION >= (6, 0):
        part = MIMEPart()
        part.set_content(
            PNG, maintype="image", subtype="png", disposition="inline", filename="logo.png", cid=f"<{cid}>"
        )
        return part
    made = MIMEImage(PNG, "png")
    made.add_header("Content-Disposition", "inline", filename="logo.png")
    made.add_header("Content-ID", f"<{cid}>")
    return made


def with_images(cids: Iterable[str], message: EmailMessage) -> EmailMessage:
    """Add an inline image for each of `cids`."""
    for cid in cids:
        attached_part(image(cid), message)
    return message


def without_text() -> EmailMessage:
    """Return a message with an empty text beside its HTML body."""
    made = both()
    made.body = ""
    return made


def many_recipients() -> EmailMessage:
    return text(
        to=[f"user{number}@example.net" for number in range(120)],
        cc=[f"cc{number}@example.net" for number in range(60)],
        bcc=[f"hidden{number}@example.com" for number in range(60)],
    )


def latin_1() -> EmailMessage:
    made = text("Größe und Maß: dafür ½ Preis.\n", "Größe")
    made.encoding = "iso-8859-1"
    return made


def complaint() -> EmailMessage:
    """Return a message to be attached."""
    made = text(subject="The complaint")
    made.attach("photo.png", PNG, "image/png")
    return made


class Finished(EmailMessage):
    """A message that the application built itself, as add-ons for S/MIME, PGP or DKIM do it."""

    raw = b""

    def message(self, **options: Any) -> Any:  # type: ignore[override] # each Django has its own arguments
        return _Bytes(self.raw)


class _Bytes(Message):
    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self._raw = raw

    def as_bytes(self, *args: Any, **options: Any) -> bytes:
        return self._raw


def finished(content_type: str, body: str | bytes, *more: str) -> EmailMessage:
    """Return a message of these very bytes, under the usual headers."""
    lines = [
        f"From: {FROM}",
        f"To: {TO[0]}",
        "Subject: Your order",
        "Message-ID: <finished@example.org>",
        "Date: Mon, 02 Nov 2026 10:00:00 +0000",
        "MIME-Version: 1.0",
        *more,
        f"Content-Type: {content_type}",
    ]
    made = Finished("Your order", "", FROM, TO)
    raw = body if isinstance(body, bytes) else body.encode()
    made.raw = "\r\n".join([*lines, "", ""]).encode() + raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return made


def parts(boundary: str, *bodies: str) -> str:
    """Return the body of a multipart."""
    return "".join(f"--{boundary}\n{body}\n" for body in bodies) + f"--{boundary}--\n"


SIGNED = parts(
    "sig",
    "Content-Type: text/plain; charset=utf-8\n\nTrailing blanks are signed too: \nEnd.\n",
    'Content-Type: application/pkcs7-signature; name="smime.p7s"\nContent-Transfer-Encoding: base64\n'
    'Content-Disposition: attachment; filename="smime.p7s"\n\nMIAGCSqGSIb3DQEHAqCAMIACAQExDzAN\n',
)
REPORT = parts(
    "rep",
    "Content-Type: text/plain\n\nThe message was read.\n",
    "Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; ann@example.net\n"
    "Disposition: manual-action/MDN-sent-manually; displayed\n",
)


def one_image() -> str:
    return f'{HTML}<img src="cid:logo@example.org" alt="">'


def two_images() -> str:
    return f'{HTML}<img src="cid:a@example.org" alt=""><img src="cid:b@example.org" alt="">'


def third_alternative() -> EmailMessage:
    made = both()
    made.alternatives.insert(0, EmailAlternative("Hello **Ann**\n", "text/markdown"))
    return made


def three_files() -> EmailMessage:
    made = attached("a.txt", "one\n", "text/plain")
    made.attach("b.bin", b"\2" * 99, "application/octet-stream")
    made.attach("a.txt", "three\n", "text/plain")
    return made  # type: ignore[no-any-return] # `attached` takes any message


def invitation() -> EmailMessage:
    made = both()
    made.attach_alternative(CALENDAR, "text/calendar; method=REQUEST")
    return made


def big_mixture() -> EmailMessage:
    made = with_images(["logo@example.org"], both(one_image()))
    for number in range(3):
        made.attach(f"part-{number}.bin", BIG[: 2 * 1024 * 1024 + number], "application/octet-stream")
    return made

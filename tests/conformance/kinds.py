"""The kinds of message that an application may build, one row of docs/conformance.md each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.core.mail import EmailMessage

from .building import (
    BIG,
    CALENDAR,
    REPORT,
    SIGNED,
    attached,
    big_mixture,
    both,
    complaint,
    finished,
    headers,
    invitation,
    latin_1,
    many_recipients,
    one_image,
    only_html,
    text,
    third_alternative,
    three_files,
    two_images,
    with_images,
    without_text,
)


@dataclass(frozen=True)
class Kind:
    """One row of the table: its title, and what builds the message."""

    title: str
    build: Callable[[], EmailMessage]


KINDS: tuple[Kind, ...] = (
    # bodies
    Kind("Text", text),
    Kind("HTML only", only_html),
    Kind("Text and HTML", both),
    Kind("Empty body", lambda: text("")),
    Kind("Empty subject", lambda: text(subject="")),
    Kind("Empty text and an HTML body", without_text),
    Kind("8-bit text", lambda: finished("text/plain; charset=utf-8", "Grüße\n", "Content-Transfer-Encoding: 8bit")),
    Kind("Text in ISO 8859-1", latin_1),
    Kind("Emoji and letters beyond 16 bits", lambda: text("✓ 👩‍💻 𝄞\n", "Ready 👩‍💻")),
    Kind("Text from right to left", lambda: text("שלום, 100 ‎ABC مرحبا\n", "שלום")),
    Kind("Lines over 998 characters", lambda: only_html(f"<p>{'word ' * 900}</p>\n")),
    Kind("Dots at the beginning of lines", lambda: text(".\n..\n.end\n")),
    Kind(
        "Flowed text (RFC 3676)",
        lambda: finished("text/plain; charset=utf-8; format=flowed; delsp=yes", "A long \nparagraph \n-- \nAnn\n"),
    ),
    Kind("Markdown as a third alternative", third_alternative),
    # names and addresses
    Kind("Subject with letters beyond ASCII, very long", lambda: text(subject="Grüße aus Köln – " * 12 + "Ende")),
    Kind("Names with letters beyond ASCII", lambda: text(to=["Jürgen Mü <j@example.net>", "李雷 <l@example.net>"])),
    Kind("Name with letters beyond ASCII, very long", lambda: text(to=[f"{'Größenmaßstäbe' * 9} <g@example.net>"])),
    Kind("Names with quotes and commas", lambda: text(to=['"O\'Hara, Cathy \\"C\\"" <c@example.net>'])),
    Kind("Internationalised domain", lambda: text(to=["bob@münchen.example"])),
    Kind("Cc", lambda: text(cc=["Carl <carl@example.net>", "cora@example.net"])),
    Kind("Bcc besides To", lambda: text(bcc=["hidden@example.com", "veiled@example.com"])),
    Kind("Bcc only", lambda: text(to=[], bcc=["hidden@example.com"])),
    Kind("240 recipients in To, Cc and Bcc", many_recipients),
    Kind("Reply-To, two of them", lambda: text(reply_to=["Sales <sales@example.org>", "help@example.org"])),
    Kind("Sender besides From", lambda: headers(Sender="robot@example.org")),
    # headers
    Kind("Own X- headers", lambda: headers(X_Order="2291", X_Mailer="Shop 4")),
    Kind("More than five X- headers", lambda: headers(**{f"X_Number_{number}": str(number) for number in range(7)})),
    Kind("X- header with letters beyond ASCII", lambda: headers(X_Customer="Jürgen Müller")),
    Kind(
        "List-Unsubscribe, one click",
        lambda: headers(
            List_Unsubscribe="<https://example.org/u/7>, <mailto:u@example.org>",
            List_Unsubscribe_Post="List-Unsubscribe=One-Click",
        ),
    ),
    Kind(
        "In-Reply-To and References",
        lambda: headers(In_Reply_To="<1@example.net>", References="<0@example.net> <1@example.net>"),
    ),
    Kind("Own Message-ID", lambda: headers(Message_ID="<own-7@example.org>")),
    Kind("Own Date", lambda: headers(Date="Mon, 02 Nov 2026 10:00:00 +0000")),
    Kind("Auto-Submitted and Precedence", lambda: headers(Auto_Submitted="auto-generated", Precedence="bulk")),
    Kind("Priority", lambda: headers(X_Priority="1", Importance="high", Priority="urgent")),
    Kind("Low priority by X-Priority alone", lambda: headers(X_Priority="5")),
    Kind("Request for a receipt", lambda: headers(Disposition_Notification_To="robot@example.org")),
    Kind("Comments and Keywords", lambda: headers(Comments="From the shop", Keywords="order, shipping")),
    # attachments
    Kind("Text file attached", lambda: attached("notes.txt", "First line\nGrüße\n", "text/plain")),
    Kind("PDF attached", lambda: attached("report.pdf", b"%PDF-1.7\n" + bytes(range(256)) * 9, "application/pdf")),
    Kind("Empty file attached", lambda: attached("empty.bin", b"", "application/octet-stream")),
    Kind("CSV in ISO 8859-1 attached", lambda: attached("table.csv", "Größe;1\n".encode("latin-1"), "text/csv")),
    Kind("File of a type that nobody knows", lambda: attached("data.xyz", b"\0\1\2", "application/x-own+thing")),
    Kind(
        "File name with letters beyond ASCII",
        lambda: attached("Rechnung März – 请.pdf", b"%PDF", "application/pdf"),
    ),
    Kind("File name of 250 letters", lambda: attached("n" * 246 + ".pdf", b"%PDF", "application/pdf")),
    Kind("File name with quotes", lambda: attached('the "final".pdf', b"%PDF", "application/pdf")),
    Kind("File without a name", lambda: attached(None, b"%PDF", "application/pdf")),
    Kind("Three files, two of the same name", three_files),
    Kind("HTML with inline images", lambda: with_images(["a@example.org", "b@example.org"], only_html(two_images()))),
    Kind("Text, HTML and an inline image", lambda: with_images(["logo@example.org"], both(one_image()))),
    Kind(
        "Text, HTML, an inline image and a file",
        lambda: attached(
            "report.pdf", b"%PDF", "application/pdf", with_images(["logo@example.org"], both(one_image()))
        ),
    ),
    Kind("Attached message", lambda: attached("complaint.eml", complaint(), "message/rfc822")),
    Kind("Invitation as an alternative (iMIP)", invitation),
    Kind("Calendar file attached", lambda: attached("meeting.ics", CALENDAR, "text/calendar")),
    Kind(
        "Signed message (S/MIME)",
        lambda: finished(
            'multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="sig"', SIGNED
        ),
    ),
    Kind(
        "Report on a read message",
        lambda: finished('multipart/report; report-type=disposition-notification; boundary="rep"', REPORT),
    ),
    Kind("File of 5 MB attached", lambda: attached("big.bin", BIG, "application/octet-stream")),
    Kind(
        "Three files of 2 MB, text, HTML and an inline image",
        lambda: big_mixture(),
    ),
    Kind("Address with letters beyond ASCII before the @", lambda: text(to=["jürgen@example.net"])),
)

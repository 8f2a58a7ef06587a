"""Cortex, "Send Email Using SMTP Server": every example and property, with a real server (S12-S15)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection as database

import mailadmin
from mailadmin import BadMessage
from mailadmin.models import SmtpConnection
from mailadmin.transports.smtp.pool import POOL
from tests.seeds.kit import (
    SERVICE,
    assert_complete,
    came_by,
    connection,
    files,
    letter,
    refused,
    somebody,
    text_of,
)
from tests.services.mails import PASSWORD, USER
from tests.services.postfix import Postfix, mails_of
from tests.services.processes import wait_for

pytestmark = [SERVICE, pytest.mark.django_db]

ROWS = {
    # examples
    "Sending an email to a single recipient": "test_example_single_recipient",
    "Sending an email to multiple recipients": "test_example_multiple_recipients",
    "Sending an email with CC or BCC addresses": "test_example_cc_or_bcc_addresses",
    "Sending an email with a different priority": "test_example_different_priority",
    "Sending an email with a HTML body": "test_example_html_body",
    "Sending an email with a single attachment": "test_example_single_attachment",
    "Sending an email with mutiple attachments": "test_example_multiple_attachments",
    # properties
    "Email Message: To": "test_to",
    "Email Message: From": "test_from",
    "Email Message: CC": "test_cc",
    "Email Message: BCC": "test_bcc",
    "Email Message: Priority": "test_priority",
    "Email Message: Subject": "test_subject",
    "Email Message: BodyFormat": "test_body_format",
    "Email Message: BodyFormat that mail cannot carry": "test_body_format_that_mail_cannot_carry",
    "Email Message: Body": "test_body",
    "Email Message: Attachments": "test_attachments",
    "Email Message: defaults": "test_defaults_are_a_text_body_and_normal_priority",
    "Server Details: Host": "test_host",
    "Server Details: Port": "test_port",
    "Server Details: UseSsl": "test_use_ssl",
    "Credentials: Domain": "test_domain",
    "Credentials: Username and Password": "test_user_name_and_password_are_encrypted_at_rest",
    "Close Session": "test_close_session",
}
EXAMPLE = {"subject": "Example email subject", "body": "Example email body", "from_email": USER}


def test_every_row_has_its_test() -> None:
    assert_complete(ROWS, globals())


# -- examples ---------------------------------------------------------------------------------------------


def test_example_single_recipient(postfix: Postfix) -> None:
    """useSsl is false, and STARTTLS is used all the same, because the server offers it (S15)."""
    connection(postfix, security="starttls-if-offered", keep_open=False)
    ben = somebody()
    assert mailadmin.send(to=[ben], **EXAMPLE).sent
    mail = letter(postfix, ben)
    assert (mail["From"], mail["To"], mail["Subject"]) == (USER, ben, "Example email subject")
    assert (mail.get_content_type(), text_of(mail)) == ("text/plain", "Example email body")
    assert came_by(mail) == "ESMTPSA"


def test_example_multiple_recipients(postfix: Postfix) -> None:
    connection(postfix, "tls", keep_open=False)
    everybody = [somebody(), somebody(), somebody("carla")]
    mailadmin.send(to=everybody, **EXAMPLE)
    for address in everybody:
        mail = letter(postfix, address)
        assert (mail["To"], text_of(mail)) == (", ".join(everybody), "Example email body")
        assert came_by(mail) == "ESMTPSA"


def test_example_cc_or_bcc_addresses(postfix: Postfix) -> None:
    connection(postfix)
    to, first, second, blind = somebody(), somebody(), somebody("carla"), somebody("carla")
    mailadmin.send(to=[to], cc=[first, second], bcc=[blind], **EXAMPLE)
    for address in (to, first, second, blind):
        mail = letter(postfix, address)
        assert (mail["To"], mail["Cc"], mail["Bcc"]) == (to, f"{first}, {second}", None)


def test_example_different_priority(postfix: Postfix) -> None:
    connection(postfix)
    ben = somebody()
    mailadmin.send(to=[ben], priority="Urgent", **EXAMPLE)
    mail = letter(postfix, ben)
    assert (mail["Priority"], mail["X-Priority"], mail["Importance"]) == ("urgent", "1", "high")


def test_example_html_body(postfix: Postfix) -> None:
    connection(postfix)
    ben = somebody()
    mailadmin.send(to=[ben], **EXAMPLE | {"body": "<h1>Example email body</h1>", "body_format": "Html"})
    mail = letter(postfix, ben)
    assert (mail.get_content_type(), text_of(mail)) == ("text/html", "<h1>Example email body</h1>")


def test_example_single_attachment(postfix: Postfix, tmp_path: Path) -> None:
    connection(postfix)
    ben, path = somebody(), tmp_path / "attachment.txt"
    path.write_text("One line\nand one more.\n")
    mailadmin.send(to=[ben], attachments=[str(path)], **EXAMPLE)
    mail = letter(postfix, ben)
    assert text_of(mail.get_body()) == "Example email body"
    assert files(mail) == [("attachment.txt", "text/plain", b"One line\nand one more.\n")]


def test_example_multiple_attachments(postfix: Postfix, tmp_path: Path) -> None:
    connection(postfix)
    ben, paths = somebody(), [tmp_path / "attachment1.txt", tmp_path / "attachment2.txt"]
    for path in paths:
        path.write_text(f"This is {path.name}.")
    mailadmin.send(to=[ben], attachments=[str(path) for path in paths], **EXAMPLE)
    assert files(letter(postfix, ben)) == [
        ("attachment1.txt", "text/plain", b"This is attachment1.txt."),
        ("attachment2.txt", "text/plain", b"This is attachment2.txt."),
    ]


# -- the message ------------------------------------------------------------------------------------------


def test_to(postfix: Postfix) -> None:
    """Each address has a name, or none."""
    connection(postfix)
    named, bare = somebody(), somebody("carla")
    mailadmin.send("To", "x", USER, [f'"Müller, Ben" <{named}>', bare])
    for address in (named, bare):
        told = letter(postfix, address)["To"].addresses
        assert [(one.display_name, one.addr_spec) for one in told] == [("Müller, Ben", named), ("", bare)]


def test_from(postfix: Postfix) -> None:
    connection(postfix)
    ben = somebody()
    mailadmin.send("From", "x", f"Jürgen Müller <{USER}>", ben)
    mail = letter(postfix, ben)
    (sender,) = mail["From"].addresses
    assert (sender.display_name, sender.addr_spec, mail["Return-Path"]) == ("Jürgen Müller", USER, f"<{USER}>")


def test_cc(postfix: Postfix) -> None:
    connection(postfix)
    ben, carla = somebody(), somebody("carla")
    mailadmin.send("Cc", "x", USER, ben, cc=[f"Carla <{carla}>"])
    assert letter(postfix, carla)["Cc"] == letter(postfix, ben)["Cc"] == f"Carla <{carla}>"


def test_bcc(postfix: Postfix) -> None:
    connection(postfix)
    ben, carla = somebody(), somebody("carla")
    mailadmin.send("Bcc", "x", USER, ben, bcc=[f"Carla <{carla}>"])
    assert carla not in letter(postfix, ben).as_string()
    assert letter(postfix, carla)["To"] == ben


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("Urgent", ("urgent", "1", "high")),
        ("urgent", ("urgent", "1", "high")),
        ("NonUrgent", ("non-urgent", "5", "low")),
        ("non-urgent", ("non-urgent", "5", "low")),
        ("Normal", (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_priority(postfix: Postfix, given: Any, told: tuple[str | None, ...]) -> None:
    connection(postfix)
    ben = somebody()
    mailadmin.send("Priority", "x", USER, ben, priority=given)
    mail = letter(postfix, ben)
    assert (mail["Priority"], mail["X-Priority"], mail["Importance"]) == told


@pytest.mark.parametrize("subject", ["Plain", "Grüße aus Köln – 请确认", "word " * 60 + "end", ""])
def test_subject(postfix: Postfix, subject: str) -> None:
    connection(postfix)
    ben = somebody()
    mailadmin.send(subject, "x", USER, ben)
    assert letter(postfix, ben)["Subject"] == subject


@pytest.mark.parametrize(
    ("given", "kind", "body"),
    [
        ("Text", "text/plain", "Grüße.\n\nBen"),
        ("Plain", "text/plain", "Grüße.\n\nBen"),
        ("Flowed", "text/plain", "word " * 40 + "end"),
        ("Html", "text/html", "<p>Grüße.</p>"),
        ("Enriched", "text/enriched", "<bold>Grüße.</bold>"),
        (None, "text/plain", "Grüße."),
    ],
)
def test_body_format(postfix: Postfix, given: Any, kind: str, body: str) -> None:
    connection(postfix)
    ben = somebody()
    mailadmin.send("Format", body, USER, ben, body_format=given)
    mail = letter(postfix, ben)
    assert mail.get_content_type() == kind
    if given == "Flowed":
        assert mail.get_param("format") == "flowed"
        assert max(len(line) for line in text_of(mail).splitlines()) <= 78
        assert text_of(mail).replace(" \n", " ") == body, "whoever joins the lines again reads what was written"
    else:
        assert text_of(mail) == body


@pytest.mark.parametrize("given", ["RichText", "rich-text", "CompressedRichText"])
def test_body_format_that_mail_cannot_carry(postfix: Postfix, given: str) -> None:
    connection(postfix)
    with refused(postfix, "bad-body-format", "Send HTML in its place", error=BadMessage, field="body_format"):
        mailadmin.send("Format", "{\\rtf1 x}", USER, somebody(), body_format=given)


@pytest.mark.parametrize("body", ["One.\n.\n..two\n\n  end  ", "Grüße 🙂", "x" * 5000, ""])
def test_body(postfix: Postfix, body: str) -> None:
    """With lines that begin with a dot, which SMTP sends doubled, and with lines longer than it allows."""
    connection(postfix)
    ben = somebody()
    mailadmin.send("Body", body, USER, ben)
    assert text_of(letter(postfix, ben)) == body


def test_attachments(postfix: Postfix, tmp_path: Path) -> None:
    """None, a text with its own line ends, and one of no text at all; a path as a text or as a Path."""
    connection(postfix)
    ben, carla = somebody(), somebody("carla")
    given = {
        "Rechnung für März.pdf": b"%PDF-1.7\x00\xff\r\n",
        "lines.txt": b"one\r\ntwo\n\nfour",
        "data.unheard": b"\x00\x01",
    }
    for name, content in given.items():
        (tmp_path / name).write_bytes(content)
    first, *others = (tmp_path / name for name in given)
    mailadmin.send("Attachments", "x", USER, ben, attachments=[first, *map(str, others)])
    arrived = files(letter(postfix, ben))
    assert {name: content for name, _, content in arrived} == given
    assert [kind for _, kind, _ in arrived] == ["application/pdf", "text/plain", "application/octet-stream"]
    mailadmin.send("Attachments", "x", USER, carla, attachments=None)
    assert files(letter(postfix, carla)) == []


def test_defaults_are_a_text_body_and_normal_priority(postfix: Postfix) -> None:
    connection(postfix)
    ben = somebody()
    mailadmin.send("Defaults", "<b>x</b>", USER, ben, priority=None, body_format=None, attachments=[])
    mail = letter(postfix, ben)
    assert (mail.get_content_type(), text_of(mail), mail.is_multipart()) == ("text/plain", "<b>x</b>", False)
    assert {"Priority", "X-Priority", "Importance"}.isdisjoint(mail.keys())


# -- the session details -----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LocalHost"])
def test_host(postfix: Postfix, host: str) -> None:
    """A name or an IP address; the certificate is for either."""
    connection(postfix, host=host)
    ben = somebody()
    mailadmin.send("Host", "x", USER, ben)
    assert came_by(letter(postfix, ben)) == "ESMTPSA"


@pytest.mark.parametrize(("way", "security"), [("tls", "tls"), ("starttls", "starttls"), ("plain", "none")])
def test_port(postfix: Postfix, way: str, security: str) -> None:
    row = connection(postfix, way)
    ben = somebody()
    mailadmin.send("Port", "x", USER, ben)
    assert letter(postfix, ben)["Subject"] == "Port"
    assert (row.port, row.security) == (postfix.ports[way], security)


@pytest.mark.parametrize(
    ("way", "security", "came"),
    [
        ("tls", "tls", "ESMTPSA"),  # useSsl is true
        ("starttls", "starttls-if-offered", "ESMTPSA"),  # false, and the server offers STARTTLS
        ("plain", "starttls-if-offered", "ESMTP"),  # false, and it does not
        ("plain", "none", "ESMTP"),
        ("starttls", "starttls", "ESMTPSA"),
    ],
)
def test_use_ssl(postfix: Postfix, way: str, security: str, came: str) -> None:
    """S15: without it TLS is used where the server offers STARTTLS."""
    connection(postfix, way, security=security)
    ben = somebody()
    mailadmin.send("UseSsl", "x", USER, ben)
    assert came_by(letter(postfix, ben)) == came


@pytest.mark.parametrize("domain", ["", "CONTOSO"])
def test_domain(postfix: Postfix, domain: str) -> None:
    """S13: none, or one, which a server that knows NTLM is told."""
    connection(postfix, "ntlm", domain=domain)
    ben = somebody()
    mailadmin.send("Domain", "x", USER, ben)
    assert came_by(letter(postfix, ben)) == "ESMTPSA"


def test_user_name_and_password_are_encrypted_at_rest(postfix: Postfix) -> None:
    row = connection(postfix)
    with database.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {SmtpConnection._meta.db_table}")
        (stored,) = cursor.fetchall()
    assert USER in stored
    assert PASSWORD not in repr(stored)
    assert PASSWORD not in repr((row, vars(row), row.to_route()))
    ben = somebody()
    mailadmin.send("Credentials", "x", USER, ben)
    assert came_by(letter(postfix, ben)) == "ESMTPSA"


@pytest.mark.parametrize(("close", "sessions"), [(True, [1, 1, 1]), (False, [3])])
def test_close_session(postfix: Postfix, close: bool, sessions: list[int]) -> None:
    """S14: closed after each message, or kept open and used again; the server counts."""
    seen = len(postfix.sessions("closing"))
    connection(postfix, "closing", keep_open=not close)
    for number in range(3):
        mailadmin.send(f"Message {number}", "x", USER, somebody())
    POOL.clear()
    assert wait_for(lambda: len(postfix.sessions("closing")) - seen >= len(sessions))
    ended = postfix.sessions("closing")[seen:]
    assert [mails_of(session) for session in ended] == sessions
    assert all(" auth=1 " in session for session in ended)

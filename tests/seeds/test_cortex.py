"""Cortex, "Send Email Using SMTP Server": every property, example and exception, with a real server (S12-S17)."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import connection as database

import mailadmin
from mailadmin import BadMessage
from mailadmin.backends import EmailBackend
from mailadmin.conf import ConfigurationError
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind
from mailadmin.core.report import StepState
from mailadmin.models import Delivery, RouteState, SmtpConnection
from mailadmin.net import revocation
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.probes.recorder import Recorder
from mailadmin.probes.smtp import probe_smtp, smtp_plan
from mailadmin.transports.smtp.pool import POOL
from tests.fakes.graph_server import free_port
from tests.seeds.kit import (
    SERVICE,
    assert_complete,
    came_by,
    connection,
    files,
    letter,
    nothing_arrives,
    refused,
    somebody,
    text_of,
    typed,
)
from tests.services.mails import DOMAIN, PASSWORD, USER
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
    # exceptions
    "ArgumentException: bodyFormat": "test_argument_body_format",
    "ArgumentException: priority": "test_argument_priority",
    "EmailSessionException: invalid port": "test_session_invalid_port",
    "EmailSessionException: invalid host": "test_session_invalid_host",
    "EmailSessionException: useSsl false, port requires SSL": "test_session_plain_to_a_port_that_requires_tls",
    "EmailSessionException: useSsl false, port 465": "test_session_plain_to_465",
    "EmailSessionException: useSsl true, port without SSL": "test_session_tls_to_a_port_that_does_not_support_it",
    "EmailSessionException: certificate expired or untrusted": "test_session_certificate_expired_or_untrusted",
    "EmailSessionException: replaced by anti-virus software": "test_session_certificate_replaced_by_a_scanner",
    "EmailSessionException: CRL server down": "test_session_revocation_list_is_not_to_be_had",
    "EmailSessionException: invalid certificate": "test_session_invalid_certificate",
    "EmailSessionException: username or password incorrect": "test_session_user_name_or_password_incorrect",
    "FileNotFoundException": "test_file_not_found",
    "IOException: socket held": "test_socket_held_by_another_process",
    "PropertyNullException: Basic Email Session Details": "test_null_session_details",
    "PropertyNullException: credentials": "test_null_credentials_send_without_sign_in",
    "PropertyNullException: serverDetails": "test_null_server_details",
    "PropertyNullException: host": "test_null_or_empty_host",
    "PropertyNullException: Email Message": "test_null_message",
    "PropertyNullException: to": "test_null_or_empty_to",
    "PropertyNullException: from": "test_null_from",
    "PropertyNullException: address": "test_null_or_empty_address",
    "PropertyEmptyException: host": "test_null_or_empty_host",
    "PropertyEmptyException: to": "test_null_or_empty_to",
    "PropertyEmptyException: address": "test_null_or_empty_address",
    "PropertyValueOutOfRangeException: port": "test_port_out_of_range",
    "SmtpCommandException: format of an address": "test_format_of_an_address",
    "UnauthorizedAccessException": "test_access_denied_to_a_file",
}
EXAMPLE = {"subject": "Example email subject", "body": "Example email body", "from_email": USER}


@pytest.fixture(autouse=True)
def no_list_kept() -> Iterator[None]:
    """A revocation list is kept for a while: none of another test."""
    revocation._kept = {}
    yield
    revocation._kept = {}


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


@pytest.mark.parametrize("subject", ["Plain", "Grüße aus Köln – 请确认", "x" * 300, ""])
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


# -- ArgumentException -----------------------------------------------------------------------------------


def test_argument_body_format(postfix: Postfix) -> None:
    connection(postfix)
    with refused(postfix, "bad-body-format", "“Markdown” is no format of a body", field="body_format"):
        mailadmin.send("x", "x", USER, somebody(), body_format="Markdown")


def test_argument_priority(postfix: Postfix) -> None:
    connection(postfix)
    for given in ("highest", 1, "urgent!"):
        with refused(postfix, "bad-priority", f"“{given}” is no priority", field="priority"):
            mailadmin.send("x", "x", USER, somebody(), priority=given)  # type: ignore[arg-type]  # what is tried


# -- EmailSessionException -------------------------------------------------------------------------------


def test_session_invalid_port(postfix: Postfix) -> None:
    """No number, and one where no mail server is."""
    assert "whole number from 1 to 65535" in typed(port="smtp")["port"]
    port = free_port()
    connection(postfix, port=port)
    with refused(postfix, "tcp-refused", f"Nothing accepts connections at localhost:{port}."):
        mailadmin.send("x", "x", USER, somebody())


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("mail example", "“mail example” holds a space"),
        ("smtp://mail.example", "starts with a scheme"),
        ("mail.example:25", "holds a port"),
        ("mail..example", "is not a host name or IP address"),
    ],
)
def test_session_invalid_host(postfix: Postfix, host: str, sentence: str) -> None:
    """It is told where it is typed; and when it is used, had nobody looked at it before."""
    assert sentence in typed(host=host)["host"]
    connection(postfix, host=host, checked=False)
    with nothing_arrives(postfix), pytest.raises(MailError) as caught:
        mailadmin.send("x", "x", USER, somebody())
    assert caught.value.fault.kind in (Kind.DNS_NOT_FOUND, Kind.ROUTE_INCOMPLETE)
    assert "What to do: " in str(caught.value)


@pytest.mark.parametrize("security", ["starttls-if-offered", "starttls"])
def test_session_plain_to_a_port_that_requires_tls(postfix: Postfix, security: str) -> None:
    """useSsl is false, and the port begins with TLS: such a server waits for us to speak first. A message hears so, and
    at the usual port that TLS it is; a test tries TLS by itself."""
    row = connection(postfix, "tls", security=security, command_timeout=1)
    where = f"localhost:{postfix.ports['tls']}"
    behaviour = "A port that expects TLS from the start behaves like this"
    with refused(postfix, "greeting-silent", f"{where} takes connections but does not greet.", behaviour):
        mailadmin.send("x", "x", USER, somebody())
    with nothing_arrives(postfix):
        steps = probe_smtp(row.to_route(), Recorder(smtp_plan(row.to_route())), NetworkPolicy(), sender=USER)
    assert [step.code for step in steps if step.state is StepState.FAILED] == ["tls-expected"]


def test_session_plain_to_465(postfix: Postfix) -> None:
    row = connection(postfix, "tls", host=postfix.address, port=None, security="tls")
    SmtpConnection.objects.filter(pk=row.pk).update(security="starttls", port=465, command_timeout=1)
    with refused(postfix, "tls-expected", f"{postfix.address}:465 wants TLS from the start."):
        mailadmin.send("x", "x", USER, somebody())


@pytest.mark.parametrize(
    ("security", "code", "sentence"),
    [
        ("tls", "plain-expected", "does not begin with TLS."),
        ("starttls", "starttls-missing", "does not offer STARTTLS."),
    ],
)
def test_session_tls_to_a_port_that_does_not_support_it(
    postfix: Postfix, security: str, code: str, sentence: str
) -> None:
    connection(postfix, "plain", security=security)
    with refused(postfix, code, f"localhost:{postfix.ports['plain']} {sentence}"):
        mailadmin.send("x", "x", USER, somebody())


@pytest.mark.parametrize(
    ("way", "code", "sentence"),
    [
        ("expired", "cert-expired", "The certificate of localhost has expired."),
        ("untrusted", "cert-unknown-issuer", "comes from an authority that is not known here."),
    ],
)
def test_session_certificate_expired_or_untrusted(postfix: Postfix, way: str, code: str, sentence: str) -> None:
    connection(postfix, way)
    with refused(postfix, code, sentence):
        mailadmin.send("x", "x", USER, somebody())


def test_session_certificate_replaced_by_a_scanner(postfix: Postfix) -> None:
    connection(postfix, "scanned")
    told = "Somebody between this server and localhost may be opening the encryption."
    with refused(postfix, "cert-intercepted", told, "Avast Web/Mail Shield Root"):
        mailadmin.send("x", "x", USER, somebody())


def test_session_revocation_list_is_not_to_be_had(postfix: Postfix) -> None:
    """Where the check is switched on; it is off unless somebody asks for it."""
    row = connection(postfix, "unlisted", check_revocation=True)
    ben = somebody()
    told = "Whether the certificate of localhost was revoked could not be checked."
    with refused(postfix, "crl-unavailable", told, "http://localhost:1/ca.crl"):
        mailadmin.send("x", "x", USER, somebody())
    SmtpConnection.objects.filter(pk=row.pk).update(check_revocation=False)
    RouteState.objects.all().delete()  # as a good test does
    mailadmin.send("Without the check", "x", USER, ben)
    assert came_by(letter(postfix, ben)) == "ESMTPSA"


def test_session_invalid_certificate(postfix: Postfix) -> None:
    connection(postfix, "wrong_name")
    with refused(postfix, "cert-wrong-name", "The certificate of localhost is for another name.", "mail.example.org"):
        mailadmin.send("x", "x", USER, somebody())


@pytest.mark.parametrize("wrong", [{"password": "falsch-2"}, {"user_name": "nobody@example.org"}])
def test_session_user_name_or_password_incorrect(postfix: Postfix, wrong: dict[str, str]) -> None:
    connection(postfix, **wrong)
    with refused(postfix, "credentials-refused", "Sign-in was refused by localhost.", "The answer was: “"):
        mailadmin.send("x", "x", USER, somebody())
    assert "falsch-2" not in repr(Delivery.objects.values())


# -- files and sockets -----------------------------------------------------------------------------------


def test_file_not_found(postfix: Postfix, tmp_path: Path) -> None:
    connection(postfix)
    missing = tmp_path / "nothing.txt"
    there = tmp_path / "there.txt"
    there.write_text("x")
    with refused(postfix, "attachment-missing", f"There is no file {missing}.", field="attachments.2"):
        mailadmin.send("x", "x", USER, somebody(), attachments=[there, str(missing)])


def test_access_denied_to_a_file(postfix: Postfix, tmp_path: Path) -> None:
    """Root may read everything, so somebody else tries: the folder is closed to others."""
    connection(postfix)
    path = tmp_path / "secret.txt"
    path.write_text("x")
    tmp_path.chmod(0o700)

    def by_nobody() -> None:
        os.seteuid(65534)
        try:
            mailadmin.send("x", "x", USER, somebody(), attachments=[path])
        finally:
            os.seteuid(0)

    with refused(postfix, "attachment-unreadable", f"{path}: Permission denied.", field="attachments.1"):
        by_nobody()


def test_socket_held_by_another_process(postfix: Postfix, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operating system says so, here by a stand-in; once more, and it works."""
    connection(postfix)
    ben = somebody()

    def in_use(sock: socket.socket, address: Any) -> int:
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))

    told = "This server could not open a connection of its own."
    with refused(postfix, "tcp-local", told), monkeypatch.context() as held:
        for name in ("connect", "connect_ex"):
            held.setattr(socket.socket, name, in_use, raising=False)
        mailadmin.send("x", "x", USER, ben)
    mailadmin.send("Once more", "x", USER, ben)
    assert letter(postfix, ben)["Subject"] == "Once more"


# -- null, empty and out of range ---------------------------------------------------------------------------


def test_null_session_details(postfix: Postfix) -> None:
    with nothing_arrives(postfix), pytest.raises(ConfigurationError, match="connection"):
        mailadmin.send("x", "x", USER, somebody())


@pytest.mark.parametrize("way", ["plain"])
def test_null_credentials_send_without_sign_in(postfix: Postfix, way: str) -> None:
    """S17: Cortex refuses it as its known limitation; here a server that wants none gets the mail."""
    row = connection(postfix, way)
    ben = somebody()
    mailadmin.send("No credentials", "x", USER, ben)
    assert (row.auth, came_by(letter(postfix, ben))) == ("none", "ESMTP")


def test_null_server_details(postfix: Postfix) -> None:
    assert typed(host="", port="")["host"] == "Type the name or IP address of the server."
    connection(postfix, host="", port=None, checked=False)
    with refused(postfix, "host-missing", "A host name is missing or unusable."):
        mailadmin.send("x", "x", USER, somebody())


@pytest.mark.parametrize("host", [None, "", "  "])
def test_null_or_empty_host(postfix: Postfix, host: str | None) -> None:
    assert typed(host=host or "")["host"] == "Type the name or IP address of the server."
    with pytest.raises(ValidationError) as caught:
        SmtpConnection(name="Relay", host=host or "").full_clean()
    assert "host" in caught.value.message_dict
    connection(postfix, host=host or "", checked=False)
    with refused(postfix, "host-missing", "A host name is missing or unusable."):
        mailadmin.send("x", "x", USER, somebody())


def test_null_message(postfix: Postfix) -> None:
    connection(postfix)
    with nothing_arrives(postfix), pytest.raises(BadMessage, match="What to do: "):
        EmailBackend().send_messages([None])  # type: ignore[list-item]  # what is tried


@pytest.mark.parametrize("to", [None, [], "", "  ", ()])
def test_null_or_empty_to(postfix: Postfix, to: Any) -> None:
    connection(postfix)
    with refused(postfix, "no-recipients", "The message has no recipients."):
        mailadmin.send("x", "x", USER, to)


def test_null_from(postfix: Postfix, settings: Any) -> None:
    """The connection's From stands in, then the site's; without any it is an error, and so is an empty one."""
    settings.DEFAULT_FROM_EMAIL = settings.SERVER_EMAIL = ""
    row = connection(postfix)
    with refused(postfix, "no-sender", "Nobody is named as the sender.", field="from_email"):
        mailadmin.send("x", "x", None, somebody())
    with refused(postfix, "from-empty", "From was given, but it is empty.", field="from_email"):
        mailadmin.send("x", "x", "", somebody())
    row.from_address = USER
    row.save()
    ben = somebody()
    mailadmin.send("From the connection", "x", None, ben)
    assert letter(postfix, ben)["From"] == USER


@pytest.mark.parametrize("entry", [None, "", "  "])
def test_null_or_empty_address(postfix: Postfix, entry: Any) -> None:
    connection(postfix)
    with refused(postfix, "entry-empty", "To: Entry 2 is empty", field="to.2"):
        mailadmin.send("x", "x", USER, [somebody(), entry])
    with refused(postfix, "entry-empty", "Cc: Entry 1 is empty", field="cc.1"):
        EmailBackend().send_messages([EmailMessage("x", "x", USER, [somebody()], cc=[entry])])


@pytest.mark.parametrize("port", [0, -1, 65536, 99999])
def test_port_out_of_range(postfix: Postfix, port: int) -> None:
    assert f"{port} is not a port; ports go from 1 to 65535." in typed(port=str(port))["port"]
    with pytest.raises(ValidationError, match="ports go from 1 to 65535"):
        connection(postfix, port=port)
    if port > 0:  # 0 is taken as none, and no database keeps a smaller one
        connection(postfix, port=port, checked=False)
        with refused(postfix, "port-out-of-range", "The port is not a number from 1 to 65535."):
            mailadmin.send("x", "x", USER, somebody())


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("no address", "“no address” is not an e-mail address"),
        ("@example.net", "is not an e-mail address"),
        ("ben@", "is not an e-mail address"),
        ("ben@@example.net", "is not an e-mail address"),
        ("ben@-example.net", "“-example.net” is not a domain name"),
        (f"{'x' * 300}@{DOMAIN}", "is longer than 254 characters"),
        (f"ben@{DOMAIN}\r\nBcc: carla@{DOMAIN}", "holds a line break"),
    ],
)
def test_format_of_an_address(postfix: Postfix, address: str, sentence: str) -> None:
    """RFC 5321: it is told here, before any server is asked."""
    connection(postfix)
    with refused(postfix, "bad-address", sentence, error=BadMessage, field="to.2"):
        mailadmin.send("x", "x", USER, [somebody(), address])
    with refused(postfix, "bad-address", "From: ", error=BadMessage, field="from_email"):
        mailadmin.send("x", "x", address, somebody())

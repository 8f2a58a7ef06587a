"""Doxee, "E-Mail": server, structure of the message and attachments, with a real server (S23-S26)."""

from __future__ import annotations

import io
from typing import Any

import pytest

import mailadmin
from mailadmin.models import SmtpConnection
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
    typed,
)
from tests.services.mails import PASSWORD, USER
from tests.services.postfix import Postfix

pytestmark = [SERVICE, pytest.mark.django_db]

ROWS = {
    "Server: at least the host": "test_only_the_host_is_needed",
    "Server: a port": "test_port",
    "Server: without a port the default one": "test_without_a_port_the_default_one",
    "Server: user name and password": "test_user_name_and_password_authenticate",
    "Server: otherwise no authentication": "test_without_both_nobody_signs_in",
    "Server: only one of user name and password": "test_only_one_of_user_name_and_password_is_refused",
    "Message: subject": "test_subject",
    "Message: one optional FROM": "test_one_optional_from",
    "Message: any number of TO": "test_any_number_of_addresses",
    "Message: any number of CC": "test_any_number_of_addresses",
    "Message: any number of BCC": "test_any_number_of_addresses",
    "Message: addresses as separate strings": "test_addresses_as_separate_strings",
    "Message: addresses separated by commas": "test_addresses_separated_by_commas",
    "Message: plain text": "test_plain_text",
    "Message: HTML": "test_html",
    "Message: both, as multipart": "test_both_as_multipart",
    "Attachments: a stream's binary content": "test_stream_is_attached_as_it_is",
    "Attachments: MIME type": "test_type_and_name_of_a_stream",
    "Attachments: base URI, the file name": "test_type_and_name_of_a_stream",
    "Attachments: neither is specified": "test_type_and_name_are_guessed",
}
DATA = bytes(range(256)) + b"\r\n.\r\n--boundary\r\n"


def test_every_row_has_its_test() -> None:
    assert_complete(ROWS, globals())


# -- the server --------------------------------------------------------------------------------------------


def test_only_the_host_is_needed(postfix: Postfix) -> None:
    """The name and the host; encryption is wanted by default, so the CA of the tests must be known."""
    row = SmtpConnection(name="Only a host", host=postfix.address, ca_pem=postfix.ca_pem)
    row.full_clean()
    row.save()
    ben = somebody()
    mailadmin.send("Only a host", "x", USER, ben)
    assert came_by(letter(postfix, ben)) == "ESMTPS"


def test_port(postfix: Postfix) -> None:
    connection(postfix, "plain", port=postfix.ports["plain"])
    ben = somebody()
    mailadmin.send("Port", "x", USER, ben)
    assert letter(postfix, ben)["Subject"] == "Port"


@pytest.mark.parametrize(("security", "port"), [("none", 25), ("starttls", 587), ("tls", 465)])
def test_without_a_port_the_default_one(postfix: Postfix, security: str, port: int) -> None:
    row = connection(postfix, host=postfix.address, port=None, security=security, auth="none")
    ben = somebody()
    mailadmin.send("Default port", "x", USER, ben)
    assert row.to_route().effective_port == port
    assert came_by(letter(postfix, ben)) == ("ESMTP" if port == 25 else "ESMTPS")


def test_user_name_and_password_authenticate(postfix: Postfix) -> None:
    connection(postfix)
    ben = somebody()
    mailadmin.send("Both", "x", USER, ben)
    assert came_by(letter(postfix, ben)) == "ESMTPSA"


def test_without_both_nobody_signs_in(postfix: Postfix) -> None:
    """Although the server offers it."""
    connection(postfix, host=postfix.address, port=587, auth="none")
    ben = somebody()
    mailadmin.send("Neither", "x", USER, ben)
    assert came_by(letter(postfix, ben)) == "ESMTPS"


@pytest.mark.parametrize(
    ("given", "field", "sentence"),
    [
        ({"user_name": USER, "auth": "password"}, "secret", "Type the password: this sign-in needs it."),
        ({"secret": PASSWORD, "auth": "password"}, "user_name", "A password needs a user name"),
        ({"user_name": USER, "auth": "none"}, "auth", "You typed a user name"),
        ({"secret": PASSWORD, "auth": "none"}, "auth", "You typed a password"),
    ],
)
def test_only_one_of_user_name_and_password_is_refused(
    postfix: Postfix, given: dict[str, str], field: str, sentence: str
) -> None:
    """S23: where it is typed; and where it was saved all the same, before anything leaves."""
    assert sentence in typed(**given)[field]
    if given["auth"] == "password":
        connection(postfix, checked=False, user_name=given.get("user_name", ""), password=given.get("secret", ""))
        with refused(postfix, "secret-missing" if field == "secret" else "credentials-incomplete"):
            mailadmin.send("x", "x", USER, somebody())


# -- the message -------------------------------------------------------------------------------------------


def test_subject(postfix: Postfix) -> None:
    connection(postfix)
    ben = somebody()
    mailadmin.send("Ihre Rechnung № 7", "x", USER, ben)
    assert letter(postfix, ben)["Subject"] == "Ihre Rechnung № 7"


@pytest.mark.parametrize("given", [USER, f"Rechnungen <{USER}>", None])
def test_one_optional_from(postfix: Postfix, given: str | None) -> None:
    connection(postfix, from_address=USER, from_name="Doxee")
    ben = somebody()
    mailadmin.send("From", "x", given, ben)
    assert letter(postfix, ben)["From"] == (given or f"Doxee <{USER}>")


@pytest.mark.parametrize("count", [0, 1, 30])
def test_any_number_of_addresses(postfix: Postfix, count: int) -> None:
    """Of each kind, and of one kind alone."""
    connection(postfix)
    to, cc, bcc = ([somebody() for _ in range(count)] for _ in range(3))
    last = somebody("carla")
    mailadmin.send("Many", "x", USER, to, cc=cc, bcc=[*bcc, last])
    for address in (*to[:1], *cc[-1:], *bcc[-1:], last):
        mail = letter(postfix, address)
        assert [one.addr_spec for one in mail["To"].addresses] == to if to else not mail["To"]
        assert [one.addr_spec for one in mail["Cc"].addresses] == cc if cc else not mail["Cc"]
        assert last not in str(mail["To"]) + str(mail["Cc"])


def test_addresses_as_separate_strings(postfix: Postfix) -> None:
    connection(postfix)
    everybody = [somebody(), somebody("carla"), somebody()]
    mailadmin.send("Separate", "x", USER, tuple(everybody))
    for address in everybody:
        assert [one.addr_spec for one in letter(postfix, address)["To"].addresses] == everybody


@pytest.mark.parametrize("between", [",", ", ", " ,\n "])
def test_addresses_separated_by_commas(postfix: Postfix, between: str) -> None:
    """In one string, or in several; a comma inside of quotes separates nothing, and a line break is refused."""
    connection(postfix)
    ben, carla, cid = somebody(), somebody("carla"), somebody()
    together = between.join([f'"Müller, Ben" <{ben}>', carla])
    if "\n" in between:
        with refused(postfix, "bad-address", "holds a line break", field="to"):
            mailadmin.send("Commas", "x", USER, together)
        return
    mailadmin.send("Commas", "x", USER, together, cc=[together.replace(carla, cid)])
    for address in (ben, carla, cid):
        mail = letter(postfix, address)
        assert [(one.display_name, one.addr_spec) for one in mail["To"].addresses] == [
            ("Müller, Ben", ben),
            ("", carla),
        ]
        assert [one.addr_spec for one in mail["Cc"].addresses] == [ben, cid]


def test_plain_text(postfix: Postfix) -> None:
    connection(postfix)
    ben = somebody()
    mailadmin.send("Text", "Grüße", USER, ben)
    mail = letter(postfix, ben)
    assert (mail.get_content_type(), text_of(mail)) == ("text/plain", "Grüße")


def test_html(postfix: Postfix) -> None:
    connection(postfix)
    ben = somebody()
    mailadmin.send("HTML", from_email=USER, to=ben, html="<p>Grüße</p>")
    mail = letter(postfix, ben)
    assert (mail.get_content_type(), text_of(mail)) == ("text/html", "<p>Grüße</p>")


@pytest.mark.parametrize("made", [False, True])
def test_both_as_multipart(postfix: Postfix, made: bool) -> None:
    """The text is given, or made from the HTML."""
    connection(postfix)
    ben = somebody()
    body = {"text_from_html": True} if made else {"body": "Grüße"}
    mailadmin.send("Both", from_email=USER, to=ben, html="<p>Grüße</p>", **body)  # type: ignore[arg-type]  # either of them
    mail = letter(postfix, ben)
    assert mail.get_content_type() == "multipart/alternative"
    assert [(part.get_content_type(), text_of(part).strip()) for part in mail.iter_parts()] == [
        ("text/plain", "Grüße"),
        ("text/html", "<p>Grüße</p>"),
    ]


# -- attachments -------------------------------------------------------------------------------------------


def test_stream_is_attached_as_it_is(postfix: Postfix) -> None:
    """Small ones and large ones, beside text and HTML; all of the stream, however far it was read before."""
    connection(postfix)
    ben, small, large = somebody(), io.BytesIO(DATA), io.BytesIO(DATA * 4000)
    small.read(10)
    attachments = [("small.bin", small, "application/octet-stream"), ("large.bin", large, "application/octet-stream")]
    mailadmin.send("Streams", "x", USER, ben, html="<p>x</p>", attachments=attachments)
    mail = letter(postfix, ben)
    assert [(name, content) for name, _, content in files(mail)] == [("small.bin", DATA), ("large.bin", DATA * 4000)]
    assert text_of(mail.get_body(("plain",))) == "x"
    assert text_of(mail.get_body(("html",))) == "<p>x</p>"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Rechnung für März.pdf", "application/pdf"), ("data", "application/x-infinica"), ("a.csv", "text/csv")],
)
def test_type_and_name_of_a_stream(postfix: Postfix, name: str, kind: str) -> None:
    connection(postfix)
    ben = somebody()
    mailadmin.send("Named", "x", USER, ben, attachments=[(name, io.BytesIO(b"a;b\r\n"), kind)])
    assert files(letter(postfix, ben)) == [(name, kind, b"a;b\r\n")]


@pytest.mark.parametrize(
    ("given", "name", "kind"),
    [
        (("report.pdf", io.BytesIO(b"%PDF-1.7\n")), "report.pdf", "application/pdf"),
        (("", io.BytesIO(DATA), "image/png"), "attachment-1.png", "image/png"),
        (("", io.BytesIO(DATA), ""), "attachment-1.bin", "application/octet-stream"),
        (io.BytesIO(DATA), "attachment-1.bin", "application/octet-stream"),
    ],
)
def test_type_and_name_are_guessed(postfix: Postfix, given: Any, name: str, kind: str) -> None:
    """From each other, where one of them is there."""
    connection(postfix)
    ben = somebody()
    mailadmin.send("Guessed", "x", USER, ben, attachments=[given])
    assert [(found, of) for found, of, _ in files(letter(postfix, ben))] == [(name, kind)]

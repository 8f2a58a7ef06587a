"""Cortex, "Send Email Using SMTP Server": every line of its table of exceptions, with a real server (S16, S17)."""

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
from tests.fakes.graph_server import free_port
from tests.seeds.kit import (
    SERVICE,
    assert_complete,
    came_by,
    connection,
    letter,
    nothing_arrives,
    refused,
    somebody,
    typed,
)
from tests.services.mails import DOMAIN, USER
from tests.services.postfix import Postfix

pytestmark = [SERVICE, pytest.mark.django_db]

ROWS = {
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


@pytest.fixture(autouse=True)
def no_list_kept() -> Iterator[None]:
    """A revocation list is kept for a while: none of another test."""
    revocation._kept = {}
    yield
    revocation._kept = {}


def test_every_row_has_its_test() -> None:
    assert_complete(ROWS, globals())


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
    with refused(postfix, "no-recipients", "The message has no recipients.", field="to"):
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

"""N17: the sandbox's servers, driven by the very transports of the product and by strangers."""

from __future__ import annotations

import base64
import json
import smtplib
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailadmin.core.errors import DeliveryUnsure, MailError
from mailadmin.core.fault import Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import SmtpAuth
from mailadmin.net.http import Answer, exchange, guarded_session
from mailadmin.net.policy import NetworkPolicy
from mailadmin.sandbox.behaviour import GRAPH_FAULTS, SMTP_FAULTS
from mailadmin.sandbox.entra import Registration, Tokens
from mailadmin.sandbox.server import Sandbox
from mailadmin.transports.base import Accepted, Mail
from mailadmin.transports.entra.tokens import fetch_token
from mailadmin.transports.graph.transport import GraphTransport
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.fakes.routes import a_mail
from tests.fakes.sandbox import (
    Kept,
    Memory,
    running_sandbox,
    sandbox_app,
    sandbox_folder,
    sandbox_oauth,
    sandbox_smtp,
)

OPEN = NetworkPolicy()


@pytest.fixture(scope="module")
def one_sandbox() -> Iterator[tuple[Sandbox, Memory]]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def box(one_sandbox: tuple[Sandbox, Memory]) -> Sandbox:
    return one_sandbox[0]


@pytest.fixture
def memory(one_sandbox: tuple[Sandbox, Memory]) -> Iterator[Memory]:
    memory = one_sandbox[1]
    memory.kept.clear()
    yield memory
    memory.smtp_fault = memory.graph_fault = ""


def by_graph(box: Sandbox, mail: Mail | None = None, **changes: object) -> Accepted:
    transport = GraphTransport(sandbox_oauth(box, **changes), OPEN)  # type: ignore[arg-type]
    try:
        return transport.send(mail or a_mail())
    finally:
        transport.close()


def by_smtp(box: Sandbox, mail: Mail | None = None, **changes: object) -> Accepted:
    transport = SmtpTransport(sandbox_smtp(box, **changes), OPEN)
    try:
        return transport.send(mail or a_mail())
    finally:
        transport.close()


# -- Entra and Graph ------------------------------------------------------------------------------------


def test_n17_message_by_graph_is_kept_without_its_bcc_header(box: Sandbox, memory: Memory) -> None:
    mail = a_mail(recipients=("a@example.org", "b@example.org"), blind=("b@example.org",))
    assert by_graph(box, mail).answer.startswith("202")
    assert memory.kept == [Kept("graph", "robot@example.org", ("a@example.org", "b@example.org"), mail.content)]


def test_n6_every_byte_of_a_rich_message_is_kept(box: Sandbox, memory: Memory) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "robot@example.org", "Jörg <a@example.org>", "Grüße"
    message["List-Unsubscribe"] = "<mailto:x@example.org>"
    message.set_content("Text\n.\n..\n")
    message.add_alternative("<p>Hallo</p>", subtype="html")
    message.add_attachment(bytes(range(256)), maintype="application", subtype="octet-stream", filename="ü.bin")
    content = message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    for send in (by_graph, by_smtp):
        send(box, a_mail(content=content))
    assert [kept.raw for kept in memory.kept] == [content, content]


@pytest.mark.parametrize(
    ("changes", "aadsts"),
    [
        ({"secret": Secret("wrong")}, "7000215"),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, "700016"),
        ({"tenant": "example.org"}, "90002"),
    ],
)
def test_wrong_registration_gets_entras_own_number(
    box: Sandbox, memory: Memory, changes: dict[str, object], aadsts: str
) -> None:
    with pytest.raises(MailError) as caught:
        by_graph(box, **changes)
    assert caught.value.fault.aadsts == aadsts
    assert memory.kept == []


@pytest.mark.parametrize(
    ("scope", "aadsts"),
    [("https://localhost/Mail.Send", "1002012"), ("https://graph.microsoft.com/.default", "500011")],
)
def test_wrong_scope_gets_entras_own_number(box: Sandbox, scope: str, aadsts: str) -> None:
    with pytest.raises(MailError) as caught:
        fetch_token(sandbox_app(box), (scope,), OPEN, fresh=True)
    assert caught.value.fault.aadsts == aadsts


def test_token_for_smtp_is_refused_by_graph(box: Sandbox, memory: Memory) -> None:
    route = replace(sandbox_oauth(box), scopes=("https://localhost/.default",))
    with pytest.raises(MailError) as caught:
        GraphTransport(route, OPEN).send(a_mail())
    assert caught.value.fault.graph_code == "InvalidAuthenticationToken"


def test_token_that_was_changed_or_ran_out_is_refused() -> None:
    now = 1000.0
    tokens = Tokens(lambda: now)
    token = tokens.issue("https://localhost", ["Mail.Send"], Registration("t", "c", "s"))
    assert tokens.check(token)
    for wrong in (
        "",
        "a.b.c",
        token[:-1],
        "é.é.é",
        token.replace(".", "", 1),
        Tokens().issue("x", [], Registration("t", "c", "s")),
    ):
        assert tokens.check(wrong) is None
    now += 3600
    assert tokens.check(token) is None


def ask_graph(
    box: Sandbox, content_type: str, body: bytes, identity: str = "robot@example.org", token: str = ""
) -> Answer:
    bearer = (
        Secret(token) if token else fetch_token(sandbox_app(box), (f"https://{box.https_host}/.default",), OPEN).value
    )
    headers = {"Content-Type": content_type} if content_type else {}
    url = f"https://{box.https_host}/v1.0/users/{identity}/sendMail"
    with guarded_session(OPEN, box.ca_pem) as session:
        return exchange(session, "POST", url, phase=Phase.GRAPH, headers=headers, body=body, bearer=bearer)


def as_json(**message: object) -> bytes:
    return json.dumps({"message": message}).encode()


TO_A = [{"emailAddress": {"address": "a@example.org"}}]


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("text/plain", b"no base64!", 400, "ErrorMimeContentInvalidBase64String"),
        ("text/plain", b"", 400, "BadRequest"),
        ("text/plain", base64.b64encode(b"\r\nno header"), 400, "BadRequest"),
        ("text/plain", base64.b64encode(b"Subject: x\r\n\r\n"), 400, "ErrorInvalidRecipients"),
        ("text/plain", base64.b64encode(b"To: nobody\r\n\r\n"), 400, "ErrorInvalidRecipients"),
        ("text/plain", b"A" * 4_000_001, 413, "BadRequest"),
        ("application/json", as_json(subject="x"), 400, "ErrorInvalidRecipients"),
        ("application/json", as_json(subject="x", toRecipients=TO_A, colour="red"), 400, "RequestBodyRead"),
        ("application/json", b"{", 400, "RequestBodyRead"),
        ("application/json", b'{"message": 5}', 400, "RequestBodyRead"),
        ("application/xml", b"<a/>", 415, "RequestBodyRead"),
        ("", b"x", 400, "BadRequest"),
    ],
)
def test_graph_is_as_strict_as_the_real_one(
    box: Sandbox, memory: Memory, content_type: str, body: bytes, status: int, code: str
) -> None:
    answer = ask_graph(box, content_type, body)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert answer.headers["request-id"]
    assert memory.kept == []


def test_graph_takes_json_too(box: Sandbox, memory: Memory) -> None:
    body = as_json(subject="Grüße", body={"contentType": "HTML", "content": "<b>x</b>"}, toRecipients=TO_A)
    assert ask_graph(box, "application/json", body).status == 202
    assert memory.kept[0].recipients == ("a@example.org",)
    assert b"text/html" in memory.kept[0].raw


def test_graph_refuses_a_strange_token_and_a_strange_mailbox(box: Sandbox) -> None:
    assert ask_graph(box, "text/plain", b"", token="a.b.c").status == 401
    assert ask_graph(box, "text/plain", b"", identity="nobody").status == 404


def test_folded_bcc_header_is_taken_away_and_the_body_is_not_touched(box: Sandbox, memory: Memory) -> None:
    head = b"To: a@example.org\r\nbcc: b@example.org,\r\n c@example.org\r\nSubject: x"
    body = b"\r\n\r\nBcc: this stays\r\n"
    assert ask_graph(box, "text/plain", base64.encodebytes(head + body)).status == 202
    assert memory.kept[0].raw == b"To: a@example.org\r\nSubject: x" + body
    assert memory.kept[0].recipients == ("a@example.org", "b@example.org", "c@example.org")


# -- SMTP -----------------------------------------------------------------------------------------------


def test_n17_message_by_smtp_is_kept_with_its_envelope(box: Sandbox, memory: Memory) -> None:
    mail = a_mail(sender="bounce@example.org", recipients=("a@example.org", "b@example.org"))
    by_smtp(box, mail)
    (kept,) = memory.kept
    assert (kept.via, kept.envelope_sender, kept.recipients) == ("smtp", "bounce@example.org", mail.recipients)
    assert kept.raw == mail.content


def test_s17_sending_without_credentials_works(box: Sandbox, memory: Memory) -> None:
    by_smtp(box, auth=SmtpAuth.NONE, user="", password=None)
    assert len(memory.kept) == 1


def test_wrong_password_is_refused(box: Sandbox, memory: Memory) -> None:
    with pytest.raises(MailError) as caught:
        by_smtp(box, password=Secret("wrong"))
    assert (caught.value.fault.phase, caught.value.fault.smtp_code) == (Phase.AUTH, 535)
    assert memory.kept == []


def test_s8_token_of_the_sandbox_signs_in_by_xoauth2(box: Sandbox, memory: Memory) -> None:
    by_smtp(box, auth=SmtpAuth.XOAUTH2, user="robot@example.org", password=None, app=sandbox_app(box))
    assert len(memory.kept) == 1


def sign_in(box: Sandbox) -> smtplib.SMTP:
    client = smtplib.SMTP("localhost", box.smtp_port, timeout=10)
    client.starttls(context=ssl.create_default_context(cadata=box.ca_pem))
    client.ehlo()
    return client


def tls_to(box: Sandbox, context: ssl.SSLContext, name: str) -> ssl.SSLSocket:
    sock = socket.create_connection(("127.0.0.1", box.https_port), timeout=10)
    return context.wrap_socket(sock, server_hostname=name)


def test_certificate_satisfies_python_at_its_strictest(box: Sandbox) -> None:
    context = ssl.create_default_context(cadata=box.ca_pem)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("localhost", "127.0.0.1"):
        with tls_to(box, context, name) as secured:
            assert secured.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_both_password_mechanisms_work(box: Sandbox, mechanism: str) -> None:
    with sign_in(box) as client:
        client.user, client.password = box.user, box.password  # type: ignore[attr-defined]
        code, _ = client.auth(mechanism[5:].upper(), getattr(client, mechanism))
        assert code == 235


def test_token_of_graph_and_nonsense_do_not_sign_in(box: Sandbox) -> None:
    token = fetch_token(sandbox_app(box), (f"https://{box.https_host}/.default",), OPEN).value.reveal()
    for text in (f"user=a@b.org\x01auth=Bearer {token}\x01\x01", "nonsense", "user=a\x01auth=Bearer x\x01\x01"):
        with sign_in(box) as client:
            code, _ = client.docmd("AUTH", "XOAUTH2 " + base64.b64encode(text.encode()).decode())
            assert code == 535
    with sign_in(box) as client:
        assert client.docmd("AUTH", "XOAUTH2 !!!")[0] == 535


def test_password_is_not_asked_for_without_tls(box: Sandbox) -> None:
    with smtplib.SMTP("localhost", box.smtp_port, timeout=10) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] == 538


def test_line_that_is_too_long_is_refused(box: Sandbox, memory: Memory) -> None:
    with sign_in(box) as client, pytest.raises(smtplib.SMTPDataError):
        client.sendmail("a@example.org", ["b@example.org"], b"Subject: x\r\n\r\n" + b"y" * 1500 + b"\r\n")
    assert memory.kept == []


# -- faults ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMTP_FAULTS)
def test_n17_each_smtp_fault_can_be_rehearsed(box: Sandbox, memory: Memory, name: str) -> None:
    memory.smtp_fault = name
    with pytest.raises(MailError) as caught:
        by_smtp(box)
    reply = SMTP_FAULTS[name].reply
    if reply:
        error = caught.value
        shown = [error, *getattr(error, "recipients", {}).values()]
        assert any(str(one.fault.smtp_code) == reply[:3] for one in shown)
        assert not error.fault.maybe_sent
        assert memory.kept == []
    else:
        assert isinstance(caught.value, DeliveryUnsure)
        assert len(memory.kept) == 1


@pytest.mark.parametrize("name", GRAPH_FAULTS)
def test_n17_each_graph_fault_can_be_rehearsed(box: Sandbox, memory: Memory, name: str) -> None:
    fault = GRAPH_FAULTS[name]
    if fault.at == "token":
        memory.graph_fault = name
        with pytest.raises(MailError) as caught:
            fetch_token(sandbox_app(box), (f"https://{box.https_host}/.default",), OPEN, fresh=True)
        assert fault.message.startswith(f"AADSTS{caught.value.fault.aadsts}")
        return
    memory.graph_fault = name
    with pytest.raises(MailError) as caught:
        by_graph(box)
    if fault.status:
        assert (caught.value.fault.http_status, caught.value.fault.graph_code) == (fault.status, fault.code)
        assert caught.value.fault.retry_after == (30.0 if "Retry-After" in fault.headers else None)
        assert memory.kept == []
    else:
        assert isinstance(caught.value, DeliveryUnsure)
        assert len(memory.kept) == 1


def test_fault_can_be_taken_back(box: Sandbox, memory: Memory) -> None:
    memory.graph_fault = memory.smtp_fault = "403"  # no SMTP fault has this name
    by_smtp(box)
    memory.graph_fault = ""
    by_graph(box)
    assert [kept.via for kept in memory.kept] == ["smtp", "graph"]


# -- life -----------------------------------------------------------------------------------------------


def test_ports_are_free_again_after_stop_and_taken_ports_are_told() -> None:
    with running_sandbox() as (first, memory):
        ports = first.smtp_port, first.https_port
        for taken in ({"smtp_port": ports[0]}, {"https_port": ports[1]}):
            with pytest.raises(OSError):
                Sandbox(sandbox_folder(), memory, memory, **taken).start()
        # A client that stays connected does not hold the sandbox up.
        idle = smtplib.SMTP("localhost", first.smtp_port, timeout=10)
    idle.close()
    again = Sandbox(sandbox_folder(), memory, memory, *ports)
    again.start()
    again.stop()


def test_missing_library_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "aiosmtpd.smtp", None)
    monkeypatch.delitem(sys.modules, "mailadmin.sandbox.smtp")
    memory = Memory()
    with pytest.raises(ImportError, match=r"mailadmin\[sandbox\]"):
        Sandbox(tmp_path, memory, memory)


def test_client_that_speaks_no_tls_or_no_http_does_no_harm(box: Sandbox, memory: Memory) -> None:
    with socket.create_connection(("127.0.0.1", box.https_port), timeout=10) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
    context = ssl.create_default_context(cadata=box.ca_pem)
    with tls_to(box, context, "localhost") as secured:
        secured.sendall(b"POST /v1.0/users/a@b.org/sendMail HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")
        assert secured.recv(100).startswith(b"HTTP/1.1 413")
    by_graph(box)
    assert len(memory.kept) == 1

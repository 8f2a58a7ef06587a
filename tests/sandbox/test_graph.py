"""N17: the simulated Entra and Graph, driven by the product's own transport and by strangers."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from email.message import EmailMessage

import pytest

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Credential
from mailadmin.net.http import Answer, exchange, guarded_session
from mailadmin.net.policy import NetworkPolicy
from mailadmin.sandbox.server import Sandbox
from mailadmin.sandbox.tokens import Registration, Tokens
from mailadmin.transports.entra.tokens import fetch_token
from mailadmin.transports.graph.transport import GraphTransport
from tests.fakes.routes import a_mail
from tests.fakes.sandbox import (
    Kept,
    Memory,
    by_graph,
    by_smtp,
    sandbox_app,
    sandbox_oauth,
)

OPEN = NetworkPolicy()


def test_n17_message_by_graph_is_kept_without_its_bcc_header(box: Sandbox, memory: Memory) -> None:
    mail = a_mail(recipients=("a@example.org", "b@example.org"), blind=("b@example.org",))
    assert by_graph(box, mail).answer.startswith("202")
    assert memory.kept == [Kept("graph", "robot@example.org", ("a@example.org", "b@example.org"), bytes(mail.content))]


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
        ({"credential": Credential(secret=Secret("wrong"))}, "7000215"),
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


def test_token_of_another_tenant_is_refused(box: Sandbox) -> None:
    other = Registration("00000000-0000-0000-0000-000000000000", box.client_id, "s")
    for registration, status in ((other, 401), (Registration(box.tenant, box.client_id, "s"), 400)):
        token = box._graph._tokens.issue(f"https://{box.https_host}", ["Mail.Send"], registration)
        assert ask_graph(box, "text/plain", b"", token=token).status == status


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

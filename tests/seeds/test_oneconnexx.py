"""OneConnexx, "MailSender": the event comes in by the HTTP API, an e-mail goes out by a real server (S18-S22)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mailadmin import signals
from mailadmin.core.alert_payloads import signature
from mailadmin.models import ApiClient, Delivery, SmtpConnection
from mailadmin.watch import done
from tests.api.conftest import Program, a_program
from tests.fakes.graph_server import ScriptedServer, says
from tests.seeds.kit import (
    SERVICE,
    assert_complete,
    came_by,
    connection,
    files,
    letter,
    nothing_arrives,
    somebody,
    text_of,
)
from tests.services.mails import DOMAIN, PASSWORD, USER
from tests.services.postfix import Postfix

pytestmark = [SERVICE, pytest.mark.django_db]

ROWS = {
    "Connections that begin unencrypted (587), then STARTTLS": "test_an_unencrypted_connection_becomes_encrypted",
    "Connections encrypted from the start (465): not supported": "test_encryption_from_the_start_works_here",
    "Interfaces in: message": "test_message",
    "Interfaces in: subject": "test_subject",
    "Interfaces in: isHtml": "test_is_html",
    "Interfaces in: attachments": "test_attachments",
    "Interfaces in: recipients": "test_recipients",
    "Interfaces out: E-Mail": "test_out_an_email",
    "Transactions: 1 if successful": "test_one_transaction_if_successful",
    "Events: Done, as a signal": "test_done_as_a_signal",
    "Events: Done, as a webhook": "test_done_as_a_webhook",
    "Events: Done, of a message that failed": "test_done_of_a_message_that_failed",
    "mailServer": "test_mail_server",
    "port": "test_port_is_25_by_default",
    "useSsl": "test_use_ssl",
    "useDefaultCredentials": "test_use_default_credentials_without_a_ticket",
    "useDefaultCredentials: NTLM": "test_use_default_credentials_is_ntlm_with_a_password_here",
    "userName": "test_user_name_and_password",
    "password": "test_user_name_and_password",
    "password: wrong": "test_wrong_password",
    "recipients": "test_default_recipients_are_overridden_by_the_event",
    "sender": "test_sender",
    "subjectPrefix": "test_subject_prefix",
    "endpoint": "test_endpoint",
}
SIGNING = "canary-signing-secret-9921"


def test_every_row_has_its_test() -> None:
    assert_complete(ROWS, globals())


@pytest.fixture
def program(db: None) -> Program:
    """The system that raises the events, with its token."""
    return a_program()


@pytest.fixture
def receiver(program: Program) -> Any:
    """Who is told of Done."""
    with ScriptedServer(says(204), tls=False) as server:
        program.row.host = server.host
        program.row.url.set(f"http://{server.host}/done")
        program.row.signing.set(SIGNING)
        program.row.save()
        yield server


def event(*recipients: str, **values: Any) -> dict[str, Any]:
    """Return an event with its parameters."""
    return {"message": "Hello", "subject": "Greetings", "recipients": ", ".join(recipients)} | values


def sent(program: Program, *recipients: str, **values: Any) -> dict[str, Any]:
    """Raise the event, and return the answer to it: the message was sent."""
    answer = program.send(event(*recipients, **values))
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body.get("state")) == (202, "sent"), body
    return body


def test_an_unencrypted_connection_becomes_encrypted(postfix: Postfix, program: Program) -> None:
    connection(postfix, host=postfix.address, port=587)
    ben = somebody()
    sent(program, ben)
    assert came_by(letter(postfix, ben)) == "ESMTPSA"


def test_encryption_from_the_start_works_here(postfix: Postfix, program: Program) -> None:
    """What the seed cannot do."""
    connection(postfix, host=postfix.address, port=465, security="tls")
    ben = somebody()
    sent(program, ben)
    assert came_by(letter(postfix, ben)) == "ESMTPSA"


# -- the event ---------------------------------------------------------------------------------------------


def test_message(postfix: Postfix, program: Program) -> None:
    connection(postfix)
    ben, text = somebody(), "Grüße.\n.\n..two\n\n  Ben"
    sent(program, ben, message=text)
    assert text_of(letter(postfix, ben)) == text


def test_subject(postfix: Postfix, program: Program) -> None:
    connection(postfix)
    ben = somebody()
    sent(program, ben, subject="Grüße aus Köln")
    assert letter(postfix, ben)["Subject"] == "Grüße aus Köln"


@pytest.mark.parametrize(("given", "kind"), [(True, "text/html"), (False, "text/plain"), (None, "text/plain")])
def test_is_html(postfix: Postfix, program: Program, given: bool | None, kind: str) -> None:
    connection(postfix)
    ben = somebody()
    sent(program, ben, message="<b>Hello</b>", isHtml=given)
    mail = letter(postfix, ben)
    assert (mail.get_content_type(), text_of(mail)) == (kind, "<b>Hello</b>")


def test_attachments(postfix: Postfix, program: Program) -> None:
    connection(postfix)
    ben = somebody()
    given = [("Rechnung für März.pdf", "application/pdf", b"%PDF\x00\xff"), ("notes.txt", "text/plain", b"one\ntwo\n")]
    attachments = [
        {"name": name, "type": kind, "content": base64.b64encode(data).decode()} for name, kind, data in given
    ]
    sent(program, ben, attachments=attachments)
    mail = letter(postfix, ben)
    assert (text_of(mail.get_body()), files(mail)) == ("Hello", given)


@pytest.mark.parametrize("together", [True, False])
def test_recipients(postfix: Postfix, program: Program, together: bool) -> None:
    """One text with commas, or a list; a name may hold a comma."""
    connection(postfix)
    ben, carla = somebody(), somebody("carla")
    given = [f'"Müller, Ben" <{ben}>', carla]
    body = sent(program, recipients=", ".join(given) if together else given)
    assert [(one["address"], one["state"]) for one in body["recipients"]] == [(ben, "sent"), (carla, "sent")]
    for address in (ben, carla):
        assert [one.addr_spec for one in letter(postfix, address)["To"].addresses] == [ben, carla]


def test_out_an_email(postfix: Postfix, program: Program) -> None:
    connection(postfix)
    ben = somebody()
    body = sent(program, ben)
    assert letter(postfix, ben)["Message-ID"] == body["message_id"]


def test_one_transaction_if_successful(postfix: Postfix, program: Program) -> None:
    """One row of the log for the event, and none that counts as sent for an event that could not be sent."""
    connection(postfix)
    ben, carla = somebody(), somebody("carla")
    body = sent(program, ben, carla)
    assert [(str(row.pk), row.state) for row in Delivery.objects.all()] == [(body["id"], "sent")]
    assert letter(postfix, ben)["Message-ID"] == letter(postfix, carla)["Message-ID"]
    for wrong in ({"recipients": "nobody at all"}, {"recipients": f"nobody@{DOMAIN}"}, {"priority": "highest"}):
        assert program.send(event(somebody(), **wrong)).status_code == 422
    assert Delivery.objects.filter(state="sent").count() == 1


# -- Done ---------------------------------------------------------------------------------------------------


def test_done_as_a_signal(postfix: Postfix, program: Program) -> None:
    connection(postfix)
    told: list[dict[str, Any]] = []

    def hear(sender: object, **values: Any) -> None:
        told.append(values)

    signals.message_sent.connect(hear)
    try:
        body = sent(program, somebody(), endpoint="orders")
    finally:
        signals.message_sent.disconnect(hear)
    (one,) = told
    assert (one["delivery_id"], one["result"].state, one["label"]) == (body["id"], "sent", "orders")
    assert one["client"] == program.row.pk


def test_done_as_a_webhook(postfix: Postfix, program: Program, receiver: ScriptedServer) -> None:
    connection(postfix)
    ben = somebody()
    body = sent(program, ben, endpoint="orders", metadata={"order": "20418"})
    assert done.deliver() == 1
    (request,) = receiver.requests
    heard = json.loads(request.body)
    assert (heard["event"], heard["outcome"], heard["id"]) == ("done", "sent", body["id"])
    assert (heard["endpoint"], heard["metadata"]) == ("orders", {"order": "20418"})
    assert heard["recipients"] == [{"address": ben, "state": "sent", "reason": ""}]
    assert heard["message_id"] == letter(postfix, ben)["Message-ID"]
    number, at = request.headers["webhook-id"], int(request.headers["webhook-timestamp"])
    assert request.headers["webhook-signature"] == signature(SIGNING, number, at, request.body)["Webhook-Signature"]


def test_done_of_a_message_that_failed(postfix: Postfix, program: Program, receiver: ScriptedServer) -> None:
    """The server's own refusal is the reason."""
    connection(postfix)
    nobody = f"nobody@{DOMAIN}"
    with nothing_arrives(postfix):
        answer = program.send(event(nobody))
    assert (answer.status_code, answer.json()["code"]) == (422, "recipient-unknown")
    done.deliver()
    (heard,) = (json.loads(request.body) for request in receiver.requests)
    assert (heard["outcome"], heard["recipients"][0]["state"]) == ("failed", "refused")
    assert "550" in heard["recipients"][0]["reason"]


# -- the parameters ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_mail_server(postfix: Postfix, program: Program, host: str) -> None:
    """A host name or an IP address."""
    connection(postfix, host=host)
    ben = somebody()
    sent(program, ben)
    assert came_by(letter(postfix, ben)) == "ESMTPSA"


@pytest.mark.parametrize("security", ["none", "starttls-if-offered"])
def test_port_is_25_by_default(postfix: Postfix, program: Program, security: str) -> None:
    row = connection(postfix, "plain", host=postfix.address, port=None, security=security)
    ben = somebody()
    sent(program, ben)
    assert row.to_route().effective_port == 25
    assert came_by(letter(postfix, ben)) == "ESMTP"
    assert any("client=" in line for line in postfix.log("usual_25"))


@pytest.mark.parametrize(("way", "security", "came"), [("plain", "none", "ESMTP"), ("starttls", "starttls", "ESMTPSA")])
def test_use_ssl(postfix: Postfix, program: Program, way: str, security: str, came: str) -> None:
    connection(postfix, way, security=security)
    ben = somebody()
    sent(program, ben)
    assert came_by(letter(postfix, ben)) == came


def test_use_default_credentials_without_a_ticket(postfix: Postfix, program: Program) -> None:
    """S20: the process's own identity is its Kerberos ticket here. Nobody gave it one, or this server takes none, and
    both are told. Where there is a realm, tests/services/test_kerberos.py signs in by its ticket."""
    connection(postfix, auth="gssapi")
    with nothing_arrives(postfix):
        answer = program.send(event(somebody()))
    body = answer.json()
    assert answer.status_code == 502
    assert body["code"] in ("library-missing", "mechanism-missing", "ticket-missing")
    assert "Kerberos" in body["detail"] or "GSSAPI" in body["detail"]
    assert body["remedy"]


def test_use_default_credentials_is_ntlm_with_a_password_here(postfix: Postfix, program: Program) -> None:
    """What the seed does by NTLM needs a domain, a user and a password on Linux."""
    connection(postfix, "ntlm", mechanism="NTLM", domain="CONTOSO")
    ben = somebody()
    sent(program, ben)
    assert came_by(letter(postfix, ben)) == "ESMTPSA"


@pytest.mark.parametrize(("given", "came"), [(True, "ESMTPSA"), (False, "ESMTPS")])
def test_user_name_and_password(postfix: Postfix, program: Program, given: bool, came: str) -> None:
    """Both are optional; without them nobody signs in."""
    auth = {} if given else {"auth": "none"}
    row = connection(postfix, host=postfix.address, port=587, **auth)
    ben = somebody()
    body = sent(program, ben)
    assert came_by(letter(postfix, ben)) == came
    assert PASSWORD not in json.dumps(body) and PASSWORD not in repr(SmtpConnection.objects.values().get(pk=row.pk))


def test_wrong_password(postfix: Postfix, program: Program) -> None:
    connection(postfix, password="falsch-2")
    with nothing_arrives(postfix):
        answer = program.send(event(somebody()))
    body = answer.json()
    assert (answer.status_code, body["code"]) == (502, "credentials-refused")
    assert "falsch-2" not in answer.text


def test_default_recipients_are_overridden_by_the_event(postfix: Postfix, program: Program) -> None:
    """S21."""
    desk, boss, ben = somebody(), somebody("carla"), somebody()
    connection(postfix, default_recipients=f"{desk}, Boss <{boss}>")
    message = sent(program, ben)
    assert [one["address"] for one in message["recipients"]] == [ben]
    for none in ({}, {"recipients": None}, {"recipients": ""}, {"recipients": []}):
        nobody = {"message": "Hello", "subject": "To those of the connection"} | none
        answer = program.send(nobody)
        assert answer.status_code == 202, (none, answer.json())
        assert [one["address"] for one in answer.json()["recipients"]] == [desk, boss]
    assert letter(postfix, boss)["Subject"] == "To those of the connection"


def test_sender(postfix: Postfix, program: Program) -> None:
    """The connection's From, unless the event names one."""
    connection(postfix, from_address=USER, from_name="MailSender")
    ben, carla = somebody(), somebody("carla")
    sent(program, ben)
    sent(program, carla, **{"from": f"Shop <{USER}>"})
    mail = letter(postfix, ben)
    assert (mail["From"], mail["Return-Path"]) == (f"MailSender <{USER}>", f"<{USER}>")
    assert letter(postfix, carla)["From"] == f"Shop <{USER}>"


def test_subject_prefix(postfix: Postfix, program: Program) -> None:
    """The seed's own example; and one in the event, which stands behind it."""
    connection(postfix, subject_prefix="Test -")
    ben, carla = somebody(), somebody("carla")
    sent(program, ben)
    sent(program, carla, subject_prefix="[Shop]")
    assert letter(postfix, ben)["Subject"] == "Test - Greetings"
    assert letter(postfix, carla)["Subject"] == "Test - [Shop] Greetings"


def test_endpoint(postfix: Postfix, program: Program) -> None:
    """S22: the event's, else that of the client, else that of the connection, else none; the log tells them apart."""
    row = connection(postfix)
    first = sent(program, somebody(), endpoint="orders")
    second = sent(program, somebody())
    SmtpConnection.objects.filter(pk=row.pk).update(label="relay")
    third = sent(program, somebody())
    ApiClient.objects.filter(pk=program.row.pk).update(label="shop")
    fourth = sent(program, somebody())
    labels = dict(Delivery.objects.values_list("pk", "label"))
    assert [str(labels[key]) for one in (first, second, third, fourth) for key in labels if str(key) == one["id"]] == [
        "orders",
        "",
        "relay",
        "shop",
    ]
    listed = program.get("/messages", label="orders").json()["messages"]
    assert [one["id"] for one in listed] == [first["id"]]

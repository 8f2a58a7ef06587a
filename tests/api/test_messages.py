"""Handing over messages by HTTP, to a real server (S12, S16, S18, S21, S22, S24-S26)."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, NoReturn
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.clients import Scope
from mailadmin.core.outcome import DeliveryState
from mailadmin.core.settings import RouteKey, RouteKind
from mailadmin.models import ApiClient, Delivery, OutboxEntry, Settings, SmtpConnection
from tests.api.conftest import EVENT, Program, a_program
from tests.delivery.conftest import plain
from tests.delivery.outbox_rows import send
from tests.fakes.smtp_actions import close
from tests.fakes.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

PDF = b"%PDF-1.7\x00\xff\r\n--not-a-boundary\r\n"
FULL = {
    "from": "Shop <shop@contoso.org>",
    "to": "Ann Müller <ann@example.org>, bea@example.org",
    "cc": ["cid@example.org"],
    "bcc": ["dan@example.org"],
    "reply_to": "desk@contoso.org",
    "subject": "Rechnung №1",
    "text": "Grüße",
    "html": "<p>Grüße</p>",
    "attachments": [{"name": "Rechnung.pdf", "content": base64.b64encode(PDF).decode()}],
    "headers": {"X-Order": "4711", "List-Unsubscribe": "<mailto:off@contoso.org>"},
    "priority": "urgent",
    "label": "invoices",
    "subject_prefix": "[Shop]",
    "metadata": {"order": "4711"},
}


def arrived(server: SmtpServer) -> EmailMessage:
    (content,) = server.messages
    found = message_from_bytes(content, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def problem(answer: Any, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"], body.get("field")) == (status, code, field), body
    assert body["status"] == status
    assert body["detail"]
    return body


class TestTheEvent:
    def test_s18_in_message_subject_ishtml_attachments_recipients_out_a_mail(
        self, program: Program, relay: SmtpConnection, server: SmtpServer
    ) -> None:
        """S18, S22: the event of the process engine goes to a real server, with its endpoint into the log."""
        event = {
            "message": "<b>Hello</b>",
            "subject": "Greetings",
            "isHtml": True,
            "attachments": [{"name": "a.txt", "type": "text/plain", "content": base64.b64encode(b"abc").decode()}],
            "recipients": "ann@example.org, Bea <bea@example.org>",
            "endpoint": "orders",
        }
        answer = program.send(event)
        body = answer.json()
        assert (answer.status_code, body["state"], body["route"]) == (202, "sent", "Relay A")
        assert [one["state"] for one in body["recipients"]] == ["sent", "sent"]
        mail = arrived(server)
        assert list(server.deliveries[0].recipients) == ["ann@example.org", "bea@example.org"]
        assert mail["Subject"] == "Greetings"
        assert (mail.get_body(("html",)) or mail).get_content().strip() == "<b>Hello</b>"
        (attachment,) = mail.iter_attachments()
        assert (attachment.get_filename(), attachment.get_content().strip()) == ("a.txt", "abc")
        row = Delivery.objects.get()
        assert (row.label, row.client, str(row.pk)) == ("orders", program.row, body["id"])
        assert answer.headers["Location"] == f"/api/v1/messages/{row.pk}"

    def test_s18_null_is_as_good_as_not_given(
        self, program: Program, relay: SmtpConnection, server: SmtpServer
    ) -> None:
        assert program.send(EVENT | {"isHtml": None, "attachments": None, "from": None}).status_code == 202
        assert arrived(server).get_content_type() == "text/plain"

    def test_s21_without_recipients_the_default_ones_of_the_route(self, program: Program, server: SmtpServer) -> None:
        plain(server, default_recipients="desk@example.org, boss@example.org", subject_prefix="[Site]")
        assert program.send({"message": "Hello", "subject": "Nobody named"}).status_code == 202
        assert list(server.deliveries[0].recipients) == ["desk@example.org", "boss@example.org"]
        assert arrived(server)["Subject"] == "[Site] Nobody named"

    @pytest.mark.parametrize("nobody", [None, "", "  ", []])
    def test_s21_an_empty_field_names_nobody(self, program: Program, server: SmtpServer, nobody: Any) -> None:
        plain(server, default_recipients="desk@example.org")
        answer = program.send({"message": "Hello", "recipients": nobody, "cc": nobody, "reply_to": nobody})
        assert answer.status_code == 202, answer.json()
        assert list(server.deliveries[0].recipients) == ["desk@example.org"]

    def test_s22_the_label_of_the_client_where_the_event_has_none(self, relay: SmtpConnection) -> None:
        program = a_program(label="billing")
        program.send({"message": "x", "recipients": "ann@example.org"})
        program.send(EVENT)
        assert [row.label for row in Delivery.objects.order_by("created_at")] == ["billing", "shop"]


class TestTheFullMessage:
    def test_s12_s24_s25_s26_everything_at_once(
        self, program: Program, relay: SmtpConnection, server: SmtpServer
    ) -> None:
        answer = program.send(FULL)
        assert answer.status_code == 202, answer.json()
        mail = arrived(server)
        assert list(server.deliveries[0].recipients) == [f"{name}@example.org" for name in ("ann", "bea", "cid", "dan")]
        assert "Ann Müller" in mail["To"]
        assert mail["Cc"] == "cid@example.org"
        assert "dan@example.org" not in server.messages[0].decode("utf-8", "replace")
        assert (mail["Subject"], mail["X-Order"]) == ("[Shop] Rechnung №1", "4711")
        assert mail["Importance"] == "high"
        text, html = mail.get_body(("plain",)), mail.get_body(("html",))
        assert text and html
        assert (text.get_content().strip(), html.get_content().strip()) == ("Grüße", "<p>Grüße</p>")
        (attachment,) = mail.iter_attachments()
        assert (attachment.get_content_type(), attachment.get_content()) == ("application/pdf", PDF)
        row = Delivery.objects.get()
        assert (row.metadata, row.label, row.priority) == ({"order": "4711"}, "invoices", 1)

    def test_s26_a_picture_inside_the_html(self, program: Program, relay: SmtpConnection, server: SmtpServer) -> None:
        picture = {"name": "logo.png", "content": base64.b64encode(PDF).decode(), "content_id": "<logo@shop>"}
        body = EVENT | {"message": '<img src="cid:logo@shop">', "isHtml": True, "attachments": [picture]}
        assert program.send(body).status_code == 202
        part = next(part for part in arrived(server).walk() if part["Content-ID"])
        assert (part["Content-ID"], part.get_content_type()) == ("<logo@shop>", "image/png")

    def test_a_route_by_its_name(self, program: Program, relay: SmtpConnection, server: SmtpServer) -> None:
        with SmtpServer() as other:
            plain(other, "Relay B")
            assert program.send(EVENT | {"route": "relay b"}).json()["route"] == "Relay B"
            assert (len(other.messages), len(server.messages)) == (1, 0)

    def test_as_parts_with_files(self, program: Program, relay: SmtpConnection, server: SmtpServer) -> None:
        """Multipart: each field a part, lists repeated, files as they are."""
        body, kind = encoded(
            ("to", None, "", b"ann@example.org"),
            ("to", None, "", b"bea@example.org"),
            ("subject", None, "", "Grüße".encode()),
            ("text", None, "", b"<i>x</i>"),
            ("isHtml", None, "", b"true"),
            ("metadata", None, "application/json", b'{"order": "1"}'),
            ("attachments", "Rechnung über.pdf", "application/pdf", PDF),
            ("attachments", "", "application/octet-stream", b""),  # a browser's field without a file
        )
        answer = program.ask.post("/api/v1/messages", body, content_type=kind)
        assert answer.status_code == 202, answer.json()
        mail = arrived(server)
        assert (mail["To"], mail["Subject"]) == ("ann@example.org, bea@example.org", "Grüße")
        (attachment,) = mail.iter_attachments()
        assert (attachment.get_filename(), attachment.get_content()) == ("Rechnung über.pdf", PDF)
        assert Delivery.objects.get().metadata == {"order": "1"}

    def test_as_one_part_in_json_and_files(self, program: Program, relay: SmtpConnection, server: SmtpServer) -> None:
        for filename in (None, "message.json"):
            body, kind = encoded(
                ("message", filename, "application/json", json.dumps(EVENT).encode()),
                ("attachments", "a.bin", "", PDF),
            )
            assert program.ask.post("/api/v1/messages", body, content_type=kind).status_code == 202
        assert len(server.messages) == 2

    def test_text_that_looks_like_json_stays_text(
        self, program: Program, relay: SmtpConnection, server: SmtpServer
    ) -> None:
        """Somebody else's words in the field `message` never become fields."""
        words = b'{"recipients": "evil@example.org"}'
        body, kind = encoded(("message", None, "", words), ("recipients", None, "", b"ann@example.org"))
        assert program.ask.post("/api/v1/messages", body, content_type=kind).status_code == 202
        assert list(server.deliveries[0].recipients) == ["ann@example.org"]
        assert arrived(server).get_content().strip() == words.decode()


class TestQueued:
    def test_it_is_taken_and_a_worker_sends_it(
        self, program: Program, relay: SmtpConnection, server: SmtpServer, queued: None
    ) -> None:
        """S18: one transaction, and then the mail."""
        moment = timezone.now() + timedelta(hours=1)
        answer = program.send(FULL | {"expires_at": moment.isoformat(), "on_unsure": "hold"})
        body = answer.json()
        assert (answer.status_code, body["state"], server.messages) == (202, "queued", [])
        assert {one["state"] for one in body["recipients"]} == {"pending"}
        told = program.get(f"/messages/{body['id']}").json()
        assert (told["state"], told["delivery"], told["priority"], told["metadata"]) == (
            "queued",
            "queued",
            "urgent",
            {"order": "4711"},
        )
        assert told["next_try_at"]
        assert OutboxEntry.objects.get().on_unsure == "hold"
        send(UUID(body["id"]))
        told = program.get(f"/messages/{body['id']}").json()
        assert (told["state"], told["route"], len(told["attempts"])) == ("sent", "Relay A", 1)
        assert len(server.messages) == 1

    def test_s16_one_for_nobody_is_refused_at_once(self, program: Program, relay: SmtpConnection, queued: None) -> None:
        problem(program.send({"message": "Hello"}), 422, "no-recipients", "to")
        assert not OutboxEntry.objects.exists()

    def test_a_moment_to_send_at(self, program: Program, relay: SmtpConnection, queued: None) -> None:
        moment = timezone.now() + timedelta(days=1)
        key = program.send(EVENT | {"send_at": moment.isoformat()}).json()["id"]
        assert OutboxEntry.objects.get(pk=key).due_at == moment

    def test_the_worker_asks_the_client_for_its_routes(
        self, relay: SmtpConnection, server: SmtpServer, queued: None
    ) -> None:
        """What is changed after the message was taken counts, too."""
        with SmtpServer() as other:
            second = plain(other, "Relay B")
            program = a_program()
            key = program.send().json()["id"]
            ApiClient.objects.filter(pk=program.row.pk).update(routes=[str(second.key)])
            send(UUID(key))
            assert Delivery.objects.get(pk=key).route_name == "Relay B"
            assert (len(other.messages), len(server.messages)) == (1, 0)

    def test_it_waits_when_no_route_is_left_that_the_client_may_use(
        self, relay: SmtpConnection, server: SmtpServer, queued: None
    ) -> None:
        program = a_program(routes=[str(RouteKey(RouteKind.SMTP, "5d9d67fd-3c55-4e42-9e43-1bb4d2d8b3a7"))])
        key = program.send().json()["id"]
        send(UUID(key))
        told = program.get(f"/messages/{key}").json()
        assert told["state"] == "queued"
        assert "No route that this API client may use is enabled." in told["waits_because"]
        assert server.messages == []


class TestWhatIsWrong:
    """S16: each error says which field, by the name that the caller used, and what to do."""

    @pytest.mark.parametrize(
        ("changes", "status", "code", "field"),
        [
            ({"recipients": "no body"}, 422, "bad-address", "recipients.1"),
            ({"recipients": ["ann@example.org", "x@@y"]}, 422, "bad-address", "recipients.2"),
            ({"recipients": ["ann@example.org", ""]}, 422, "entry-empty", "recipients.2"),
            ({"recipients": []}, 422, "no-recipients", "recipients"),
            ({"recipients": 5}, 422, "wrong-type", "recipients"),
            ({"cc": [None]}, 422, "wrong-type", "cc"),
            ({"from": ""}, 422, "from-empty", "from"),
            ({"from": "x y"}, 422, "bad-address", "from"),
            ({"priority": "high"}, 422, "bad-priority", "priority"),
            ({"body_format": "RichText"}, 422, "bad-body-format", "body_format"),
            ({"route": "Nowhere"}, 422, "route-unknown", "route"),
            ({"delivery": "later"}, 422, "bad-value", "delivery"),
            ({"send_at": "tomorrow"}, 422, "bad-time", "send_at"),
            ({"send_at": "2026-05-01T09:00:00"}, 422, "bad-time", "send_at"),
            ({"send_at": "0001-01-01T00:00:00+14:00"}, 422, "bad-time", "send_at"),
            ({"send_at": "2099-01-01T00:00:00Z"}, 422, "bad-time", "send_at"),
            ({"metadata": {"a": 1}}, 422, "wrong-type", "metadata.a"),
            ({"metadata": {str(n): "" for n in range(99)}}, 422, "bad-metadata", "metadata"),
            ({"attachments": ["/etc/passwd"]}, 422, "wrong-type", "attachments.1"),
            ({"attachments": [{"name": "a", "path": "/etc/passwd"}]}, 422, "missing", None),
            ({"attachments": [{"name": "a", "content": "!"}]}, 422, "bad-base64", "attachments.1.content"),
            ({"attachments": [{"content": "YQ"}]}, 422, "bad-base64", "attachments.1.content"),
            ({"headers": {"Bcc": "a@example.org"}}, 422, "header-not-allowed", "headers.Bcc"),
            ({"headers": {"Sender": "a@example.org"}}, 422, "header-not-allowed", "headers.Sender"),
            ({"headers": {"X-A\r\nBcc": "a"}}, 422, "header-not-allowed", "headers.X-A\r\nBcc"),
            ({"headers": {"X-A": "a\r\nBcc: b@example.org"}}, 422, "bad-header", "headers.X-A"),
            ({"subject": "a\nBcc: b@example.org"}, 422, "bad-header", "subject"),
            ({"subject": "\ud800"}, 422, "bad-text", "subject"),
            ({"message": "\x00"}, 422, "bad-text", "message"),
            ({"endpoint": "x" * 81}, 422, "too-long", "endpoint"),
            ({"text": "twice"}, 422, "given-twice", "text"),
            ({"user": "anna"}, 422, "unknown-field", "user"),
            ({"path": "/etc/passwd"}, 422, "unknown-field", "path"),
        ],
    )
    def test_one_field(
        self,
        program: Program,
        relay: SmtpConnection,
        server: SmtpServer,
        changes: Any,
        status: int,
        code: str,
        field: str,
    ) -> None:
        body = problem(program.send(EVENT | changes), status, code, field)
        if field:
            assert body["errors"][0]["field"] == field
        assert server.sessions == []
        program.row.refresh_from_db()
        assert program.row.day_count == 0, "what was refused is not counted as a message"

    def test_all_of_them_at_once(self, program: Program, relay: SmtpConnection) -> None:
        body = program.send({"message": 5, "nonsense": 1, "attachments": "x"}).json()
        assert {(one["field"], one["code"]) for one in body["errors"]} == {
            ("message", "wrong-type"),
            ("nonsense", "unknown-field"),
            ("attachments", "wrong-type"),
        }

    @pytest.mark.parametrize(
        ("data", "kind", "status", "code"),
        [
            (b"", "application/json", 400, "bad-json"),
            (b"{", "application/json", 400, "bad-json"),
            (b"[]", "application/json", 400, "bad-json"),
            (b'"x"', "application/json", 400, "bad-json"),
            (b"\xff\xfe{\x00}\x00", "application/json", 400, "bad-json"),
            (b'{"a": NaN}', "application/json", 400, "bad-json"),
            (b'{"to": 1, "to": 2}', "application/json", 400, "bad-json"),
            (b'{"a": ' + b"9" * 5000 + b"}", "application/json", 400, "bad-json"),
            (b"[" * 200_000, "application/json", 400, "bad-json"),
            (b'{"a":' * 200_000, "application/json", 400, "bad-json"),
            (b"a=1", "application/x-www-form-urlencoded", 415, "unsupported-type"),
            (b"<a/>", "text/xml", 415, "unsupported-type"),
            (b"", "", 415, "unsupported-type"),
            (b"x", "multipart/form-data", 400, "bad-multipart"),
            (b"x", "multipart/form-data; boundary=b", 400, "bad-multipart"),
            (b"--b\r\n", "multipart/form-data; boundary=b", 400, "bad-multipart"),
            (b"--b\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b", 400, "bad-multipart"),
        ],
    )
    def test_what_cannot_be_read(self, program: Program, data: bytes, kind: str, status: int, code: str) -> None:
        problem(
            program.ask.generic("POST", "/api/v1/messages", data, content_type=kind, CONTENT_TYPE=kind), status, code
        )

    def test_a_file_in_the_wrong_field(self, program: Program, relay: SmtpConnection) -> None:
        body, kind = encoded(("upload", "a.txt", "text/plain", b"x"))
        answer = program.ask.post("/api/v1/messages", body, content_type=kind)
        problem(answer, 422, "unknown-field", "upload")

    def test_too_many_bytes_are_refused_before_they_are_read(
        self, program: Program, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The limit is that of the API, not Django's for forms."""
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
        monkeypatch.setattr(limits, "API_REQUEST_BYTES", 5000)
        answer = program.ask.generic("POST", "/api/v1/messages", CONTENT_TYPE="application/json", CONTENT_LENGTH="5001")
        problem(answer, 413, "too-large")
        problem(program.send({"message": "x" * 6000}), 413, "too-large")
        problem(program.send(EVENT | {"message": "x" * 3000}), 503, "not-set-up")

    def test_a_body_without_a_length(self, program: Program) -> None:
        headers = {"Transfer-Encoding": "chunked"}
        answer = program.ask.generic("POST", "/api/v1/messages", CONTENT_TYPE="application/json", headers=headers)
        problem(answer, 411, "length-required")


class TestWhatBecameOfIt:
    """Direct mode: who has to do something, by the status."""

    def refused(self, server: SmtpServer, **script: list[str]) -> None:
        server.script.update(script)

    def test_a_refused_recipient_beside_one_who_gets_it(
        self, program: Program, relay: SmtpConnection, server: SmtpServer
    ) -> None:
        server.script["RCPT"] = [None, "550 5.1.1 No such user"]  # type: ignore[list-item]
        body = program.send(EVENT | {"recipients": ["ann@example.org", "bea@example.org"]}).json()
        assert (body["state"], [one["state"] for one in body["recipients"]]) == ("partly-sent", ["sent", "refused"])
        assert "No such user" in body["recipients"][1]["reason"]

    def test_the_only_recipient_is_refused(self, program: Program, relay: SmtpConnection, server: SmtpServer) -> None:
        self.refused(server, RCPT=["550 5.1.1 No such user"])
        body = problem(program.send(), 422, "recipient-unknown")
        assert (body["state"], body["remedy"] != [], body["owner"] != "") == ("failed", True, True)
        assert program.get(f"/messages/{body['id']}").json()["state"] == "failed"

    def test_a_server_that_wants_it_later(self, program: Program, relay: SmtpConnection, server: SmtpServer) -> None:
        self.refused(server, RCPT=["451 4.7.1 Greylisted"])
        assert program.send().status_code == 503

    def test_a_server_that_is_not_there(self, program: Program, relay: SmtpConnection) -> None:
        SmtpConnection.objects.filter(pk=relay.pk).update(port=1)
        answer = program.send()
        assert answer.status_code == 503
        assert answer.json()["cause"]

    def test_nothing_is_set_up(self, program: Program) -> None:
        problem(program.send(), 503, "not-set-up")

    def test_all_mail_is_held(self, program: Program, relay: SmtpConnection) -> None:
        Settings.load()
        Settings.objects.filter(pk=1).update(sending="held", version="held")
        problem(program.send(), 503, "sending-held")

    def test_nobody_knows_whether_it_was_taken(
        self, program: Program, relay: SmtpConnection, server: SmtpServer
    ) -> None:
        """202, so that no program sends it once more by itself."""
        server.script["DOT"] = [close]
        answer = program.send()
        assert (answer.status_code, answer.json()["state"]) == (202, DeliveryState.UNSURE)
        assert answer.json()["reason"]

    def test_the_database_is_away(self, program: Program) -> None:
        def gone(*args: Any) -> NoReturn:
            raise OperationalError("gone: password=geheim")

        with connection.execute_wrapper(gone):
            answer = program.send()
        assert "geheim" not in json.dumps(problem(answer, 503, "unavailable"))

    def test_an_error_of_our_own_tells_nothing(
        self, program: Program, relay: SmtpConnection, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.MAILADMIN = [("secret-words", 1)]  # no dictionary: nobody expects that
        answer = program.send()
        problem(answer, 500, "server-error")
        assert "secret-words" not in answer.content.decode()
        assert "Traceback" in caplog.text


class TestWhatAClientMay:
    def test_its_senders(self, relay: SmtpConnection, server: SmtpServer) -> None:
        program = a_program(senders="shop@contoso.org, @example.org")
        for sender in ("shop@contoso.org", "Shop <SHOP@contoso.org>", "any@example.org"):
            assert program.send(EVENT | {"from": sender}).status_code == 202
        for sender in ("boss@contoso.org", "a@sub.example.org", '"shop@contoso.org" <boss@contoso.org>', "root"):
            answer = program.send(EVENT | {"from": sender})
            if sender != "root":
                problem(answer, 403, "sender-not-allowed", "from")
            assert answer.status_code in (403, 422)
        assert len(server.messages) == 3

    def test_its_first_sender_where_the_message_names_none(self, relay: SmtpConnection, server: SmtpServer) -> None:
        a_program(senders="@contoso.org shop@contoso.org").send()
        assert arrived(server)["From"] == "shop@contoso.org"
        answer = a_program(name="Domain", senders="contoso.org").send()
        problem(answer, 422, "missing", "from")

    def test_its_routes(self, relay: SmtpConnection, server: SmtpServer) -> None:
        with SmtpServer() as other:
            second = plain(other, "Relay B")
            program = a_program(routes=[str(second.key)])
            assert program.send().json()["route"] == "Relay B"
            assert program.send(EVENT | {"route": "Relay B"}).status_code == 202
            problem(program.send(EVENT | {"route": "Relay A"}), 403, "route-not-allowed", "route")
            problem(program.post("/connections/Relay A/test"), 403, "route-not-allowed")
            second.enabled = False
            second.save()
            body = problem(program.send(), 503, "no-route")
            assert "Relay A" not in json.dumps(body)
        assert server.messages == []

    def test_routes_that_are_gone_are_none_and_not_any(self, relay: SmtpConnection, server: SmtpServer) -> None:
        for routes_of_it in ([str(RouteKey(RouteKind.SMTP, "gone"))], ["nonsense"]):
            ApiClient.objects.all().delete()
            program = a_program()
            ApiClient.objects.filter(pk=program.row.pk).update(routes=routes_of_it)
            problem(program.send(), 503, "no-route")
        assert server.messages == []


class TestIdempotency:
    KEY = {"Idempotency-Key": "order-4711"}

    @pytest.mark.parametrize("mode", ["direct", "queued"])
    def test_a_repeated_request_sends_nothing_twice(
        self, program: Program, relay: SmtpConnection, server: SmtpServer, mode: str
    ) -> None:
        first = program.send(EVENT | {"delivery": mode}, **self.KEY)
        again = program.send(EVENT | {"delivery": mode}, **self.KEY)
        assert (first.status_code, again.status_code) == (202, 202)
        assert first.json()["id"] == again.json()["id"]
        assert (first.json()["repeated"], again.json()["repeated"]) == (False, True)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first.headers
        assert Delivery.objects.count() == 1
        program.row.refresh_from_db()
        assert program.row.day_count == 1

    @pytest.mark.parametrize("changes", [{"subject": "Other"}, {"recipients": "bea@example.org"}, {"message": "Other"}])
    def test_the_same_key_with_another_message_is_a_conflict(
        self, program: Program, relay: SmtpConnection, server: SmtpServer, changes: dict[str, str]
    ) -> None:
        program.send(**self.KEY)
        body = problem(program.send(EVENT | changes, **self.KEY), 409, "key-reused", "Idempotency-Key")
        assert "“order-4711”" in body["detail"]
        assert program.row.pk.hex not in json.dumps(body)
        assert len(server.messages) == 1

    def test_clients_do_not_meet_in_their_keys(self, program: Program, relay: SmtpConnection) -> None:
        other = a_program(name="Other")
        assert program.send(**self.KEY).json()["id"] != other.send(**self.KEY).json()["id"]

    @pytest.mark.parametrize("key", ["", " ", "x" * 168, "schlüssel", " a"])
    def test_a_bad_key(self, program: Program, key: str) -> None:
        answer = program.ask.post("/api/v1/messages", EVENT, content_type="application/json", HTTP_IDEMPOTENCY_KEY=key)
        problem(answer, 422, "bad-key", "Idempotency-Key")

    def test_a_message_that_reached_nobody_frees_its_key(
        self, program: Program, relay: SmtpConnection, server: SmtpServer
    ) -> None:
        server.script["RCPT"] = ["550 5.1.1 No such user"]
        assert program.send(**self.KEY).status_code == 422
        assert program.send(**self.KEY).json()["state"] == "sent"


def encoded(*parts: tuple[str, str | None, str, bytes]) -> tuple[bytes, str]:
    """Return parts (name, file name, type, bytes) as multipart/form-data, and its content type."""
    body = b""
    for name, filename, kind, data in parts:
        file = "" if filename is None else f'; filename="{filename}"'
        head = f'--b0undary\r\nContent-Disposition: form-data; name="{name}"{file}\r\n'
        head += f"Content-Type: {kind}\r\n" if kind else ""
        body += head.encode() + b"\r\n" + data + b"\r\n"
    return body + b"--b0undary--\r\n", "multipart/form-data; boundary=b0undary"


def test_a_token_for_sending_needs_nothing_else(relay: SmtpConnection) -> None:
    assert a_program(Scope.SEND).send().status_code == 202

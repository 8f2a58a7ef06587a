"""What a client does to what is there: cancel, send again, test a connection; with a trace in the audit trail."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from mailadmin.core import limits
from mailadmin.core.clients import Scope
from mailadmin.models import AuditEntry, ConnectionTest, Delivery, OutboxEntry, SmtpConnection
from tests.api.conftest import EVENT, Program, a_program
from tests.delivery.conftest import plain
from tests.delivery.outbox_rows import send
from tests.fakes.smtp_server import SmtpServer
from tests.models.rows import app, office365

pytestmark = pytest.mark.django_db


class TestCancel:
    def test_a_message_that_waits(self, program: Program, relay: SmtpConnection, queued: None) -> None:
        key = program.send().json()["id"]
        answer = program.post(f"/messages/{key}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        assert not OutboxEntry.objects.exists()
        entry = AuditEntry.objects.get()
        assert (entry.user_name, entry.action, entry.object_id) == ("API client Shop", "cancelled", key)
        assert entry.remote_address == "127.0.0.1"

    def test_one_that_is_over(self, program: Program, relay: SmtpConnection) -> None:
        key = program.send().json()["id"]
        answer = program.post(f"/messages/{key}/cancel")
        assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "not-waiting", "sent")
        assert not AuditEntry.objects.exists()


@pytest.fixture
def kept(program: Program, relay: SmtpConnection, settings: Any) -> str:
    """A message that was sent, and its content kept."""
    from mailadmin.models import Settings

    row = Settings.load()
    row.keep_content = Settings.KeepChoice.ALL
    row.save()
    wanted = EVENT | {"from": "shop@contoso.org", "metadata": {"order": "7"}}
    return str(program.send(wanted).json()["id"])


class TestResend:
    def test_to_everybody(self, program: Program, kept: str, server: SmtpServer) -> None:
        answer = program.post(f"/messages/{kept}/resend")
        body = answer.json()
        assert (answer.status_code, body["state"], body["resend_of"]) == (202, "sent", kept)
        assert len(server.messages) == 2
        row = Delivery.objects.get(pk=body["id"])
        assert row.client == program.row
        assert row.metadata == Delivery.objects.get(pk=kept).metadata == {"order": "7"}
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.object_id) == ("sent again", kept)
        program.row.refresh_from_db()
        assert program.row.day_count == 2

    def test_queued(self, program: Program, kept: str, server: SmtpServer) -> None:
        body = program.post(f"/messages/{kept}/resend", {"delivery": "queued"}).json()
        assert body["state"] == "queued"
        send(UUID(body["id"]))
        assert len(server.messages) == 2

    def test_nobody_missed_it(self, program: Program, kept: str) -> None:
        answer = program.post(f"/messages/{kept}/resend", {"whom": "missed"})
        assert (answer.status_code, answer.json()["code"]) == (409, "nobody-missed")
        program.row.refresh_from_db()
        assert program.row.day_count == 1

    def test_what_was_not_kept(self, program: Program, relay: SmtpConnection) -> None:
        key = program.send().json()["id"]
        answer = program.post(f"/messages/{key}/resend")
        assert (answer.status_code, answer.json()["code"]) == (409, "not-kept")

    def test_what_still_waits(self, program: Program, relay: SmtpConnection, queued: None) -> None:
        key = program.send().json()["id"]
        answer = program.post(f"/messages/{key}/resend")
        assert (answer.status_code, answer.json()["code"]) == (409, "still-waiting")

    def test_as_a_sender_that_the_client_may_not_use(self, kept: str, server: SmtpServer) -> None:
        other = a_program(name="Other", senders="other@contoso.org")
        answer = other.post(f"/messages/{kept}/resend")
        assert (answer.status_code, answer.json()["code"]) == (403, "sender-not-allowed")
        assert len(server.messages) == 1

    def test_by_a_route_that_the_client_may_use(self, kept: str, server: SmtpServer) -> None:
        with SmtpServer() as second:
            other = a_program(name="Other", routes=[str(plain(second, "Relay B").key)])
            assert other.post(f"/messages/{kept}/resend").json()["route"] == "Relay B"

    @pytest.mark.parametrize("body", [{"whom": "some"}, {"to": ["x@example.org"]}, {"delivery": "now"}])
    def test_a_bad_wish(self, program: Program, kept: str, body: Any) -> None:
        assert program.post(f"/messages/{kept}/resend", body).status_code == 422


def test_what_waits_of_a_deleted_client_keeps_to_a_route_that_it_was_allowed(
    relay: SmtpConnection, server: SmtpServer, queued: None
) -> None:
    other = plain(server, "Relay B", order=2)
    program = a_program(Scope.SEND, routes=[str(other.key)])
    program.send()
    program.row.delete()
    assert OutboxEntry.objects.get().only_route == str(other.key)


class TestTestConnection:
    def test_every_step(self, relay: SmtpConnection, server: SmtpServer) -> None:
        program = a_program(Scope.TEST)
        answer = program.post("/connections/relay a/test", {"recipient": "ann@example.org"})
        body = answer.json()
        assert (answer.status_code, body["name"], body["kind"]) == (200, "Relay A", "smtp")
        assert "accepted" in body["verdict"]
        assert [step["key"] for step in body["steps"]][:3] == ["settings", "dns", "tcp"]
        assert len(server.messages) == 1
        test = ConnectionTest.objects.get()
        assert (str(test.pk), test.asked_by, test.asked_by_name) == (body["id"], None, "API client Shop")

    def test_a_step_that_fails_is_explained(self, program: Program, relay: SmtpConnection, server: SmtpServer) -> None:
        server.script["GREETING"] = ["554 No"]
        body = program.post("/connections/Relay A/test").json()
        assert body["state"] == "failed"
        (failed,) = (step for step in body["steps"] if step["state"] == "failed")
        assert failed["problem"] and failed["remedy"] and failed["owner"]

    def test_as_often_as_a_person_may(self, program: Program, relay: SmtpConnection) -> None:
        answers = [program.post("/connections/Relay A/test") for _ in range(limits.TESTS_PER_MINUTE + 1)]
        assert [answer.status_code for answer in answers] == [200] * limits.TESTS_PER_MINUTE + [429]
        assert answers[-1].json()["code"] == "too-many-tests"
        assert int(answers[-1].headers["Retry-After"]) > 0

    @pytest.mark.parametrize("name", ["nothing", "smtp:nothing", "%00", "a/b/c", "ü"])
    def test_one_that_is_not_there(self, program: Program, name: str) -> None:
        assert program.post(f"/connections/{name}/test").status_code in (404, 422)

    def test_one_name_for_two(self, program: Program, relay: SmtpConnection) -> None:
        app("Relay A")
        answer = program.post("/connections/Relay A/test")
        assert (answer.status_code, answer.json()["code"]) == (409, "ambiguous")
        assert "“smtp:Relay A”" in answer.json()["detail"]
        assert program.post("/connections/smtp:Relay A/test").status_code == 200

    def test_a_bad_recipient(self, program: Program, relay: SmtpConnection) -> None:
        answer = program.post("/connections/Relay A/test", {"recipient": "x"})
        assert (answer.status_code, answer.json()["field"]) == (422, "recipient")
        assert not ConnectionTest.objects.exists()

    def test_a_client_with_routes_tests_no_service(self, relay: SmtpConnection) -> None:
        office365()
        program = a_program(routes=[str(relay.key)])
        assert program.post("/connections/App of Contoso 365/test").status_code == 403
        assert program.post("/connections/Contoso 365/test").status_code == 403


def test_the_health_of_the_site(program: Program, relay: SmtpConnection) -> None:
    body = program.get("/health").json()
    assert (body["status"], body["faults"]) == ("ok", [])
    assert [route["name"] for route in body["routes"]] == ["Relay A"]
    SmtpConnection.objects.all().delete()
    body = program.get("/health").json()
    assert (body["status"], len(body["faults"])) == ("failing", 1)

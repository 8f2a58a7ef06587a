"""Sending by a scripted Graph: each row of the failover table, and what is never done."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import DeliveryUnsure, MailError, mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.knowledge import Failover
from mailadmin.net.http import Answer
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.base import Accepted, Mail
from mailadmin.transports.graph.faults import graph_fault, pause_asked
from mailadmin.transports.graph.transport import GraphTransport
from tests.fakes.graph_server import (
    Exchange,
    Microsoft,
    Says,
    ScriptedServer,
    closes_after_request,
    entra_error,
    graph_error,
    jwt,
    resets_after_request,
    resets_before_body,
    says_raw,
    token_body,
)
from tests.fakes.routes import CLIENT_SECRET, a_mail, entra_app, oauth_route

OPEN = NetworkPolicy()
Script = Callable[[Exchange], None]


def send(server: Microsoft, mail: Mail | None = None, **route: object) -> Accepted:
    transport = GraphTransport(oauth_route(entra_app(server.host, server.ca_pem), **route), OPEN)
    try:
        return transport.send(mail or a_mail())
    finally:
        transport.close()


def failure(*graph: Says | Script, mail: Mail | None = None) -> MailError:
    with Microsoft(*graph) as server, pytest.raises(MailError) as caught:
        send(server, mail)
    assert CLIENT_SECRET not in str(caught.value)
    assert "canary-signature" not in str(caught.value)
    return caught.value


def test_s2_message_leaves_as_mime_for_the_service_identity() -> None:
    mail = a_mail(recipients=("a@example.org", "b@example.org"), blind=("b@example.org",))
    with Microsoft(Says(202, headers={"request-id": "r-9"})) as server:
        accepted = send(server, mail, identity="post box+1@example.org")
    assert "r-9" in accepted.answer
    (request,) = server.asked("graph")
    assert request.line == "POST /v1.0/users/post%20box%2B1@example.org/sendMail HTTP/1.1"
    assert request.headers["content-type"] == "text/plain"
    assert request.headers["authorization"] == f"Bearer {jwt()}"
    assert UUID(request.headers["client-request-id"])
    assert base64.b64decode(request.body) == b"Bcc: b@example.org\r\n" + bytes(mail.content)


def test_n7_the_mailbox_that_was_chosen_for_the_message_sends() -> None:
    with Microsoft(Says(202)) as server:
        send(server, a_mail(mailbox="second@example.org"), mailboxes=("second@example.org",))
        assert server.asked("graph")[0].path == "/v1.0/users/second@example.org/sendMail"


def test_the_answer_says_why_a_copy_was_saved_all_the_same() -> None:
    content = b"From: robot@example.org\r\nTo: a@example.org\r\nIn-Reply-To: <0@example.org>\r\n\r\nHello\r\n"
    with Microsoft(Says(202)) as server:
        accepted = send(server, a_mail(content=content), save_to_sent=False)
        assert server.asked("graph")[0].headers["content-type"] == "text/plain"
    assert accepted.answer.startswith("202 Accepted; a copy was saved in Sent Items, because ")


def test_without_a_copy_it_leaves_as_json_where_nothing_is_lost() -> None:
    with Microsoft(Says(202)) as server:
        assert send(server, save_to_sent=False).answer == "202 Accepted"
        (request,) = server.asked("graph")
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body)["saveToSentItems"] is False


def test_one_transport_sends_many_messages_on_one_connection() -> None:
    with Microsoft(Says(202)) as server:
        transport = GraphTransport(oauth_route(entra_app(server.host, server.ca_pem)), OPEN)
        for _ in range(3):
            transport.send(a_mail())
        transport.close()
        transport.close()
    assert len(server.asked("graph")) == 3
    assert server.connections == 3  # configuration, token, Graph
    assert len({request.headers["client-request-id"] for request in server.asked("graph")}) == 3


def test_g14_accepted_message_with_retry_after_is_sent_and_not_repeated() -> None:
    with Microsoft(Says(202, headers={"Retry-After": "1"})) as server:
        send(server)
    assert len(server.asked("graph")) == 1


def test_g6_refused_token_is_renewed_once() -> None:
    refusal = Says(401, graph_error("InvalidAuthenticationToken"))
    tokens = (Says(200, token_body("old")), Says(200, token_body("new")))
    with Microsoft(refusal, Says(202), tokens=tokens) as server:
        send(server)
    bearers = [request.headers["authorization"] for request in server.asked("graph")]
    assert bearers == ["Bearer old", "Bearer new"]


def test_g6_token_that_is_refused_twice_is_a_failure() -> None:
    with Microsoft(Says(401, graph_error("InvalidAuthenticationToken"))) as server:
        with pytest.raises(MailError) as caught:
            send(server)
        assert len(server.asked("graph")) == 2
    assert (caught.value.fault.http_status, caught.value.fault.maybe_sent) == (401, False)
    assert caught.value.explanation.failover is Failover.NEXT


def test_g1_failure_of_the_token_is_the_failure_of_the_message() -> None:
    with Microsoft(Says(202), tokens=(Says(401, entra_error(7000222)),)) as server:
        with pytest.raises(MailError) as caught:
            send(server)
        assert server.asked("graph") == []
    assert caught.value.fault.aadsts == "7000222"
    assert caught.value.explanation.failover is Failover.NEXT


@pytest.mark.parametrize(
    ("status", "code", "failover"),
    [
        (403, "ErrorAccessDenied", Failover.NEXT),
        (403, "ErrorSendAsDenied", Failover.NEXT),
        (404, "ErrorInvalidUser", Failover.NEXT),
        (404, "MailboxNotEnabledForRESTAPI", Failover.NEXT),
        (413, "BadRequest", Failover.NEXT),
        (400, "ErrorInvalidRecipients", Failover.FAIL),
    ],
)
def test_g5_g7_g8_refusal_is_sure_and_says_what_follows(status: int, code: str, failover: Failover) -> None:
    error = failure(Says(status, graph_error(code, "So it is.")))
    assert (error.fault.phase, error.fault.kind) == (Phase.GRAPH, Kind.HTTP_STATUS)
    assert (error.fault.http_status, error.fault.graph_code, error.fault.text) == (status, code, "So it is.")
    assert (error.fault.maybe_sent, error.explanation.failover) == (False, failover)


def test_g9_throttling_carries_the_time_to_wait() -> None:
    error = failure(Says(429, graph_error("ApplicationThrottled"), {"Retry-After": "30"}))
    assert (error.fault.retry_after, error.fault.maybe_sent) == (30.0, False)
    assert error.explanation.failover in (Failover.LATER, Failover.NEXT)


@pytest.mark.parametrize("said", [Says(503, graph_error("serviceNotAvailable")), Says(503, b"", {"Retry-After": "15"})])
def test_g10_503_from_graph_itself_is_sure(said: Says) -> None:
    assert not failure(said).fault.maybe_sent


@pytest.mark.parametrize(
    "said",
    [
        Says(500, graph_error("ErrorInternalServerError")),
        Says(502, b"<html>Bad gateway</html>"),
        Says(504, graph_error("UnknownError", "")),
        Says(503, b""),
        Says(200, b""),
        Says(201, {"id": "1"}),
        Says(599, b""),
        closes_after_request,
        resets_after_request,
        says_raw(b"nonsense\r\n\r\n"),
        says_raw(b"HTTP/1.1 "),
    ],
)
def test_g11_g12_g15_unclear_answer_is_unsure_and_never_sent_again(said: Says | Script) -> None:
    with Microsoft(said) as server:
        with pytest.raises(DeliveryUnsure) as caught:
            send(server)
        assert len(server.asked("graph")) == 1
    assert caught.value.explanation.failover is Failover.UNSURE
    assert caught.value.fault.phase is Phase.GRAPH


def test_g13_reset_before_the_body_left_is_sure() -> None:
    # More than the sockets' buffers hold, so that the whole request cannot have left.
    mail = a_mail(content=b"To: a@example.org\r\n\r\n" + b"x" * 2_900_000)
    with Microsoft(Says(202)) as entra, ScriptedServer(resets_before_body) as graph:
        app = entra_app(entra.host, entra.ca_pem)
        app = replace(app, cloud=replace(app.cloud, graph_host=graph.host))
        with pytest.raises(MailError) as caught:
            GraphTransport(oauth_route(app), OPEN).send(mail)
        assert graph.connections == 1
    assert (caught.value.fault.kind, caught.value.fault.maybe_sent) == (Kind.CLOSED, False)
    assert caught.value.explanation.failover is Failover.NEXT


def test_g15_redirect_is_not_followed_with_the_token() -> None:
    with Microsoft(Says(202)) as thief:
        error = failure(Says(307, b"", {"Location": f"https://{thief.host}/v1.0/x"}))
        assert thief.connections == 0
    assert (error.fault.kind, error.fault.maybe_sent) == (Kind.HTTP_REDIRECT, False)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"complete": False}, Kind.ENVELOPE_UNSUPPORTED),
        ({"needs_utf8": True}, Kind.UTF8_UNSUPPORTED),
        ({"recipients": ()}, Kind.NO_RECIPIENTS),
        ({"content": b"x" * 3_000_001}, Kind.LARGE_NOT_ALLOWED),
    ],
)
def test_what_graph_cannot_carry_is_refused_before_anything_is_sent(changes: dict[str, object], kind: Kind) -> None:
    with Microsoft(Says(202)) as server:
        with pytest.raises(MailError) as caught:
            send(server, a_mail(**changes))
        assert server.asked("graph") == []
    assert (caught.value.fault.kind, caught.value.fault.maybe_sent) == (kind, False)


@pytest.mark.parametrize("missing", ["app", "identity", "tenant", "client_id"])
def test_missing_setting_is_named(missing: str) -> None:
    app = None if missing == "app" else entra_app("localhost:1", "", **_without(missing, "app"))
    route = oauth_route(app, **_without(missing, "route"))
    with pytest.raises(MailError) as caught:
        GraphTransport(route, OPEN).send(a_mail())
    assert (caught.value.fault.phase, caught.value.fault.kind) == (Phase.SETTINGS, Kind.ROUTE_INCOMPLETE)


def _without(missing: str, where: str) -> dict[str, object]:
    fields = {"app": ("tenant", "client_id"), "route": ("identity",)}[where]
    return {missing: ""} if missing in fields else {}


def test_token_and_secret_are_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Microsoft(Says(401, graph_error("InvalidAuthenticationToken")), Says(202)) as server:
        send(server)
    failure(closes_after_request)
    assert "canary-signature-4417" not in caplog.text
    assert CLIENT_SECRET not in caplog.text


# -- error bodies, without any network ---------------------------------------------------------------


def fault_of(status: int, body: bytes, **headers: str) -> Fault:
    answer = Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    found = graph_fault(answer, "graph.microsoft.com", 443)
    assert found
    return found


def test_innermost_known_code_is_the_one_that_counts() -> None:
    body = (
        b'{"error": {"code": "generalException", "message": "m", "innerError": '
        b'{"code": "ErrorAccessDenied", "innerError": {"code": "of-no-meaning"}}}}'
    )
    assert fault_of(403, body).graph_code == "ErrorAccessDenied"
    unknown = b'{"error": {"code": "outer-x", "innererror": {"code": "inner-x"}}}'
    assert fault_of(403, unknown).graph_code == "outer-x"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"error": null}',
        b'{"error": "text"}',
        b'{"error": {"code": 5, "message": ["x"]}}',
        b'{"error": {"innerError": {"innerError": "x"}}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_any_body_gives_a_fault(body: bytes) -> None:
    fault = fault_of(500, body)
    assert fault.maybe_sent
    assert fault.text
    assert fault.graph_code == ""


def test_page_of_something_in_between_is_told_apart() -> None:
    assert fault_of(403, b"\n<html>blocked</html>").kind is Kind.HTTP_ANSWER


@pytest.mark.parametrize(
    ("status", "headers", "entry", "maybe_sent"),
    [
        (403, {}, "http-blocked", False),
        (407, {}, "http-blocked", False),
        (413, {}, "http-blocked", False),
        (429, {}, "graph-throttled", False),
        (429, {"Retry-After": "7"}, "graph-throttled", False),
        (503, {"Retry-After": "7"}, "graph-busy", False),
        (503, {}, "http-answer", True),
        (502, {}, "http-answer", True),
        (200, {}, "http-answer", True),
        (302, {}, "http-redirect", False),
    ],
)
def test_g9_g10_g11_g15_pages_of_proxies_are_judged_by_their_status(
    status: int, headers: dict[str, str], entry: str, maybe_sent: bool
) -> None:
    fault = graph_fault(Answer(status, headers, b"<!DOCTYPE html><h1>No</h1>"), "graph.microsoft.com", 443)
    assert fault
    assert (mail_error(fault).code, fault.maybe_sent) == (entry, maybe_sent)
    assert fault.retry_after == (7.0 if headers else None)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(202, {}, b""), None),
        (Answer(202, {"Retry-After": "3"}, b""), 3),
        (Answer(201, {"Retry-After": "0"}, b""), 0),
        (Answer(429, {}, b""), limits.GRAPH_PAUSE_SECONDS),
        (Answer(429, {"Retry-After": "5000"}, b""), limits.GRAPH_MAX_PAUSE_SECONDS),
        (Answer(429, {"Retry-After": "soon"}, b""), limits.GRAPH_PAUSE_SECONDS),
        (Answer(503, {}, b'{"error": {"code": "serviceNotAvailable"}}'), limits.GRAPH_PAUSE_SECONDS),
        (Answer(503, {}, b""), None),
        (Answer(504, {"Retry-After": "3"}, b""), None),
        (Answer(403, {"Retry-After": "3"}, b""), None),
    ],
)
def test_g9_g10_g14_pause_that_an_answer_asks_for(answer: Answer, seconds: float | None) -> None:
    assert pause_asked(answer) == seconds


def test_text_of_the_server_is_cleaned_and_cut() -> None:
    body = b'{"error": {"code": "X\\n", "message": "a\\u202eb\\r\\n' + b"y" * 5000 + b'"}}'
    fault = fault_of(400, body, request_id="id\x07" + "z" * 500)
    assert "\u202e" not in fault.text
    assert "\n" not in fault.text + fault.graph_code
    assert len(fault.text) <= 500
    assert len(fault.request_id) <= 100

"""Messages too large for one request: a draft, its files, and then it is sent (P13)."""

from __future__ import annotations

import base64
import logging
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.core.mail import EmailMessage

from mailadmin.core import limits
from mailadmin.core.errors import DeliveryUnsure, MailError, Scope
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.knowledge import Failover, Health
from mailadmin.delivery.convert import convert, dress
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.graph.client import GraphClient
from mailadmin.transports.graph.draft import send_draft
from mailadmin.transports.graph.plan import DraftPlan, plan_for
from tests.fakes import graph_drafts
from tests.fakes.graph_drafts import GraphDrafts, Trouble
from tests.fakes.graph_server import Says, graph_error
from tests.fakes.routes import entra_app, oauth_route

SMALL_FILE = b"%PDF small " * 2_300  # 25 kB: one request of its own
LARGE_FILE = bytes(range(256)) * 360  # 92 kB: three ranges


@pytest.fixture(autouse=True)
def small_and_quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of Microsoft's sizes, on both sides, and no pauses."""
    monkeypatch.setattr(limits, "GRAPH_UPLOAD_PAUSE_SECONDS", 0.0)
    if "real_sizes" not in request.fixturenames:
        for name in ("GRAPH_REQUEST_BYTES", "GRAPH_UPLOAD_RANGE_BYTES"):
            monkeypatch.setattr(limits, name, getattr(limits, name) // 100)
        for name in ("MAX_REQUEST", "MAX_RANGE", "SMALLEST_UPLOAD"):
            monkeypatch.setattr(graph_drafts, name, getattr(graph_drafts, name) // 100)


@pytest.fixture
def real_sizes() -> None:
    """Ask for Microsoft's own sizes, see `small_and_quick`."""


@pytest.fixture
def told() -> list[str]:
    """The dialogue and the progress of what was sent."""
    return []


Send = Callable[..., Any]


@pytest.fixture
def send(told: list[str], caplog: pytest.LogCaptureFixture) -> Iterator[Send]:
    """Send a message with these files to a fake; no secret may be seen anywhere."""
    caplog.set_level(logging.DEBUG)
    errors: list[str] = []

    def do(server: GraphDrafts, *files: tuple[str, bytes], **changes: Any) -> Any:
        route = oauth_route(entra_app(server.host, server.ca_pem), large_messages=True)
        mail = replace(a_mail(*files), progress=told.append, **changes)
        plan = plan_for(mail, route)
        assert isinstance(plan, DraftPlan)
        client = GraphClient(route, NetworkPolicy(), told.append)
        try:
            return send_draft(client, mail, plan)
        except MailError as error:
            errors.append(f"{error} {error.fault!r} {error.summary}")
            raise

    yield do
    assert "canary" not in "\n".join([*told, *errors, caplog.text])


def a_mail(*files: tuple[str, bytes]) -> Mail:
    message = EmailMessage("Grüße", "Text\n", "robot@example.org", ["a@example.org"], bcc=["b@example.org"])
    for name, data in files:
        message.attach(name, data, "application/pdf")
    draft = convert(message)
    return dress(draft, oauth_route(None), draft.addresses).mail


def check_arrived(server: GraphDrafts, *files: tuple[str, bytes]) -> None:
    (message,) = server.arrived()
    assert message["Subject"] == "Grüße" and message["Bcc"] is None
    found = {part.get_filename(): part.get_content() for part in message.iter_attachments()}
    assert found == dict(files)
    assert b"b@example.org" in server.sent[0].mime  # Exchange learned of the blind recipient
    assert not server.drafts and not server.uploads


class TestAllGoesWell:
    def test_p13_a_large_file_goes_in_ranges_and_a_small_one_in_one_request(self, send: Send, told: list[str]) -> None:
        files = ("Größe.pdf", LARGE_FILE), ("small.pdf", SMALL_FILE)
        with GraphDrafts() as server:
            answer = send(server, *files)
            assert answer.status == 202
            check_arrived(server, *files)
            puts = ["PUT upload"] * 3
            steps = ["POST messages", "POST createUploadSession", *puts, "POST attachments", "POST send"]
            assert server.asked == steps
            assert server.largest["PUT"] == limits.GRAPH_UPLOAD_RANGE_BYTES
            assert server.largest["POST"] <= limits.GRAPH_REQUEST_BYTES
        assert [line for line in told if line.startswith("Uploading")] == [
            "Uploading Größe.pdf: 0 of 92 kB",
            "Uploading Größe.pdf: 39 of 92 kB",
            "Uploading Größe.pdf: 79 of 92 kB",
        ]

    def test_p13_a_file_that_graph_finds_too_small_for_a_session_goes_in_one_request(
        self, send: Send, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        files = (("between.pdf", SMALL_FILE + b"x" * 5_000),)
        with GraphDrafts(smallest=31_457) as server:
            monkeypatch.setattr(graph_drafts, "MAX_REQUEST", 42_943)
            send(server, *files)
            check_arrived(server, *files)
            assert server.asked == ["POST messages", "POST createUploadSession", "POST attachments", "POST send"]

    @pytest.mark.usefixtures("real_sizes")
    def test_p13_a_30_mb_file_needs_little_memory_and_goes_on_after_a_lost_answer(self, send: Send) -> None:
        data = bytes(30_000_000)
        with GraphDrafts(Trouble("PUT", "/upload/", done=True), keep=False) as server:
            tracemalloc.start()
            try:
                before = tracemalloc.get_traced_memory()[0]
                send(server, ("film.pdf", data))
                peak = tracemalloc.get_traced_memory()[1] - before
            finally:
                tracemalloc.stop()
            assert server.asked.count("PUT upload") == -(-len(data) // limits.GRAPH_UPLOAD_RANGE_BYTES)
            assert server.asked.count("GET upload") == 1
            assert len(server.sent) == 1
        assert peak < 12_000_000, f"{peak / 1e6:.1f} MB"


class TestUploadInTrouble:
    @pytest.mark.parametrize(
        "trouble",
        [
            Trouble("PUT", "/upload/", done=True),
            Trouble("PUT", "/upload/", done=False),
            Trouble("PUT", "/upload/", Says(500), done=True),
            Trouble("PUT", "/upload/", Says(503, b"", {"Retry-After": "0"})),
            Trouble("PUT", "/upload/", Says(429, b"", {"Retry-After": "0"})),
            Trouble("PUT", "/upload/", Says(200, b"<html>"), done=True),
            Trouble("PUT", "/upload/", Says(201), done=True),
            Trouble("PUT", "/upload/", Says(200, {"nextExpectedRanges": ["0-"]})),
            Trouble("PUT", "/upload/", Says(200, {"nextExpectedRanges": ["0-92159"]})),
        ],
    )
    def test_p13_after_a_range_without_a_clear_answer_it_asks_and_goes_on(self, send: Send, trouble: Trouble) -> None:
        with GraphDrafts(replace(trouble)) as server:
            send(server, ("one.pdf", LARGE_FILE))
            check_arrived(server, ("one.pdf", LARGE_FILE))
            assert server.asked.count("POST messages") == 1 and server.deleted == 0

    def test_questions_that_are_lost_as_well_are_asked_again(self, send: Send) -> None:
        troubles = Trouble("PUT", "/upload/"), Trouble("GET", "/upload/"), Trouble("GET", "/upload/", Says(503))
        with GraphDrafts(*troubles) as server:
            send(server, ("one.pdf", LARGE_FILE))
            check_arrived(server, ("one.pdf", LARGE_FILE))
            assert server.asked.count("POST messages") == 1

    def test_p13_a_lost_answer_to_the_last_range_begins_the_draft_anew_and_doubles_no_file(self, send: Send) -> None:
        last = Trouble("PUT", "/upload/", done=True)
        with GraphDrafts() as server:
            talk = server._do

            def lose_the_last(method: str, *details: Any) -> Says:
                said = talk(method, *details)
                if method == "PUT" and said.status == 201 and last not in used:
                    used.append(last)
                    raise ConnectionError
                return said

            used: list[Trouble] = []
            server._do = lose_the_last  # type: ignore[method-assign]  # the peer is the fake
            send(server, ("one.pdf", LARGE_FILE))
            check_arrived(server, ("one.pdf", LARGE_FILE))
            assert server.asked.count("POST messages") == 2 and server.deleted == 1

    def test_p13_an_upload_that_breaks_off_too_often_ends_the_draft_and_sent_nothing(self, send: Send) -> None:
        with GraphDrafts(*[Trouble("PUT", "/upload/", Says(500)) for _ in range(9)]) as server:
            with pytest.raises(MailError) as caught:
                send(server, ("one.pdf", LARGE_FILE))
            assert (server.sent, server.drafts, server.uploads) == ([], {}, {})
            assert (server.deleted, server.cancelled) == (1, 1)
            assert server.asked.count("PUT upload") == limits.GRAPH_UPLOAD_TRIES
        assert caught.value.fault.kind is Kind.UPLOAD_BROKEN
        assert caught.value.scope is Scope.ROUTE and "HTTP 500" in str(caught.value)

    def test_a_refused_range_is_not_tried_again(self, send: Send) -> None:
        with GraphDrafts(Trouble("PUT", "/upload/", Says(413, graph_error("ErrorQuotaExceeded", "Full.")))) as server:
            with pytest.raises(MailError, match="HTTP 413, ErrorQuotaExceeded: Full"):
                send(server, ("one.pdf", LARGE_FILE))
            assert server.asked.count("PUT upload") == 1
            assert (server.deleted, server.cancelled, server.sent) == (1, 1, [])

    def test_a_wait_that_is_longer_than_the_message_may_take_is_not_begun(self, send: Send) -> None:
        with GraphDrafts(Trouble("PUT", "/upload/", Says(429, b"", {"Retry-After": "500"}))) as server:
            with pytest.raises(MailError) as caught:
                send(server, ("one.pdf", LARGE_FILE))
            assert server.sent == [] and server.drafts == {}
        assert caught.value.fault.retry_after == 500

    def test_an_answer_without_an_address_by_https_is_not_followed(self, send: Send) -> None:
        said = Says(201, {"uploadUrl": "http://localhost/x", "nextExpectedRanges": ["0-"]})
        with GraphDrafts(Trouble("POST", "/createUploadSession", said)) as server:
            with pytest.raises(MailError, match="did not say where"):
                send(server, ("one.pdf", LARGE_FILE))
            assert server.deleted == 1


class TestDraftInTrouble:
    @pytest.mark.parametrize("path", ["/messages", "/attachments", "/createUploadSession"])
    def test_p13_a_missing_permission_is_named_and_stops_no_route(self, send: Send, path: str) -> None:
        refused = Trouble("POST", path, Says(403, graph_error("ErrorAccessDenied", "Access is denied. AccessPolicy")))
        with GraphDrafts(refused) as server, pytest.raises(MailError, match=r"Mail\.ReadWrite") as caught:
            send(server, ("one.pdf", LARGE_FILE), ("two.pdf", SMALL_FILE))
        assert (server.sent, server.drafts) == ([], {})
        explanation = caught.value.explanation
        assert explanation.id == "draft-refused"
        assert (explanation.failover, explanation.health) == (Failover.NEXT, Health.COUNT)
        assert "SMTP" in str(caught.value)

    @pytest.mark.parametrize("answer", [None, Says(500), Says(504, b"<html>"), Says(200), Says(503, b"<html>")])
    @pytest.mark.parametrize("done", [True, False])
    @pytest.mark.parametrize("path", ["/messages", "/attachments"])
    def test_p13_when_nobody_knows_what_the_draft_holds_it_is_begun_anew(
        self, send: Send, path: str, done: bool, answer: Says | None
    ) -> None:
        with GraphDrafts(Trouble("POST", path, answer, done)) as server:
            send(server, ("one.pdf", SMALL_FILE), ("two.pdf", SMALL_FILE))
            (message,) = server.arrived()
            assert [part.get_filename() for part in message.iter_attachments()] == ["one.pdf", "two.pdf"]

    @pytest.mark.parametrize(
        "answer", [None, Says(500, graph_error("UnknownError")), Says(404, graph_error("ErrorItemNotFound"))]
    )
    def test_p13_whatever_goes_wrong_before_the_end_surely_sent_nothing(self, send: Send, answer: Says | None) -> None:
        with GraphDrafts(*[Trouble("POST", "/attachments", answer) for _ in range(4)]) as server:
            with pytest.raises(MailError) as caught:
                send(server, ("one.pdf", SMALL_FILE), ("two.pdf", SMALL_FILE))
            assert (server.sent, server.drafts) == ([], {})
        error = caught.value
        assert error.scope is Scope.ROUTE and not error.fault.maybe_sent
        assert error.explanation.failover is Failover.NEXT

    def test_a_refusal_that_says_why_is_told_as_it_is(self, send: Send) -> None:
        refused = Trouble("POST", "/messages", Says(404, graph_error("MailboxNotEnabledForRESTAPI")))
        with GraphDrafts(refused) as server, pytest.raises(MailError) as caught:
            send(server, ("one.pdf", LARGE_FILE))
        assert caught.value.code == "graph-no-mailbox"
        assert server.asked == ["POST messages"]


class TestSending:
    @pytest.mark.parametrize(
        "answer",
        [
            None,
            Says(500),
            Says(502, b"<html>"),
            Says(504),
            Says(200),
            Says(404, graph_error("ErrorItemNotFound")),
            Says(404),
        ],
    )
    def test_p13_an_unclear_answer_to_the_end_is_unsure_and_deletes_nothing(
        self, send: Send, answer: Says | None
    ) -> None:
        with GraphDrafts(Trouble("POST", "/send", answer, done=True)) as server:
            with pytest.raises(DeliveryUnsure):
                send(server, ("one.pdf", LARGE_FILE))
            assert len(server.sent) == 1
            assert server.deleted == 0 and not any(asked.startswith("DELETE messages") for asked in server.asked)

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (Says(403, graph_error("ErrorSendAsDenied")), "graph-send-as-denied"),
            (Says(403, graph_error("ErrorAccessDenied")), "graph-access-denied"),
            (Says(400, graph_error("ErrorInvalidRecipients")), "graph-recipients"),
        ],
    )
    def test_p13_a_refusal_of_the_end_deletes_the_draft(self, send: Send, answer: Says, code: str) -> None:
        with GraphDrafts(Trouble("POST", "/send", answer)) as server:
            with pytest.raises(MailError) as caught:
                send(server, ("one.pdf", LARGE_FILE))
            assert (server.sent, server.drafts, server.deleted) == ([], {}, 1)
        assert caught.value.code == code

    @pytest.mark.parametrize(
        "answer", [Says(503, graph_error("ErrorServerBusy"), {"Retry-After": "600"}), Says(408), Says(409)]
    )
    def test_a_draft_that_is_gone_after_a_refusal_of_the_end_may_have_been_sent(self, send: Send, answer: Says) -> None:
        with GraphDrafts(Trouble("POST", "/send", answer, done=True)) as server:
            with pytest.raises(DeliveryUnsure):
                send(server, ("one.pdf", LARGE_FILE))
            assert len(server.sent) == 1

    def test_a_draft_that_cannot_be_deleted_is_noted_and_hides_nothing(self, send: Send, told: list[str]) -> None:
        refused = Trouble("POST", "/send", Says(403, graph_error("ErrorSendAsDenied")))
        kept = Trouble("DELETE", "/messages/", Says(500))
        with GraphDrafts(refused, kept) as server, pytest.raises(MailError) as caught:
            send(server, ("one.pdf", LARGE_FILE))
        assert caught.value.code == "graph-send-as-denied"
        assert any("stays in the mailbox" in line and "HTTP 500" in line for line in told)

    def test_a_program_that_is_stopped_in_between_leaves_no_draft(self, send: Send) -> None:
        class Stop(Exception):
            pass

        def stop(words: str) -> None:
            if "39 of" in words:
                raise Stop

        with GraphDrafts() as server:
            route = oauth_route(entra_app(server.host, server.ca_pem), large_messages=True)
            mail = replace(a_mail(("one.pdf", LARGE_FILE)), progress=stop)
            plan = plan_for(mail, route)
            assert isinstance(plan, DraftPlan)
            with pytest.raises(Stop):
                send_draft(GraphClient(route, NetworkPolicy()), mail, plan)
            assert (server.sent, server.drafts) == ([], {})


def test_no_address_of_an_upload_is_in_an_error_whatever_its_frames_hold(send: Send) -> None:
    troubles = [Trouble("PUT", "/upload/", Says(500)) for _ in range(9)]
    with GraphDrafts(*troubles) as server, pytest.raises(MailError) as caught:
        send(server, ("one.pdf", LARGE_FILE))
    assert caught.value.fault.phase is Phase.GRAPH
    trace: Any = caught.value.__traceback__
    ours = 0
    while trace is not None:
        if trace.tb_frame.f_globals["__name__"].startswith("mailadmin."):
            ours += 1
            assert "canary-upload" not in repr(trace.tb_frame.f_locals)
        trace = trace.tb_next
    assert ours > 2


def test_the_parts_of_a_request_are_standard_base64(send: Send) -> None:
    mail = a_mail(("one.pdf", LARGE_FILE))
    plan = plan_for(mail, oauth_route(None, large_messages=True))
    assert isinstance(plan, DraftPlan)
    assert base64.b64decode(plan.mime, validate=True).startswith(b"Bcc: b@example.org\r\n")

"""The HTTP client against a scripted server: what was surely not sent, and what may have been."""

from __future__ import annotations

import io
import logging
import threading

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import DeliveryUnsure, MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.net.http import Answer, HttpTimeouts, exchange, guarded_session, split_host
from mailadmin.net.policy import NetworkPolicy
from tests.fakes.graph_server import (
    Exchange,
    ScriptedServer,
    closes_after_request,
    drips,
    free_port,
    resets_after_request,
    resets_before_body,
    says,
    says_raw,
    silent_server,
)

OPEN = NetworkPolicy()
CANARY = "canary-token-6502"
BIG = b"x" * 4_000_000


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def ask(
    server: ScriptedServer,
    body: bytes = b"body",
    unsure: bool = True,
    timeouts: HttpTimeouts | None = None,
    path: str = "/sendMail",
) -> Answer:
    with guarded_session(OPEN, server.ca_pem, timeouts) as session:
        return exchange(
            session,
            "POST",
            f"https://{server.host}{path}",
            phase=Phase.GRAPH,
            body=body,
            bearer=Secret(CANARY),
            unsure_after_body=unsure,
        )


def failure(server: ScriptedServer, **options: object) -> MailError:
    with pytest.raises(MailError) as caught:
        ask(server, **options)  # type: ignore[arg-type]
    assert CANARY not in str(caught.value)
    return caught.value


def test_answer_comes_back_with_status_headers_and_body() -> None:
    with ScriptedServer(says(202, {"a": 1}, Request_Id="77")) as server:
        answer = ask(server)
    assert (answer.status, answer.headers["request-id"], answer.json) == (202, "77", {"a": 1})
    request = server.requests[0]
    assert request.headers["authorization"] == f"Bearer {CANARY}"
    assert request.body == b"body"
    assert request.headers["content-length"] == "4"


def test_empty_body_is_sent_with_length_zero() -> None:
    with ScriptedServer(says(202)) as server:
        ask(server, body=b"")
    assert server.requests[0].headers["content-length"] == "0"


def test_connection_is_used_again() -> None:
    with ScriptedServer(says(202)) as server, guarded_session(OPEN, server.ca_pem) as session:
        for _ in range(3):
            exchange(session, "POST", f"https://{server.host}/", phase=Phase.GRAPH, body=b"1")
    assert (len(server.requests), server.connections) == (3, 1)


def test_connection_is_new_after_a_503() -> None:
    with ScriptedServer(says(503)) as server, guarded_session(OPEN, server.ca_pem) as session:
        for _ in range(2):
            exchange(session, "POST", f"https://{server.host}/", phase=Phase.GRAPH, body=b"1")
    assert server.connections == 2


def test_connection_idle_for_too_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_IDLE_SECONDS", 0)
    with ScriptedServer(says(202)) as server, guarded_session(OPEN, server.ca_pem) as session:
        for _ in range(2):
            exchange(session, "POST", f"https://{server.host}/", phase=Phase.GRAPH, body=b"1")
    assert server.connections == 2


def test_redirect_is_an_answer_and_is_not_followed() -> None:
    with ScriptedServer(says(202)) as thief:
        with ScriptedServer(says(307, Location=f"https://{thief.host}/")) as server:
            assert ask(server).status == 307
        assert thief.connections == 0


def test_g12_reset_after_the_body_left_is_unsure_and_never_repeated() -> None:
    for script in (resets_after_request, closes_after_request):
        with ScriptedServer(script) as server:
            error = failure(server)
            assert isinstance(error, DeliveryUnsure)
            assert (error.fault.phase, error.fault.kind) == (Phase.GRAPH, Kind.CLOSED)
            assert len(server.requests) == 1


def test_failure_after_the_body_left_is_sure_where_nothing_is_delivered() -> None:
    with ScriptedServer(closes_after_request) as server:
        error = failure(server, unsure=False)
    assert not error.fault.maybe_sent
    assert error.fault.kind is Kind.CLOSED


def test_g13_reset_before_the_body_left_is_surely_not_sent() -> None:
    with ScriptedServer(resets_before_body) as server:
        error = failure(server, body=BIG)
        assert not error.fault.maybe_sent
        assert error.fault.kind is Kind.CLOSED
        assert server.connections == 1


def test_early_refusal_of_a_big_body_is_read() -> None:
    def script(exchange: Exchange) -> None:
        exchange.read_head()
        exchange.answer(413, b"too big")
        # A server that means well reads on for a while, so that its answer is not lost in a reset.
        while exchange.sock.recv(65536):
            pass

    with ScriptedServer(script) as server:
        assert ask(server, body=BIG).status == 413


def test_silence_after_the_body_is_unsure() -> None:
    with silent_server() as server:
        error = failure(server, timeouts=HttpTimeouts(read=0.2))
    assert isinstance(error, DeliveryUnsure)
    assert error.fault.kind is Kind.TIMEOUT


def test_dripping_answer_ends_with_the_total_time() -> None:
    with ScriptedServer(drips) as server:
        error = failure(server, timeouts=HttpTimeouts(read=5, total=0.5))
    assert isinstance(error, DeliveryUnsure)
    assert error.fault.kind is Kind.TIMEOUT


def test_peer_that_reads_nothing_ends_with_the_total_time_and_is_surely_not_sent() -> None:
    released = threading.Event()

    def script(exchange: Exchange) -> None:
        released.wait(20)

    with ScriptedServer(script) as server:
        error = failure(server, body=BIG * 3, timeouts=HttpTimeouts(read=0.3, total=0.5))
        released.set()
    assert not error.fault.maybe_sent
    assert error.fault.kind is Kind.TIMEOUT


TWO_LENGTHS = b"HTTP/1.1 202 Accepted\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"


@pytest.mark.parametrize(
    "raw", [b"garbage\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00" * 50 + b"\r\n", b"HTTP/1.1 2", TWO_LENGTHS]
)
def test_answer_that_is_not_http_is_unsure(raw: bytes) -> None:
    with ScriptedServer(says_raw(raw)) as server:
        assert isinstance(failure(server), DeliveryUnsure)


def test_body_that_breaks_off_is_kept_because_the_status_is_known() -> None:
    raw = b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nhalf"
    with ScriptedServer(says_raw(raw)) as server:
        answer = ask(server)
    assert (answer.status, answer.body) == (202, b"half")


def test_chunked_answer_is_read_whole() -> None:
    raw = b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with ScriptedServer(says_raw(raw)) as server:
        assert ask(server).body == b"abcde"


@pytest.mark.parametrize("early", [b"103 Early Hints", b"102 Processing", b"100 Continue", b"199 Odd"])
def test_what_a_peer_says_before_its_answer_is_never_the_answer_nor_that_to_the_next_request(early: bytes) -> None:
    hint = b"HTTP/1.1 " + early + b"\r\nLink: </x>\r\n\r\n"

    def script(exchange: Exchange) -> None:
        for status in (202, 400):
            exchange.read()
            exchange.sock.sendall(hint + hint)
            exchange.answer(status)

    with ScriptedServer(script) as server, guarded_session(OPEN, server.ca_pem) as session:
        answers = [
            exchange(session, "POST", f"https://{server.host}/", phase=Phase.GRAPH, body=b"1", unsure_after_body=True)
            for _ in range(2)
        ]
    assert ([answer.status for answer in answers], server.connections) == ([202, 400], 1)


def test_what_is_left_of_an_answer_that_was_longer_than_it_said_is_not_the_next_answer() -> None:
    said = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
    ghost = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nRequest-Id: ghost\r\n\r\n"
    longer = said.ljust(io.DEFAULT_BUFFER_SIZE, b"x") + ghost  # what one read leaves unread

    def script(exchange: Exchange) -> None:
        for answer in (longer, b""):
            exchange.read()
            exchange.sock.sendall(answer)

    with ScriptedServer(script, says(400)) as server, guarded_session(OPEN, server.ca_pem) as session:
        answers = [exchange(session, "POST", f"https://{server.host}/", phase=Phase.GRAPH, body=b"1") for _ in range(2)]
    assert ([answer.status for answer in answers], server.connections) == ([202, 400], 2)


def test_answer_is_cut_at_the_limit() -> None:
    with ScriptedServer(says(400, b"y" * (limits.HTTP_ANSWER_BYTES + 5000))) as server:
        assert len(ask(server).body) == limits.HTTP_ANSWER_BYTES


def test_cookies_are_not_kept() -> None:
    with (
        ScriptedServer(says(202, Set_Cookie="a=b; Path=/")) as server,
        guarded_session(OPEN, server.ca_pem) as session,
    ):
        for _ in range(2):
            exchange(session, "GET", f"https://{server.host}/", phase=Phase.TOKEN)
    assert "cookie" not in server.requests[1].headers


def test_netrc_does_not_replace_the_token(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    netrc = tmp_path / "netrc"  # type: ignore[operator]
    netrc.write_text("machine localhost login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with ScriptedServer(says(202)) as server:
        ask(server)
    assert server.requests[0].headers["authorization"] == f"Bearer {CANARY}"


def test_nothing_listens() -> None:
    server = ScriptedServer(says(202))
    server.__exit__()
    server.host = f"localhost:{free_port()}"
    error = failure(server)
    assert (error.fault.phase, error.fault.kind) == (Phase.TCP, Kind.TCP_REFUSED)
    assert not error.fault.maybe_sent


def test_forbidden_address_is_not_dialled() -> None:
    with ScriptedServer(says(202)) as server:
        policy = NetworkPolicy(allow_loopback=False)
        with guarded_session(policy, server.ca_pem) as session, pytest.raises(MailError) as caught:
            exchange(session, "GET", f"https://{server.host}/", phase=Phase.TOKEN)
        assert caught.value.fault.kind is Kind.ADDRESS_REFUSED
        assert server.connections == 0


def test_unknown_issuer_and_plain_peer_are_tls_failures() -> None:
    with ScriptedServer(says(202)) as server:
        server.ca_pem = ""
        error = failure(server)
        assert (error.fault.phase, error.fault.kind) == (Phase.TLS, Kind.CERT_UNKNOWN_ISSUER)
    with ScriptedServer(lambda exchange: exchange.sock.sendall(b"220 hello\r\n"), tls=False) as server:
        error = failure(server)
        assert (error.fault.phase, error.fault.kind) == (Phase.TLS, Kind.PLAIN_EXPECTED)
        assert not error.fault.maybe_sent


def test_http_without_tls_is_refused() -> None:
    with guarded_session(OPEN) as session, pytest.raises(MailError) as caught:
        exchange(session, "GET", "http://localhost/", phase=Phase.TOKEN)
    assert caught.value.fault.kind is Kind.ROUTE_INCOMPLETE


def test_header_that_cannot_be_sent_is_not_shown() -> None:
    with guarded_session(OPEN) as session, pytest.raises(MailError) as caught:
        url = "https://localhost/"
        exchange(session, "GET", url, phase=Phase.GRAPH, headers={"X": f"{CANARY}\r\nY: z"})
    assert CANARY not in str(caught.value)
    assert not caught.value.fault.maybe_sent


def test_token_is_in_no_log_and_in_no_frame_of_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(closes_after_request) as server:
        error = failure(server)
    assert CANARY not in caplog.text
    traceback = error.__traceback__
    while traceback:
        if traceback.tb_frame.f_code.co_filename.endswith(("http.py", "guarded.py")):
            assert CANARY not in repr(traceback.tb_frame.f_locals)
        traceback = traceback.tb_next
    assert error.__context__ is None


# -- small parts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("graph.microsoft.com", ("graph.microsoft.com", 443)),
        ("localhost:8443", ("localhost", 8443)),
        ("[::1]:1", ("::1", 1)),
    ],
)
def test_host_with_or_without_port(text: str, expected: tuple[str, int]) -> None:
    assert split_host(text) == expected


@pytest.mark.parametrize("text", ["", "https://x", "a/b", "me@x", "x:port", "x:99999", "[::1"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(MailError):
        split_host(text)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "Mon, 02 Nov 20262026202620262026 10:02:00 GMT"}, None),
        ({"Retry-After": "Mon, 02 Nov 2026 10:02:00 +20262026202620"}, None),
        (
            {"Retry-After": "Mon, 02 Nov 2026 10:02:00 GMT", "Date": "Mon, 02 Nov 2026 10:00:00 GMT"},
            120.0,
        ),
        ({"Retry-After": "Mon, 02 Nov 2026 10:02:00 GMT"}, None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(headers: dict[str, str], expected: float | None) -> None:
    assert Answer(429, headers, b"").retry_after == expected


def test_answer_does_not_print_its_body() -> None:
    assert CANARY not in repr(Answer(200, {}, CANARY.encode()))

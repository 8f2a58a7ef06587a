"""The requests to Graph and to an upload's host, and the connections that stay open between them."""

from __future__ import annotations

import base64
import logging
import os
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import DeliveryUnsure, MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Credential, CredentialKind, Proxy, ProxyKind
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.graph.client import GraphClient
from mailadmin.transports.graph.manners import place
from mailadmin.transports.graph.pool import HttpPool, Way
from mailadmin.transports.graph.transport import GraphTransport
from tests.fakes.graph_server import (
    Exchange,
    Microsoft,
    Says,
    ScriptedServer,
    graph_error,
    resets_after_request,
    says,
    says_raw,
    token_body,
)
from tests.fakes.proxies import FakeProxy
from tests.fakes.routes import a_mail, entra_app, oauth_route

OPEN = NetworkPolicy()
MAILBOX = "robot@example.org"
KEY = "canary-upload-7726"


def client_to(server: Microsoft, note: Callable[[str], None] = lambda line: None, **app: object) -> GraphClient:
    return GraphClient(oauth_route(entra_app(server.host, server.ca_pem, **app)), OPEN, note)


def send_to(server: Microsoft, graph: ScriptedServer | None = None, **app: object) -> GraphTransport:
    """Return a transport with tokens from `server` that sends by `graph`, or by the same."""
    values = entra_app(server.host, server.ca_pem, **app)
    if graph:
        values = replace(values, cloud=replace(values.cloud, graph_host=graph.host))
    return GraphTransport(oauth_route(values, messages_per_minute=0), OPEN)


# -- requests ---------------------------------------------------------------------------------------------


def test_any_request_goes_below_the_mailbox_with_token_and_id() -> None:
    lines: list[str] = []
    with Microsoft(Says(201, {"id": "A="}), Says(204)) as server:
        client = client_to(server, lines.append)
        answer = client.request(
            "POST", "/messages", mailbox=" post box@example.org ", content_type="text/plain", body=b"x"
        )
        assert (answer.status, client.fault(answer, accepted=(201,))) == (201, None)
        client.request("DELETE", "/messages/A%3D", mailbox=MAILBOX)
        first, second = server.asked("graph")
    assert first.line == "POST /v1.0/users/post%20box@example.org/messages HTTP/1.1"
    assert (first.body, first.headers["content-type"]) == (b"x", "text/plain")
    assert second.line == f"DELETE /v1.0/users/{MAILBOX}/messages/A%3D HTTP/1.1"
    assert "content-type" not in second.headers
    assert first.headers["client-request-id"] != second.headers["client-request-id"]
    assert "< 201" in lines
    assert "canary-signature" not in "\n".join(lines)


def test_empty_post_says_that_it_is_empty() -> None:
    with Microsoft(Says(202)) as server:
        client_to(server).request("POST", "/messages/1/send", mailbox=MAILBOX, unsure_after_body=True)
        assert server.asked("graph")[0].headers["content-length"] == "0"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_g6_token_that_was_withdrawn_in_the_middle_is_replaced_once(method: str) -> None:
    tokens = (Says(200, token_body("old")), Says(200, token_body("new")))
    refusal = Says(401, graph_error("InvalidAuthenticationToken"))
    with Microsoft(Says(201), refusal, Says(201), tokens=tokens) as server:
        client = client_to(server)
        client.request("POST", "/messages", mailbox=MAILBOX)
        client.request(method, "/messages/1", mailbox=MAILBOX)
        bearers = [request.headers["authorization"] for request in server.asked("graph")]
        assert bearers == ["Bearer old", "Bearer old", "Bearer new"]
        assert len(server.asked("token")) == 2


def test_token_is_taken_out_of_what_graph_says() -> None:
    with Microsoft(
        Says(401, graph_error("X", "Bad token stolen-token-3321.")),
        tokens=(Says(200, token_body("stolen-token-3321")),),
    ) as server:
        client = client_to(server)
        fault = client.fault(client.request("GET", "/messages", mailbox=MAILBOX))
    assert fault
    assert "stolen-token" not in fault.text


def test_only_a_request_that_sends_can_have_sent() -> None:
    for status in (200, 500, 502, 504):
        with Microsoft(Says(status)) as server:
            client = client_to(server)
            answer = client.request("POST", "/messages", mailbox=MAILBOX, patience=0)
        sending, drafting = client.fault(answer), client.fault(answer, accepted=(201,))
        assert sending
        assert drafting
        assert (sending.maybe_sent, drafting.maybe_sent) == (True, False)


def test_managed_identity_needs_no_tenant_and_no_client_id() -> None:
    identity = Credential(CredentialKind.MANAGED_IDENTITY)
    app = replace(entra_app("localhost:1", ""), tenant="", client_id="", credential=identity)
    assert GraphClient(oauth_route(app), OPEN).app == app
    with pytest.raises(MailError):
        GraphClient(oauth_route(replace(app, credential=None)), OPEN)


# -- the host of an upload -----------------------------------------------------------------------------------


def upload_address(host: str) -> Secret:
    return Secret(f"https://{host}/api/users('x')/session?authtoken={KEY}")


def test_piece_of_an_upload_goes_without_the_token_and_its_address_is_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    lines: list[str] = []
    said = {"nextExpectedRanges": ["3"], "uploadUrl": f"https://x/?authtoken={KEY}"}
    with Microsoft() as entra, ScriptedServer(says(200, said)) as server:
        client = client_to(entra, lines.append)
        address = upload_address(server.host)
        put = client.put(address, memoryview(b"abc"), {"Content-Range": "bytes 0-2/9", "Content-Type": "x/y"})
        asked = client.get_status(address)
        client.cancel(address)
        assert entra.requests == []
        assert server.connections == 1
    assert (put.json, asked.status) == (said, 200)
    first, second, third = server.requests
    assert first.line == f"PUT /api/users('x')/session?authtoken={KEY} HTTP/1.1"
    assert (first.body, first.headers["content-range"], first.headers["content-type"]) == (b"abc", "bytes 0-2/9", "x/y")
    assert [second.line.split()[0], third.line.split()[0]] == ["GET", "DELETE"]
    assert not any("authorization" in request.headers for request in server.requests)
    seen = caplog.text + "\n".join(lines)
    assert KEY not in seen
    assert any(server.host in line for line in lines)
    with Microsoft(Says(200)) as graph:
        client_to(graph).request("GET", "/messages", mailbox=MAILBOX)
    assert "/messages HTTP/1.1" in caplog.text  # other lines of the library are still to be had


def test_answer_with_odd_headers_brings_the_address_of_an_upload_into_no_log(caplog: pytest.LogCaptureFixture) -> None:
    odd = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nno header at all\r\nX-Last: 1\r\n\r\n{}"
    with Microsoft() as entra, ScriptedServer(says_raw(odd)) as server:
        assert client_to(entra).put(upload_address(server.host), b"abc", {}).status == 200
    assert KEY not in caplog.text


def test_address_of_an_upload_is_in_no_error_and_no_frame() -> None:
    with Microsoft() as entra, ScriptedServer(resets_after_request) as server:
        client = client_to(entra)
        with pytest.raises(MailError) as caught:
            client.put(upload_address(server.host), b"abc", {})
        client.cancel(upload_address(server.host))
    error = caught.value
    assert (error.fault.phase, error.fault.kind, error.fault.maybe_sent) == (Phase.GRAPH, Kind.CLOSED, False)
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert KEY not in "".join(shown.format()) + repr(error.fault)


def test_answer_that_names_the_address_of_an_upload_is_not_noted() -> None:
    lines: list[str] = []
    named = {"uploadUrl": f"https://x/?authtoken={KEY}"}
    with Microsoft(Says(201, named, {"Location": f"https://x/?authtoken={KEY}"})) as server:
        client_to(server, lines.append).request("POST", "/messages/1/attachments/createUploadSession", mailbox=MAILBOX)
    assert "< 201" in lines
    assert KEY not in "\n".join(lines)


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:1/x",
        "https://user:pass@localhost:1/x",
        "https:///x",
        "ftp://localhost/x",
        "nonsense",
        "",
        "https://[x/",
    ],
)
def test_upload_goes_to_https_alone(address: str) -> None:
    with Microsoft() as entra, pytest.raises(MailError) as caught:
        client_to(entra).put(Secret(address), b"abc", {})
    assert caught.value.fault.kind is Kind.UPLOAD_BROKEN


def test_piece_of_an_upload_takes_a_place_of_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRAPH_BUSY_SECONDS", 0.02)
    with Microsoft() as entra, ScriptedServer(says(200)) as server:
        client = client_to(entra, requests_at_once=1)
        with place(client.app), pytest.raises(MailError) as caught:
            client.put(upload_address(server.host), b"abc", {})
        assert server.connections == 0
    assert caught.value.fault.kind is Kind.BUSY


def test_an_upload_obeys_the_network_policy() -> None:
    with Microsoft() as entra, ScriptedServer(says(200)) as server:
        closed = GraphClient(oauth_route(entra_app(entra.host, entra.ca_pem)), NetworkPolicy(allow_loopback=False))
        with pytest.raises(MailError) as caught:
            closed.put(upload_address(server.host), b"abc", {})
        assert server.connections == 0
    assert caught.value.fault.kind is Kind.ADDRESS_REFUSED


# -- connections -----------------------------------------------------------------------------------------


def test_n7_many_messages_of_several_transports_share_one_connection() -> None:
    with Microsoft(Says(202)) as server:
        app = entra_app(server.host, server.ca_pem)
        for _ in range(5):
            transport = GraphTransport(oauth_route(app), OPEN)
            transport.send(a_mail())
            transport.close()
        assert server.connections == 3  # configuration, token, Graph
        GraphTransport(oauth_route(app), NetworkPolicy(ports=(int(server.port),))).send(a_mail())
        assert server.connections == 4  # another policy


def test_threads_never_share_a_connection_and_few_rest() -> None:
    with Microsoft(Says(202)) as server:
        transport = send_to(server, requests_at_once=16)
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(lambda _: transport.send(a_mail()), range(64)))
        assert len(server.asked("graph")) == 64
        before = server.connections
        for _ in range(4):
            transport.send(a_mail())
        assert server.connections == before


def test_idle_connection_that_the_server_closed_is_not_used() -> None:
    closed = threading.Event()

    def once(exchange: Exchange) -> None:
        exchange.read()
        exchange.answer(202)
        exchange.sock.close()
        closed.set()

    with Microsoft() as entra, ScriptedServer(once) as graph:
        transport = send_to(entra, graph)
        for _ in range(3):
            transport.send(a_mail())
            assert closed.wait(5)
            closed.clear()
        assert (graph.connections, len(graph.requests)) == (3, 3)


def test_kept_connection_that_breaks_before_the_message_left_is_replaced_and_nothing_sent_twice() -> None:
    def breaks(exchange: Exchange) -> None:
        exchange.read()
        exchange.answer(202)
        exchange.read_head()
        exchange.reset()

    mail = a_mail(content=b"To: a@example.org\r\n\r\n" + b"x" * 2_900_000)
    with Microsoft() as entra, ScriptedServer(breaks, says(202)) as graph:
        transport = send_to(entra, graph)
        transport.send(a_mail())
        transport.send(mail)
        assert graph.connections == 2
        assert base64.b64decode(graph.requests[1].body) == bytes(mail.content)


def test_g12_kept_connection_that_is_reset_after_the_message_left_is_unsure() -> None:
    def breaks(exchange: Exchange) -> None:
        exchange.read()
        exchange.answer(202)
        resets_after_request(exchange)

    with Microsoft() as entra, ScriptedServer(breaks, says(202)) as graph:
        transport = send_to(entra, graph)
        transport.send(a_mail())
        with pytest.raises(DeliveryUnsure):
            transport.send(a_mail())
        assert (graph.connections, len(graph.requests)) == (1, 2)


def test_g12_no_library_sends_again_behind_a_proxy() -> None:
    with (
        Microsoft() as entra,
        ScriptedServer(resets_after_request) as graph,
        FakeProxy(ProxyKind.HTTP) as proxy,
    ):
        with pytest.raises(DeliveryUnsure) as caught:
            send_to(entra, graph, proxy=proxy.anonymous).send(a_mail())
        assert (graph.connections, len(graph.requests)) == (1, 1)
        assert proxy.asked.count(("localhost", graph.port)) == 1
    assert caught.value.fault.phase is Phase.GRAPH


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_has_connections_of_its_own() -> None:
    with Microsoft(Says(202)) as server:
        transport = send_to(server)
        transport.send(a_mail())
        before = server.connections
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = 0 if transport.send(a_mail()).answer else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        after = server.connections
        assert after > before
        transport.send(a_mail())
        assert server.connections == after


# -- the pool ------------------------------------------------------------------------------------------


def test_session_rests_and_is_closed_when_nobody_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_IDLE_SECONDS", 0.05)
    gone = threading.Event()

    def waits(exchange: Exchange) -> None:
        exchange.read()
        exchange.answer(202)
        if not exchange.sock.recv(1):
            gone.set()

    with Microsoft() as entra, ScriptedServer(waits) as graph:
        send_to(entra, graph).send(a_mail())
        assert gone.wait(10)


def test_the_pool_lends_the_latest_and_keeps_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRAPH_IDLE_SESSIONS", 2)
    pool, way = HttpPool(), Way("h", "", None, OPEN)
    try:
        with pool.session(way) as a, pool.session(way) as b, pool.session(way) as c:
            assert len({id(lent.session) for lent in (a, b, c)}) == 3
            assert not (a.kept or b.kept or c.kept)
        with pool.session(way) as latest, pool.session(way) as other, pool.session(way) as new:
            assert (latest.session, latest.kept) == (b.session, True)
            assert (other.session, new.kept) == (c.session, False)
        with pool.session(way._replace(host="g")) as elsewhere:
            assert not elsewhere.kept
    finally:
        pool.clear()


def test_session_by_a_proxy_is_not_for_another_password() -> None:
    pool = HttpPool()
    proxy = Proxy(ProxyKind.HTTP, "proxy", 3128, "anna", Secret("one"))
    try:
        with pool.session(Way("h", "", proxy, OPEN)) as first:
            pass
        with pool.session(Way("h", "", replace(proxy, password=Secret("one")), OPEN)) as same:
            assert same.session is first.session
        with pool.session(Way("h", "", replace(proxy, password=Secret("two")), OPEN)) as other:
            assert not other.kept
    finally:
        pool.clear()


def test_without_a_thread_to_close_it_no_session_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pool, way = HttpPool(), Way("h", "", None, OPEN)
    monkeypatch.setattr(threading.Timer, "start", refuse)
    with pool.session(way):
        pass
    with pool.session(way) as lent:
        assert not lent.kept

"""S11: connections through HTTP CONNECT and SOCKS5 proxies, and each way for them to fail."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Proxy, ProxyKind, Security, TlsSettings
from mailadmin.net import tls
from mailadmin.net.look import look_at, peer_of
from mailadmin.net.policy import NetworkPolicy
from mailadmin.net.proxy import connect_through
from mailadmin.net.tunnels import Line, http_connect, socks5
from mailadmin.transports.graph.transport import GraphTransport
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.fakes import certificates, proxies
from tests.fakes.graph_server import Microsoft, Says, free_port
from tests.fakes.proxies import PASSWORD, USER, FakeProxy
from tests.fakes.routes import a_mail, entra_app, oauth_route
from tests.fakes.smtp_routes import smtp_route
from tests.fakes.smtp_server import SmtpServer

OPEN = NetworkPolicy()
BOTH = pytest.mark.parametrize("kind", ProxyKind)
NAME = "mail.example.org"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def fault_of(proxy: Proxy, host: str = NAME, policy: NetworkPolicy = OPEN, seconds: float = 5) -> Fault:
    with pytest.raises(MailError) as caught:
        connect_through(proxy, host, 587, policy, seconds)
    assert PASSWORD not in str(caught.value)
    return caught.value.fault


# -- a way through ------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("merged", [False, True])
def test_s11_the_first_byte_that_is_read_is_the_servers(kind: ProxyKind, merged: bool) -> None:
    with SmtpServer() as server, FakeProxy(kind, {NAME: server.port}, merged=merged) as proxy:
        with connect_through(proxy.anonymous, NAME, 587, OPEN, 5) as sock:
            assert sock.recv(100) == b"220 fake.example.org ESMTP\r\n"
        assert proxy.asked == [(NAME, 587)]


@BOTH
def test_s11_the_proxy_is_signed_in_to_and_gets_the_name_in_ascii(kind: ProxyKind, listener: socket.socket) -> None:
    names = {"mail.xn--bcher-kva.example": listener.getsockname()[1]}
    with FakeProxy(kind, names, sign_in=True) as proxy:
        connect_through(proxy.settings, "mail.bücher.example", 465, OPEN, 5).close()
        assert proxy.asked == [("mail.xn--bcher-kva.example", 465)]
        assert proxy.signed_in == [USER]


@BOTH
def test_s11_a_proxy_without_a_sign_in_is_used_also_when_credentials_are_set(
    kind: ProxyKind, listener: socket.socket
) -> None:
    with FakeProxy(kind, {NAME: listener.getsockname()[1]}) as proxy:
        connect_through(proxy.settings, NAME, 587, OPEN, 5).close()
        assert proxy.signed_in == []


@BOTH
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_address_is_asked_for_as_it_is(kind: ProxyKind, address: str, listener: socket.socket) -> None:
    with FakeProxy(kind, {address: listener.getsockname()[1]}) as proxy:
        connect_through(proxy.anonymous, f"[{address}]", 587, OPEN, 5).close()
        assert proxy.asked == [(address, 587)]


@BOTH
def test_s11_the_server_name_of_the_handshake_is_the_host_also_through_a_proxy(kind: ProxyKind) -> None:
    authority = certificates.authority()
    with (
        SmtpServer(identity=authority.issue(NAME), implicit=True) as server,
        FakeProxy(kind, {NAME: server.port}) as proxy,
    ):
        asked: list[str | None] = []
        assert server.context
        server.context.sni_callback = lambda sock, name, context: asked.append(name)
        sock = connect_through(proxy.anonymous, NAME, 465, OPEN, 5)
        with tls.secure(sock, NAME, TlsSettings(ca_pem=authority.pem), 5, 465) as secured:
            assert tls.certificate(secured).subject == NAME
        assert asked == [NAME]


@BOTH
def test_s11_a_message_goes_through_a_proxy_with_starttls(kind: ProxyKind) -> None:
    authority = certificates.authority()
    with SmtpServer(identity=authority.issue(NAME)) as server, FakeProxy(kind, {NAME: server.port}) as proxy:
        own_ca = TlsSettings(ca_pem=authority.pem)
        route = smtp_route(587, host=NAME, security=Security.STARTTLS, tls=own_ca, proxy=proxy.settings)
        transport = SmtpTransport(route, OPEN)
        transport.send(a_mail())
        transport.close()
        assert len(server.messages) == 1
        assert proxy.asked == [(NAME, 587)]


@BOTH
def test_s11_graph_and_the_sign_in_host_are_reached_through_a_proxy(
    kind: ProxyKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy of the integrated service wins over the environment's, and serves this machine too."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    with Microsoft(Says(202)) as microsoft, FakeProxy(kind, {"localhost": microsoft.port}, sign_in=True) as proxy:
        app = entra_app(microsoft.host, microsoft.ca_pem, proxy=proxy.settings)
        transport = GraphTransport(oauth_route(app), OPEN)
        assert transport.send(a_mail()).answer.startswith("202")
        transport.close()
        assert set(proxy.asked) == {("localhost", microsoft.port)}
        assert len(microsoft.asked("token")) == len(microsoft.asked("graph")) == 1


@BOTH
def test_s11_graph_is_reached_through_the_environments_proxy(kind: ProxyKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is never looked up here, and the certificate must fail for it."""
    with Microsoft(Says(202)) as microsoft, FakeProxy(kind, {"graph.example.org": microsoft.port}) as proxy:
        scheme = "http" if kind is ProxyKind.HTTP else "socks5h"
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        with pytest.raises(MailError) as caught:
            look_at(peer_of("graph.example.org"), NetworkPolicy(allow_loopback=False), microsoft.ca_pem)
        assert caught.value.fault.kind is Kind.CERT_WRONG_NAME
        assert set(proxy.asked) == {("graph.example.org", 443)}  # a second time for the certificate that was refused


# -- policy -------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "0xa9fea9fe", "2852039166", "0251.254.0xa9fe"])
def test_no_spelling_of_the_metadata_address_is_asked_of_a_proxy(kind: ProxyKind, host: str) -> None:
    with FakeProxy(kind) as proxy:
        fault = fault_of(proxy.anonymous, host)
        assert (fault.phase, fault.kind) == (Phase.DNS, Kind.ADDRESS_REFUSED)
        assert proxy.asked == []


@BOTH
def test_the_zone_of_an_address_is_not_told_to_a_proxy(kind: ProxyKind, listener: socket.socket) -> None:
    """It would name an interface of ours; and Python takes anything for one, a line break too."""
    with FakeProxy(kind, {"::1": listener.getsockname()[1]}) as proxy:
        connect_through(proxy.anonymous, "::1%x\r\nX-Header: y", 587, OPEN, 5).close()
        assert proxy.asked == [("::1", 587)]


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.1", "[::1]"])
def test_where_loopback_is_closed_it_is_closed_behind_a_proxy_too(host: str) -> None:
    policy = NetworkPolicy(allow_loopback=False)
    proxy = Proxy(ProxyKind.HTTP, "192.0.2.1", free_port())
    assert fault_of(proxy, host, policy).kind is Kind.ADDRESS_REFUSED


def test_the_proxy_itself_is_judged_but_not_its_port() -> None:
    with FakeProxy(ProxyKind.SOCKS5) as proxy:
        refused = fault_of(proxy.anonymous, NAME, NetworkPolicy(allow_loopback=False))
        assert (refused.phase, refused.kind, refused.host) == (Phase.PROXY, Kind.ADDRESS_REFUSED, "127.0.0.1")
        assert fault_of(proxy.anonymous, NAME, NetworkPolicy(ports=(25,))).kind is Kind.PORT_REFUSED
        assert proxy.asked == []
        with pytest.raises(MailError):  # the name is not known there, but it was asked
            connect_through(proxy.anonymous, NAME, 587, NetworkPolicy(ports=(587,)), 5)
        assert proxy.asked == [(NAME, 587)]


@BOTH
@pytest.mark.parametrize("host", ["", "a b", "a\r\nX: y", "a..b"])
def test_what_is_no_host_name_is_not_asked_for(kind: ProxyKind, host: str) -> None:
    assert fault_of(Proxy(kind, "127.0.0.1", free_port()), host).kind is Kind.DNS_NOT_FOUND


# -- each failure told apart ----------------------------------------------------------------------------------


@BOTH
def test_s11_a_proxy_that_is_not_there_is_told(kind: ProxyKind) -> None:
    port = free_port()
    fault = fault_of(Proxy(kind, "127.0.0.1", port))
    assert (fault.phase, fault.kind, fault.where) == (Phase.PROXY, Kind.PROXY_UNREACHABLE, f"{NAME}:587")
    assert f"127.0.0.1:{port}" in fault.text
    assert "refused" in fault.text


@BOTH
def test_s11_a_proxy_whose_name_does_not_exist_is_told(kind: ProxyKind) -> None:
    assert fault_of(Proxy(kind, "no such name", 3128)).kind is Kind.PROXY_UNREACHABLE


@BOTH
@pytest.mark.parametrize("wrong", [{"user": ""}, {"password": Secret("wrong")}, {"password": None}])
def test_s11_a_sign_in_that_the_proxy_wants_or_refuses_is_told(kind: ProxyKind, wrong: dict[str, object]) -> None:
    with FakeProxy(kind, sign_in=True) as proxy:
        fault = fault_of(replace(proxy.settings, **wrong))  # type: ignore[arg-type]  # one of its fields
    assert (fault.phase, fault.kind) == (Phase.PROXY, Kind.PROXY_SIGN_IN)


@BOTH
def test_no_frame_of_an_error_holds_the_password_of_the_proxy(kind: ProxyKind) -> None:
    """Also not those of errors that came before it, as tools for error reports collect them."""
    with FakeProxy(kind, sign_in=True, act=proxies.says(b"HTTP/1.1 403 Forbidden\r\n\r\n")) as proxy:
        with pytest.raises(MailError) as caught:
            connect_through(replace(proxy.settings, password=Secret(PASSWORD)), NAME, 587, OPEN, 5)
        error: BaseException | None = caught.value
        while error:
            trace = error.__traceback__
            while trace:
                ours = "/mailadmin/" in trace.tb_frame.f_code.co_filename
                assert not (ours and PASSWORD in repr(trace.tb_frame.f_locals))
                trace = trace.tb_next
            error = error.__context__


def test_what_a_proxy_repeats_of_its_password_is_masked() -> None:
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode())
    answer = b"HTTP/1.1 403 Not with Basic %s\r\nX-Squid-Error: %s\r\n\r\n" % (login, PASSWORD.encode())
    with FakeProxy(ProxyKind.HTTP, sign_in=True, act=proxies.says(answer)) as proxy:
        text = fault_of(proxy.settings).text
    assert "403 Not with Basic ••••••" in text
    assert login.decode() not in text
    assert PASSWORD not in text


def test_a_password_that_cannot_be_read_is_told_as_such_and_leaves_no_connection() -> None:
    def unreadable() -> str:
        raise MailError(Fault(Phase.SETTINGS, Kind.SECRET_UNREADABLE, "The stored secret is damaged."))

    with FakeProxy(ProxyKind.HTTP, sign_in=True) as proxy:
        assert fault_of(replace(proxy.settings, password=Secret(unreadable))).kind is Kind.SECRET_UNREADABLE


def test_a_password_that_socks_cannot_carry_is_told() -> None:
    with FakeProxy(ProxyKind.SOCKS5, sign_in=True) as proxy:
        fault = fault_of(replace(proxy.settings, password=Secret("x" * 256)))
    assert fault.kind is Kind.PROXY_SIGN_IN
    assert "255" in fault.text


def socks(reply: int) -> bytes:
    return bytes([5, reply, 0, 1, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("kind", "answer", "expected", "words"),
    [
        (ProxyKind.HTTP, b"HTTP/1.0 401 Unauthorized\r\n\r\n", Kind.PROXY_SIGN_IN, "401 Unauthorized"),
        (ProxyKind.HTTP, b"HTTP/1.1 403 Forbidden\r\n\r\n", Kind.PROXY_REFUSED, "403 Forbidden"),
        (ProxyKind.HTTP, b"HTTP/1.0 401 Unauthorized\r\n\r\n", Kind.PROXY_SIGN_IN, "401 Unauthorized"),
        (ProxyKind.HTTP, b"HTTP/1.0 500 Unable to connect\r\n\r\n", Kind.PROXY_TARGET, "500 Unable to connect"),
        (ProxyKind.HTTP, b"HTTP/1.1 502 Bad Gateway\r\n\r\n", Kind.PROXY_TARGET, "502"),
        (
            ProxyKind.HTTP,
            b"HTTP/1.1 503 Service Unavailable\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\n\r\n",
            Kind.PROXY_TARGET,
            "ERR_DNS_FAIL",
        ),
        (
            ProxyKind.HTTP,
            b"HTTP/1.1 504 Gateway Timeout\r\nProxy-Status: p; error=connection_timeout\r\n\r\n",
            Kind.PROXY_TARGET,
            "connection_timeout",
        ),
        (ProxyKind.HTTP, b"HTTP/1.1 405 Not Allowed\r\n\r\n", Kind.PROXY_ANSWER, "405"),
        (ProxyKind.HTTP, b"HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n", Kind.PROXY_ANSWER, "302"),
        (ProxyKind.HTTP, b"220 mail.example.org ESMTP\r\n\r\n", Kind.PROXY_ANSWER, "HTTP proxy"),
        (ProxyKind.HTTP, b"", Kind.PROXY_UNREACHABLE, "closed the connection"),
        (ProxyKind.HTTP, b"HTTP/1.1 200 OK\r\nVia: x\r\n", Kind.PROXY_UNREACHABLE, "did not finish"),
        (ProxyKind.HTTP, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9000, Kind.PROXY_UNREACHABLE, "did not finish"),
        (ProxyKind.SOCKS5, socks(1), Kind.PROXY_TARGET, "does not name"),
        (ProxyKind.SOCKS5, socks(2), Kind.PROXY_REFUSED, "rules"),
        (ProxyKind.SOCKS5, socks(3), Kind.PROXY_TARGET, "network unreachable"),
        (ProxyKind.SOCKS5, socks(4), Kind.PROXY_TARGET, "no such host"),
        (ProxyKind.SOCKS5, socks(5), Kind.PROXY_TARGET, "refused by the server"),
        (ProxyKind.SOCKS5, socks(6), Kind.PROXY_TARGET, "TTL"),
        (ProxyKind.SOCKS5, socks(7), Kind.PROXY_ANSWER, "command"),
        (ProxyKind.SOCKS5, socks(8), Kind.PROXY_ANSWER, "address"),
        (ProxyKind.SOCKS5, socks(99), Kind.PROXY_ANSWER, "99"),
        (ProxyKind.SOCKS5, b"HTTP/1.1 400 Bad Request\r\n\r\n", Kind.PROXY_ANSWER, "SOCKS5"),
        (ProxyKind.SOCKS5, b"\x05\x00\x00\x09", Kind.PROXY_ANSWER, "SOCKS5"),
        (ProxyKind.SOCKS5, b"\x05\x00\x00\x03\x04ab", Kind.PROXY_UNREACHABLE, "closed the connection"),
    ],
)
def test_s11_each_failure_of_a_proxy_is_told_apart(kind: ProxyKind, answer: bytes, expected: Kind, words: str) -> None:
    with FakeProxy(kind, act=proxies.says(answer)) as proxy:
        fault = fault_of(proxy.anonymous)
    assert (fault.phase, fault.kind, fault.where) == (Phase.PROXY, expected, f"{NAME}:587")
    assert fault.text.startswith(f"The proxy 127.0.0.1:{proxy.port} ")
    assert words in fault.text


@pytest.mark.parametrize(("kind", "other"), [(ProxyKind.HTTP, ProxyKind.SOCKS5), (ProxyKind.SOCKS5, ProxyKind.HTTP)])
def test_a_mail_server_in_the_place_of_a_proxy_is_told(kind: ProxyKind, other: ProxyKind) -> None:
    with SmtpServer() as server:
        fault = fault_of(Proxy(kind, "127.0.0.1", server.port))
    assert fault.kind is Kind.PROXY_ANSWER


@BOTH
def test_a_proxy_that_says_nothing_is_given_up_in_time(kind: ProxyKind) -> None:
    with FakeProxy(kind, act=proxies.waits) as proxy:
        fault = fault_of(proxy.anonymous, seconds=0.2)
    # A SOCKS5 proxy has answered before, so that it is the server it waits for.
    assert fault.kind is (Kind.PROXY_UNREACHABLE if kind is ProxyKind.HTTP else Kind.PROXY_TARGET)
    assert "in time" in fault.text


@pytest.mark.parametrize(
    ("kind", "answer"),
    [(ProxyKind.HTTP, b"HTTP/1.1 200 OK\r\nX: y\r\n"), (ProxyKind.SOCKS5, b"\x05\x00\x00\x03\xff")],
)
def test_a_proxy_that_drips_holds_nobody_past_the_deadline(kind: ProxyKind, answer: bytes) -> None:
    with FakeProxy(kind, act=proxies.drips(answer, 0.03)) as proxy:
        started = time.monotonic()
        assert fault_of(proxy.anonymous, seconds=0.4).phase is Phase.PROXY
        assert time.monotonic() - started < 15  # a dripping proxy would have gone on for ever


@given(answer=st.binary(max_size=300), user=st.sampled_from(["", "anna"]))
@pytest.mark.parametrize("shake", [http_connect, socks5])
def test_any_answer_of_a_proxy_is_a_tunnel_or_a_refusal(shake, answer: bytes, user: str) -> None:  # type: ignore[no-untyped-def]
    _play(shake, answer, user)


@given(
    method=st.sampled_from([b"\x05\x00", b"\x05\x02\x01\x00"]),
    reply=st.builds(lambda kind, rest: bytes([5, 0, 0, kind]) + rest, st.integers(0, 5), st.binary(max_size=40)),
)
def test_a_socks5_answer_is_read_to_its_end_and_not_further(method: bytes, reply: bytes) -> None:
    size = {1: 10, 4: 22, 3: 7 + reply[4] if len(reply) > 4 else 999}.get(reply[3], 999)
    rest = _play(socks5, method + reply, "anna" if method[1] else "")
    assert rest == (reply[size:] if len(reply) >= size else None)


@given(headers=st.text("abcX-: \t", max_size=40), rest=st.binary(max_size=40))
def test_an_http_answer_is_read_to_its_end_and_not_further(headers: str, rest: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nA: {headers}\r\n\r\n".encode()
    assert _play(http_connect, head + rest, "") == rest


def _play(shake, answer: bytes, user: str) -> bytes | None:  # type: ignore[no-untyped-def]
    """Return what is left to read of `answer` after the handshake, None when it was refused."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        proxy = Proxy(ProxyKind.HTTP, "proxy.example.org", 3128, user, Secret("geheim-3"))
        refusal = shake(Line(ours, time.monotonic() + 5), proxy, NAME, 587)
        if refusal:
            said = refusal.text(proxy)
            assert said.startswith("The proxy proxy.example.org:3128 ")
            assert said.endswith((".", ")")) or " answered: " in said
            return None
        rest = b""
        while piece := ours.recv(65536):
            rest += piece
        return rest

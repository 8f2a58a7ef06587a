"""The proxy and the CA bundle of the environment: honoured on purpose, and never for this machine."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.settings import Proxy, ProxyKind
from mailadmin.net.environment import environment_ca, proxy_for
from mailadmin.net.http import exchange, guarded_session
from mailadmin.net.look import look_at, peer_of
from mailadmin.net.policy import NetworkPolicy
from tests.fakes.graph_server import Exchange, ScriptedServer, free_port, loopback_certificates, says

OPEN = NetworkPolicy()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_environment_names_the_proxy_except_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:s%40cret@proxy.example.org:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example.org,10.0.0.0/8")
    proxy = proxy_for("graph.microsoft.com")
    assert proxy
    assert str(proxy) == "proxy.example.org:3128"
    assert (proxy.kind, proxy.user) == (ProxyKind.HTTP, "me")
    assert proxy.password
    assert proxy.password.reveal() == "s@cret"
    assert "s@cret" not in repr(proxy)
    for host in ("localhost", "127.0.0.1", "::1", "[::1]", "inside.example.org", "10.1.2.3"):
        assert proxy_for(host) is None


@pytest.mark.parametrize("url", ["socks5://proxy.example.org", "socks5h://proxy.example.org:1080"])
def test_s11_environment_may_name_a_socks5_proxy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ALL_PROXY", url)
    assert proxy_for("graph.microsoft.com") == Proxy(ProxyKind.SOCKS5, "proxy.example.org", 1080)


@pytest.mark.parametrize("url", ["socks4://proxy:1080", "https://proxy:443", "http://:x", "http://p:99999", "http://["])
def test_proxy_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    with pytest.raises(MailError, match="HTTPS_PROXY"):
        proxy_for("graph.microsoft.com")


class Tunnel:
    """A proxy that connects every CONNECT to one port of this machine."""

    def __init__(self, port: int, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.asked: list[str] = []

        def script(exchange: Exchange) -> None:
            line, headers, _ = exchange.read_head()
            self.asked += [line, headers.get("proxy-authorization", "")]
            exchange.sock.sendall(answer)
            with socket.create_connection(("127.0.0.1", port)) as target:
                forth = threading.Thread(target=copy, args=(exchange.sock, target), daemon=True)
                forth.start()
                copy(target, exchange.sock)

        self.server = ScriptedServer(script, tls=False)


def copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_request_goes_through_the_proxy_and_its_tls_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    # The name is never looked up here, so the server's certificate must fail for it.
    with ScriptedServer(says(202)) as server:
        tunnel = Tunnel(server.port)
        with tunnel.server:
            monkeypatch.setenv("HTTPS_PROXY", f"http://u:p@127.0.0.1:{tunnel.server.port}")
            with guarded_session(OPEN, server.ca_pem) as session, pytest.raises(MailError) as caught:
                exchange(session, "GET", "https://graph.example.org/", phase=Phase.GRAPH)
    assert caught.value.fault.phase is Phase.TLS
    assert tunnel.asked == ["CONNECT graph.example.org:443 HTTP/1.1", "Basic dTpw"]


def test_refusal_of_the_proxy_is_told_and_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    tunnel = Tunnel(1, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    with tunnel.server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{tunnel.server.port}")
        with guarded_session(OPEN) as session, pytest.raises(MailError) as caught:
            url = "https://graph.example.org/"
            exchange(session, "POST", url, phase=Phase.GRAPH, body=b"x", unsure_after_body=True)
    fault = caught.value.fault
    assert (fault.phase, fault.maybe_sent) == (Phase.PROXY, False)
    assert "407 Proxy Authentication Required" in fault.text
    assert str(tunnel.server.port) in fault.text


def test_metadata_address_is_refused_behind_a_proxy_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    with guarded_session(OPEN) as session, pytest.raises(MailError) as caught:
        exchange(session, "GET", "https://169.254.169.254/", phase=Phase.TOKEN)
    assert caught.value.fault.kind is Kind.ADDRESS_REFUSED


def test_environments_ca_bundle_is_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(loopback_certificates().ca_pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with ScriptedServer(says(202)) as server:
        look_at(peer := peer_of(server.host), OPEN)
        assert peer.address == "127.0.0.1"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle.parent))
    assert "BEGIN CERTIFICATE" in environment_ca()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle) + ".gone")
    with pytest.raises(MailError, match="REQUESTS_CA_BUNDLE"):
        environment_ca()

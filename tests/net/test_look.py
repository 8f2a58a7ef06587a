"""A look at an HTTPS host: every leg with its time, and what was seen when it failed."""

from __future__ import annotations

import pytest

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind
from mailadmin.core.settings import ProxyKind
from mailadmin.net.look import Peer, look_at, peer_of
from mailadmin.net.policy import NetworkPolicy
from tests.fakes.graph_server import ScriptedServer, free_port, says
from tests.fakes.proxies import FakeProxy

OPEN = NetworkPolicy()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def failed(peer: Peer, policy: NetworkPolicy = OPEN) -> Kind:
    with pytest.raises(MailError) as caught:
        look_at(peer, policy)
    return caught.value.fault.kind


def test_it_shows_who_answers_and_asks_nothing() -> None:
    with ScriptedServer(says(202)) as server:
        peer = peer_of(server.host)
        look_at(peer, OPEN, server.ca_pem)
    assert (peer.addresses, peer.address, peer.proxy) == (("127.0.0.1",), "127.0.0.1", None)
    assert peer.certificate
    assert "localhost" in peer.certificate.names
    assert [one.subject for one in peer.certificate.chain] == ["mailadmin sandbox", "mailadmin sandbox CA"]
    assert list(peer.seconds) == ["dns", "tcp", "tls"]
    assert server.requests == []


@pytest.mark.parametrize("kind", ProxyKind)
def test_s11_by_a_proxy_both_legs_are_timed_and_no_name_is_looked_up(kind: ProxyKind) -> None:
    with ScriptedServer(says(202)) as server, FakeProxy(kind, {"localhost": server.port}) as proxy:
        peer = peer_of(server.host)
        look_at(peer, OPEN, server.ca_pem, proxy.anonymous)
    assert (peer.proxy, peer.addresses, peer.address) == (proxy.anonymous, (), "")
    assert list(peer.seconds) == ["proxy", "tunnel", "tls"]


def test_a_certificate_that_is_refused_is_shown_with_its_chain() -> None:
    with ScriptedServer(says(202)) as server:
        peer = peer_of(server.host)
        assert failed(peer) is Kind.CERT_UNKNOWN_ISSUER
        assert server.requests == []
    assert peer.refused
    assert peer.certificate
    assert [one.subject for one in peer.certificate.chain] == ["mailadmin sandbox"]


def test_where_nobody_listens_the_addresses_are_known_all_the_same() -> None:
    peer = peer_of(f"localhost:{free_port()}")
    assert failed(peer) is Kind.TCP_REFUSED
    assert (peer.addresses, list(peer.seconds)) == (("127.0.0.1",), ["dns", "tcp"])
    assert peer.certificate is None


def test_what_the_policy_forbids_is_not_looked_at() -> None:
    assert failed(peer_of("localhost:443"), NetworkPolicy(allow_loopback=False)) is Kind.ADDRESS_REFUSED

"""Real proxies between us and real servers: tinyproxy (HTTP CONNECT) and Dante (SOCKS5)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from mailadmin.core import clouds
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.knowledge import Health
from mailadmin.core.report import StepState
from mailadmin.core.secret import Secret
from mailadmin.core.settings import (
    Credential,
    EntraApp,
    OAuthRoute,
    Proxy,
    ProxyKind,
    RouteKey,
    RouteKind,
    Security,
    SmtpRoute,
)
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.probes.recorder import Recorder
from mailadmin.probes.smtp import probe_smtp, smtp_plan
from mailadmin.transports.graph.transport import GraphTransport
from tests.fakes.graph_server import TENANT, Microsoft, Says
from tests.services.mails import BEN, USER, as_stored, error_of, message, opened, route, signed_in
from tests.services.postfix import Postfix
from tests.services.processes import free_ports, require
from tests.services.proxies import INSIDE, RunningProxy, running_dante, running_tinyproxy

pytestmark = [pytest.mark.service("proxies")]


@dataclass(frozen=True)
class Pair:
    """One kind of proxy, twice: open to everybody, and with a password and rules that forbid Postfix's plain port."""

    open: RunningProxy
    strict: RunningProxy


@pytest.fixture(scope="module")
def microsoft() -> Iterator[Microsoft]:
    with Microsoft(Says(202)) as server:
        yield server


@pytest.fixture(scope="module", params=["tinyproxy", "dante"])
def pair(request: pytest.FixtureRequest, postfix: Postfix, microsoft: Microsoft) -> Iterator[Pair]:
    with contextlib.ExitStack() as stack:
        if request.param == "tinyproxy":
            require("tinyproxy", library="libnss_wrapper.so")
            others = (microsoft.port, *(port for way, port in postfix.ports.items() if way != "plain"))
            yield Pair(
                stack.enter_context(running_tinyproxy()),
                stack.enter_context(running_tinyproxy(signed_in=True, allowed=others)),
            )
        else:
            require("danted", "openssl", root=True, library="libnss_wrapper.so")
            yield Pair(
                stack.enter_context(running_dante()),
                stack.enter_context(running_dante(signed_in=True, blocked=(postfix.ports["plain"],))),
            )


def behind(postfix: Postfix, proxy: Proxy, way: str = "starttls", host: str = "localhost") -> SmtpRoute:
    security = Security.TLS if way == "tls" else Security.STARTTLS
    return signed_in(postfix.ports[way], security, proxy=proxy, host=host)


def fault_of(route: SmtpRoute) -> Fault:
    return error_of(route).fault


@pytest.mark.parametrize("way", ["starttls", "tls"])
@pytest.mark.parametrize("which", ["open", "strict"])
def test_s11_a_message_goes_encrypted_and_signed_in_through_the_proxy(
    postfix: Postfix, pair: Pair, way: str, which: str
) -> None:
    proxy: RunningProxy = getattr(pair, which)
    mails = [message(), message(text="x\n" * 100_000)]
    with opened(behind(postfix, proxy.value(), way)) as transport:
        for mail in mails:
            transport.send(mail)
    for mail in mails:
        assert postfix.mail.delivered("ben", mail.message_id).endswith(as_stored(mail))


def test_s11_the_proxy_finds_the_server_by_its_name_and_the_certificate_is_checked_for_it(
    postfix: Postfix, pair: Pair
) -> None:
    mail = message()
    with opened(behind(postfix, pair.open.value(), "wrong_name", host=INSIDE)) as transport:  # its own name is INSIDE
        transport.send(mail)
    assert postfix.mail.delivered("ben", mail.message_id)
    fault = fault_of(behind(postfix, pair.open.value(), "starttls", host=INSIDE))
    assert (fault.phase, fault.kind) == (Phase.TLS, Kind.CERT_WRONG_NAME)


@pytest.mark.parametrize(("user", "password"), [("", None), ("proxyuser", "falsch-3"), ("nobody-we-know", "falsch-3")])
def test_s11_a_proxy_that_does_not_know_us_is_told_from_the_server(
    postfix: Postfix, pair: Pair, user: str, password: str | None
) -> None:
    proxy = pair.strict.value(password, user) if user else Proxy(pair.strict.kind, "127.0.0.1", pair.strict.port)
    error = error_of(behind(postfix, proxy))
    assert (error.fault.phase, error.fault.kind) == (Phase.PROXY, Kind.PROXY_SIGN_IN)
    assert error.explanation.health is Health.CONFIG
    assert "falsch-3" not in str(error)


def test_s11_the_rules_of_a_proxy_are_told(postfix: Postfix, pair: Pair) -> None:
    fault = fault_of(route(postfix.ports["plain"], proxy=pair.strict.value()))
    assert (fault.phase, fault.kind) == (Phase.PROXY, Kind.PROXY_REFUSED)


def test_s11_a_server_that_the_proxy_does_not_reach_is_told(postfix: Postfix, pair: Pair) -> None:
    (closed,) = free_ports(1)
    for lost in (route(closed, proxy=pair.open.value()), behind(postfix, pair.open.value(), host="nix.example.org")):
        fault = fault_of(lost)
        assert (fault.phase, fault.kind) == (Phase.PROXY, Kind.PROXY_TARGET)


@pytest.mark.parametrize("kind", list(ProxyKind))
def test_s11_a_proxy_that_is_down_is_told(postfix: Postfix, kind: ProxyKind) -> None:
    (closed,) = free_ports(1)
    fault = fault_of(behind(postfix, Proxy(kind, "127.0.0.1", closed)))
    assert (fault.phase, fault.kind) == (Phase.PROXY, Kind.PROXY_UNREACHABLE)
    assert f"127.0.0.1:{closed}" in fault.text


@pytest.mark.parametrize("kind", list(ProxyKind))
def test_s11_a_mail_server_in_the_place_of_a_proxy_is_told(postfix: Postfix, kind: ProxyKind) -> None:
    fault = fault_of(behind(postfix, Proxy(kind, "127.0.0.1", postfix.ports["plain"])))
    assert (fault.phase, fault.kind) == (Phase.PROXY, Kind.PROXY_ANSWER)


def test_n1_the_ladder_walks_through_the_proxy(postfix: Postfix, pair: Pair) -> None:
    tested = behind(postfix, pair.strict.value(), host="localhost")
    steps = probe_smtp(tested, Recorder(smtp_plan(tested)), NetworkPolicy(), sender=USER, recipient=BEN)
    assert {step.state for step in steps} <= {StepState.OK, StepState.NOT_RUN}, steps


# -- Microsoft behind a proxy -----------------------------------------------------------------------------


def send_by_graph(microsoft: Microsoft, proxy: Proxy) -> None:
    cloud = clouds.cloud(
        clouds.CUSTOM, authority_host=microsoft.host, graph_host=microsoft.host, ca_pem=microsoft.ca_pem
    )
    app = EntraApp("1", "Contoso", cloud, TENANT, str(uuid4()), Credential(secret=Secret("client-secret-1")), proxy)
    service = OAuthRoute(RouteKey(RouteKind.OAUTH, ""), "Graph", app=app, identity=USER)
    transport = GraphTransport(service, NetworkPolicy())
    try:
        transport.send(message())
    finally:
        transport.close()


@pytest.mark.parametrize("which", ["open", "strict"])
def test_s11_token_and_message_go_to_microsoft_through_the_proxy(microsoft: Microsoft, pair: Pair, which: str) -> None:
    microsoft.requests.clear()
    send_by_graph(microsoft, getattr(pair, which).value())
    assert (len(microsoft.asked("token")), len(microsoft.asked("graph"))) == (1, 1)


def test_s11_graph_tells_a_wrong_proxy_password_from_microsoft(microsoft: Microsoft, pair: Pair) -> None:
    microsoft.requests.clear()
    with pytest.raises(MailError) as caught:
        send_by_graph(microsoft, pair.strict.value("falsch-3"))
    assert caught.value.fault.kind is Kind.PROXY_SIGN_IN
    assert not microsoft.requests

"""Tokens for the identity of the machine, from a scripted identity endpoint (P13)."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import EntraApp, Proxy, ProxyKind
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.entra.tokens import Token, fetch_token
from mailadmin.transports.shared import shared
from tests.fakes.entra import Machine, machine_app, machine_token
from tests.fakes.graph_server import Exchange, Says, free_port, jwt
from tests.fakes.routes import entra_app

ALLOWED = NetworkPolicy(managed_identity=True)
HEADER = "canary-header-7734"
VARIABLES = (
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
)


@pytest.fixture(autouse=True)
def no_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKEN_PAUSE_SECONDS", 0.001)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def app_of(machine: Machine, **changes: object) -> EntraApp:
    # The cloud's hosts are another one's in each test, so that none finds a token of another test.
    return machine_app(entra_app(f"localhost:{machine.port}", ""), **changes)


def fetch(app: EntraApp, policy: NetworkPolicy = ALLOWED, fresh: bool = False) -> Token:
    return fetch_token(app, (app.cloud.graph_scope,), policy, fresh=fresh)


def failure(app: EntraApp, policy: NetworkPolicy = ALLOWED) -> Fault:
    with pytest.raises(MailError) as caught:
        fetch(app, policy)
    assert caught.value.__context__ is None
    assert caught.value.fault.phase is Phase.TOKEN
    return caught.value.fault


def test_p13_a_virtual_machine_gives_the_token_of_its_own_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    with Machine(Says(200, machine_token(jwt()))) as machine:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.url)
        app = app_of(machine)
        token = fetch(app)
        assert fetch(app).from_cache
        (query,) = machine.queries
        assert machine.requests[0].headers["metadata"] == "true"
        assert machine.paths()[0].startswith("/metadata/identity/oauth2/token?")
    assert query["resource"] == app.cloud.graph_scope.removesuffix("/.default")
    assert "client_id" not in query
    assert token.claims["roles"] == ["Mail.Send"]
    assert 85_000 < token.expires_at - time.time() < 86_400


def test_p13_a_user_assigned_identity_is_named_by_its_client_id(monkeypatch: pytest.MonkeyPatch) -> None:
    with Machine() as machine:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.url)
        fetch(app_of(machine))
        fetch(app_of(machine, client_id="c0ffee"))  # not the token of the machine's own identity
        assert [query.get("client_id") for query in machine.queries] == [None, "c0ffee"]


def test_p13_an_app_service_is_asked_with_its_header_which_nobody_else_sees(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    lines: list[str] = []
    body = {"access_token": "t", "expires_on": str(int(time.time()) + 3600), "token_type": "Bearer"}
    with Machine(Says(200, body)) as machine:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{machine.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", HEADER)
        app = app_of(machine)
        fetch_token(app, (app.cloud.graph_scope,), ALLOWED, note=lines.append)
        assert machine.requests[0].headers["x-identity-header"] == HEADER
    assert lines[0].startswith(f"> GET {machine.url}/msi/token")
    assert lines[-1] == "< 200"
    assert HEADER not in caplog.text + "\n".join(lines)


def test_p13_nothing_is_asked_unless_the_deployment_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with Machine() as machine:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.url)
        app = app_of(machine)
        fault = failure(app, NetworkPolicy())
        assert machine.connections == 0
        fetch(app)
        assert failure(app, NetworkPolicy()) == fault  # not even a token that is kept
    assert fault.kind is Kind.IDENTITY_UNAVAILABLE
    assert "do not allow" in fault.text


def test_p13_proxy_and_own_ca_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they could lead the token to any machine, and nobody had to know a secret to set them."""
    with Machine() as machine:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.url)
        proxy = Proxy(ProxyKind.HTTP, "proxy.example.org", 3128)
        app = app_of(machine, proxy=proxy)
        fetch(app)  # the proxy is for Graph; the machine itself is asked without it
        assert failure(replace(app, cloud=replace(app.cloud, ca_pem="-----BEGIN"))).kind is Kind.IDENTITY_UNAVAILABLE


def test_p13_elsewhere_than_in_azure_it_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with Machine() as machine:
        app = app_of(machine)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://127.0.0.1:{free_port()}")
    fault = failure(app)
    assert fault.kind is Kind.IDENTITY_UNAVAILABLE
    assert "did not answer" in fault.text


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (
            Says(400, {"error": "invalid_request", "error_description": "Identity not found"}),
            Kind.IDENTITY_UNAVAILABLE,
            "Identity not found",
        ),
        (
            Says(400, {"error": "invalid_resource", "error_description": "AADSTS500011: No such resource."}),
            Kind.TOKEN_REFUSED,
            "AADSTS500011: No such resource.",
        ),
        (Says(400, {"statusCode": 400, "message": "No MSI found"}), Kind.IDENTITY_UNAVAILABLE, "No MSI found"),
        (
            Says(404, {"error": {"code": "ManagedIdentityNotFound", "message": "None here"}}),
            Kind.IDENTITY_UNAVAILABLE,
            "None here",
        ),
        (Says(404, b"<html>"), Kind.IDENTITY_UNAVAILABLE, "no identity endpoint"),
        (Says(302, b"", {"Location": "http://169.254.169.254/"}), Kind.IDENTITY_UNAVAILABLE, "no identity endpoint"),
        (Says(200, b"<html>sign in</html>"), Kind.IDENTITY_UNAVAILABLE, "no identity endpoint"),
        (Says(200, {"access_token": "x", "expires_in": "soon"}), Kind.HTTP_ANSWER, "ValueError"),
        (Says(200, {"access_token": "x"}), Kind.HTTP_ANSWER, "KeyError"),
        (Says(503, b""), Kind.HTTP_STATUS, "HTTP 503"),
    ],
)
def test_every_odd_answer_is_a_mail_error(said: Says, kind: Kind, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Machine(said) as machine:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.url)
        app = app_of(machine)
        fault = failure(app)
        assert machine.connections == (limits.TOKEN_TRIES if kind is Kind.HTTP_STATUS else 1)
    assert fault.kind is kind
    assert words in fault.text


def test_what_passes_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [429, 500, 200]

    def script(exchange: Exchange) -> None:
        exchange.read()
        exchange.answer(answers.pop(0), machine_token())

    with Machine(script) as machine:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.url)
        assert fetch(app_of(machine)).value.reveal() == "machine-token"
    assert answers == []


def test_service_fabric_is_told_not_to_be_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    with Machine() as machine:
        for name in VARIABLES[:3]:
            monkeypatch.setenv(name, "a" * 40)
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"https://localhost:{machine.port}")
        assert failure(app_of(machine)).kind is Kind.IDENTITY_UNAVAILABLE
        assert machine.connections == 0


def test_token_of_a_machine_is_not_shared_with_other_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another host has another identity."""
    kept: list[str] = []
    monkeypatch.setattr(shared(), "keep_token", lambda key, token: kept.append(key), raising=True)
    with Machine() as machine:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.url)
        fetch(app_of(machine))
    assert kept == []

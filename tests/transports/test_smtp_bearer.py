"""Signing in with a token, against a scripted sign-in host and a scripted SMTP server."""

from __future__ import annotations

import base64
import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core import clouds
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import (
    Credential,
    CredentialKind,
    EntraApp,
    ProxyKind,
    Security,
    SmtpAuth,
    SmtpRoute,
    TlsSettings,
)
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.smtp.session import SmtpSession
from tests.fakes import certificates
from tests.fakes.graph_server import Exchange, ScriptedServer
from tests.fakes.proxies import FakeProxy
from tests.fakes.smtp_routes import smtp_route
from tests.fakes.smtp_server import SmtpServer, far_away
from tests.fakes.smtp_sign_in import fault_of, oauthbearer, signed_in

GOOD, STALE = "token-2", "token-1"
OFFERED = ("AUTH LOGIN XOAUTH2",)


@contextlib.contextmanager
def sign_in_host(*tokens: str) -> Iterator[ScriptedServer]:
    """Run a sign-in host that gives out these tokens, one at each request."""
    waiting = list(tokens)

    def script(exchange: Exchange) -> None:
        base = f"https://{server.host}/contoso.example"
        if "openid-configuration" in exchange.read().path:
            endpoints = {"authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token"}
            exchange.answer(200, {**endpoints, "issuer": base})
        else:
            exchange.answer(200, {"access_token": waiting.pop(0), "expires_in": 3600, "token_type": "Bearer"})

    with ScriptedServer(script) as server:
        yield server


def route(smtp: SmtpServer, entra: ScriptedServer, *mail_hosts: str, **changes: object) -> SmtpRoute:
    cloud = clouds.cloud(
        clouds.CUSTOM,
        authority_host=entra.host,
        graph_host=entra.host,
        mail_hosts=mail_hosts or ("localhost",),
        ca_pem=entra.ca_pem,
    )
    # A client id of its own, because tokens are kept for the process.
    app = EntraApp(
        "1", "Contoso", cloud, "contoso.example", str(uuid.uuid4()), Credential(secret=Secret("client-secret"))
    )
    values = {"auth": SmtpAuth.XOAUTH2, "user": "anna@example.org", "app": app, "security": Security.TLS}
    return smtp_route(smtp.port, **(values | changes))


def smtp_server(script: dict[str, list[str]] | None = None, features: tuple[str, ...] = OFFERED) -> SmtpServer:
    return SmtpServer(script, features=features, identity=certificates.good(), implicit=True)


def test_s8_the_session_signs_in_with_a_token_of_the_integrated_service() -> None:
    with sign_in_host(GOOD) as entra, smtp_server() as smtp:
        session = signed_in(route(smtp, entra))
        form = entra.requests[-1].body.decode()
        assert "localhost%2F.default" in form
    assert session.mechanism == "XOAUTH2"
    text = "\n".join(session.dialogue.lines)
    assert "C: AUTH XOAUTH2 ••••••" in text
    assert GOOD not in text


def test_a_kept_token_that_is_refused_is_replaced_by_a_fresh_one_once() -> None:
    with sign_in_host(STALE, GOOD) as entra, smtp_server() as smtp:
        smtp.tokens["anna@example.org"] = STALE
        wanted = route(smtp, entra)
        signed_in(wanted)
        smtp.tokens["anna@example.org"] = GOOD
        signed_in(wanted)
        assert smtp.sessions[1].verbs().count("AUTH") == 2


def test_a_fresh_token_that_is_refused_is_an_error_at_once() -> None:
    with sign_in_host(STALE, GOOD) as entra, smtp_server() as smtp:
        fault = fault_of(route(smtp, entra))
        assert smtp.sessions[0].verbs().count("AUTH") == 1
    assert (fault.phase, fault.code) == (Phase.AUTH, "535 5.7.8")


def test_a_server_that_tells_its_reason_first_gets_an_empty_line() -> None:
    reason = base64.b64encode(b'{"status":"400","schemes":"Bearer"}').decode()
    with sign_in_host(STALE) as entra, smtp_server({"XOAUTH2-JSON": [f"334 {reason}"]}) as smtp:
        session = SmtpSession(route(smtp, entra), NetworkPolicy())
        with pytest.raises(MailError) as caught:
            session.start()
        assert smtp.lines[-1] == ""
    assert caught.value.fault.smtp_code == 535
    assert any('"schemes":"Bearer"' in line for line in session.dialogue.lines)


@contextlib.contextmanager
def oauthbearer_server() -> Iterator[SmtpServer]:
    with smtp_server(features=("AUTH XOAUTH2 OAUTHBEARER",)) as smtp:
        smtp.sign_in = {"OAUTHBEARER": oauthbearer}
        yield smtp


def test_the_standard_method_is_used_where_it_is_offered() -> None:
    """RFC 7628; its message names the server that the token is meant for."""
    with sign_in_host(GOOD) as entra, oauthbearer_server() as smtp:
        session = signed_in(route(smtp, entra))
    assert session.mechanism == "OAUTHBEARER"
    assert "C: AUTH OAUTHBEARER ••••••" in session.dialogue.lines
    assert GOOD not in "\n".join(session.dialogue.lines)


def test_a_refusal_by_the_standard_method_is_acknowledged_and_the_token_replaced_once() -> None:
    with sign_in_host(STALE, GOOD) as entra, oauthbearer_server() as smtp:
        smtp.tokens["anna@example.org"] = STALE
        wanted = route(smtp, entra)
        signed_in(wanted)
        smtp.tokens["anna@example.org"] = GOOD
        session = signed_in(wanted)
        assert smtp.sessions[1].verbs().count("AUTH") == 2
    assert any('"status": "invalid_token"' in line for line in session.dialogue.lines)


def test_the_older_method_is_used_where_it_is_named() -> None:
    with sign_in_host(GOOD) as entra, oauthbearer_server() as smtp:
        assert signed_in(route(smtp, entra, mechanism="XOAUTH2")).mechanism == "XOAUTH2"


def test_a_method_for_passwords_that_is_still_named_does_not_matter() -> None:
    with sign_in_host(GOOD) as entra, smtp_server() as smtp:
        assert signed_in(route(smtp, entra, mechanism="PLAIN")).mechanism == "XOAUTH2"


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30) | st.just("a=2C,b=,"))
def test_any_user_name_arrives_as_it_is(user: str) -> None:
    with sign_in_host(GOOD, GOOD) as entra, oauthbearer_server() as smtp:
        smtp.tokens = {user: GOOD}
        assert signed_in(route(smtp, entra, user=user)).mechanism == "OAUTHBEARER"
        assert signed_in(route(smtp, entra, user=user, mechanism="XOAUTH2")).mechanism == "XOAUTH2"


@pytest.mark.parametrize("hosts", [("smtp.office365.com",), ("localhost.example.org",), ("localhost:1",)])
def test_a_token_goes_to_no_host_but_the_clouds_own(hosts: tuple[str, ...]) -> None:
    with sign_in_host(GOOD) as entra, smtp_server() as smtp:
        fault = fault_of(route(smtp, entra, *hosts))
        assert smtp.sessions[0].verbs() == ["EHLO"]
        assert entra.requests == []
    assert fault.kind is Kind.TOKEN_HOST_REFUSED


@pytest.mark.parametrize(
    "loose",
    [{"check_identity": False}, {"trusted_hosts": ("localhost",)}, {"ca_pem": certificates.authority().pem}],
)
def test_s11_behind_a_proxy_no_token_goes_to_whom_only_the_connection_trusts(loose: dict[str, Any]) -> None:
    """Who may edit a connection could lead it to a machine of their own and read the token there."""
    with (
        sign_in_host(GOOD) as entra,
        smtp_server() as smtp,
        FakeProxy(ProxyKind.HTTP, {"localhost": smtp.port}) as proxy,
    ):
        both = TlsSettings(ca_pem=f"{entra.ca_pem}\n{certificates.authority().pem}")
        strict = route(smtp, entra, proxy=proxy.anonymous, tls=both)
        assert strict.app
        strict = replace(strict, app=replace(strict.app, cloud=replace(strict.app.cloud, ca_pem=both.ca_pem)))
        assert signed_in(strict).mechanism == "XOAUTH2"
        assert fault_of(replace(strict, tls=replace(both, **loose))).kind is Kind.TOKEN_TRUST_REFUSED
        assert sum("AUTH" in session.verbs() for session in smtp.sessions) == 1


@pytest.mark.parametrize("security", [Security.NONE, Security.STARTTLS_IF_OFFERED])
def test_a_token_never_leaves_without_encryption(security: Security, monkeypatch: pytest.MonkeyPatch) -> None:
    far_away(monkeypatch)
    with sign_in_host(GOOD) as entra, SmtpServer(features=OFFERED) as smtp:
        fault = fault_of(route(smtp, entra, security=security))
        assert "AUTH" not in smtp.sessions[0].verbs()
    assert fault.kind is Kind.CLEAR_TEXT_REFUSED


def test_a_mail_host_may_be_listed_with_its_port() -> None:
    with sign_in_host(GOOD) as entra, smtp_server() as smtp:
        signed_in(route(smtp, entra, f"localhost:{smtp.port}"))


def test_a_server_without_xoauth2_gets_no_token() -> None:
    with sign_in_host(GOOD) as entra, smtp_server(features=("AUTH PLAIN",)) as smtp:
        assert fault_of(route(smtp, entra)).kind is Kind.MECHANISM_MISSING
        assert entra.requests == []


@pytest.mark.parametrize("missing", ["app", "user"])
def test_a_route_without_service_or_user_is_incomplete(missing: str) -> None:
    with sign_in_host(GOOD) as entra, smtp_server() as smtp:
        fault = fault_of(route(smtp, entra, **{missing: None if missing == "app" else ""}))
    assert fault.kind is Kind.ROUTE_INCOMPLETE


@pytest.mark.parametrize("kind", [CredentialKind.MANAGED_IDENTITY, CredentialKind.FEDERATED])
def test_p13_a_token_that_nobody_typed_a_secret_for_goes_to_no_host_that_was_added(kind: CredentialKind) -> None:
    """Else whoever may edit the mail hosts could have it sent to a machine of their own."""
    with sign_in_host(GOOD) as entra, smtp_server() as smtp:
        added = route(smtp, entra, "mail.example.org", "localhost")
        assert added.app
        untyped = replace(added, app=replace(added.app, credential=Credential(kind, Secret("x"))))
        session = SmtpSession(untyped, NetworkPolicy(managed_identity=True))
        with pytest.raises(MailError) as caught:
            session.start()
        assert entra.requests == []
        assert "AUTH" not in smtp.sessions[0].verbs()
    assert caught.value.fault.kind is Kind.TOKEN_AUDIENCE

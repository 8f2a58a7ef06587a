"""P11: what a failure means is the same in every language: nothing looks for our own words in what an error says."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from mailadmin.core import texts
from mailadmin.core.clouds import CLOUDS, GLOBAL
from mailadmin.core.errors import MailError, mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import (
    AddressFamily,
    Credential,
    CredentialKind,
    EntraApp,
    OAuthRoute,
    RouteKey,
    RouteKind,
    SmtpAuth,
    SmtpRoute,
    TlsSettings,
)
from mailadmin.net import dialler, environment, tls
from mailadmin.net.certificate import Certificate
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.graph.client import complete_app
from mailadmin.transports.smtp import requirements, second_look

SMTP, OAUTH = RouteKey(RouteKind.SMTP, ""), RouteKey(RouteKind.OAUTH, "")
APP = EntraApp("", "App", CLOUDS[GLOBAL], "contoso.com", "id", Credential(CredentialKind.SECRET, Secret("x")))
ANNA = "anna@example.org"


def smtp(**changes: object) -> Callable[[], object]:
    given: dict[str, object] = {"host": "mail.example.org", "user": ANNA, "password": Secret("x"), **changes}
    route = SmtpRoute(SMTP, "Relay", **given)  # type: ignore[arg-type]  # its fields

    return lambda: requirements.check_settings(route)


def graph(app: EntraApp | None = APP, identity: str = ANNA) -> Callable[[], object]:
    return lambda: complete_app(OAuthRoute(OAUTH, "Graph", app=app, identity=identity))


def intercepted() -> None:
    now = datetime.now(UTC)
    shown = Certificate("TLS 1.3", "x", "mail.example.org", "Zscaler Root CA", ("mail.example.org",), now, now)
    raise second_look.with_facts(
        mail_error(Fault(Phase.TLS, Kind.CERT_UNKNOWN_ISSUER, "unable to get local issuer certificate")), shown
    )


CASES: dict[str, Callable[[], object]] = {
    "host-missing": smtp(host=""),
    "port-out-of-range": smtp(port=70000),
    "credentials-incomplete": smtp(auth=SmtpAuth.PASSWORD, user=""),
    "credentials-control-character": smtp(auth=SmtpAuth.PASSWORD, user="a\tb"),
    "integrated-service-missing": smtp(auth=SmtpAuth.XOAUTH2),
    "ca-unreadable": lambda: tls.client_context(TlsSettings(ca_pem="nonsense")),
    "environment-unusable": lambda: environment.proxy_for("login.example.org"),
    "identity-missing": graph(identity=""),
    "tenant-missing": graph(app=EntraApp("", "App", CLOUDS[GLOBAL], "", "id", APP.credential)),
    "client-id-missing": graph(app=EntraApp("", "App", CLOUDS[GLOBAL], "contoso.com", "", APP.credential)),
    "dns-no-family": lambda: dialler.resolve("192.0.2.1", 25, NetworkPolicy(), family=AddressFamily.IPV6),
    "cert-intercepted": intercepted,
}


def nonsense(text: str) -> str:
    """Return `text` in a language in which no English word is left, its placeholders as they are."""
    parts = text.replace("{", "\0{").replace("}", "}\0").split("\0")
    return "".join(part if part.startswith("{") else codecs.encode(part, "rot13") for part in parts)


@pytest.fixture
def in_nonsense() -> Iterator[None]:
    before = texts._translate, texts._translate_count, texts._carry
    texts.install(nonsense, lambda one, many, number: nonsense(one if number == 1 else many))
    yield
    texts.install(*before)


def told(case: Callable[[], object]) -> MailError:
    with pytest.raises(MailError) as caught:
        case()
    return caught.value


@pytest.mark.parametrize("name", CASES)
def test_p11_a_failure_means_the_same_in_another_language(
    name: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "ftp://proxy.example.org")
    english = told(CASES[name])
    request.getfixturevalue("in_nonsense")
    other = told(CASES[name])
    assert other.fault.text != english.fault.text
    assert other.code == english.code == name


def test_p11_what_another_thread_does_speaks_the_language_of_who_handed_it_over() -> None:
    heard: list[str] = []
    before = texts._translate, texts._translate_count, texts._carry
    try:
        texts.install(str.upper, lambda one, many, number: one.upper(), lambda work: lambda: heard.append("carried"))
        texts.carried(lambda: None)()
    finally:
        texts.install(*before)
    assert heard == ["carried"]

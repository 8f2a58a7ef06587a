"""A stored secret goes nowhere else: every part that decides where it travels changes the destination.

A field that is added to a route or an app must be put into one of the two tables here, or a test fails.
"""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from mailadmin.core.clouds import cloud
from mailadmin.core.destination import credential_destination, entra_destination, smtp_destination
from mailadmin.core.secret import Secret
from mailadmin.core.settings import (
    AddressFamily,
    ClientCertificate,
    Cloud,
    Credential,
    CredentialKind,
    EntraApp,
    Notices,
    OnUnsure,
    Proxy,
    ProxyKind,
    Rate,
    RouteKey,
    RouteKind,
    Security,
    SenderRules,
    SessionRules,
    SmtpAuth,
    SmtpRoute,
    Timeouts,
    TlsSettings,
    TlsVersion,
)

APP = EntraApp("1", "app", cloud("custom", authority_host="login.a", graph_host="graph.a"), "tenant", "client")
ROUTE = SmtpRoute(RouteKey(RouteKind.SMTP, "1"), "smtp", host="smtp.a.org", auth=SmtpAuth.PASSWORD, user="ada", app=APP)

PROXY = Proxy(ProxyKind.SOCKS5, "proxy.a.org", 1080)
SMTP_PARTS = {
    "host": {"host": "smtp.b.org"},
    "port": {"port": 2525},
    "security": {"security": Security.TLS, "port": 587},
    "tls.minimum": {"tls": TlsSettings(minimum=TlsVersion.TLS_1_3)},
    "tls.check_identity": {"tls": TlsSettings(check_identity=False)},
    "tls.trusted_hosts": {"tls": TlsSettings(trusted_hosts=("other.org",))},
    "tls.ca_pem": {"tls": TlsSettings(ca_pem="-----BEGIN CERTIFICATE-----")},
    "auth": {"auth": SmtpAuth.NONE},
    "domain": {"domain": "CORP"},
    "proxy": {"proxy": PROXY},
    "user": {"user": "bob"},
}
SMTP_OTHER = {
    "key": {"key": RouteKey(RouteKind.SMTP, "2")},
    "name": {"name": "other"},
    "order": {"order": 9},
    "sender": {"sender": SenderRules(address="a@b.org")},
    "default_recipients": {"default_recipients": ("a@b.org",)},
    "label": {"label": "x"},
    "on_unsure": {"on_unsure": OnUnsure.HOLD},
    "rate": {"rate": Rate(5, 60)},
    "password": {"password": Secret("x")},
    "tls.check_revocation": {"tls": TlsSettings(check_revocation=True)},
    "mechanism": {"mechanism": "PLAIN"},
    # The private key never travels, and belongs to its certificate.
    "client": {"client": ClientCertificate("-----BEGIN CERTIFICATE-----")},
    "family": {"family": AddressFamily.IPV4},
    "sessions": {"sessions": SessionRules(keep_open=False)},
    "notices": {"notices": Notices.ALL},
    # The password does not go to the app, and the app's secret has a destination of its own.
    "app": {"app": None},
    "timeouts": {"timeouts": Timeouts(connect=1)},
}
ENTRA_PARTS = {
    "cloud.name": {"cloud": replace(APP.cloud, name="global")},
    "cloud.authority_host": {"cloud": replace(APP.cloud, authority_host="login.b")},
    "cloud.graph_host": {"cloud": replace(APP.cloud, graph_host="graph.b")},
    "cloud.mail_hosts": {"cloud": replace(APP.cloud, mail_hosts=("smtp.b",))},
    "cloud.ca_pem": {"cloud": replace(APP.cloud, ca_pem="-----BEGIN CERTIFICATE-----")},
    "tenant": {"tenant": "other"},
    "client_id": {"client_id": "other"},
    "proxy": {"proxy": PROXY},
}
ENTRA_OTHER = {
    "id": {"id": "2"},
    "name": {"name": "other"},
    # A credential has a destination of its own, see below.
    "credential": {"credential": Credential(secret=Secret("x"))},
    "requests_at_once": {"requests_at_once": 2},
    "wide_permission_ok": {"wide_permission_ok": True},
    # What a token is asked for; it follows from the mail hosts, and leads nowhere by itself.
    "cloud.smtp_scope": {"cloud": replace(APP.cloud, smtp_scope="https://x/.default")},
}


@pytest.mark.parametrize("part", SMTP_PARTS)
def test_a_change_of_any_part_is_another_smtp_destination(part: str) -> None:
    assert smtp_destination(replace(ROUTE, **SMTP_PARTS[part])) != smtp_destination(ROUTE)  # type: ignore[arg-type] # a table of all fields


@pytest.mark.parametrize("part", SMTP_OTHER)
def test_other_settings_leave_the_smtp_destination_alone(part: str) -> None:
    assert smtp_destination(replace(ROUTE, **SMTP_OTHER[part])) == smtp_destination(ROUTE)  # type: ignore[arg-type] # a table of all fields


@pytest.mark.parametrize("part", ENTRA_PARTS)
def test_a_change_of_any_part_is_another_entra_destination(part: str) -> None:
    assert entra_destination(replace(APP, **ENTRA_PARTS[part])) != entra_destination(APP)  # type: ignore[arg-type] # a table of all fields


@pytest.mark.parametrize("part", ENTRA_OTHER)
def test_other_settings_leave_the_entra_destination_alone(part: str) -> None:
    assert entra_destination(replace(APP, **ENTRA_OTHER[part])) == entra_destination(APP)  # type: ignore[arg-type] # a table of all fields


def _names(kind: type, prefix: str = "") -> set[str]:
    return {prefix + field.name for field in fields(kind)}


def test_every_field_of_a_connection_is_classified() -> None:
    expected = _names(SmtpRoute) - {"tls"} | _names(TlsSettings, "tls.")
    assert set(SMTP_PARTS) | set(SMTP_OTHER) == expected


def test_every_field_of_an_app_is_classified() -> None:
    expected = _names(EntraApp) - {"cloud"} | _names(Cloud, "cloud.")
    assert set(ENTRA_PARTS) | set(ENTRA_OTHER) == expected


def test_spelling_the_same_destination_differently_keeps_the_secret() -> None:
    assert smtp_destination(replace(ROUTE, host="SMTP.A.org", port=587)) == smtp_destination(ROUTE)
    trusted = replace(ROUTE, tls=TlsSettings(trusted_hosts=("b", "a")))
    assert smtp_destination(trusted) == smtp_destination(replace(ROUTE, tls=TlsSettings(trusted_hosts=("A", "b"))))


def test_a_destination_of_one_kind_is_never_one_of_the_other() -> None:
    assert smtp_destination(ROUTE)[0] != entra_destination(APP)[0]


def test_n5_a_credential_belongs_to_its_kind_its_certificate_and_the_app() -> None:
    kinds = [credential_destination(APP, kind, "") for kind in CredentialKind]
    assert len(set(kinds)) == len(CredentialKind)
    key = credential_destination(APP, CredentialKind.CERTIFICATE, "-----BEGIN\r\nONE")
    assert key == credential_destination(APP, CredentialKind.CERTIFICATE, "-----BEGIN\nONE")
    assert key != credential_destination(APP, CredentialKind.CERTIFICATE, "-----BEGIN\nTWO")
    assert key != credential_destination(replace(APP, tenant="other"), CredentialKind.CERTIFICATE, "-----BEGIN\nONE")
    # A client secret of an older version stays readable.
    assert credential_destination(APP, CredentialKind.SECRET, "") == entra_destination(APP)

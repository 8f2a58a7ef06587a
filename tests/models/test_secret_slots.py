"""P9, P12, S11: a row keeps several secrets, each for its own destination; a change drops the right ones alone."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from mailadmin import conf
from mailadmin.core.settings import ProxyKind, Security, SmtpAuth, TlsVersion
from mailadmin.models import IntegratedService, SmtpConnection
from tests.fakes.certificates import Identity, authority
from tests.models.rows import PASSWORD, app, connection

pytestmark = pytest.mark.django_db
IDENTITY = authority().issue("relay-client")
OTHER = authority().issue("other-client")
PROXY: dict[str, Any] = {"proxy_kind": "http", "proxy_host": "proxy.example.org", "proxy_user": "squid"}
SLOTS = ("secret", "proxy_password", "client_key")

# One change of each part of each destination, and the secrets that it drops.
SMTP: dict[str, tuple[dict[str, Any], set[str]]] = {
    "host": ({"host": "evil.example.net"}, {"secret"}),
    "port": ({"port": 2525}, {"secret"}),
    "security": ({"security": "starttls-if-offered", "port": 587}, {"secret"}),
    "oldest TLS version": ({"tls_minimum": "1.3"}, {"secret"}),
    "identity check": ({"check_identity": False}, {"secret"}),
    "trusted hosts": ({"trusted_hosts": "evil.example.net"}, {"secret"}),
    "own CA": ({"ca_pem": authority().pem}, {"secret"}),
    "kind of sign-in": ({"auth": "none"}, {"secret"}),
    "domain": ({"domain": "CORP"}, {"secret"}),
    "user": ({"user_name": "eve"}, {"secret"}),
    "kind of proxy": ({"proxy_kind": "socks5", "proxy_port": 3128}, {"secret", "proxy_password"}),
    "proxy host": ({"proxy_host": "evil.example.net"}, {"secret", "proxy_password"}),
    "proxy port": ({"proxy_port": 8080}, {"secret", "proxy_password"}),
    "proxy user": ({"proxy_user": "eve"}, {"secret", "proxy_password"}),
    "no proxy": ({"proxy_kind": ""}, {"secret", "proxy_password"}),
    "client certificate": ({"client_certificate": OTHER.certificate}, {"client_key"}),
    "no client certificate": ({"client_certificate": ""}, {"client_key"}),
    # what leads nowhere else
    "name": ({"name": "Other"}, set()),
    "spelling": ({"host": "SMTP.Example.ORG", "proxy_host": "PROXY.example.org", "proxy_port": 3128}, set()),
    "method": ({"mechanism": "PLAIN"}, set()),
    "revocation": ({"check_revocation": True}, set()),
    "sessions": ({"keep_open": False, "parallel": 1, "notices": "never", "family": "ipv4"}, set()),
    "line ends of the certificate": ({"client_certificate": IDENTITY.certificate.replace("\n", "\r\n")}, set()),
}
APP: dict[str, tuple[dict[str, Any], set[str]]] = {
    "tenant": ({"tenant": "fabrikam.example"}, {"secret"}),
    "client ID": ({"client_id": "00000000-0000-4000-8000-000000000000"}, {"secret"}),
    "cloud": ({"cloud": "china"}, {"secret"}),
    "kind of proxy": ({"proxy_kind": "socks5", "proxy_port": 3128}, {"secret", "proxy_password"}),
    "proxy host": ({"proxy_host": "evil.example.net"}, {"secret", "proxy_password"}),
    "proxy port": ({"proxy_port": 8080}, {"secret", "proxy_password"}),
    "proxy user": ({"proxy_user": "eve"}, {"secret", "proxy_password"}),
    "date": ({"credential_ends_on": "2099-01-01"}, set()),
}


def full_connection(identity: Identity = IDENTITY) -> SmtpConnection:
    """Return a saved row with something in every slot."""
    row = connection(password=PASSWORD, **PROXY, client_certificate=identity.certificate)
    row.proxy_password.set("of the proxy")
    row.client_key.set(identity.key)
    row.save()
    return SmtpConnection.objects.get(pk=row.pk)


def full_app() -> IntegratedService:
    row = app(password=PASSWORD, **PROXY)
    row.proxy_password.set("of the proxy")
    row.save()
    return IntegratedService.objects.get(pk=row.pk)


def kept(row: SmtpConnection | IntegratedService) -> set[str]:
    return {held.name for held in row.secrets() if held.stored}


def test_each_slot_gives_its_secret_to_its_place_in_the_route() -> None:
    route = full_connection().to_route()
    assert route.password is not None and route.password.reveal() == PASSWORD
    assert route.proxy is not None and route.proxy.password is not None
    assert (route.proxy.kind, route.proxy.port) == (ProxyKind.HTTP, 3128)
    assert route.proxy.password.reveal() == "of the proxy"
    assert route.client is not None and route.client.key is not None
    assert route.client.key.reveal() == IDENTITY.key
    entra = full_app().to_app()
    assert entra.credential is not None and entra.credential.secret.reveal() == PASSWORD
    assert entra.proxy is not None and entra.proxy.password is not None
    assert entra.proxy.password.reveal() == "of the proxy"


@pytest.mark.parametrize("part", SMTP)
def test_a_change_drops_the_secrets_that_would_go_elsewhere_and_only_those(part: str) -> None:
    row, (changes, dropped) = full_connection(), SMTP[part]
    for field, value in changes.items():
        setattr(row, field, value)
    row.save(update_fields=list(changes))
    assert kept(SmtpConnection.objects.get(pk=row.pk)) == set(SLOTS) - dropped


@pytest.mark.parametrize("part", SMTP)
def test_after_a_change_past_save_nothing_is_handed_out(part: str) -> None:
    row, (changes, dropped) = full_connection(), SMTP[part]
    SmtpConnection.objects.filter(pk=row.pk).update(**changes)
    route = SmtpConnection.objects.get(pk=row.pk).to_route()
    handed = {
        "secret": route.password,
        "proxy_password": route.proxy.password if route.proxy else None,
        "client_key": route.client.key if route.client else None,
    }
    assert {name for name, secret in handed.items() if secret is None} == dropped


@pytest.mark.parametrize("part", APP)
def test_a_change_of_an_app_drops_the_right_secrets(part: str) -> None:
    row, (changes, dropped) = full_app(), APP[part]
    for field, value in changes.items():
        setattr(row, field, value)
    row.save()
    assert kept(IntegratedService.objects.get(pk=row.pk)) == {"secret", "proxy_password"} - dropped


def test_a_ciphertext_does_not_open_in_another_slot() -> None:
    row = full_connection()
    SmtpConnection.objects.filter(pk=row.pk).update(
        proxy_password_stored=row.secret.sealed, proxy_password_destination=row.proxy_password_destination
    )
    moved = SmtpConnection.objects.get(pk=row.pk).proxy_password.value()
    assert moved is not None
    with pytest.raises(Exception, match="belongs to another entry"):
        moved.reveal()


def test_a_password_that_was_stored_before_there_were_proxies_stays_readable() -> None:
    """What version 0001 of the tables kept: the context of the seal and the digest of the destination."""
    row = connection(auth="password", user_name="ada")
    old = (
        *("smtp", "smtp.example.org", 587, Security.STARTTLS, TlsVersion.TLS_1_2, "", True, ()),
        *(SmtpAuth.PASSWORD, "", "ada"),
    )
    SmtpConnection.objects.filter(pk=row.pk).update(
        secret_stored=conf.key_ring().seal(f"mailadmin.smtpconnection|{row.pk}|secret", PASSWORD),
        secret_destination=hashlib.sha256(repr(tuple(str(part) for part in old)).encode()).hexdigest(),
    )
    password = SmtpConnection.objects.get(pk=row.pk).to_route().password
    assert password is not None
    assert password.reveal() == PASSWORD


def test_a_client_secret_that_was_stored_before_there_were_proxies_stays_readable() -> None:
    row = app()
    old = (
        *("entra", "global", "login.microsoftonline.com", "graph.microsoft.com"),
        *(tuple(sorted(row.to_app().cloud.mail_hosts)), "", "contoso.example", row.client_id),
    )
    IntegratedService.objects.filter(pk=row.pk).update(
        secret_stored=conf.key_ring().seal(f"mailadmin.integratedservice|{row.pk}|secret", PASSWORD),
        secret_destination=hashlib.sha256(repr(tuple(str(part) for part in old)).encode()).hexdigest(),
    )
    secret = IntegratedService.objects.get(pk=row.pk).to_app().credential.secret
    assert secret is not None
    assert secret.reveal() == PASSWORD


def test_each_slot_shows_its_own_word_when_it_cannot_be_opened() -> None:
    row = full_connection()
    SmtpConnection.objects.filter(pk=row.pk).update(client_key_stored="ref:nonsense")
    key = SmtpConnection.objects.get(pk=row.pk).client_key.value()
    assert key is not None
    with pytest.raises(Exception, match=r"Relay A \(private key\)"):
        key.reveal()

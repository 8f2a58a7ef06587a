"""P4: what is known of mail providers is sound, and each is told by its hosts and domains."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import providers as known
from mailadmin.core import validation
from mailadmin.core.providers import Provider, ProviderAuth, ProviderKind, providers
from mailadmin.core.settings import Security

EVERY = pytest.mark.parametrize("provider", providers(), ids=lambda provider: provider.id)
IMPLICIT = {465, 2465, 8465, 443}


def test_p4_there_are_many_more_than_fifteen_each_with_an_id_and_a_name_of_its_own() -> None:
    assert len(providers()) >= 30
    assert len({provider.id for provider in providers()}) == len(providers())
    assert len({provider.name for provider in providers()}) == len(providers())
    assert [provider.kind for provider in providers()] == sorted(provider.kind for provider in providers())
    assert {
        "microsoft365",
        "outlook",
        "google",
        "amazon-ses",
        "sendgrid",
        "mailgun",
        "postmark",
        "brevo",
        "mailjet",
        "sparkpost",
        "mailchimp",
        "resend",
        "smtp2go",
        "zoho",
        "yahoo",
        "icloud",
        "fastmail",
        "ionos",
        "proton",
    } <= {provider.id for provider in providers()}


@EVERY
def test_p4_an_entry_is_complete_and_in_sentences(provider: Provider) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", provider.id)
    assert provider.servers and provider.hosts
    for text in (provider.sign_in, *provider.notes):
        assert text[0].isupper() or text.startswith("“")
        assert text.endswith(".")
    if provider.help:
        assert urlsplit(provider.help).scheme == "https"
    assert "@" not in provider.user


@EVERY
def test_p4_its_servers_are_ones_that_a_connection_could_have(provider: Provider) -> None:
    for server in provider.servers:
        assert validation.host(server.host) == server.host
        assert (server.security is Security.TLS) == (server.port in IMPLICIT)
        assert known.of_host(server.host) is provider
        assert known.of_host(f" {server.host.upper()}. ") is provider
    assert len({str(server) for server in provider.servers}) == len(provider.servers)


@EVERY
def test_p4_it_is_told_by_its_domains_and_mail_exchangers(provider: Provider) -> None:
    for pattern in provider.domains:
        assert known.of_domain(pattern.replace("*", "contoso")) is provider
    for pattern in provider.mx:
        assert known.of_mx(pattern.replace("*", "contoso-com")) is provider
    for include in provider.spf:
        assert provider in known.of_spf([include])
        assert validation.domain(include.replace("_", "x")) == include.replace("_", "x")
    assert validation.selectors(" ".join(provider.dkim_selectors)) == list(provider.dkim_selectors)


def test_no_pattern_is_so_wide_that_it_fits_strangers() -> None:
    for provider in providers():
        for pattern in (*provider.domains, *provider.mx, *provider.hosts):
            assert pattern == pattern.lower()
            assert not any(fnmatchcase(name, pattern) for name in ("example.org", "mail.example.com", "localhost"))
            assert pattern.count("*") <= 1
            assert pattern.partition("*")[2].count(".") >= 2 or "*" not in pattern


def test_the_pattern_that_says_most_wins() -> None:
    found = known.of_mx("mx-aol.mail.gm0.yahoodns.net")
    assert found and found.id == "aol"
    found = known.of_mx("outlook-com.olc.protection.outlook.com")
    assert found and found.id == "outlook"


def test_what_is_not_known_is_nobody() -> None:
    assert known.of_host("smtp.example.org") is None
    assert known.of_domain("notgmail.com") is None
    assert known.of_mx("evilaspmx.l.google.com.example.org") is None
    assert known.of_spf(["spf.example.org"]) == ()
    assert known.named("nobody") is None


def test_one_that_takes_oauth_only_cannot_be_an_smtp_connection_with_a_password() -> None:
    only = {provider.id for provider in providers() if not provider.by_smtp}
    assert only == {provider.id for provider in providers() if provider.auth is ProviderAuth.OAUTH}
    assert only == {"microsoft365", "outlook"}


def test_user_names_are_filled_in_as_far_as_they_are_the_same_for_everybody() -> None:
    def user(name: str) -> str:
        provider = known.named(name)
        assert provider
        return provider.user_for("anna@example.org")

    assert user("google") == "anna@example.org"
    assert user("sendgrid") == "apikey"
    assert user("sparkpost") == "SMTP_Injection"
    assert user("resend") == "resend"
    assert user("amazon-ses") == ""


def test_both_kinds_are_there() -> None:
    assert {provider.kind for provider in providers()} == set(ProviderKind)


@given(name=st.text(max_size=80))
def test_any_text_is_somebody_s_or_nobody_s(name: str) -> None:
    for look in (known.of_host, known.of_domain, known.of_mx):
        found = look(name)
        assert found is None or isinstance(found, Provider)


def test_a_damaged_server_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a server"):
        known._server("smtp.example.org 587")

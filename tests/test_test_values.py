"""What a test was made with (N13): the names and values that people see, and the digest that tells two sets apart."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import clouds
from mailadmin.core.secret import Secret
from mailadmin.core.settings import (
    ClientCertificate,
    Credential,
    EntraApp,
    OAuthRoute,
    Proxy,
    ProxyKind,
    RouteKey,
    RouteKind,
    Security,
    SmtpAuth,
    SmtpRoute,
)
from mailadmin.models import IntegratedService, OAuthService, SmtpConnection
from mailadmin.testruns import AppSubject, digest_of, subject_of_row, values_of
from mailadmin.testruns.values import LABELS, UNTESTED, paths

CANARY = "canary-secret-4482"
PUT_IN = "2026-11-21T20:01:22+00:00"


def secret(version: str = PUT_IN) -> Secret:
    return Secret(CANARY, version)


def proxy() -> Proxy:
    return Proxy(ProxyKind.SOCKS5, "proxy.example.org", 1080, "anna", secret())


def app() -> EntraApp:
    credential = Credential(secret=secret(), certificate="", ends_on=date(2027, 1, 1), version=PUT_IN)
    return EntraApp("1", "App", clouds.cloud("global"), "contoso.example", "3c1d22aa", credential, proxy())


def smtp(**changes: Any) -> SmtpRoute:
    values: dict[str, Any] = {
        "host": "mail.example.org",
        "auth": SmtpAuth.PASSWORD,
        "user": "anna",
        "password": secret(),
        "app": app(),
        "client": ClientCertificate("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", secret()),
        "proxy": proxy(),
    }
    return SmtpRoute(RouteKey(RouteKind.SMTP, "1"), "Relay A", **(values | changes))


def oauth(**changes: Any) -> OAuthRoute:
    return OAuthRoute(
        RouteKey(RouteKind.OAUTH, "1"), "Contoso", **({"app": app(), "identity": "a@b.example"} | changes)
    )


SUBJECTS = (smtp(), oauth(), AppSubject(app()))


def changed(value: Any, path: str) -> Any:
    """Return the frozen `value` with another setting at `path`."""
    name, _, rest = path.partition(".")
    held = getattr(value, name)
    return replace(value, **{name: changed(held, rest) if rest else another(held)})


def another(held: Any) -> Any:
    if isinstance(held, Secret):
        return Secret(CANARY, "2026-11-21T20:30:00+00:00")
    if isinstance(held, bool):
        return not held
    if isinstance(held, (SmtpAuth, Security, ProxyKind)) or hasattr(type(held), "__members__"):
        return next((one for one in type(held) if one is not held), held)
    if isinstance(held, tuple):
        return (*held, "other.example.org")
    if isinstance(held, (int, float)):
        return held + 1
    return 2525 if held is None else f"{held}x"


def all_paths() -> list[tuple[Any, str]]:
    return [(subject, path) for subject in SUBJECTS for path, _ in paths(subject)]


@pytest.mark.parametrize(("subject", "path"), all_paths(), ids=lambda one: one if isinstance(one, str) else "")
def test_n13_every_setting_has_a_name_or_is_one_that_no_test_proves(subject: Any, path: str) -> None:
    assert (path in LABELS) != (path in UNTESTED)


@pytest.mark.parametrize(("subject", "path"), all_paths(), ids=lambda one: one if isinstance(one, str) else "")
def test_n13_every_setting_that_a_test_proves_changes_the_digest_and_no_other_does(subject: Any, path: str) -> None:
    other = changed(subject, path)
    if path == "client_type":  # there is only one
        return
    assert (digest_of(other) == digest_of(subject)) == (path in UNTESTED or path == "app.name")
    if path in LABELS:
        assert values_of(other).get(LABELS[path]) != values_of(subject).get(LABELS[path])
    else:
        assert values_of(other) == values_of(subject)


def test_p9_a_secret_stands_in_the_values_by_the_time_at_which_it_was_put_in() -> None:
    """P9."""
    values = values_of(smtp())
    assert values["Password"] == values["Proxy password"] == "stored 21 Nov 2026, 20:01:22 UTC"
    assert values_of(smtp(password=secret("")))["Password"] == "typed, not stored"
    assert CANARY not in repr(values)
    assert "MIIB" not in repr(values)


def test_values_are_read_as_the_form_shows_them() -> None:
    values = values_of(smtp())
    assert values["Port"] == "587"
    assert values["Security"] == "STARTTLS required"
    assert values["Sign-in"] == "User name and password"
    assert values["Check the server's identity"] == "yes"
    assert values["Time to connect (seconds)"] == "10"
    assert "Domain" not in values
    assert values_of(oauth())["Cloud"] == "Global (and US GCC)"


def test_a_setting_that_a_later_version_brings_changes_no_digest() -> None:
    def at_default(value: Any) -> list[str]:
        return [
            field.name
            for field in fields(value)
            if not is_dataclass(getattr(value, field.name)) and field.default == getattr(value, field.name)
        ]

    bare = SmtpRoute(RouteKey(RouteKind.SMTP, "1"), "Relay A", host="mail.example.org")
    assert "notices" in at_default(bare)
    assert digest_of(bare) == digest_of(replace(bare, port=587))  # the usual one, typed
    assert digest_of(bare) != digest_of(replace(bare, port=465))


@given(st.text(), st.text())
def test_two_hosts_share_a_digest_only_when_they_are_the_same(one: str, other: str) -> None:
    same = " ".join(one.split()) == " ".join(other.split())
    assert (digest_of(smtp(host=one)) == digest_of(smtp(host=other))) == same


@pytest.mark.django_db
def test_a_saved_row_keeps_its_digest_when_it_is_read_again_and_saved_unchanged() -> None:
    row = SmtpConnection(name="Relay A", host="mail.example.org", auth="password", user_name="anna")
    row.set_secret(CANARY)
    row.save()
    service = IntegratedService(name="App", tenant="contoso.example", client_id="3c1d22aa-86f1-41af-91ab-2d7cd011db47")
    service.set_secret(CANARY)
    service.save()
    mailbox = OAuthService.objects.create(name="Contoso", integrated_service=service, service_identity="a@b.example")
    for saved in (row, service, mailbox):
        before = digest_of(subject_of_row(saved))
        again = type(saved).objects.get(pk=saved.pk)
        again.name += " renamed"
        again.save()
        assert digest_of(subject_of_row(type(saved).objects.get(pk=saved.pk))) == before
    row.set_secret(CANARY)
    row.save()
    assert digest_of(subject_of_row(row)) != before

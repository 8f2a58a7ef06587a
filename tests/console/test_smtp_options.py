"""What is under Advanced: each option of the route can be set in the browser, each bad input has its sentence."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from mailadmin.console.forms import IntegratedServiceForm, SmtpConnectionForm
from mailadmin.console.testing import typed_form
from mailadmin.core.settings import (
    AddressFamily,
    ClientCertificate,
    Notices,
    OnUnsure,
    Proxy,
    ProxyKind,
    Rate,
    RouteKind,
    SessionRules,
    SmtpAuth,
    SmtpRoute,
    Timeouts,
    TlsSettings,
)
from mailadmin.models import AuditEntry, IntegratedService, SmtpConnection
from tests.fakes.certificates import authority, expired
from tests.models.rows import office365

pytestmark = pytest.mark.django_db
NEW = "/smtp/new/"
OURS = authority().issue("relay-client")
CANARY = "canary-Pr0xy-9917"
PROXY = {"proxy_kind": "http", "proxy_host": "proxy.example.org", "proxy_user": "squid", "proxy_password": CANARY}
CERTIFICATE = {"client_certificate": OURS.certificate, "client_key": OURS.key}

# What is typed (None: the box is not ticked), and the value of the route at that path.
OPTIONS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("S9", {"tls_minimum": "1.3"}, {"tls.minimum": "1.3"}),
    ("S10", {"check_identity": None}, {"tls.check_identity": False}),
    (
        "S10",
        {"trusted_hosts": "a.example.org b.example.org"},
        {"tls.trusted_hosts": ("a.example.org", "b.example.org")},
    ),
    ("S10", {"ca_pem": authority().pem}, {"tls.ca_pem": authority().pem.strip()}),
    ("S16", {"check_revocation": "on"}, {"tls.check_revocation": True}),
    *(
        ("S13", {"mechanism": name}, {"mechanism": name})
        for name in ("", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "NTLM", "PLAIN", "LOGIN")
    ),
    ("S20", {"mechanism": "NTLM", "domain": "CORP"}, {"mechanism": "NTLM", "domain": "CORP"}),
    ("S20", {"auth": "gssapi", "secret": ""}, {"auth": SmtpAuth.GSSAPI, "mechanism": "", "password": None}),
    (
        "P12",
        {"auth": "certificate", "secret": "", "user_name": "", **CERTIFICATE},
        {"auth": SmtpAuth.CERTIFICATE, "client.pem": OURS.certificate.strip(), "client.key": OURS.key, "user": ""},
    ),
    ("P12", CERTIFICATE, {"auth": SmtpAuth.PASSWORD, "client.key": OURS.key}),
    ("S11", PROXY, {"proxy.kind": ProxyKind.HTTP, "proxy.port": 3128, "proxy.user": "squid", "proxy.password": CANARY}),
    (
        "S11",
        {"proxy_kind": "socks5", "proxy_host": " 192.0.2.7 ", "proxy_port": "9050"},
        {"proxy.kind": ProxyKind.SOCKS5, "proxy.host": "192.0.2.7", "proxy.port": 9050, "proxy.password": None},
    ),
    ("S11", {"proxy_kind": "socks5", "proxy_host": "proxy"}, {"proxy.port": 1080}),
    *(("Dialler", {"family": family.value}, {"family": family}) for family in AddressFamily),
    ("S14", {"keep_open": None}, {"sessions.keep_open": False}),
    (
        "S14",
        {"idle_seconds": "30", "session_messages": "20", "parallel": "8"},
        {"sessions.idle_seconds": 30, "sessions.messages": 20, "sessions.parallel": 8},
    ),
    (
        "S14",
        {"pipelining": None, "chunking": None},
        {"sessions.pipelining": False, "sessions.chunking": False},
    ),
    ("P7", {"rate_messages": "30", "rate_seconds": "3600"}, {"rate": Rate(30, 3600)}),
    ("P7", {"rate_messages": "", "rate_seconds": None}, {"rate": Rate(0, 60)}),
    *(("N3", {"on_unsure": chosen.value}, {"on_unsure": chosen}) for chosen in OnUnsure),
    ("N3", {"on_unsure": None}, {"on_unsure": OnUnsure.RESEND}),
    *(("DSN", {"notices": notices.value}, {"notices": notices}) for notices in Notices),
    (
        "Deadlines",
        {
            "connect_timeout": "1.5",
            "command_timeout": "2",
            "message_timeout": "3",
            "final_timeout": "4",
            "final_background_timeout": "5",
        },
        {"timeouts": Timeouts(1.5, 2, 3, 4, 5)},
    ),
]


def at(route: SmtpRoute, path: str) -> Any:
    """Return the value at "proxy.port"; a secret as what it opens to."""
    value: Any = route
    for name in path.split("."):
        value = getattr(value, name)
    return value.reveal() if hasattr(value, "reveal") else value.strip() if path.endswith("pem") else value


def without_nothing(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def errors_of(response: Any) -> dict[str, str]:
    return {name: " ".join(found) for name, found in response.context["form"].errors.items()}


def edit_url(row: Any) -> str:
    return reverse("mailadmin:smtp-edit", args=[row.pk])


@pytest.mark.parametrize(("row", "typed", "expected"), OPTIONS)
def test_s9_s10_s11_s13_s14_s20_p12_each_option_is_saved_and_reaches_the_route(
    admin_client: Any, smtp_values: Any, row: str, typed: dict[str, Any], expected: dict[str, Any]
) -> None:
    response = admin_client.post(NEW, without_nothing(smtp_values | typed))
    assert response.status_code == 302, errors_of(response)
    route = SmtpConnection.objects.get().to_route()
    assert {path: at(route, path) for path in expected} == expected


@pytest.mark.parametrize(("row", "typed", "expected"), OPTIONS)
def test_p2_each_option_is_tested_before_it_is_saved(
    smtp_values: Any, row: str, typed: dict[str, Any], expected: dict[str, Any]
) -> None:
    form = typed_form(RouteKind.SMTP, without_nothing(smtp_values | typed))
    assert form.is_valid(), form.errors
    route = form.to_route()
    assert isinstance(route, SmtpRoute)
    assert all(
        at(route, path) == (value.strip() if path.endswith("pem") else value) for path, value in expected.items()
    )
    assert not SmtpConnection.objects.exists()


def test_every_option_of_a_connection_is_in_the_table() -> None:
    """A field that is added to the route must be settable in the browser."""
    told = {path for _, _, expected in OPTIONS for path in expected}
    groups = {"tls": TlsSettings, "sessions": SessionRules, "proxy": Proxy, "client": ClientCertificate}
    wanted = {f"{place}.{field.name}" for place, kind in groups.items() for field in fields(kind)}
    elsewhere = {"key", "name", "order", "sender", "default_recipients", "label", "host", "port", "security", "app"}
    plain = {field.name for field in fields(SmtpRoute)} - set(groups) - elsewhere
    assert wanted | plain <= told


def test_an_untouched_form_gives_the_usual_values(smtp_values: Any) -> None:
    form = typed_form(RouteKind.SMTP, smtp_values)
    assert form.is_valid(), form.errors
    route = form.to_route()
    assert isinstance(route, SmtpRoute)
    usual = SmtpRoute(route.key, "")
    assert (route.tls, route.sessions, route.timeouts) == (usual.tls, usual.sessions, usual.timeouts)
    assert (route.family, route.notices, route.proxy, route.client) == (usual.family, usual.notices, None, None)
    assert form.advanced_changed() == 0
    assert SmtpConnectionForm().advanced_changed() == 0


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"proxy_kind": "http"}, "proxy_host", "Type the name or IP address of the proxy"),
    ({"proxy_kind": "http", "proxy_host": "http://proxy"}, "proxy_host", "starts with a scheme"),
    ({"proxy_kind": "gopher", "proxy_host": "proxy"}, "proxy_kind", "gopher"),
    ({"proxy_kind": "http", "proxy_host": "proxy", "proxy_port": "0"}, "proxy_port", "1 to 65535"),
    ({"proxy_kind": "http", "proxy_host": "proxy", "proxy_port": "squid"}, "proxy_port", "whole number"),
    ({"proxy_host": "proxy"}, "proxy_kind", "You typed a proxy host: choose the kind of proxy"),
    ({"proxy_password": CANARY}, "proxy_kind", "You typed a proxy password"),
    (PROXY | {"proxy_password": ""}, "proxy_password", "The proxy user name needs a password"),
    (PROXY | {"proxy_user": ""}, "proxy_user", "The proxy password needs a user name"),
    (PROXY | {"proxy_user": "a:b"}, "proxy_user", "cannot hold a colon"),
    (PROXY | {"proxy_user": "ü" * 128}, "proxy_user", "at most 255 bytes"),
    (PROXY | {"proxy_password": "env:PATH"}, "proxy_password", "not allowed here"),
    ({"client_certificate": "nonsense"}, "client_certificate", "not a readable PEM certificate"),
    ({"client_certificate": OURS.certificate + OURS.key}, "client_certificate", "paste it into its own field"),
    ({"client_certificate": expired().certificate}, "client_certificate", "ended on"),
    ({"client_certificate": OURS.certificate}, "client_key", "needs its private key"),
    ({"client_key": OURS.key}, "client_certificate", "paste the certificate that it belongs to"),
    (
        CERTIFICATE | {"client_key": authority().issue("x").key},
        "client_key",
        "does not belong to the client certificate",
    ),
    (CERTIFICATE | {"client_key": "nonsense"}, "client_key", "not a readable PEM private key"),
    (CERTIFICATE | {"client_key": "file:/etc/ssl/key.pem"}, "client_key", "not allowed here"),
    ({"auth": "certificate", "secret": ""}, "client_certificate", "paste it here, with its key"),
    (CERTIFICATE | {"auth": "certificate", "secret": "", "security": "none"}, "security", "choose STARTTLS required"),
    (
        CERTIFICATE | {"auth": "certificate", "secret": "", "security": "starttls-if-offered"},
        "security",
        "choose STARTTLS required",
    ),
    (CERTIFICATE | {"auth": "certificate"}, "secret", "leave it empty, or choose"),
    (CERTIFICATE | {"security": "none", "host": "localhost"}, "client_certificate", "no certificate is shown"),
    ({"auth": "gssapi"}, "secret", "needs no password"),
    ({"auth": "gssapi", "secret": "", "host": "192.0.2.1"}, "host", "Kerberos knows servers by their names"),
    ({"mechanism": "DIGEST-MD5"}, "mechanism", "DIGEST-MD5"),
    ({"family": "ipx"}, "family", "ipx"),
    ({"notices": "sometimes"}, "notices", "sometimes"),
    ({"idle_seconds": "0"}, "idle_seconds", "at least 1 second"),
    ({"idle_seconds": "soon"}, "idle_seconds", "Type a number of seconds"),
    ({"session_messages": "0"}, "session_messages", "At least 1 message"),
    ({"session_messages": "10001"}, "session_messages", "At most 10000 messages"),
    ({"session_messages": "1.5"}, "session_messages", "Type a whole number"),
    ({"parallel": "0"}, "parallel", "At least 1 session"),
    ({"parallel": "51"}, "parallel", "At most 50 sessions"),
    ({"parallel": ""}, "parallel", "Type a whole number"),
    ({"final_timeout": "0"}, "final_timeout", "at least 1 second"),
    ({"final_background_timeout": "3601"}, "final_background_timeout", "At most 3600 seconds"),
]


@pytest.mark.parametrize(("typed", "field", "sentence"), BAD)
def test_s16_every_bad_option_has_a_sentence_and_nothing_is_lost(
    admin_client: Any, smtp_values: Any, typed: dict[str, Any], field: str, sentence: str
) -> None:
    response = admin_client.post(NEW, smtp_values | typed)
    assert sentence in errors_of(response)[field]
    assert response.context["form"].advanced_open() == (field not in ("host", "security", "secret"))
    assert not SmtpConnection.objects.exists()
    assert OURS.key.splitlines()[1] not in response.text
    assert CANARY not in response.text
    if "parallel" not in typed and "parallel" in smtp_values:
        assert response.context["form"]["parallel"].value() == smtp_values["parallel"]


class TestSecrets:
    """P9: each secret is kept while its own destination is the same, and asked for again when it is not."""

    @pytest.fixture
    def stored(self, admin_client: Any, smtp_values: Any) -> SmtpConnection:
        assert admin_client.post(NEW, smtp_values | PROXY | CERTIFICATE).status_code == 302
        return SmtpConnection.objects.get()

    @pytest.fixture
    def again(self, smtp_values: Any) -> dict[str, Any]:
        """What the browser sends when nothing is typed anew."""
        return smtp_values | PROXY | CERTIFICATE | {"secret": "", "proxy_password": "", "client_key": ""}

    def test_empty_fields_keep_every_secret(self, admin_client: Any, stored: SmtpConnection, again: Any) -> None:
        assert admin_client.post(edit_url(stored), again | {"from_name": "Shop"}).status_code == 302
        route = SmtpConnection.objects.get().to_route()
        assert at(route, "proxy.password") == CANARY
        assert at(route, "client.key") == OURS.key
        assert at(route, "password") == "only-the-relay-knows-this"

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"proxy_host": "evil.example.net"}, "the proxy host"),
            ({"proxy_port": "8080"}, "the proxy port"),
            ({"proxy_user": "eve"}, "the proxy user name"),
            ({"proxy_kind": "socks5", "proxy_port": "3128"}, "the kind of proxy"),
        ],
    )
    def test_s11_another_proxy_gets_neither_password(
        self, admin_client: Any, stored: SmtpConnection, again: Any, change: dict[str, str], told: str
    ) -> None:
        assert errors_of(admin_client.post(edit_url(stored), again | change)) == {
            "secret": "You changed the proxy, so the stored password is not sent there; type it again.",
            "proxy_password": f"You changed {told}, so the stored proxy password is not sent there; type it again.",
        }
        typed = again | change | {"secret": "new", "proxy_password": "new too"}
        assert admin_client.post(edit_url(stored), typed).status_code == 302
        assert at(SmtpConnection.objects.get().to_route(), "client.key") == OURS.key

    def test_p12_another_certificate_asks_for_its_key_alone(
        self, admin_client: Any, stored: SmtpConnection, again: Any
    ) -> None:
        typed = again | {"client_certificate": authority().issue("renewed").certificate}
        said = errors_of(admin_client.post(edit_url(stored), typed))
        assert list(said) == ["client_key"]
        assert "You changed the client certificate" in said["client_key"]

    def test_without_a_proxy_what_was_said_of_it_is_forgotten(
        self, admin_client: Any, stored: SmtpConnection, again: Any
    ) -> None:
        response = admin_client.post(edit_url(stored), again | {"proxy_kind": "", "secret": "typed again"})
        assert response.status_code == 302, errors_of(response)
        row = SmtpConnection.objects.get()
        assert (row.proxy_host, row.proxy_port, row.proxy_user, row.proxy_password.sealed) == ("", None, "", "")
        assert row.to_route().proxy is None

    def test_a_secret_is_forgotten_by_a_tick(self, admin_client: Any, stored: SmtpConnection, again: Any) -> None:
        forgotten = {"forget_proxy_password": "on", "forget_client_key": "on"}
        said = errors_of(admin_client.post(edit_url(stored), again | forgotten))
        assert set(said) >= {"forget_proxy_password", "forget_client_key"}
        without = again | forgotten | {"proxy_user": "", "client_certificate": "", "secret": "typed again"}
        response = admin_client.post(edit_url(stored), without)
        assert response.status_code == 302, errors_of(response)
        row = SmtpConnection.objects.get()
        assert (row.proxy_password.stored, row.client_key.stored, row.secret.stored) == (False, False, True)

    def test_p10_the_trail_tells_of_the_options_and_never_a_secret(
        self, admin_client: Any, stored: SmtpConnection, again: Any
    ) -> None:
        admin_client.post(
            edit_url(stored), again | {"mechanism": "PLAIN", "keep_open": "", "proxy_password": "another"}
        )
        changes = AuditEntry.objects.first().changes  # type: ignore[union-attr]  # it was just written
        assert changes == {
            "sign-in method": ["The strongest that is offered", "PLAIN"],
            "keep the session open": ["yes", "no"],
            "proxy password": ["stored", "changed"],
        }
        told = " ".join(str(entry.changes) for entry in AuditEntry.objects.all())
        assert "private key" in told
        for secret in (CANARY, OURS.key, OURS.key.splitlines()[1], stored.client_key.sealed):
            assert secret not in told

    def test_p9_the_secrets_are_on_no_page_and_in_no_dump(
        self, admin_client: Any, stored: SmtpConnection, tmp_path: Any
    ) -> None:
        call_command("dumpdata", output=str(tmp_path / "dump.json"), verbosity=0)
        page = admin_client.get(edit_url(stored)).text
        for text in (page, (tmp_path / "dump.json").read_text()):
            assert CANARY not in text
            assert OURS.key.splitlines()[1] not in text
        assert page.count("leave empty to keep it") == 3

    def test_a_key_can_stay_outside_the_database(
        self, admin_client: Any, smtp_values: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the console cannot read it, the sending servers may: saving is not refused, a test tells."""
        typed = smtp_values | CERTIFICATE | {"client_key": "env:MAILADMIN_SECRET_KEY"}
        assert admin_client.post(NEW, typed).status_code == 302
        monkeypatch.setenv("MAILADMIN_SECRET_KEY", OURS.key)
        assert at(SmtpConnection.objects.get().to_route(), "client.key") == OURS.key


class TestIntegratedServices:
    """S11: Graph and Entra through a proxy."""

    def test_s11_the_proxy_reaches_the_app_and_the_routes_that_use_it(
        self, admin_client: Any, service_values: Any
    ) -> None:
        assert admin_client.post("/services/new/", service_values | PROXY).status_code == 302
        row = IntegratedService.objects.get()
        proxy = office365(integrated_service=row).to_route().app.proxy  # type: ignore[union-attr]  # set above
        assert proxy is not None and proxy.password is not None
        assert (proxy.kind, str(proxy), proxy.user) == (ProxyKind.HTTP, "proxy.example.org:3128", "squid")
        assert proxy.password.reveal() == CANARY

    def test_s11_another_proxy_gets_neither_secret(self, admin_client: Any, service_values: Any) -> None:
        admin_client.post("/services/new/", service_values | PROXY)
        row = IntegratedService.objects.get()
        address = reverse("mailadmin:service-edit", args=[row.pk])
        typed = service_values | PROXY | {"secret": "", "proxy_password": "", "proxy_host": "evil.example.net"}
        assert set(errors_of(admin_client.post(address, typed))) == {"secret", "proxy_password"}

    @pytest.mark.parametrize(("typed", "field", "sentence"), [case for case in BAD if case[1].startswith("proxy")])
    def test_s16_a_bad_proxy_has_a_sentence(
        self, admin_client: Any, service_values: Any, typed: dict[str, Any], field: str, sentence: str
    ) -> None:
        assert sentence in errors_of(admin_client.post("/services/new/", service_values | typed))[field]


@pytest.mark.parametrize("form", [SmtpConnectionForm, IntegratedServiceForm])
def test_each_field_stands_in_one_section(form: type[SmtpConnectionForm]) -> None:
    placed = [name for _, names in (*form.front, *form.advanced) for name in names]
    assert len(placed) == len(set(placed))
    assert set(placed) | {"seen"} == set(form.base_fields)


def test_a_section_that_is_not_as_usual_shows_by_itself(smtp_values: Any) -> None:
    form = typed_form(RouteKind.SMTP, smtp_values | {"parallel": "8", "notices": "never"})
    assert {part.title: part.changed for part in form.advanced_parts() if part.open} == {
        "Sessions and speed": 1,
        "Delivery notices": 1,
    }
    assert form.advanced_changed() == 2

"""Rows turn into the right frozen values, and say in a sentence what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from mailadmin.core.clouds import CLOUDS
from mailadmin.core.secret import Secret
from mailadmin.core.settings import (
    ClientType,
    OAuthRoute,
    RouteKey,
    RouteKind,
    Security,
    SenderPolicy,
    SenderRules,
    SmtpAuth,
    SmtpRoute,
    Timeouts,
    TlsSettings,
    TlsVersion,
)
from mailadmin.delivery import routes
from mailadmin.models import IntegratedService, OAuthService, SmtpConnection
from tests.fakes.certificates import authority
from tests.models.rows import CLIENT_ID, PASSWORD, app, connection, office365

pytestmark = pytest.mark.django_db


def sentences(row: models.Model) -> dict[str, str]:
    """Return what full_clean says, by field."""
    with pytest.raises(ValidationError) as refused:
        row.full_clean()
    return {field: " ".join(texts) for field, texts in refused.value.message_dict.items()}


class TestSmtpConnection:
    def test_s1_s8_s9_s10_s13_p5_every_field_arrives_in_the_frozen_value(self) -> None:
        ca = authority().pem
        row = connection(
            "Relay",
            password=PASSWORD,
            order=3,
            host=" smtp.example.org ",
            port=2525,
            security="tls",
            tls_minimum="1.3",
            check_identity=False,
            trusted_hosts="mail.example.org 10.0.0.5",
            ca_pem=ca,
            auth="password",
            domain="CORP",
            user_name="ada",
            connect_timeout=3,
            command_timeout=4,
            message_timeout=5,
            from_address="no-reply@example.org",
            from_name="Shop",
            sender_policy="force",
            envelope_sender="bounce@example.org",
            only_for_senders="example.org, Ada@Example.net",
            subject_prefix="[shop] ",
            default_recipients="ops@example.org; Eve <eve@example.org>",
            label="shop",
        )
        row.full_clean()
        assert row.to_route() == SmtpRoute(
            key=RouteKey(RouteKind.SMTP, str(row.pk)),
            name="Relay",
            order=3,
            sender=SenderRules(
                address="no-reply@example.org",
                name="Shop",
                policy=SenderPolicy.FORCE,
                envelope="bounce@example.org",
                only_for=("example.org", "ada@example.net"),
                subject_prefix="[shop] ",
            ),
            default_recipients=("ops@example.org", "Eve <eve@example.org>"),
            label="shop",
            host="smtp.example.org",
            port=2525,
            security=Security.TLS,
            tls=TlsSettings(TlsVersion.TLS_1_3, False, ("mail.example.org", "10.0.0.5"), ca),
            auth=SmtpAuth.PASSWORD,
            domain="CORP",
            user="ada",
            timeouts=Timeouts(3, 4, 5),
        )
        assert row.to_route().password == Secret(PASSWORD)

    def test_s23_only_a_host_is_required(self) -> None:
        row = SmtpConnection(name="Relay", host="smtp.example.org")
        row.full_clean()
        route = row.to_route()
        assert (route.effective_port, route.security, route.auth) == (587, Security.STARTTLS, SmtpAuth.NONE)
        assert route.password is None
        assert set(sentences(SmtpConnection())) == {"name", "host"}

    @pytest.mark.parametrize(
        ("security", "port"), [("none", 25), ("starttls-if-offered", 25), ("starttls", 587), ("tls", 465)]
    )
    def test_s1_s19_an_empty_port_means_the_usual_one_of_the_security(self, security: str, port: int) -> None:
        assert connection(security=security).to_route().effective_port == port
        assert connection("Other", security=security, port=2525).to_route().effective_port == 2525

    def test_s15_every_security_can_be_chosen_and_starttls_is_the_default(self) -> None:
        assert SmtpConnection().security == Security.STARTTLS
        assert {choice.value for choice in SmtpConnection.SecurityChoice} == {choice.value for choice in Security}

    def test_s8_xoauth2_takes_its_token_from_an_integrated_service(self) -> None:
        service = app(password=PASSWORD)
        row = connection(auth="xoauth2", user_name="robot@contoso.org", integrated_service=service)
        row.full_clean()
        route = SmtpConnection.objects.get(pk=row.pk).to_route()
        assert route.auth is SmtpAuth.XOAUTH2
        assert route.app == service.to_app()
        assert route.app is not None
        assert route.app.credential.secret == Secret(PASSWORD)

    @pytest.mark.parametrize(
        ("values", "field", "sentence"),
        [
            ({"port": 0}, "port", "ports go from 1 to 65535"),
            ({"port": 65536}, "port", "ports go from 1 to 65535"),
            ({"host": "smtp://example.org"}, "host", "starts with a scheme"),
            ({"host": "smtp example.org"}, "host", "holds a space"),
            ({"host": "smtp.example.org:25"}, "host", "holds a port"),
            ({"trusted_hosts": "good.example.org b/d"}, "trusted_hosts", "more than a host"),
            ({"ca_pem": "-----BEGIN CERTIFICATE-----"}, "ca_pem", "not a readable PEM certificate"),
            ({"from_address": "nobody"}, "from_address", "not an e-mail address"),
            ({"envelope_sender": "Ada <ada@example.org>"}, "envelope_sender", "Type the address alone"),
            ({"only_for_senders": "@"}, "only_for_senders", "is not a domain name"),
            ({"default_recipients": "ada@example.org, nobody"}, "default_recipients", "not an e-mail address"),
            ({"subject_prefix": "[shop]\nBcc: eve@example.org"}, "subject_prefix", "may not hold line breaks"),
            ({"label": "a\x00b"}, "label", ""),
            ({"from_name": "Shop\r\nBcc: eve@example.org"}, "from_name", "may not hold line breaks"),
            ({"user_name": "ada\nbob"}, "user_name", "may not hold line breaks"),
            ({"connect_timeout": 0}, "connect_timeout", "at least 1 second"),
            ({"message_timeout": 9999}, "message_timeout", "At most 3600 seconds"),
            ({"auth": "password"}, "user_name", "A password needs a user name"),
            ({"auth": "xoauth2", "user_name": "a@b.org"}, "integrated_service", "Choose the integrated service"),
            ({"auth": "xoauth2"}, "user_name", "Type the mailbox that sends"),
            ({"auth": "xoauth2", "security": "none"}, "security", "never sent without encryption"),
            (
                {"auth": "password", "user_name": "ada", "security": "none"},
                "clear_text_confirmed",
                "everybody on the way can read the password",
            ),
            ({"sender_policy": "force"}, "from_address", "type the From address"),
            ({"security": "ssl"}, "security", ""),
            ({"tls_minimum": "1.0"}, "tls_minimum", ""),
        ],
    )
    def test_s16_every_bad_value_has_a_sentence_at_its_field(
        self, values: dict[str, Any], field: str, sentence: str
    ) -> None:
        said = sentences(connection(save=False, **values))
        assert sentence in said[field]
        assert said[field].rstrip().endswith((".", "?"))

    @pytest.mark.parametrize(
        "values", [{"clear_text_confirmed": True}, {"host": "localhost"}, {"host": "127.0.0.1"}, {"host": "::1"}]
    )
    def test_a_password_in_clear_text_needs_a_confirmation_except_on_this_machine(self, values: dict[str, Any]) -> None:
        connection(save=False, auth="password", user_name="ada", security="none", **values).full_clean()

    def test_s11_a_proxy_finds_another_machine_under_the_name_of_this_one(self) -> None:
        row = connection(
            save=False,
            host="localhost",
            auth="password",
            user_name="ada",
            security="none",
            proxy_kind="socks5",
            proxy_host="proxy.example.org",
        )
        assert "everybody on the way" in sentences(row)["clear_text_confirmed"]

    def test_s3_a_token_for_a_signed_in_user_is_refused_with_the_reason(self) -> None:
        service = app(account_kind="user")
        row = connection(save=False, auth="xoauth2", user_name="a@b.org", integrated_service=service)
        assert "background jobs with no user" in sentences(row)["integrated_service"]


class TestIntegratedService:
    def test_s3_every_field_arrives_in_the_frozen_value(self) -> None:
        row = app("App", password=PASSWORD, tenant=" contoso.example ", mail_hosts="smtp.contoso.example")
        row.full_clean()
        frozen = row.to_app()
        assert (frozen.id, frozen.name, frozen.tenant) == (str(row.pk), "App", "contoso.example")
        assert frozen.client_id == CLIENT_ID
        assert frozen.cloud.graph_host == "graph.microsoft.com"
        assert frozen.cloud.mail_hosts == (*CLOUDS["global"].mail_hosts, "smtp.contoso.example")
        assert frozen.credential.secret == Secret(PASSWORD)

    @pytest.mark.parametrize("name", CLOUDS)
    def test_hosts_typed_for_another_cloud_do_not_lead_a_microsoft_cloud_astray(self, name: str) -> None:
        row = app(cloud=name, authority_host="evil.example.net", graph_host="evil.example.net")
        assert row.to_app().cloud == CLOUDS[name]

    def test_a_custom_cloud_has_the_hosts_and_the_ca_that_were_typed(self) -> None:
        row = app(
            cloud="custom",
            authority_host="localhost:8443",
            graph_host="localhost:8444",
            mail_hosts="localhost",
            ca_pem=authority().pem,
        )
        row.full_clean()
        cloud = row.to_app().cloud
        assert (cloud.authority_host, cloud.graph_host) == ("localhost:8443", "localhost:8444")
        assert cloud.smtp_scope == "https://localhost/.default"
        assert cloud.ca_pem == authority().pem

    @pytest.mark.parametrize(
        ("values", "field", "sentence"),
        [
            ({"tenant": "contoso"}, "tenant", "neither a tenant ID"),
            ({"tenant": "common"}, "tenant", "names no tenant"),
            ({"client_id": "my-app"}, "client_id", "not an application (client) ID"),
            ({"cloud": "custom", "graph_host": "g.example.org"}, "authority_host", "needs its sign-in host"),
            ({"cloud": "custom", "authority_host": "l.example.org"}, "graph_host", "needs its Graph host"),
            ({"authority_host": "https://login.example.org"}, "authority_host", "starts with a scheme"),
            ({"ca_pem": "-----BEGIN PRIVATE KEY-----"}, "ca_pem", "holds a private key"),
            ({"cloud": "moon"}, "cloud", ""),
        ],
    )
    def test_s16_every_bad_value_has_a_sentence_at_its_field(
        self, values: dict[str, Any], field: str, sentence: str
    ) -> None:
        assert sentence in sentences(app(save=False, **values))[field]

    def test_s3_one_that_an_oauth_service_uses_stays_a_service_account(self) -> None:
        service = office365("Contoso 365").integrated_service
        service.account_kind = IntegratedService.AccountKind.USER
        assert "“Contoso 365” sends with this" in sentences(service)["account_kind"]

    def test_one_that_is_in_use_cannot_be_deleted(self) -> None:
        service = office365().integrated_service
        with pytest.raises(models.ProtectedError):
            service.delete()


class TestOAuthService:
    def test_s2_s21_s22_every_field_arrives_in_the_frozen_value(self) -> None:
        service = app(password=PASSWORD)
        row = office365(
            "Contoso 365",
            integrated_service=service,
            order=2,
            service_identity=" robot@contoso.org ",
            scopes="https://graph.microsoft.com/.default",
            send_as="Shop@Contoso.org example.net",
            subject_prefix="[x] ",
            default_recipients="ops@example.org",
            label="shop",
        )
        row.full_clean()
        assert row.to_route() == OAuthRoute(
            key=RouteKey(RouteKind.OAUTH, str(row.pk)),
            name="Contoso 365",
            order=2,
            sender=SenderRules(
                address="robot@contoso.org",
                policy=SenderPolicy.FORCE,
                send_as=("shop@contoso.org", "example.net"),
                subject_prefix="[x] ",
            ),
            default_recipients=("ops@example.org",),
            label="shop",
            client_type=ClientType.OFFICE365,
            app=service.to_app(),
            identity="robot@contoso.org",
            scopes=("https://graph.microsoft.com/.default",),
        )

    @pytest.mark.parametrize("cloud", CLOUDS)
    def test_s2_blank_scopes_mean_the_default_of_the_cloud(self, cloud: str) -> None:
        route = office365(integrated_service=app(cloud=cloud)).to_route()
        assert route.effective_scopes == (f"https://{CLOUDS[cloud].graph_host}/.default",)

    def test_s2_office_365_is_the_client_type(self) -> None:
        assert OAuthService().client_type == "office365"
        assert OAuthService().get_client_type_display() == "Office 365"

    @pytest.mark.parametrize(
        ("values", "field", "sentence"),
        [
            ({"service_identity": "robot"}, "service_identity", "not an e-mail address"),
            ({"service_identity": ""}, "service_identity", ""),
            ({"scopes": "Mail.Send"}, "scopes", "does not end in “/.default”"),
            ({"send_as": "shop@"}, "send_as", "not an e-mail address"),
            ({"client_type": "gmail"}, "client_type", ""),
        ],
    )
    def test_s16_every_bad_value_has_a_sentence_at_its_field(
        self, values: dict[str, Any], field: str, sentence: str
    ) -> None:
        assert sentence in sentences(office365(save=False, **values))[field]

    def test_s3_only_a_service_account_can_send(self) -> None:
        said = sentences(office365(save=False, integrated_service=app(account_kind="user")))["integrated_service"]
        assert "“App” signs in as a user" in said
        assert "only a service account (client credentials) can send" in said

    def test_without_an_integrated_service_the_field_says_so(self) -> None:
        row = OAuthService(name="Contoso 365", service_identity="robot@contoso.org")
        assert set(sentences(row)) == {"integrated_service"}


@pytest.mark.parametrize("make", [connection, app, office365])
class TestNames:
    def test_s16_a_name_that_differs_only_by_case_is_refused(self, make: Any) -> None:
        make("Relay A")
        values = {"integrated_service": app("Other")} if make is office365 else {}
        assert "“Relay A” exists already" in sentences(make("RELAY a", save=False, **values))["name"]

    def test_a_row_may_keep_its_own_name(self, make: Any) -> None:
        row = make("Relay A")
        row.name = "relay a"
        row.full_clean()

    def test_the_database_refuses_the_same_name_twice(self, make: Any) -> None:
        make("Relay A")
        values = {"integrated_service": app("Other")} if make is office365 else {}
        with pytest.raises(IntegrityError), transaction.atomic():
            make("Relay A", **values)


def test_s4_oauth_services_come_first_then_connections_each_in_their_order() -> None:
    connection("Second relay", order=2)
    connection("first relay", order=1)
    connection("Same place, by name", order=2)
    connection("Off", order=0, enabled=False)
    office365("Tenant B", order=2)
    office365("Tenant A", order=1)
    names = [route.name for route in routes.current().routes]
    assert names == ["Tenant A", "Tenant B", "first relay", "Same place, by name", "Second relay"]

"""N1: Test Connection for an integrated service by itself, saved or not."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from mailadmin.models import AuditEntry, ConnectionTest, IntegratedService, OAuthService, SmtpConnection
from tests.console.rows_to_watch import wait_for
from tests.fakes.graph_server import TENANT, Microsoft, Says, graph_error, jwt, token_body

CANARY = "canary-secret-6120"
CLIENT = "3c1d22aa-86f1-41af-91ab-2d7cd011db47"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def with_role(name: str, role: str) -> Client:
    user = User.objects.create_user(name, f"{name}@example.org")
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def microsoft(**claims: object) -> Microsoft:
    server = Microsoft(Says(400, graph_error("ErrorInvalidRecipients")))
    server._answers["token"] = [Says(200, token_body(jwt(**({"aud": f"https://{server.host}"} | claims))))]
    return server


def saved(server: Microsoft, **values: Any) -> IntegratedService:
    defaults: dict[str, Any] = {
        "cloud": "custom",
        "authority_host": server.host,
        "graph_host": server.host,
        "ca_pem": server.ca_pem.strip(),
        "tenant": TENANT,
        "client_id": CLIENT,
    }
    row = IntegratedService(name="Contoso app", **(defaults | values))
    row.set_secret(CANARY)
    row.save()
    return row


def page(client: Client, name: str, *args: Any) -> str:
    response = client.get(reverse(f"mailadmin:{name}", args=args))
    assert response.status_code == 200
    return response.content.decode()


def start(client: Client, row: Any, kind: str = "service") -> ConnectionTest:
    recipient = "ben@example.net" if kind == "service" else ""  # which a service has no use for
    client.post(reverse("mailadmin:test-start", args=[kind, row.pk]), {"recipient": recipient})
    return wait_for(ConnectionTest.objects.latest("started_at"))


@pytest.mark.django_db(transaction=True)
def test_n1_an_operator_tests_a_saved_service_up_to_its_token() -> None:
    """N1."""
    client = with_role("otto", "Operator")
    with microsoft() as server:
        row = saved(server, wide_permission_ok=True)
        test = start(client, row)
        assert server.asked("graph") == []
    assert (test.kind, test.route_id, test.state, test.recipient) == ("service", row.pk, "ok", "")
    assert test.target == f"{server.host} · token for Graph"
    text = page(client, "test", test.pk)
    assert "Everything works: a token was given." in text
    assert "Test again" in text
    assert "Send the test message to" not in text
    assert CANARY not in text
    assert AuditEntry.objects.get(action="tested").object_name == "Contoso app"


@pytest.mark.django_db(transaction=True)
def test_n8_the_warning_leads_to_the_kit_and_to_the_setting_of_the_service() -> None:
    """N8: also from the test of an OAuth service, whose own form has no such setting."""
    client = with_role("anna", "Administrator")
    with microsoft() as server:
        row = saved(server)
        oauth = OAuthService.objects.create(
            name="Shop", integrated_service=row, service_identity="shop@contoso.example"
        )
        tests = [start(client, row), start(client, oauth, "oauth")]
    for test in tests:
        assert test.state == "warning", test.verdict
        text = page(client, "test", test.pk)
        assert "The app may use every mailbox of the tenant." in text
        assert reverse("mailadmin:service-kit", args=[row.pk]) in text
        assert f"{reverse('mailadmin:service-edit', args=[row.pk])}#id_wide_permission_ok" in text


@pytest.mark.django_db(transaction=True)
def test_s8_a_service_that_only_smtp_uses_is_asked_for_a_token_for_smtp() -> None:
    """S8."""
    client = with_role("otto", "Operator")
    with microsoft(aud="https://mail.local", roles=["SMTP.SendAsApp"]) as server:
        row = saved(server, mail_hosts="mail.local")
        SmtpConnection.objects.create(
            name="By token", host="mail.local", auth="xoauth2", user_name="a@b.example", integrated_service=row
        )
        test = start(client, row)
        assert b"scope=https%3A%2F%2Fmail.local%2F.default" in server.asked("token")[0].body
    assert test.state == "ok"
    assert test.target.endswith("token for SMTP")


@pytest.mark.django_db(transaction=True)
def test_p2_typed_values_are_tested_and_saved_without_typing_the_secret_again() -> None:
    """P2."""
    client = with_role("anna", "Administrator")
    with microsoft() as server:
        typed = {
            "name": "Contoso app",
            "cloud": "custom",
            "authority_host": server.host,
            "graph_host": server.host,
            "ca_pem": server.ca_pem.replace("\n", "\r\n"),
            "tenant": TENANT,
            "client_id": CLIENT,
            "credential_kind": "secret",
            "secret": CANARY,
            "credential_ends_on": "2099-03-31",
            "requests_at_once": "4",
            "account_kind": "service-account",
        }
        response = client.post(reverse("mailadmin:test-start-unsaved", args=["service"]), typed)
        assert response.status_code == 302, response.content.decode()
        test = wait_for(ConnectionTest.objects.get())
        assert CANARY.encode() in server.asked("token")[0].body
    assert (test.state, test.saved_values, test.route_id) == ("warning", False, None)
    assert not IntegratedService.objects.exists()
    assert "Save what was tested" in page(client, "test", test.pk)
    assert CANARY not in page(client, "test", test.pk) + page(client, "test-form", test.pk)
    client.post(reverse("mailadmin:test-save", args=[test.pk]))
    secret = IntegratedService.objects.get().secret.value()
    assert secret
    assert secret.reveal() == CANARY


@pytest.mark.django_db
def test_typed_values_of_a_service_need_the_right_to_change_it() -> None:
    client = with_role("otto", "Operator")
    response = client.post(reverse("mailadmin:test-start-unsaved", args=["service"]), {"name": "App"})
    assert response.status_code == 403


@pytest.mark.django_db
def test_the_form_and_the_list_have_the_button() -> None:
    client = with_role("anna", "Administrator")
    with microsoft() as server:
        row = saved(server)
    start_url = reverse("mailadmin:test-start", args=["service", row.pk])
    form = page(client, "service-edit", row.pk)
    assert reverse("mailadmin:test-start-unsaved", args=["service"]) in form
    assert reverse("mailadmin:service-kit", args=[row.pk]) in form
    assert "Send a test message to" not in form
    assert start_url in page(client, "service-list")

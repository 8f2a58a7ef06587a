"""N8: the least-privilege kit of an integrated service."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.console.kit import Grant, Kit, kit, script
from mailadmin.core.settings import CredentialKind
from mailadmin.models import IntegratedService, OAuthService, SmtpConnection
from tests.fakes import certificates

from .powershell_reader import read

CLIENT = "3c1d22aa-86f1-41af-91ab-2d7cd011db47"
PLAIN = Kit(
    name="Contoso mail app",
    label="mailadmin-3c1d22aa",
    cloud="global",
    tenant="contoso.example",
    client_id=CLIENT,
    kind=CredentialKind.SECRET,
    grants=(Grant("Mail.Send", "sending by Graph", ("a@contoso.example", "b@contoso.example")),),
    send_as=(("a@contoso.example", "news@contoso.example"),),
)


def lines(text: str, start: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith(start)]


@pytest.fixture
def used(service: IntegratedService, oauth: OAuthService) -> IntegratedService:
    oauth.mailboxes = "shop@contoso.example, NO-REPLY@contoso.example"
    oauth.send_as = "news@contoso.example @events.example"
    oauth.save()
    large = OAuthService(name="Reports", integrated_service=service, service_identity="reports@contoso.example")
    large.large_messages = large.settle = True
    large.save()
    SmtpConnection.objects.create(
        name="By token",
        host="smtp.office365.com",
        auth="xoauth2",
        user_name="scan@contoso.example",
        from_address="scanner@contoso.example",
        integrated_service=service,
    )
    return service


def test_n8_each_role_gets_exactly_the_mailboxes_that_need_it(used: IntegratedService) -> None:
    """N8."""
    found = kit(used)
    assert {grant.role: grant.mailboxes for grant in found.grants} == {
        "Application Mail.Send": ("no-reply@contoso.example", "shop@contoso.example", "reports@contoso.example"),
        "Application Mail.ReadWrite": ("reports@contoso.example",),
        "Application Mail.Read": ("reports@contoso.example",),
        "Application SMTP.SendAsApp": ("scan@contoso.example",),
    }
    assert found.send_as == (
        ("no-reply@contoso.example", "news@contoso.example"),
        ("shop@contoso.example", "news@contoso.example"),
        ("scan@contoso.example", "scanner@contoso.example"),
    )
    assert found.domains == ("events.example",)


def test_the_script_connects_grants_tests_and_removes_the_wide_consent(used: IntegratedService) -> None:
    text = script(kit(used))
    assert text.startswith('# Least privilege for the integrated service "Contoso mail app"')
    assert "NOT RUN by those who wrote it" in text
    code, values = read(text)
    for cmdlet in (
        *("Connect-MgGraph", "Get-MgServicePrincipal", "Connect-ExchangeOnline", "New-ServicePrincipal"),
        *("New-ManagementScope", "New-ManagementRoleAssignment", "Test-ServicePrincipalAuthorization"),
        *("Remove-MgServicePrincipalAppRoleAssignment", "Add-RecipientPermission", "New-ApplicationAccessPolicy"),
        *("Test-ApplicationAccessPolicy", "Add-MgApplicationPassword"),
    ):
        assert cmdlet in code, cmdlet
    assert "-ObjectId $Principal.Id" in code
    assert "Application Mail.ReadWrite" in values
    assert "only-entra-knows-this" not in text
    assert code.count("{") == code.count("}")
    assert code.count("(") == code.count(")")


@pytest.mark.parametrize(
    ("cloud", "graph", "exchange"),
    [
        ("global", "Global", "O365Default"),
        ("gcc-high", "USGov", "O365USGovGCCHigh"),
        ("dod", "USGovDoD", "O365USGovDoD"),
        ("china", "China", "O365China"),
        ("custom", "Global", "O365Default"),
    ],
)
def test_p13_each_cloud_has_its_own_environments(cloud: str, graph: str, exchange: str) -> None:
    """P13."""
    text = script(replace(PLAIN, cloud=cloud))
    assert lines(text, "$GraphEnvironment") == [f"$GraphEnvironment = '{graph}'"]
    assert lines(text, "$ExchangeEnvironment") == [f"$ExchangeEnvironment = '{exchange}'"]
    assert ("name the right environments" in text) == (cloud == "custom")


def test_each_kind_of_credential_has_its_own_part() -> None:
    pem = certificates.authority().pem
    texts = {
        kind: script(replace(PLAIN, kind=kind, certificate=pem if kind is CredentialKind.CERTIFICATE else ""))
        for kind in CredentialKind
    }
    marks = {
        CredentialKind.SECRET: "Add-MgApplicationPassword",
        CredentialKind.CERTIFICATE: "AsymmetricX509Cert",
        CredentialKind.FEDERATED: "New-MgApplicationFederatedIdentityCredential",
        CredentialKind.MANAGED_IDENTITY: "Managed identities",
    }
    for kind, text in texts.items():
        assert [other for other, mark in marks.items() if mark in text] == [kind]
        code, _ = read(text)
        assert code.count("{") == code.count("}"), kind
    assert "BEGIN CERTIFICATE" not in texts[CredentialKind.CERTIFICATE]


def test_a_certificate_that_cannot_be_read_is_left_out() -> None:
    text = script(replace(PLAIN, kind=CredentialKind.CERTIFICATE, certificate="no certificate"))
    assert "FromBase64String" not in text


@given(*[st.text()] * 6)
def test_n8_whatever_the_values_hold_the_code_stays_the_same(
    name: str, label: str, tenant: str, client: str, mailbox: str, address: str
) -> None:
    """N8: names with quotes, $ or line ends never run."""
    grants = (Grant("Mail.Send", "", (mailbox, "b@contoso.example")),)
    odd = replace(
        PLAIN, name=name, label=label, tenant=tenant, client_id=client, grants=grants, send_as=((mailbox, address),)
    )
    code, _ = read(script(odd))
    plain = replace(PLAIN, grants=(Grant("Mail.Send", "", ("a", "b@contoso.example")),), send_as=(("a", "b"),))
    mailboxes = len({*({mailbox.strip().lower()} - {""}), "b@contoso.example"})
    if mailboxes == 1:
        plain = replace(plain, grants=(Grant("Mail.Send", "", ("b@contoso.example",)),))
        code = code.replace("Mailboxes = @(′, ′)", "Mailboxes = @(′)", 1)
    assert code == read(script(plain))[0]


def page(client: Client, service: IntegratedService) -> str:
    response = client.get(reverse("mailadmin:service-kit", args=[service.pk]))
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_shows_the_script_to_copy_the_grants_and_a_check_list(
    viewer_client: Client, used: IntegratedService
) -> None:
    text = page(viewer_client, used)
    assert 'data-copy="#script"' in text
    assert "Application SMTP.SendAsApp" in text
    assert "no-reply@contoso.example as news@contoso.example" in text
    assert "events.example cannot be part of the script" in text
    assert "only-entra-knows-this" not in text
    edit = reverse("mailadmin:service-edit", args=[used.pk])
    assert f'href="{edit}"' not in text  # a viewer may not change it


def test_a_service_that_nothing_uses_says_so(admin_client: Client, service: IntegratedService) -> None:
    assert "Nothing sends with this service yet." in page(admin_client, service)


def test_the_file_is_utf_8_with_a_mark_and_a_plain_name(viewer_client: Client, service: IntegratedService) -> None:
    service.name = 'Ärger"; rm'
    service.save()
    response: Any = viewer_client.get(reverse("mailadmin:service-kit-script", args=[service.pk]))
    assert response["Content-Disposition"] == 'attachment; filename="least-privilege-arger-rm.ps1"'
    assert response.content.startswith(b"\xef\xbb\xbf#")
    assert "Ärger" in response.content.decode("utf-8-sig")
    assert b"\r\n" in response.content

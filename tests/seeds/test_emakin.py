"""Emakin, "E-Mail Services": SMTP connections by a real server, OAuth services by the sandbox's Graph (S1-S5).

"E-Mail Actions" (S6) need inbound mail and belong to what receives it.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from urllib.parse import parse_qs
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError

import mailadmin
from mailadmin.conf import ConfigurationError
from mailadmin.core.clients import Scope
from mailadmin.models import IntegratedService, OAuthService, SmtpConnection
from tests.api.conftest import a_program
from tests.delivery.conftest import Peers, add_oauth
from tests.fakes.graph_server import TENANT, Microsoft, Says
from tests.seeds.kit import (
    SERVICE,
    assert_complete,
    came_by,
    connection,
    letter,
    nothing_arrives,
    refused,
    somebody,
)
from tests.services.mails import PASSWORD, USER
from tests.services.postfix import Postfix

pytestmark = [SERVICE, pytest.mark.django_db]

ROWS = {
    "OpenAuth-based services are preferred": "test_oauth_services_are_preferred_and_smtp_is_the_fallback",
    # SMTP Connections
    "Is Enabled?": "test_is_enabled",
    "From Address": "test_from_address",
    "From Display Name": "test_from_display_name",
    "SMTP Server": "test_smtp_server",
    "Test Connection": "test_test_connection_sends_a_message",
    "User Name": "test_user_name_and_password",
    "Password": "test_user_name_and_password",
    "SSL": "test_ssl_and_smtp_port",
    "SMTP Port": "test_ssl_and_smtp_port",
    "SMTP Port: Non-Encrypted 25": "test_ssl_and_smtp_port",
    "SMTP Port: Secure (TLS) 587": "test_ssl_and_smtp_port",
    "SMTP Port: Secure (SSL) 465": "test_ssl_and_smtp_port",
    # OpenAuth-Based E-Mail Services
    "Client Type": "test_client_type",
    "Service": "test_service",
    "Service: must be a service account": "test_service_must_be_a_service_account",
    "Name": "test_name",
    "Service Identity": "test_service_identity_sends",
    "Scopes": "test_scopes_asked_for",
    "Scopes: left blank": "test_scopes_left_blank",
}


def test_every_row_has_its_test() -> None:
    assert_complete(ROWS, globals())


def test_oauth_services_are_preferred_and_smtp_is_the_fallback(postfix: Postfix, peers: Peers) -> None:
    """S4."""
    connection(postfix)
    add_oauth(peers)
    ben = somebody()
    with nothing_arrives(postfix):
        assert mailadmin.send("Preferred", "x", USER, ben).route == "Contoso 365"
    assert peers.ways() == ["graph"]
    peers.graph_fault = "403"
    assert mailadmin.send("Fallback", "x", USER, ben).route == "Postfix"
    assert letter(postfix, ben)["Subject"] == "Fallback"


# -- SMTP connections ----------------------------------------------------------------------------------------


def test_is_enabled(postfix: Postfix) -> None:
    row = connection(postfix, enabled=False)
    ben = somebody()
    with nothing_arrives(postfix), pytest.raises(ConfigurationError):
        mailadmin.send("Off", "x", USER, ben)
    row.enabled = True
    row.save()
    mailadmin.send("On", "x", USER, ben)
    assert letter(postfix, ben)["Subject"] == "On"


def test_from_address(postfix: Postfix) -> None:
    """It stands in where a message has none."""
    connection(postfix, from_address=USER)
    ben = somebody()
    mailadmin.send("From", "x", None, ben)
    mail = letter(postfix, ben)
    assert (mail["From"], mail["Return-Path"]) == (USER, f"<{USER}>")


def test_from_display_name(postfix: Postfix) -> None:
    connection(postfix, from_address=USER, from_name="Emakin, Jürgen")
    ben = somebody()
    mailadmin.send("From", "x", None, ben)
    (sender,) = letter(postfix, ben)["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Emakin, Jürgen", USER)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_smtp_server(postfix: Postfix, host: str) -> None:
    """A host name or an IP address."""
    connection(postfix, host=host)
    ben = somebody()
    mailadmin.send("Server", "x", USER, ben)
    assert came_by(letter(postfix, ben)) == "ESMTPSA"


def test_test_connection_sends_a_message(postfix: Postfix) -> None:
    """S5: to the recipient that is named; without one it goes as far as it can, and nothing is sent."""
    connection(postfix, from_address=USER)
    ben, program = somebody(), a_program(Scope.TEST)
    with nothing_arrives(postfix):
        assert program.post("/connections/Postfix/test").json()["state"] in ("ok", "warning")
    answer = program.post("/connections/Postfix/test", {"recipient": ben}).json()
    assert "the test message was accepted" in answer["verdict"]
    mail = letter(postfix, ben)
    assert (mail["From"], mail["Auto-Submitted"]) == (USER, "auto-generated")
    assert "Postfix" in mail["Subject"]
    assert program.post("/connections/Postfix/test", {"recipient": "nobody"}).status_code == 422


def test_user_name_and_password(postfix: Postfix) -> None:
    row = connection(postfix)
    ben = somebody()
    mailadmin.send("User", "x", USER, ben)
    assert came_by(letter(postfix, ben)) == "ESMTPSA"
    row.set_secret("falsch-2")
    row.save()
    with refused(postfix, "credentials-refused", "Sign-in was refused by localhost."):
        mailadmin.send("x", "x", USER, somebody())
    assert PASSWORD not in repr(SmtpConnection.objects.values())


@pytest.mark.parametrize(
    ("security", "port", "came"), [("none", 25, "ESMTP"), ("starttls", 587, "ESMTPS"), ("tls", 465, "ESMTPS")]
)
@pytest.mark.parametrize("given", [True, False])
def test_ssl_and_smtp_port(postfix: Postfix, security: str, port: int, came: str, given: bool) -> None:
    """Each of the document's three kinds of servers, with its port typed and left empty."""
    connection(postfix, host=postfix.address, security=security, port=port if given else None, auth="none")
    ben = somebody()
    mailadmin.send("Port", "x", USER, ben)
    assert came_by(letter(postfix, ben)) == came
    assert any("client=" in line for line in postfix.log(f"usual_{port}"))


# -- OAuth services ------------------------------------------------------------------------------------------


def test_client_type(peers: Peers) -> None:
    """Office 365, as in the seed, and nothing else."""
    row = add_oauth(peers)
    assert (row.client_type, row.get_client_type_display()) == ("office365", "Office 365")
    assert mailadmin.send("Client type", "x", None, "ann@example.org").sent
    row.client_type = "pigeon"
    with pytest.raises(ValidationError, match="pigeon"):
        row.full_clean()


def test_service(peers: Peers) -> None:
    """The integrated service signs in: with a wrong secret nothing leaves."""
    row = add_oauth(peers)
    mailadmin.send("Service", "x", None, "ann@example.org")
    service = IntegratedService.objects.get(pk=row.integrated_service_id)
    service.set_secret("wrong-secret-1")
    service.save()
    with pytest.raises(mailadmin.MailError, match="secret"):
        mailadmin.send("Wrong secret", "x", None, "ann@example.org")
    assert [arrived.parsed["Subject"] for arrived in peers.arrived] == ["Service"]


def test_service_must_be_a_service_account(peers: Peers) -> None:
    """S3: mail leaves from background jobs with no user."""
    row = add_oauth(peers)
    IntegratedService.objects.update(account_kind=IntegratedService.AccountKind.USER)
    again = OAuthService.objects.get(pk=row.pk)
    with pytest.raises(ValidationError, match=r"signs in as a user\. Mail leaves from background jobs with no user"):
        again.full_clean()


def test_name(peers: Peers) -> None:
    row = add_oauth(peers, "Finance")
    assert mailadmin.send("Name", "x", None, "ann@example.org", route="finance").route == "Finance"
    twin = OAuthService(name="FINANCE", integrated_service=row.integrated_service, service_identity="a@contoso.org")
    with pytest.raises(ValidationError, match="“Finance” exists already"):
        twin.full_clean()


def test_service_identity_sends(peers: Peers) -> None:
    add_oauth(peers, service_identity="robot@contoso.org")
    mailadmin.send("Identity", "x", None, "ann@example.org")
    (arrived,) = peers.arrived
    assert (arrived.via, arrived.envelope_sender) == ("graph", "robot@contoso.org")


@pytest.fixture
def microsoft() -> Iterator[Microsoft]:
    """Entra and Graph, which keep what they were asked."""
    with Microsoft(Says(202)) as server:
        yield server


def scope_asked_for(microsoft: Microsoft, scopes: str) -> list[str]:
    """Send by a service with these `scopes`, and return those that Entra was asked for."""
    known = SimpleNamespace(
        https_host=microsoft.host,
        ca_pem=microsoft.ca_pem,
        tenant=TENANT,
        client_id=str(uuid4()),  # its own: tokens are kept
        client_secret="client-secret-1",
    )
    add_oauth(Peers(sandbox=known), scopes=scopes)
    assert mailadmin.send("Scopes", "x", None, "ann@example.org").sent
    (asked,) = microsoft.asked("token")
    return parse_qs(asked.body.decode())["scope"][0].split()


def test_scopes_left_blank(microsoft: Microsoft) -> None:
    """The provider's own default: everything that the app was given. Beside it the library asks for nothing."""
    assert scope_asked_for(microsoft, "") == [f"https://{microsoft.host}/.default"]


def test_scopes_asked_for(microsoft: Microsoft) -> None:
    scopes = f"https://{microsoft.host}/.default"
    assert scope_asked_for(microsoft, scopes) == [scopes]
    row = OAuthService.objects.get()
    row.scopes = "https://graph.microsoft.com/Mail.Send"
    with pytest.raises(ValidationError) as caught:
        row.full_clean()
    assert list(caught.value.message_dict) == ["scopes"]

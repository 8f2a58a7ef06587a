"""N16: connections that sign in to Microsoft with a password, and the way to their Graph twin."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from mailadmin.models import IntegratedService, OAuthService, SmtpConnection
from mailadmin.watch.radar import blips

pytestmark = pytest.mark.django_db
TODAY, LATER = "2026-11-21T12:00:00Z", "2027-02-01T12:00:00Z"


def connection(name: str = "Exchange", host: str = "smtp.office365.com", **values: Any) -> SmtpConnection:
    defaults: dict[str, Any] = {"auth": "password", "user_name": "shop@contoso.example"}
    row = SmtpConnection(name=name, host=host, **(defaults | values))
    row.set_secret("a password")
    row.save()
    return row


def page(client: Client, name: str = "smtp-radar", *args: Any) -> str:
    response = client.get(reverse(f"mailadmin:{name}", args=args))
    assert response.status_code == 200
    return response.content.decode()


@time_machine.travel(TODAY, tick=False)
def test_n16_the_page_lists_them_with_the_days_left_and_what_was_announced(admin_client: Client) -> None:
    """N16."""
    connection()
    connection("Spare", "smtp-mail.outlook.com", enabled=False)
    connection("Elsewhere", "smtp.example.org")
    connection("By token", auth="xoauth2")
    connection("Direct", "contoso.mail.protection.outlook.com")
    assert [blip.row.name for blip in blips()] == ["Exchange", "Spare"]
    text = page(admin_client)
    assert "In 40 days Microsoft switches sign-in by password off by default." in text
    assert "Where it is off, this connection is refused: “550 5.7.30 Basic authentication" in text
    assert "MC786329" in text
    assert "Second half of 2027" in text
    assert "Elsewhere" not in text
    assert "By token" not in text


@time_machine.travel(LATER, tick=False)
def test_after_the_date_the_words_change(viewer_client: Client, viewer: User) -> None:
    viewer_client.force_login(viewer)  # the session of today has ended by then
    connection()
    assert "has switched sign-in by password off by default" in page(viewer_client)


def test_n16_one_click_makes_the_graph_twin(admin_client: Client, service: IntegratedService) -> None:
    connection(label="shop", subject_prefix="[Shop]")
    (blip,) = blips()
    address = urlsplit(blip.twin_url)
    assert address.path == reverse("mailadmin:oauth-new")
    assert parse_qs(address.query) == {
        "name": ["Exchange by Graph"],
        "service_identity": ["shop@contoso.example"],
        "label": ["shop"],
        "subject_prefix": ["[Shop]"],
    }
    assert "Make the Graph twin" in page(admin_client)
    form = admin_client.get(blip.twin_url).content.decode()
    assert 'value="Exchange by Graph"' in form
    assert 'value="shop@contoso.example"' in form


def test_without_an_integrated_service_that_comes_first(admin_client: Client, viewer_client: Client) -> None:
    connection()
    text = page(admin_client)
    assert "First an integrated service" in text
    assert "Make the Graph twin<" not in text
    assert "First an integrated service" not in page(viewer_client)


def test_a_connection_with_a_twin_is_only_the_fallback(viewer_client: Client, service: IntegratedService) -> None:
    connection(user_name="shop", from_address="Shop@contoso.example")
    twin = OAuthService(name="Shop by Graph", integrated_service=service, service_identity="shop@Contoso.example")
    twin.save()
    (blip,) = blips()
    assert blip.settled
    assert blip.twins == (twin,)
    text = page(viewer_client)
    assert "Only the fallback" in text
    assert "Sends with a password" not in text
    twin.enabled = False
    twin.save()
    assert "Sends with a password" in page(viewer_client)


def test_a_further_mailbox_of_a_service_is_a_twin_too(service: IntegratedService) -> None:
    connection(user_name="shop@contoso.example")
    twin = OAuthService(name="All by Graph", integrated_service=service, service_identity="robot@contoso.example")
    twin.mailboxes = "orders@contoso.example\nShop@Contoso.example"
    twin.save()
    assert blips()[0].twins == (twin,)


def test_a_name_that_is_taken_is_left_to_the_person(service: IntegratedService) -> None:
    connection()
    OAuthService.objects.create(name="EXCHANGE BY GRAPH", integrated_service=service, service_identity="x@y.example")
    assert "name=" not in blips()[0].twin_url


def test_an_empty_page_says_that_nothing_is_to_be_done(viewer_client: Client) -> None:
    assert "Nothing is to be done" in page(viewer_client)


@time_machine.travel(TODAY, tick=False)
def test_n16_dashboard_form_and_list_lead_to_the_page(admin_client: Client) -> None:
    row, other = connection(), connection("Elsewhere", "smtp.example.org")
    address = reverse("mailadmin:smtp-radar")
    text = page(admin_client, "dashboard")
    assert "“Exchange” signs in to Microsoft with a password." in text
    assert address in text
    assert address in page(admin_client, "smtp-list")
    form = page(admin_client, "smtp-edit", row.pk)
    assert "This connection signs in to Microsoft with a password." in form
    assert "In 40 days" in form
    assert "to Microsoft with a password" not in page(admin_client, "smtp-edit", other.pk)
    assert "to Microsoft with a password" not in page(admin_client, "smtp-new")


def test_what_is_switched_off_is_no_banner(admin_client: Client) -> None:
    connection(enabled=False)
    assert "to Microsoft with a password" not in page(admin_client, "dashboard")


def test_several_are_counted(admin_client: Client) -> None:
    connection()
    connection("Second", user_name="b@contoso.example")
    assert "2 SMTP connections sign in to Microsoft with a password." in page(admin_client, "dashboard")

"""P4: the page that finds the server of an address, the gallery of providers, and the form that they fill in."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.core import signing
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailadmin.console import starts
from mailadmin.console.discovery import ACTION, gallery
from mailadmin.core import limits
from mailadmin.core.providers import providers
from mailadmin.core.settings import Security
from mailadmin.models import AuditEntry, Settings, SmtpConnection
from mailadmin.net import resolver
from tests.fakes.dns_server import Answer, DnsServer

pytestmark = pytest.mark.django_db
URL = "/smtp/find/"
RECORDS: dict[tuple[str, str], Answer] = {
    ("example.org", "MX"): ["0 example-org.mail.protection.outlook.com."],
    ("example.org", "TXT"): ["v=spf1 include:spf.protection.outlook.com include:sendgrid.net -all"],
    ("example.net", "MX"): ["10 mail.example.net."],
    # A port that this deployment closes (below), so that nothing is dialled.
    ("_submissions._tcp.example.net", "SRV"): ["0 0 4465 smtp.hoster.example."],
    ("example.com", "MX"): ["0 ."],
}


@pytest.fixture(autouse=True)
def dns(settings: Any) -> Iterator[DnsServer]:
    """Name a DNS server of this test, and let nothing be dialled."""
    settings.MAILADMIN = settings.MAILADMIN | {"NETWORK": {"PORTS": [25]}}
    with DnsServer(RECORDS) as server:
        row = Settings.load()
        row.resolvers = f"{server.address[0]}:{server.address[1]}"
        row.save()
        yield server


def found(client: Client, address: str) -> str:
    response = client.post(URL, {"address": address})
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def links(text: str) -> list[str]:
    """Return the links that fill in a form, in the order of the page."""
    return [address for address in re.findall(r'href="([^"]*)"', html.unescape(text)) if f"{starts.QUERY}=" in address]


def carried(address: str) -> dict[str, str]:
    return starts.opened(parse_qs(urlsplit(address).query)[starts.QUERY][0])


def test_the_menu_shows_where_one_is(admin_client: Client) -> None:
    assert '<a href="/smtp/" aria-current="page">' in admin_client.get(URL).content.decode()


class TestSearch:
    def test_nothing_is_said_twice_of_a_provider_that_takes_no_application(self, admin_client: Client) -> None:
        assert found(admin_client, "shop@outlook.com").count("Addresses at outlook.com are at Outlook.com") == 1

    def test_p4_microsoft_365_is_found_by_its_mail_exchanger_and_leads_to_graph(self, admin_client: Client) -> None:
        """P4."""
        text = found(admin_client, "shop@example.org")
        assert "Mail for example.org goes to example-org.mail.protection.outlook.com, which is Microsoft 365." in text
        assert f"{reverse('mailadmin:oauth-new')}?service_identity=shop%40example.org" in text
        assert "The SPF record of example.org lets SendGrid (Twilio) send." in text
        form = admin_client.get("/oauth/new/?service_identity=shop%40example.org").content.decode()
        assert 'value="shop@example.org"' in form

    def test_p4_a_server_of_a_stranger_is_used_only_by_somebody_who_knows_it(self, admin_client: Client) -> None:
        """P4; RFC 6186 section 6."""
        text = found(admin_client, "anna@example.net")
        assert "The DNS record _submissions._tcp.example.net names it." in text
        assert "I know this server: use it" in text
        assert "This name is not one of example.net." in text
        assert "Not verified" in text
        assert "port" in text.lower()

    def test_p4_when_nothing_is_found_it_says_so_and_whom_to_ask(self, admin_client: Client) -> None:
        """P4."""
        text = found(admin_client, "anna@example.com")
        assert "No server for example.com was found." in text
        assert "the domain takes no mail" in text
        assert "smtp.example.com, port 465" in text  # guessed, and told as tried only
        assert not any("example.com" in str(carried(link)) for link in links(text))

    @pytest.mark.parametrize("address", ["", "anna", "anna@localhost", "anna@[192.0.2.1]", "a@b\r\nc.org"])
    def test_what_is_no_address_is_refused_and_not_searched(
        self, admin_client: Client, dns: DnsServer, address: str
    ) -> None:
        text = found(admin_client, address)
        assert "nothing was searched" in text
        assert dns.questions == []
        assert not AuditEntry.objects.filter(action=ACTION).exists()

    def test_a_look_at_the_page_searches_nothing(self, admin_client: Client, dns: DnsServer) -> None:
        assert admin_client.get(URL, {"address": "anna@example.org"}).status_code == 200
        assert dns.questions == []

    def test_a_search_is_audited_and_limited_as_tests_are(self, admin_client: Client, dns: DnsServer) -> None:
        for _ in range(limits.TESTS_PER_MINUTE):
            found(admin_client, "anna@example.com")
        assert AuditEntry.objects.filter(action=ACTION, detail="anna@example.com").count() == limits.TESTS_PER_MINUTE
        asked = len(dns.questions)
        assert "which is the limit. Wait" in found(admin_client, "anna@example.com")
        assert len(dns.questions) == asked
        with time_machine.travel(timezone.now() + timedelta(seconds=61)):
            admin_client.force_login(admin_client.user)  # type: ignore[attr-defined]  # set by the fixture
            assert "which is the limit" not in found(admin_client, "anna@example.com")

    def test_without_the_library_it_says_what_to_install(
        self, admin_client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(__import__("sys").modules, "dns", None)
        assert "pip install 'mailadmin[dns]'" in html.unescape(admin_client.get(URL).content.decode())
        assert not resolver.available()
        assert "smtp.gmail.com" in found(admin_client, "anna@gmail.com")

    def test_who_may_not_test_may_only_choose_a_provider(self, nobody: Any, nobody_client: Client) -> None:
        from django.contrib.auth.models import Permission

        nobody.user_permissions.add(Permission.objects.get(codename="add_smtpconnection"))
        page = nobody_client.get(URL).content.decode()
        assert "Can test saved connections and services" in page
        assert "smtp.sendgrid.net" in page
        assert nobody_client.post(URL, {"address": "anna@example.org"}).status_code == 403


class TestGallery:
    def test_p4_every_provider_is_there_with_its_rules(self, admin_client: Client) -> None:
        """P4."""
        text = html.unescape(admin_client.get(URL).content.decode())
        for provider in providers():
            assert provider.name in text
            assert provider.sign_in in text
        assert {card.title for _, cards in gallery() for card in cards} == {one.name for one in providers()}

    def test_p4_each_start_opens_a_valid_form(self, admin_client: Client) -> None:
        """P4: the form of every server in the gallery can be saved once a password is typed."""
        starting = links(admin_client.get(URL).content.decode())
        assert len(starting) == sum(len(provider.servers) for provider in providers() if provider.by_smtp)
        for address in starting:
            shown = admin_client.get(address).context["form"]
            values = {name: shown[name].value() or "" for name in shown.fields}
            typed = {name: value for name, value in values.items() if value is not False}
            saved = admin_client.post("/smtp/new/", typed | {"user_name": "anna", "secret": "geheim"})
            assert saved.status_code == 302, address
            assert SmtpConnection.objects.get().host == carried(address)["host"]
            SmtpConnection.objects.all().delete()

    def test_p4_a_start_fills_in_the_form_and_shows_the_rules_beside_it(self, admin_client: Client) -> None:
        """P4."""
        page = admin_client.get(URL).content.decode()
        address = next(link for link in links(page) if carried(link)["host"] == "smtp.sendgrid.net")
        form = html.unescape(admin_client.get(address).content.decode())
        assert 'value="smtp.sendgrid.net"' in form
        assert 'value="apikey"' in form
        assert 'value="SendGrid (Twilio)"' in form
        assert "the password is an API key with the right to send mail." in form
        assert 'value="password" id="id_auth_1" checked' in form or re.search(r'value="password"[^>]*checked', form)


class TestStarts:
    def test_only_our_own_links_fill_in_anything(self, admin_client: Client) -> None:
        """A link that anybody could make would lead a password to a server of theirs."""
        foreign = signing.dumps({"host": "smtp.evil.example"}, key="another key", salt="mailadmin.console.starts")
        for query in (f"start={foreign}", "start=", "start=x:y:z", "host=smtp.evil.example"):
            form = admin_client.get(f"/smtp/new/?{query}").context["form"]
            assert form["host"].value() in (None, "")

    def test_a_link_ends(self) -> None:
        link = starts.smtp_link("smtp.example.org", 465, Security.TLS)
        assert carried(link)["host"] == "smtp.example.org"
        with time_machine.travel(timezone.now() + timedelta(seconds=limits.DISCOVERY_LINK_SECONDS + 1)):
            assert carried(link) == {}

    def test_a_link_carries_known_fields_only(self) -> None:
        token = signing.dumps({"host": "a.example", "secret": "x", "enabled": "on"}, salt="mailadmin.console.starts")
        assert starts.opened(token) == {"host": "a.example"}

    def test_the_usual_port_is_left_to_the_security(self) -> None:
        assert "port" not in carried(starts.smtp_link("a.example", 465, Security.TLS))
        assert carried(starts.smtp_link("a.example", 2465, Security.TLS))["port"] == "2465"

    def test_a_name_that_is_taken_is_left_open(self, admin_client: Client) -> None:
        SmtpConnection.objects.create(name="A.example", host="x.example")
        form = admin_client.get(starts.smtp_link("a.example", 465, Security.TLS)).content.decode()
        assert 'value="a.example"' in form  # the host
        assert form.count('value="a.example"') == 1


class TestWaysIn:
    @pytest.mark.parametrize("page", ["/smtp/", "/smtp/new/", "/"])
    def test_it_is_offered_where_a_server_is_needed(self, admin_client: Client, page: str) -> None:
        assert f'href="{URL}"' in admin_client.get(page).content.decode()

    def test_it_is_offered_beside_connections_that_are_there(self, admin_client: Client, viewer_client: Client) -> None:
        row = SmtpConnection.objects.create(name="Relay", host="smtp.mailgun.org")
        assert f'href="{URL}"' in admin_client.get("/smtp/").content.decode()
        assert f'href="{URL}"' not in viewer_client.get("/smtp/").content.decode()
        form = html.unescape(admin_client.get(f"/smtp/{row.pk}/").content.decode())
        assert f'href="{URL}"' not in form
        assert "not the API key." in form  # the rules of the provider beside the form of a saved connection

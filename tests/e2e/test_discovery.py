"""P4 by hand: from an e-mail address to a tested connection, and a start from a provider."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import steps
from tests.e2e.conftest import NewPage
from tests.e2e.console import Console, running_console
from tests.e2e.test_look import _check
from tests.fakes import certificates
from tests.fakes.dns_server import DnsServer
from tests.fakes.smtp_server import SmtpServer

ADDRESS, PASSWORD = "anna@example.org", "geheim-1"


@pytest.fixture(scope="module")
def fresh_console(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console on a machine that trusts the authority of our test servers."""
    trusted = tmp_path_factory.mktemp("trust") / "ca.pem"
    Path(trusted).write_text(certificates.authority().pem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "SSL_CERT_FILE", str(trusted))
        with running_console() as console:
            yield console


@pytest.fixture(scope="module")
def server() -> Iterator[SmtpServer]:
    with SmtpServer(identity=certificates.good(), implicit=True, users={ADDRESS: PASSWORD}) as server:
        yield server


@pytest.fixture(scope="module")
def found_by_dns(console: Console, server: SmtpServer) -> Iterator[Console]:
    """The console asks a DNS server of ours, in which the domain names a server of its provider."""
    records = {
        ("example.org", "MX"): ["10 mx.hoster.example."],
        ("example.org", "TXT"): ["v=spf1 include:sendgrid.net -all"],
        ("_submissions._tcp.example.org", "SRV"): [f"0 0 {server.port} localhost."],
        ("example.net", "MX"): ["0 example-net.mail.protection.outlook.com."],
        ("example.com", "MX"): ["0 ."],
    }
    with DnsServer(records) as dns:
        named = f"{dns.address[0]}:{dns.address[1]}"
        console.python(f"from mailadmin.models import Settings; Settings.objects.update(resolvers={named!r})")
        yield console


@pytest.fixture
def page(found_by_dns: Console, new_page: NewPage) -> Page:
    return new_page(found_by_dns)


def _search(page: Page, address: str) -> None:
    page.goto("/smtp/find/")
    page.get_by_label("E-mail address that is to send").fill(address)
    page.get_by_role("button", name="Find the server").click()
    expect(page.get_by_text("What was asked and tried")).to_be_visible(timeout=30_000)


def test_p4_from_an_address_to_a_tested_connection(
    page: Page, server: SmtpServer, picture: Callable[[Page, str], None]
) -> None:
    page.goto("/smtp/")
    page.get_by_role("link", name="Find the server").click()
    _search(page, ADDRESS)
    expect(page.get_by_role("status")).to_contain_text("answers as it should")
    expect(page.get_by_role("heading", name="SendGrid (Twilio)")).to_be_visible()
    _check(page, "discovery-found", picture)
    page.get_by_role("link", name="I know this server: use it").click()
    expect(page.locator("[name=host]")).to_have_value("localhost")
    expect(page.locator("[name=user_name]")).to_have_value(ADDRESS)
    page.locator("[name=secret]").fill(PASSWORD)
    page.locator("[name=recipient]").fill("")
    page.get_by_role("button", name="Test Connection").click()
    expect(steps.finished_test(page).filter(has_text="Sign-in").last).to_contain_text(f"Signed in as {ADDRESS}")
    assert server.sessions[-1].encrypted


def test_p4_microsoft_365_leads_to_graph(page: Page, picture: Callable[[Page, str], None]) -> None:
    _search(page, "shop@example.net")
    _check(page, "discovery-microsoft", picture)
    page.get_by_role("link", name="Use Graph").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New OAuth service")
    expect(page.locator("[name=service_identity]")).to_have_value("shop@example.net")


def test_p4_a_domain_without_a_server_says_whom_to_ask(page: Page, picture: Callable[[Page, str], None]) -> None:
    _search(page, "anna@example.com")
    expect(page.get_by_role("status")).to_contain_text("No server for example.com was found.")
    _check(page, "discovery-nothing", picture)


def test_p4_a_start_from_a_provider_without_javascript(
    found_by_dns: Console, new_page: NewPage, picture: Callable[[Page, str], None]
) -> None:
    page = new_page(found_by_dns, java_script_enabled=False)
    page.goto("/smtp/find/")
    provider = page.locator("#provider-sendgrid")
    provider.locator("summary").click()
    picture(page, "discovery-open")
    provider.get_by_role("link", name="smtp.sendgrid.net, port 587").click()
    expect(page.locator("[name=user_name]")).to_have_value("apikey")
    expect(page.get_by_role("heading", name="SendGrid (Twilio)")).to_be_visible()
    picture(page, "discovery-form")

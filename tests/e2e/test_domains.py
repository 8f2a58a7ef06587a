"""N10 in a browser: a person reads the DNS of a sender domain and gets the record to publish."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Page, expect

from tests.e2e.conftest import NewPage
from tests.e2e.console import Console
from tests.fakes.dns_server import Answer, DnsServer

RECORDS: dict[tuple[str, str], Answer] = {
    ("shop.example", "MX"): ["10 mx.shop.example."],
    ("mx.shop.example", "A"): ["203.0.113.1"],
    ("shop.example", "TXT"): ["v=spf1 include:_spf.shop.example a:gone.shop.example ~all"],
    ("_spf.shop.example", "TXT"): ["v=spf1 mx:shop.example ip4:203.0.113.0/24 -all"],
    ("selector1._domainkey.shop.example", "TXT"): ["v=DKIM1; k=rsa; p="],
    ("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=quarantine; pct=50; rua=mailto:dmarc@shop.example"],
}
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def shop(console: Console) -> Iterator[Console]:
    """A console with a Graph service and a relay that send as a domain, and a resolver that knows it."""
    with DnsServer(RECORDS) as dns:
        console.python(
            "from mailadmin.models import *\n"
            f"row = Settings.load(); row.resolvers = '127.0.0.1:{dns.address[1]}'; row.save()\n"
            "app = IntegratedService.objects.create(name='Tenant', tenant='shop.example')\n"
            "OAuthService.objects.create(name='Shop 365', integrated_service=app, service_identity='a@shop.example')\n"
            "SmtpConnection.objects.create(name='Relay', host='smtp.sendgrid.net', envelope_sender='b@bounces.example')"
        )
        yield console


def _check(page: Page) -> None:
    page.evaluate(AXE_SCRIPT)
    found = AxeResults(page.evaluate("axe.run()"))
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]


def test_n10_from_the_list_to_the_record_to_publish(
    shop: Console, new_page: NewPage, picture: Callable[[Page, str], None]
) -> None:
    """N10."""
    page = new_page(shop)
    page.goto("/")
    page.get_by_role("link", name="Sender domains").click()
    row = page.get_by_role("row", name="shop.example").first
    expect(row).to_contain_text("not read")
    row.get_by_role("link", name="shop.example").click()
    page.get_by_role("button", name="Read the DNS").click()
    expect(page.get_by_role("status")).to_contain_text("The DNS of shop.example was read")
    main = page.get_by_role("main")
    expect(main).to_contain_text("“Shop 365”: Microsoft 365 is not named.")
    expect(main).to_contain_text("include:spf.protection.outlook.com ~all")
    page.get_by_text("What the record includes: 3 of 10 lookups").click()
    expect(page.get_by_role("listitem").filter(has_text="mx:shop.example").last).to_be_visible()
    page.get_by_role("textbox", name="Selectors").fill("mail2026")
    page.get_by_role("button", name="Save and look").click()
    expect(main).to_contain_text("mail2026: no key.")
    picture(page, "sender-domain")


@pytest.mark.parametrize("path", ["/domains/", "/domains/shop.example/", "/domains/bounces.example/"])
def test_n10_the_pages_are_sound_in_light_and_dark_wide_and_narrow(shop: Console, new_page: NewPage, path: str) -> None:
    for viewport in (WIDE, NARROW):
        page = new_page(shop, viewport=viewport)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.goto(path)
            for folded in page.locator("details.card-body > summary").all():
                folded.click()
            _check(page)


def test_n10_the_pages_work_without_javascript(shop: Console, new_page: NewPage) -> None:
    page = new_page(shop, java_script_enabled=False)
    page.goto("/domains/")
    page.get_by_role("textbox", name="Domain").fill("nothing")
    page.get_by_role("button", name="Add and read").click()
    expect(page.get_by_role("alert")).to_contain_text("is not a domain")

"""The pages around Graph: a service tested by itself, the least-privilege kit, the password radar, a running upload."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import steps
from tests.e2e.conftest import NewPage
from tests.e2e.console import Console
from tests.e2e.test_look import _check

# The connection would be tried for one sender only, so that nothing leaves this machine.
ROWS = """
from django.utils import timezone
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import Delivery, IntegratedService, OAuthService, SmtpConnection
service, oauth = IntegratedService.objects.get(), OAuthService.objects.get()
service.name, service.wide_permission_ok = "Example tenant", False
service.save()
oauth.name, oauth.service_identity, oauth.mailboxes = "Office 365", "noreply@example.org", "orders@example.org"
oauth.send_as, oauth.large_messages = "shop@example.org, @events.example", True
oauth.save()
row = SmtpConnection(name="Exchange with a password", host="smtp.office365.com", auth="password",
                     user_name="scanner@example.org", label="scanner", only_for_senders="nobody@example.org")
row.set_secret("a password")
row.save()
for subject in ("Plans of the building", "Drawings of the bridge"):
    Delivery.objects.create(created_at=timezone.now(), subject=subject, state=DeliveryState.SENDING,
                            recipient_list=[["to", "maria.keller@example.net"]], size=31_000_000, attachments=1,
                            from_address="noreply@example.org", progress="4 of 31 MB uploaded")
"""
FARTHER = """
from mailadmin.models import Delivery
Delivery.objects.filter(subject__startswith="Drawings").update(progress="27 of 31 MB uploaded")
"""
OVER = """
from mailadmin.models import Delivery
Delivery.objects.filter(subject__startswith="Drawings").update(progress="", state="sent", route_name="Office 365")
"""
DRAWINGS = "Drawings of the bridge"
PAGES = {
    "kit": ("/services/", "Kit of Example tenant"),
    "radar": ("/smtp/radar/", ""),
    "smtp-list": ("/smtp/", ""),
    "smtp-with-password": ("/smtp/", "Exchange with a password"),
    "service-list": ("/services/", ""),
    "service-form": ("/services/", "Example tenant"),
    "dashboard-with-radar": ("/", ""),
    "log-sending": ("/log/", ""),
    "message-sending": ("/log/", "Plans of the building"),
}


@pytest.fixture(scope="module")
def grown(sandboxed: Console, browser: Browser) -> Console:
    sandboxed.python(ROWS)
    return sandboxed


@pytest.fixture
def page(grown: Console, new_page: NewPage) -> Page:
    return new_page(grown)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_clean_in_light_and_dark_wide_and_narrow(
    page: Page, name: str, picture: Callable[[Page, str], None]
) -> None:
    address, link = PAGES[name]
    page.goto(address)
    if link:
        page.get_by_role("main").get_by_role("link", name=link).first.click()
        page.wait_for_load_state()
    _check(page, name, picture)


def test_n8_a_test_of_the_service_warns_and_leads_to_the_kit(page: Page, picture: Callable[[Page, str], None]) -> None:
    """N8."""
    page.goto("/services/")
    page.get_by_role("button", name="Test Example tenant").click()
    found = steps.finished_test(page)
    expect(found).to_have_count(3)
    expect(page.get_by_text("The app may use every mailbox of the tenant.").first).to_be_visible()
    _check(page, "service-test", picture)
    page.get_by_role("link", name="Open the least-privilege kit").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Least-privilege kit")


def test_n7_each_mailbox_has_its_step(page: Page) -> None:
    """N7."""
    page.goto("/oauth/")
    page.get_by_role("button", name="Test Office 365").click()
    steps.finished_test(page)
    expect(page.get_by_text("Mailbox noreply@example.org", exact=True)).to_be_visible()
    expect(page.get_by_text("Mailbox orders@example.org", exact=True)).to_be_visible()


def test_n8_the_script_is_copied_and_downloaded(
    grown: Console, new_page: NewPage, tmp_path: Path, browser: Browser
) -> None:
    """N8."""
    page = new_page(grown, permissions=["clipboard-read", "clipboard-write"])
    page.goto("/services/")
    page.get_by_role("link", name="Kit of Example tenant").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "@('noreply@example.org', 'orders@example.org')" in copied
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the script").click()
    assert download.value.suggested_filename == "least-privilege-example-tenant.ps1"
    target = tmp_path / "kit.ps1"
    download.value.save_as(target)
    text = target.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    assert text.strip() == copied.strip()


def test_n16_the_graph_twin_is_one_click_away(page: Page) -> None:
    """N16."""
    page.goto("/")
    page.get_by_role("link", name="What that means, and the way to Graph").click()
    page.get_by_role("link", name="Make the Graph twin of Exchange with a password").click()
    expect(page.locator("[name=name]")).to_have_value("Exchange with a password by Graph")
    expect(page.locator("[name=service_identity]")).to_have_value("scanner@example.org")


def test_n3_the_progress_of_an_upload_is_followed_without_reloading(grown: Console, new_page: NewPage) -> None:
    """N3: in the list, on the page of the message, and without JavaScript by a link."""
    listed, page, plain = new_page(grown), new_page(grown), new_page(grown, java_script_enabled=False)
    for each in (listed, page, plain):
        each.goto("/log/")
    for each in (page, plain):
        each.get_by_role("link", name=DRAWINGS).click()
        expect(each.locator("#message")).to_contain_text("4 of 31 MB uploaded")
    line = listed.locator("tbody tr", has_text=DRAWINGS)
    expect(line).to_contain_text("4 of 31 MB uploaded")
    grown.python(FARTHER)
    expect(page.locator("#message")).to_contain_text("27 of 31 MB uploaded")
    expect(line).to_contain_text("27 of 31 MB uploaded")
    plain.get_by_role("link", name="Show how far it is").click()
    expect(plain.locator("#message")).to_contain_text("27 of 31 MB uploaded")
    grown.python(OVER)
    expect(page.locator("#message")).to_contain_text("Sent by Office 365.")
    expect(page.locator("#message")).not_to_have_attribute("aria-busy", "true")
    expect(line).not_to_contain_text("uploaded")

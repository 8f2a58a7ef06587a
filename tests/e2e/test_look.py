"""Every page, with data in it: in light and dark, wide and narrow, by keyboard, without JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Browser, Page, expect

from tests.e2e import steps
from tests.e2e.conftest import NewPage
from tests.e2e.console import Console

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 360, "height": 740}
# Name -> where it is: an address, or a list and the text of the link to follow there.
PAGES: dict[str, tuple[str, str]] = {
    "dashboard": ("/", ""),
    "oauth-list": ("/oauth/", ""),
    "oauth-new": ("/oauth/new/", ""),
    "oauth-edit": ("/oauth/", "Office 365"),
    "smtp-list": ("/smtp/", ""),
    "smtp-new": ("/smtp/new/", ""),
    "discovery": ("/smtp/find/", ""),
    "smtp-edit": ("/smtp/", "Relay in Berlin"),
    "service-list": ("/services/", ""),
    "service-new": ("/services/new/", ""),
    "service-edit": ("/services/", "Example tenant"),
    "compose": ("/compose/", ""),
    "log": ("/log/", ""),
    "log-filtered-empty": ("/log/?q=nothing-like-this", ""),
    "log-sent": ("/log/?state=sent", "Your order"),
    "log-fallback": ("/log/?state=sent-by-fallback", "Your order"),
    "log-failed": ("/log/?state=failed", "Invoice"),
    "tests": ("/tests/", ""),
    "test-ok": ("/tests/?state=ok", "Relay in Berlin"),
    "test-warning": ("/tests/?state=warning", "Office 365"),  # its secret ends soon
    "test-failed": ("/tests/?state=failed", "Relay in Berlin"),
    "errors": ("/errors/", ""),
    "errors-asked": ("/errors/?q=535+5.7.139+Authentication+unsuccessful", ""),
    "errors-nothing": ("/errors/?q=nothing-like-this", ""),
    "error": ("/errors/credentials-refused/", ""),
    "sandbox": ("/sandbox/", ""),
    "sandbox-message": ("/sandbox/", "Your order"),
    "settings": ("/settings/", ""),
    "clients": ("/settings/clients/", ""),
    "client-new": ("/settings/clients/new/", ""),
    "api": ("/api/docs/", ""),
    "support": ("/support/", ""),
    "audit": ("/audit/", ""),
    "password": ("/password/", ""),
    "password-forgotten": ("/password/forgotten/", ""),
}


@pytest.fixture(scope="module")
def grown(sandboxed: Console, browser: Browser, signed_in: Callable[[str], object]) -> Console:
    """A console with a day of messages and some tests, good and failed."""
    sandboxed.python("from tests.e2e import data; data.people(); data.past()")
    context = browser.new_context(base_url=sandboxed.address, storage_state=signed_in("admin"))
    page = context.new_page()
    page.goto("/oauth/")
    page.get_by_role("button", name="Test Office 365").click()
    steps.finished_test(page)
    for fault in ("", "535"):
        steps.rehearse(page, smtp=fault)
        page.goto("/smtp/")
        page.get_by_role("button", name="Test Relay in Berlin").click()
        steps.finished_test(page)
    steps.rehearse(page)
    context.close()
    return sandboxed


@pytest.fixture
def page(grown: Console, new_page: NewPage) -> Page:
    return new_page(grown)


def _open(page: Page, name: str) -> None:
    address, link = PAGES[name]
    page.goto(address)
    if link:
        page.get_by_role("main").get_by_role("link", name=link).first.click()
        page.wait_for_load_state()


def _looks(page: Page) -> Iterator[str]:
    """Show the page in each look, and return the name of it."""
    for width in (WIDE, NARROW):
        page.set_viewport_size(width)  # type: ignore[arg-type]  # a plain dictionary is what it takes
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]  # likewise
            yield f"{scheme}-{width['width']}"


def _check(page: Page, name: str, picture: Callable[[Page, str], None]) -> None:
    """Fail on what axe finds, and on what does not fit."""
    page.evaluate(AXE_SCRIPT)
    for look in _looks(page):
        found = AxeResults(page.evaluate("axe.run(document, {resultTypes: ['violations']})"))
        assert found.violations_count == 0, f"{name} {look}:\n{found.generate_report()}"
        _fits(page, f"{name} {look}")
        picture(page, f"{name}-{look}")


def _fits(page: Page, look: str) -> None:
    """Fail on a page that must be scrolled sideways."""
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"], f"{look} is {width} px wide"  # type: ignore[index]
    # A table may be as wide as its card: what must be scrolled to is overlooked.
    tables = page.locator(".scroll:has(table.cards)")
    cut = tables.evaluate_all("all => all.some(each => each.scrollWidth > each.clientWidth)")
    assert not cut, f"{look}: a table is wider than its card"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_clean_in_light_and_dark_wide_and_narrow(
    page: Page, name: str, picture: Callable[[Page, str], None]
) -> None:
    _open(page, name)
    _check(page, name, picture)


def test_n14_what_comes_from_a_settings_file_is_clean(
    page: Page, grown: Console, picture: Callable[[Page, str], None]
) -> None:
    """N14: the form that is only shown, and the page that refuses to change it."""
    managed = "from mailadmin.models import SmtpConnection as rows; rows.objects.update(managed_by={!r})"
    grown.python(managed.format("deploy/mail.toml"))
    try:
        page.goto("/smtp/")
        page.get_by_role("link", name="Relay in Berlin").first.click()
        page.locator("details.card.folded > summary").click()
        _check(page, "managed-form", picture)
        page.complaints.expect("status of 409")  # type: ignore[attr-defined]  # the answer of the refusal
        page.goto(f"{page.url.rstrip('/')}/delete/")
        _check(page, "managed-refusal", picture)
    finally:
        grown.python(managed.format(""))


def test_a_form_with_errors_and_everything_open_is_clean(page: Page, picture: Callable[[Page, str], None]) -> None:
    page.goto("/smtp/new/")
    page.locator("[name=host]").fill("smtp://a b")
    page.locator("details.card.folded > summary").click()
    for subject in page.locator(".folded .folded > summary").all():
        subject.click()
    page.locator("label", has_text="SOCKS5").click()
    page.locator("[name=ca_pem]").fill("no certificate")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()
    _check(page, "form-errors", picture)


def test_german_words_break_no_page(page: Page, grown: Console, picture: Callable[[Page, str], None]) -> None:
    page.context.add_cookies([{"name": "django_language", "value": "de", "url": grown.address}])
    for name in ("dashboard", "oauth-list", "smtp-list", "service-list", "log", "tests", "settings", "audit"):
        _open(page, name)
        expect(page.locator("html")).to_have_attribute("lang", "de")
        for size in (WIDE, NARROW):
            page.set_viewport_size(size)  # type: ignore[arg-type]  # a plain dictionary is what it takes
            _fits(page, f"{name}-de-{size['width']}")
            picture(page, f"{name}-de-{size['width']}")


def test_pages_of_refusal_and_sign_in_are_clean(
    grown: Console, new_page: NewPage, picture: Callable[[Page, str], None]
) -> None:
    viewer = new_page(grown, user="viewer")
    viewer.complaints.expect("status of 403")
    viewer.complaints.expect("status of 404")
    viewer.goto("/settings/")
    _check(viewer, "refused", picture)
    viewer.goto("/nothing/")
    expect(viewer.get_by_role("heading", level=1)).to_be_visible()
    _check(viewer, "not-found", picture)
    stranger = new_page(grown, user=None)
    stranger.goto("/sign-in/")
    _check(stranger, "sign-in", picture)


def test_dashboard_and_test_fit_a_picture_for_the_readme(
    grown: Console, new_page: NewPage, picture: Callable[[Page, str, bool], None]
) -> None:
    page = new_page(grown)
    for name, height, last in (("dashboard", 860, "Latest messages"), ("test-failed", 1140, "What to do")):
        page.set_viewport_size({"width": 1240, "height": height})
        _open(page, name)
        expect(page.get_by_text(last)).to_be_in_viewport()
        picture(page, f"readme-{name}", False)


def _stops(page: Page) -> list[str]:
    """Return where Tab stops on its way through the page, as texts; fail where one cannot see it."""
    found = []
    while True:
        page.keyboard.press("Tab")
        text, outline, end = page.evaluate(
            """() => {
                const at = document.activeElement;
                const shown = at.closest(".field-choice label") ?? at;
                const end = at === document.body || at.matches(".skip") && document.seen;
                document.seen = true;
                return [(at.innerText || at.name || "").trim(), getComputedStyle(shown).outlineStyle, end];
            }"""
        )
        if end:
            return found
        assert outline != "none", f"The focus on {text!r} cannot be seen"
        found.append(text)


def test_the_keyboard_reaches_skip_link_menu_and_form(page: Page) -> None:
    page.goto("/smtp/new/")
    reached = _stops(page)
    assert reached[0] == "Skip to the content"
    for wanted in ("Dashboard", "Delivery log", "host", "port", "from_address", "Save", "Test Connection"):
        assert wanted in reached, f"Tab does not reach {wanted!r}: {reached}"


def test_the_skip_link_leads_past_the_menu(page: Page) -> None:
    page.goto("/log/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('main')")


def test_the_menu_of_a_phone_opens(grown: Console, new_page: NewPage) -> None:
    page = new_page(grown, viewport=NARROW)
    page.goto("/")
    link = page.get_by_role("navigation", name="Main").get_by_role("link", name="Delivery log")
    expect(link).to_be_hidden()
    page.get_by_text("Menu", exact=True).click()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delivery log")


def test_the_chosen_colours_stay(grown: Console, new_page: NewPage) -> None:
    page = new_page(grown, color_scheme="light")
    page.goto("/log/")
    page.get_by_role("button", name="Dark").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delivery log")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.goto("/")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark == "rgb(18, 22, 28)"


def test_everything_works_without_javascript(grown: Console, new_page: NewPage) -> None:
    """Sign in, add, test, save what was tested, send, read the log: plain forms and links."""
    page = new_page(grown, user=None, java_script_enabled=False)
    sandbox = grown.sandbox()
    steps.sign_in(page)
    page.goto("/smtp/new/")
    for name, value in {
        "name": "Plain relay",
        "host": "localhost",
        "port": str(sandbox["smtp_port"]),
        "from_address": "plain@example.org",
    }.items():
        page.locator(f"[name={name}]").fill(value)
    page.locator("[name=security][value=none]").check()
    page.get_by_role("button", name="Test Connection").click()
    page.wait_for_url("**/tests/*/")
    report = page.get_by_text("Report to copy")
    for _ in range(50):
        if report.count():
            break
        page.wait_for_timeout(100)
        with page.expect_navigation():  # or the next look would still be at the page before
            page.get_by_role("link", name="Show how far it is").click()
    page.get_by_role("button", name="Save what was tested").click()
    expect(page.get_by_role("status")).to_contain_text("“Plain relay” is saved")

    page.goto("/compose/")
    page.locator("[name=to]").fill("customer@example.net")
    page.locator("[name=subject]").fill("Without JavaScript")
    page.locator("[name=text]").fill("Hello.")
    page.get_by_role("button", name="Send").click()
    page.goto("/log/")
    expect(page.locator("tbody tr", has_text="Without JavaScript")).to_contain_text("Office 365")

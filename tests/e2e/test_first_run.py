"""A newcomer: from the printed password to a delivered message."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.e2e import steps
from tests.e2e.conftest import NewPage
from tests.e2e.console import PASSWORD, Console

MOST_CLICKS = 8


class Clicks:
    """Clicks, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, target: Locator) -> None:
        self.count += 1
        target.click()


def _all_green(page: Page) -> int:
    """Return how many steps there are, when every one is well."""
    found = steps.finished_test(page)
    for step in found.all():
        expect(step).to_have_class("step step-ok")
    return found.count()


def test_eight_clicks_lead_from_the_printed_password_to_a_delivered_message(
    fresh_console: Console, new_page: NewPage, picture: Callable[[Page, str], None]
) -> None:
    page = new_page(fresh_console, user=None)
    click = Clicks()
    steps.sign_in(page, password=fresh_console.first_password)

    page.goto("/settings/")  # the printed password opens nothing else
    expect(page.get_by_role("heading", level=1)).to_have_text("Choose a new password")
    page.locator("[name=new_password1]").fill(PASSWORD)
    page.locator("[name=new_password2]").fill(PASSWORD)
    picture(page, "first-password")
    click(page.get_by_role("button", name="Save the password"))
    expect(page.get_by_role("heading", name="Three steps to the first message")).to_be_visible()
    picture(page, "first-run-empty")

    click(page.get_by_role("button", name="Add the sandbox"))
    picture(page, "first-run-added")
    click(page.get_by_role("button", name="Test Sandbox Office 365"))
    assert _all_green(page) >= 5
    picture(page, "first-run-test-graph")
    click(page.get_by_role("link", name="Dashboard"))
    click(page.get_by_role("button", name="Test Sandbox SMTP"))
    assert _all_green(page) >= 8
    picture(page, "first-run-test-smtp")
    click(page.get_by_role("link", name="Dashboard"))

    click(page.get_by_role("link", name="Send a message").first)
    page.get_by_label("To", exact=True).fill("customer@example.net")
    page.get_by_label("Subject").fill("The first message")
    page.get_by_label("Text", exact=True).fill("Hello.")
    click(page.get_by_role("button", name="Send"))
    expect(page.locator(".banner", has_text="Sent")).not_to_have_count(0)
    assert click.count <= MOST_CLICKS

    page.goto("/log/")
    expect(page.locator("tr", has_text="The first message")).to_contain_text("Sandbox Office 365")
    assert ("Graph", "The first message") in steps.inbox(page)
    page.goto("/")
    expect(page.get_by_role("heading", name="Three steps to the first message")).to_have_count(0)

"""What people do in the console, in their words."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.e2e.console import PASSWORD

# Run in the console's own process: the administrator has chosen a password before.
CHOOSE_PASSWORD = f"""
from django.contrib.auth import get_user_model
from mailadmin.models import Settings
user = get_user_model().objects.get(username="admin")
user.set_password({PASSWORD!r})
user.email = "admin@example.org"
user.save()
Settings.objects.update(one_time_passwords=[])
"""


def sign_in(page: Page, user: str = "admin", password: str = PASSWORD) -> None:
    """Sign in on the sign-in page."""
    page.goto("/sign-in/")
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Sign in")


def add_sandbox(page: Page) -> None:
    """Press "Add the sandbox" on the dashboard of a new console."""
    page.goto("/")
    page.get_by_role("button", name="Add the sandbox").click()
    expect(page.get_by_role("status")).to_contain_text("are ready")


def rehearse(page: Page, graph: str = "", smtp: str = "") -> None:
    """Choose which fault the sandbox shows from now on, by the names of its lists ("" works)."""
    page.goto("/sandbox/")
    page.get_by_label("Office 365 (Graph)").select_option(graph)
    page.get_by_label("SMTP server").select_option(smtp)
    page.get_by_role("button", name="Apply from the next message on").click()
    expect(page.get_by_role("status")).to_contain_text("From the next message on")


def finished_test(page: Page) -> Locator:
    """Wait until the test on the page has ended, and return its steps."""
    page.wait_for_url("**/tests/*/")
    expect(page.locator("#run")).not_to_have_attribute("aria-busy", "true", timeout=30_000)
    expect(page.get_by_text("Report to copy")).to_be_visible()
    return page.locator(".step")


def inbox(page: Page) -> list[tuple[str, str]]:
    """Return what the sandbox keeps, as (via, subject), the newest first."""
    page.goto("/sandbox/")
    rows = page.locator("section:has(#inbox-title) tbody tr").all()
    return [(row.locator("td[data-label=Via]").inner_text(), row.locator("th a").inner_text()) for row in rows]

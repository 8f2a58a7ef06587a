"""Viewer, Operator, Administrator: what each sees, and what a forbidden address answers."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import NewPage
from tests.e2e.console import Console

SENDING = ["Dashboard", "OAuth services", "SMTP connections", "Integrated services"]
WATCHING = ["Delivery log", "Outbox", "Connection tests", "Why this route?", "Sender domains", "Alerts"]
VIEWER = [*SENDING, *WATCHING, "Errors explained"]
OPERATOR = [*SENDING, "Send a message", *WATCHING, "Sandbox", "Errors explained"]
ADMINISTRATOR = [*OPERATOR, "Settings", "API clients", "Audit"]
MENUS = {"viewer": VIEWER, "operator": OPERATOR, "administrator": ADMINISTRATOR}
FORBIDDEN = {
    "viewer": ("/compose/", "/sandbox/", "/smtp/new/", "/services/new/", "/settings/", "/audit/"),
    "operator": ("/smtp/new/", "/oauth/new/", "/services/new/", "/settings/", "/audit/"),
}


@pytest.fixture(scope="module")
def staffed(sandboxed: Console) -> Console:
    """A console with the sandbox and one user of each role."""
    sandboxed.python("from tests.e2e import data; data.people()")
    return sandboxed


@pytest.mark.parametrize("role", MENUS)
def test_the_menu_shows_what_the_role_may_open(staffed: Console, new_page: NewPage, role: str) -> None:
    page = new_page(staffed, user=role)
    page.goto("/")
    links = page.get_by_role("navigation", name="Main").get_by_role("link")
    assert [text.strip() for text in links.all_inner_texts()] == MENUS[role]
    for address in [link.get_attribute("href") or "" for link in links.all()]:
        answer = page.goto(address)
        assert answer and answer.ok


@pytest.mark.parametrize(
    ("role", "test", "switch", "new"),
    [("viewer", 0, 0, 0), ("operator", 1, 0, 0), ("administrator", 1, 1, 1)],
)
def test_the_list_offers_what_the_role_may_do(
    staffed: Console, new_page: NewPage, role: str, test: int, switch: int, new: int
) -> None:
    page = new_page(staffed, user=role)
    page.goto("/smtp/")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_role("button", name="Test Sandbox SMTP")).to_have_count(test)
    expect(page.get_by_role("button", name="Switch off")).to_have_count(switch)
    expect(page.get_by_role("link", name="New connection")).to_have_count(new)
    expect(page.get_by_role("link", name="Sandbox SMTP", exact=True)).to_have_count(new)


@pytest.mark.parametrize(("role", "path"), [(role, path) for role, paths in FORBIDDEN.items() for path in paths])
def test_a_forbidden_address_says_what_is_missing(staffed: Console, new_page: NewPage, role: str, path: str) -> None:
    page = new_page(staffed, user=role)
    page.complaints.expect("status of 403")
    answer = page.goto(path)
    assert answer and answer.status == 403
    expect(page.get_by_role("heading", level=1)).to_have_text("This page is not open to you")
    expect(page.locator("main li").first).to_contain_text("Can ")
    page.get_by_role("main").get_by_role("link", name="To the dashboard").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")


def test_whoever_is_not_signed_in_is_led_to_the_sign_in_page_and_back(staffed: Console, new_page: NewPage) -> None:
    page = new_page(staffed, user=None)
    page.goto("/log/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_label("Username").fill("viewer")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Username").fill("viewer")
    page.get_by_label("Password").fill("correct-horse-battery")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delivery log")

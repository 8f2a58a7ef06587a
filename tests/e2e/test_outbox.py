"""The outbox in a browser: what waits, a decision, a pause; in every look, and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import NewPage
from tests.e2e.console import Console
from tests.e2e.test_look import _check

# Name -> where it is: an address, or a list and the text of the link to follow there.
PAGES = {
    "outbox": ("/outbox/", ""),
    "outbox-paused": ("/outbox/?why=paused", ""),
    "outbox-filtered-empty": ("/outbox/?label=nothing-like-this", ""),
    "message-waiting": ("/outbox/?why=again", "Reset your password"),
    "message-unsure": ("/outbox/?why=unsure", "Invoice"),
    "message-crashed": ("/outbox/?why=crashed", "Your order"),
    "message-kept": ("/log/?state=failed", "Invoice"),
    "dashboard-with-outbox": ("/", ""),
}


@pytest.fixture(scope="module")
def waiting(sandboxed: Console) -> Console:
    """A console with a day of messages, and some that wait."""
    sandboxed.python("from tests.e2e import data; data.people(); data.past(); data.outbox()")
    return sandboxed


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_outbox_is_clean_in_light_and_dark_wide_and_narrow(
    waiting: Console, new_page: NewPage, name: str, picture: Callable[[Page, str], None]
) -> None:
    page = new_page(waiting)
    address, link = PAGES[name]
    page.goto(address)
    if link:
        page.get_by_role("main").get_by_role("link", name=link).last.click()
        page.wait_for_load_state()
    for subject in page.locator("main details.talk > summary").all():
        subject.click()
    _check(page, name, picture)


@pytest.mark.parametrize("script", [True, False])
def test_p7_what_waits_is_ticked_and_cancelled(waiting: Console, new_page: NewPage, script: bool) -> None:
    """P7. With and without JavaScript."""
    page = new_page(waiting, user="operator", java_script_enabled=script)
    page.goto("/outbox/?why=scheduled")
    rows = page.locator("tbody tr")
    before = rows.count()
    page.get_by_label("Choose").first.check()
    page.get_by_role("button", name="Cancel", exact=True).last.click()
    expect(page.get_by_role("status")).to_contain_text("1 message is cancelled.")
    expect(rows).to_have_count(before - 1)


def test_p7_a_label_goes_on_and_its_messages_leave(waiting: Console, new_page: NewPage) -> None:
    """P7. The page tells by itself that a worker took them."""
    waiting.python("from tests.e2e import data; data.pause('invoices')")
    page = new_page(waiting)
    page.goto("/outbox/")
    page.get_by_role("button", name="Resume the label invoices").click()
    expect(page.get_by_role("status")).to_contain_text("The label “invoices” goes on")
    page.goto("/log/?label=invoices")
    page.get_by_role("main").get_by_role("link", name="A paused invoice").first.click()
    expect(page.locator("#message")).to_contain_text("Sent by", timeout=30_000)


def test_n3_an_unsure_message_is_decided_on_its_page(waiting: Console, new_page: NewPage) -> None:
    """N3."""
    page = new_page(waiting, user="operator")
    page.goto("/outbox/?why=unsure")
    page.get_by_role("main").get_by_role("link", name="Confirm your e-mail address").last.click()
    page.get_by_role("button", name="It arrived").click()
    expect(page.get_by_role("status").first).to_contain_text("1 message counts as delivered.")
    expect(page.get_by_role("heading", name="Send again")).to_be_visible()


def test_p7_a_route_is_paused_and_the_dashboard_shows_it(waiting: Console, new_page: NewPage) -> None:
    """P7."""
    page = new_page(waiting)
    page.goto("/outbox/")
    page.get_by_role("button", name="Pause Relay in Berlin").click()
    page.goto("/")
    expect(page.get_by_text("No message goes by it until it is resumed.")).to_be_visible()
    page.get_by_role("button", name="Resume Relay in Berlin").click()
    expect(page.get_by_role("status")).to_contain_text("is used again")

"""Alerts by hand (P8): a person adds channels, sends a test alert, and sees what was told when a route fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import steps
from tests.e2e.conftest import NewPage
from tests.e2e.console import Console
from tests.e2e.test_look import _check as check
from tests.fakes.graph_server import ScriptedServer, says

# What the worker does every minute, in the console's own process.
LOOK = "from mailadmin.watch import alerts; alerts.look()"


@pytest.fixture(scope="module")
def hook() -> Iterator[ScriptedServer]:
    with ScriptedServer(says(200), tls=False) as server:
        yield server


def _choose(page: Page, label: str) -> None:
    page.locator(".field-choice label", has_text=label).first.click()


def test_a_person_is_told_in_two_ways_that_a_route_fails(
    sandboxed: Console, new_page: NewPage, hook: ScriptedServer, picture: Callable[[Page, str], None]
) -> None:
    page = new_page(sandboxed)
    page.goto("/alerts/")
    check(page, "alerts-empty", picture)
    page.get_by_role("link", name="Open the settings").click()
    page.get_by_role("link", name="New channel").click()
    expect(page.get_by_label("Webhook address")).to_be_hidden()
    page.get_by_label("Name").fill("Night shift")
    page.get_by_label("Send to").fill("ops@example.org")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("“Night shift” is saved")

    page.get_by_role("link", name="New channel").click()
    page.get_by_label("Name").fill("Operations")
    _choose(page, "Webhook")
    page.get_by_label("Webhook address").fill(f"http://{hook.host}/hook")
    check(page, "alert-channel-new", picture)
    page.get_by_label("Signing secret").fill("short")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("at least 16 characters")
    page.get_by_label("Webhook address").fill(f"http://{hook.host}/hook")
    page.get_by_label("Signing secret").fill("a-secret-that-both-sides-know")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("“Operations” is saved")
    page.get_by_role("button", name="Send a test alert to Operations").click()
    expect(page.get_by_role("status")).to_contain_text("The test alert went to “Operations”")
    page.get_by_role("button", name="Send a test alert to Night shift").click()
    expect(page.get_by_role("status")).to_contain_text("Sent by “Sandbox Office 365”.")
    check(page, "settings-alerts", picture)
    page.get_by_role("link", name="Operations").click()
    page.get_by_text("What will be sent").click()
    expect(page.locator("pre")).to_contain_text('"version": 1')
    check(page, "alert-channel-edit", picture)

    steps.rehearse(page, graph="403")
    page.goto("/compose/")
    page.locator("[name=to]").fill("customer@example.net")
    page.locator("[name=subject]").fill("Your order")
    page.locator("[name=text]").fill("Thank you.")
    page.get_by_role("button", name="Send").click()
    sandboxed.python(LOOK)
    page.goto("/alerts/")
    row = page.locator("tbody tr", has_text="“Sandbox Office 365” is stopped")
    expect(row).to_contain_text("Newly failing")
    expect(row).to_contain_text("Operations")
    expect(row).to_contain_text("Sent by “Sandbox SMTP”.")
    check(page, "alerts", picture)
    row.get_by_role("link", name="In the log").click()
    expect(page.get_by_role("main")).to_contain_text("mailadmin-alert")


def test_a_viewer_sees_what_was_told_and_no_channel(sandboxed: Console, new_page: NewPage) -> None:
    sandboxed.python("from tests.e2e import data; data.people()")
    page = new_page(sandboxed, user="viewer")
    page.goto("/alerts/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Alerts")
    expect(page.get_by_role("link", name="Channels")).to_have_count(0)

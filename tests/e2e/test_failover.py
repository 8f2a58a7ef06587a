"""The story of the product: Office 365 refuses, SMTP stands in, and everybody can see it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import steps
from tests.e2e.console import ANEW, Console


@pytest.fixture(autouse=True)
def works_again(sandboxed: Console) -> None:
    """Every test starts with a sandbox that works, an empty log and routes as they were added."""
    sandboxed.python(ANEW)


def test_mail_falls_back_to_smtp_when_graph_refuses_and_the_log_says_why(sandboxed: Console, page: Page) -> None:
    """Another process sends with Django's send_mail(), and knows nothing of what is clicked here."""
    with sandboxed.application() as application:
        assert application.send_mail("Order 1") == {"sent": 1}
        assert steps.inbox(page)[0] == ("Graph", "Order 1")

        steps.rehearse(page, graph="403")
        assert application.send_mail("Order 2") == {"sent": 1}
        arrived = [via for via, subject in steps.inbox(page) if subject == "Order 2"]
        assert arrived == ["SMTP"]  # exactly once

    page.goto("/log/")
    row = page.locator("tbody tr", has_text="Order 2")
    expect(row).to_contain_text("Sent by fallback")
    row.get_by_role("link").click()
    attempts = page.locator("section:has(#attempts-title) .step")
    expect(attempts).to_have_count(2)
    expect(attempts.nth(0)).to_contain_text("ErrorAccessDenied")
    expect(attempts.nth(0)).to_contain_text("What to do")
    expect(attempts.nth(1)).to_contain_text("taken")

    page.goto("/")
    expect(page.locator(".banner", has_text="fallback").first).to_be_visible()
    page.get_by_role("link", name="of them by fallback").click()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_a_change_in_the_browser_holds_for_the_next_message_of_a_running_process(
    sandboxed: Console, page: Page
) -> None:
    with sandboxed.application() as application:
        steps.rehearse(page)
        application.send_mail("Before")
        for section, name in (("oauth", "Sandbox Office 365"), ("smtp", "Sandbox SMTP")):
            page.goto(f"/{section}/")
            page.get_by_role("link", name=name, exact=True).click()
            page.locator("details.card.folded > summary").click()
            page.locator(".folded .folded > summary", has_text=re.compile(r"^\s*Message\b")).click()
            page.locator("[name=subject_prefix]").fill("[Staging]")
            page.get_by_role("button", name="Save").click()
            expect(page.get_by_role("status")).to_contain_text("is saved")
        application.send_mail("After")
        subjects = [subject for _, subject in steps.inbox(page)]
        assert subjects[:2] == ["[Staging] After", "Before"]


def test_a_message_that_no_route_takes_raises_in_the_application_and_is_failed_in_the_log(
    sandboxed: Console, page: Page
) -> None:
    steps.rehearse(page, graph="403", smtp="535")
    with sandboxed.application() as application:
        answer = application.send_mail("Order 3")
    assert "535" in answer["text"] or "sign-in" in answer["text"].lower(), answer
    page.goto("/log/?state=problem")
    row = page.locator("tbody tr", has_text="Order 3")
    expect(row).to_contain_text("Failed")
    assert not [subject for _, subject in steps.inbox(page) if "Order 3" in subject]

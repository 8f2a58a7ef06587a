"""What the console shows when something is wrong: the step, the remedy, whose job it is, and the way back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e import steps
from tests.e2e.console import ANEW, Console
from tests.services.processes import free_ports


@pytest.fixture(autouse=True)
def works_again(sandboxed: Console) -> None:
    """Every test starts with a sandbox that works and routes that are not stopped."""
    sandboxed.python(ANEW)


def _edit_smtp(page: Page) -> None:
    page.goto("/smtp/")
    page.get_by_role("link", name="Sandbox SMTP", exact=True).click()


def _failed_step(page: Page) -> Locator:
    """Return the one step that failed; everything after it was not run."""
    found = steps.finished_test(page)
    states = [step.get_attribute("class") or "" for step in found.all()]
    bad = next(index for index, state in enumerate(states) if "step-bad" in state)
    for later in found.all()[bad + 1 :]:
        expect(later).to_contain_text("not run")
    for earlier in states[:bad]:
        assert "step-ok" in earlier
    return found.nth(bad)


def _explains(step: Locator) -> None:
    expect(step).to_contain_text("What to do")
    expect(step).to_contain_text("Whose job")


def test_a_wrong_password_fails_at_the_sign_in_with_its_remedy(page: Page) -> None:
    _edit_smtp(page)
    page.locator("[name=secret]").fill("not-the-password")
    page.get_by_role("button", name="Test Connection").click()
    step = _failed_step(page)
    expect(step.locator(".step-title")).to_have_text("Sign-in")
    _explains(step)
    expect(step.locator("details.talk:has(.dialogue)")).to_have_attribute("open", "")
    expect(page.locator("main")).not_to_contain_text("not-the-password")
    step.get_by_role("link", name="Go to this setting").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sandbox SMTP")


def test_a_wrong_port_fails_at_the_connection(page: Page) -> None:
    _edit_smtp(page)
    page.locator("[name=port]").fill(str(free_ports(1)[0]))
    page.locator("[name=secret]").fill("sandbox-password")  # another port is another destination
    page.get_by_role("button", name="Test Connection").click()
    step = _failed_step(page)
    expect(step).to_contain_text("refused")
    _explains(step)


def test_another_host_does_not_get_the_stored_password(page: Page) -> None:
    """S9: testing is refused with a sentence beside the field, before anything is dialled."""
    _edit_smtp(page)
    page.locator("[name=host]").fill("127.0.0.1")
    page.get_by_role("button", name="Test Connection").click()
    expect(page.get_by_role("alert")).to_contain_text("the host")
    expect(page.locator(".field:has([name=secret]) .errorlist")).to_contain_text("type it again")
    expect(page.locator("[name=host]")).to_have_value("127.0.0.1")


def test_the_report_of_a_refused_sign_in_can_be_copied(sandboxed: Console, page: Page) -> None:
    """The sandbox answers as Microsoft does when SMTP sign-in is switched off."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    steps.rehearse(page, smtp="535")
    page.goto("/smtp/")
    page.get_by_role("button", name="Test Sandbox SMTP").click()
    step = _failed_step(page)
    expect(step).to_contain_text("5.7.139")
    _explains(step)
    page.get_by_text("Report to copy").click()
    page.get_by_role("button", name="Copy report").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    report = page.evaluate("navigator.clipboard.readText()")
    assert "5.7.139" in report
    assert "Sandbox SMTP" in report
    assert "sandbox-password" not in report


def test_a_stopped_route_shows_on_the_dashboard_until_somebody_resumes_it(sandboxed: Console, page: Page) -> None:
    """A refused permission stops Graph; a test that goes well, or a click, opens it again."""
    steps.rehearse(page, smtp="535", graph="secret-expired")
    with sandboxed.application() as application:
        assert "error" in application.send_mail("Nobody takes this")
        page.goto("/")
        stopped = page.locator(".banner", has_text="is stopped")
        expect(stopped).to_have_count(2)
        steps.rehearse(page)
        page.goto("/")
        stopped.filter(has_text="Sandbox Office 365").get_by_role("button", name="Use it again").click()
        expect(stopped).to_have_count(1)
        page.goto("/smtp/")
        page.get_by_role("button", name="Test Sandbox SMTP").click()
        steps.finished_test(page)
        page.goto("/")
        expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
        expect(stopped).to_have_count(0)
        assert application.send_mail("Somebody takes this") == {"sent": 1}

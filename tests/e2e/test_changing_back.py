"""The pages of a proposed change and of the history of settings: how they look, and the way back by hand (N2, N13)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import steps
from tests.e2e.conftest import NewPage
from tests.e2e.console import Console
from tests.e2e.test_look import _check

Picture = Callable[[Page, str], None]
# A test that failed, with a fix of fields in front and under Advanced, and one of the integrated service.
FAILED = """
from mailadmin.core.fixes import Fix, Target
from mailadmin.models import ConnectionTest, ConnectionTestStep, OAuthService, SmtpConnection
fixes = {
    SmtpConnection.objects.get(name="Sandbox SMTP"): Fix("Use mail.example.org, port 465 with TLS from the start",
        "“mial.example.org” does not exist; mail.example.org is the server of your provider.",
        {"host": "mail.example.org", "security": "tls", "port": "465", "sender_policy": "force"}),
    OAuthService.objects.get(): Fix("Type a new client secret", "In Entra: Certificates & secrets.",
        {"credential_ends_on": ""}, Target.SERVICE, "secret credential_ends_on"),
}
for row, fix in fixes.items():
    test = ConnectionTest.objects.create(kind=row.kind, route_id=row.pk, name=row.name, target="t", state="failed")
    step = ConnectionTestStep(test=test, place=0, key="tcp", title="Connect", state="failed", fixes=[fix.as_data()])
    step.save()
    print(test.pk)
"""


@pytest.fixture(scope="module")
def tests(sandboxed: Console) -> dict[str, str]:
    """Return the addresses of the two changed forms."""
    smtp, oauth = sandboxed.python(FAILED).split()
    return {"smtp": f"/tests/{smtp}/fix/0/0/", "service": f"/tests/{oauth}/fix/0/0/"}


@pytest.fixture(scope="module")
def changed(sandboxed: Console, browser: Browser) -> Console:
    """A console in which somebody changed a connection and the settings, and deleted a connection."""
    context = browser.new_context(base_url=sandboxed.address)
    page = context.new_page()
    steps.sign_in(page)
    page.goto("/smtp/")
    page.get_by_role("link", name="Sandbox SMTP", exact=True).click()
    page.locator("[name=from_name]").fill("Shop")
    _save(page)
    page.goto("/settings/")
    page.locator("[name=retention_days]").fill("77")
    _save(page)
    page.goto("/smtp/new/")
    page.locator("[name=name]").fill("Old relay")
    page.locator("[name=host]").fill("relay.example.org")
    _save(page)
    page.get_by_role("link", name="Old relay", exact=True).click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    context.close()
    return sandboxed


def _save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("status").first).to_contain_text("saved")


@pytest.mark.parametrize("kind", ["smtp", "service"])
def test_n2_a_changed_form_is_clean(
    sandboxed: Console, tests: dict[str, str], new_page: NewPage, kind: str, picture: Picture
) -> None:
    """N2."""
    page = new_page(sandboxed)
    page.goto(tests[kind])
    _check(page, f"fix-{kind}", picture)


def test_n2_the_changed_form_leads_to_its_fields_without_javascript(
    sandboxed: Console, tests: dict[str, str], new_page: NewPage
) -> None:
    """N2: and what is missing is said again when it is tested all the same."""
    page = new_page(sandboxed, java_script_enabled=False)
    page.goto(tests["smtp"])
    expect(page.locator("[name=sender_policy]")).to_be_visible()  # under Advanced, which is open
    page.locator(".wanted").get_by_role("link", name="Password").click()
    expect(page.locator("[name=secret]")).to_be_in_viewport()
    page.locator(".proposal").get_by_role("button", name="Test these values").click()
    expect(page.get_by_role("alert")).to_contain_text("type it again")
    expect(page.locator("[name=host]")).to_have_value("mail.example.org")


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("smtp-history", "History"),
        ("smtp-deleted", "Restore a deleted SMTP connection"),
        ("settings-history", "History"),
    ],
)
def test_n13_a_history_is_clean(changed: Console, new_page: NewPage, name: str, link: str, picture: Picture) -> None:
    """N13."""
    page = new_page(changed)
    page.goto("/settings/" if name == "settings-history" else "/smtp/")
    if name == "smtp-history":
        page.get_by_role("link", name="Sandbox SMTP", exact=True).click()
    page.get_by_role("main").get_by_role("link", name=link).click()
    page.wait_for_load_state()
    _check(page, name, picture)


def test_n13_a_change_is_taken_back_by_hand(changed: Console, new_page: NewPage, picture: Picture) -> None:
    """N13: the form shows what differs; tested, then saved, with the stored password."""
    page = new_page(changed)
    page.goto("/smtp/")
    page.get_by_role("link", name="Sandbox SMTP", exact=True).click()
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="Restore the values before this").first.click()
    expect(page.locator(".proposal")).to_contain_text("From display name")
    _check(page, "restore-smtp", picture)
    page.goto(page.url)
    page.get_by_role("button", name="Test these values").first.click()
    steps.finished_test(page)
    page.get_by_role("button", name="Save what was tested").first.click()
    expect(page.get_by_role("status")).to_contain_text("“Sandbox SMTP” is saved")


def test_n13_the_settings_are_taken_back_by_hand(changed: Console, new_page: NewPage, picture: Picture) -> None:
    """N13."""
    page = new_page(changed)
    page.goto("/settings/")
    page.get_by_role("main").get_by_role("link", name="History").click()
    page.get_by_role("link", name="Restore the values before this").first.click()
    _check(page, "restore-settings", picture)
    page.goto(page.url)
    expect(page.locator("[name=retention_days]")).to_have_value("30")
    _save(page)
    expect(page.locator("[name=retention_days]")).to_have_value("30")


def test_n13_a_deleted_connection_is_restored_by_hand(changed: Console, new_page: NewPage) -> None:
    """N13."""
    page = new_page(changed)
    page.goto("/smtp/")
    page.get_by_role("link", name="Restore a deleted SMTP connection").click()
    page.get_by_role("link", name="Restore Old relay").click()
    expect(page.locator("[name=host]")).to_have_value("relay.example.org")
    page.locator(".proposal").get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("“Old relay” is saved")

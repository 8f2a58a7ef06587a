"""The switch for all mail, and a copied database, by hand: every process notices (N9)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import steps
from tests.e2e.conftest import NewPage
from tests.e2e.console import Console
from tests.e2e.test_look import _check

Picture = Callable[[Page, str], None]


@pytest.fixture
def page(sandboxed: Console, new_page: NewPage) -> Page:
    return new_page(sandboxed)


def _switch(page: Page, choice: str, **typed: str) -> None:
    page.goto("/settings/")
    page.locator(".field-choice label", has_text=choice).click()
    for name, value in typed.items():
        page.locator(f"[name={name}]").fill(value)
    page.get_by_role("button", name="Apply").click()


def test_n9_a_running_application_notices_that_mail_is_held_redirected_and_sent_again(
    sandboxed: Console, page: Page, picture: Picture
) -> None:
    with sandboxed.application() as application:
        _switch(page, "All mail is redirected", redirect_to="qa@test.example", spared="ours.example")
        expect(page.get_by_text("All mail goes to qa@test.example.")).to_be_visible()
        assert application.send_mail("Redirected one") == {"sent": 1}
        page.goto("/sandbox/")
        row = page.locator("section:has(#inbox-title) tbody tr", has_text="Redirected one")
        expect(row).to_contain_text("qa@test.example")
        expect(row).not_to_contain_text("customer@example.net")
        page.goto("/")
        _check(page, "dashboard-redirected", picture)

        _switch(page, "All mail is held")
        expect(page.get_by_role("status")).to_contain_text("Held, in every process")
        refused = application.send_mail("Held one")
        assert refused["error"] == "SendingHeld"
        assert "All mail is held" in refused["text"]
        _check(page, "settings-held", picture)

        _switch(page, "Mail is sent")
        expect(page.get_by_role("status")).to_contain_text("Mail is sent again")
        assert application.send_mail("Sent one", to="customer@example.net") == {"sent": 1}
    subjects = [subject for _, subject in steps.inbox(page)]
    assert subjects[:2] == ["Sent one", "Redirected one"]


def test_n9_the_fields_of_the_switch_show_when_they_matter(page: Page, picture: Picture) -> None:
    page.goto("/settings/sending/")
    expect(page.locator("[name=redirect_to]")).to_be_hidden()
    page.locator(".field-choice label", has_text="All mail is redirected").click()
    page.locator("[name=redirect_to]").fill("")  # kept from an earlier redirection
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("alert")).to_contain_text("Type the address that all mail is to go to.")
    _check(page, "sending-error", picture)


def test_n9_a_copied_database_is_confirmed_with_one_press(sandboxed: Console, page: Page, picture: Picture) -> None:
    """The console of “staging” opens the database of “production”: its name is another one, so all mail is held."""
    sandboxed.python(
        "from mailadmin.models import Settings; Settings.objects.update(environment='production'); Settings.bump()\n"
        "from django.core.mail import EmailMessage\n"
        "for number in range(3):\n"
        "    message = EmailMessage('Copied one', 'x', None, ['customer@example.net'])\n"
        "    message.mailadmin_delivery = 'queued'\n"
        "    message.send()"
    )
    with sandboxed.application() as application:
        assert application.send_mail("Held one")["error"] == "SendingHeld"
        page.goto("/")
        page.get_by_role("link", name="See what waits, and confirm").click()
        expect(page.get_by_role("main")).to_contain_text("belongs to the environment “production”")
        expect(page.get_by_role("main")).to_contain_text("3 messages wait")
        _check(page, "confirm", picture)
        page.get_by_role("button", name="cancel what waits").click()
        expect(page.get_by_role("status")).to_contain_text("Confirmed. Mail leaves again; 3 messages cancelled.")
        assert application.send_mail("Sent one") == {"sent": 1}
    assert "Copied one" not in [subject for _, subject in steps.inbox(page)]

"""Handing over a message in the browser, and giving a program the token to do so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, expect

from tests.e2e import steps
from tests.e2e.conftest import NewPage
from tests.e2e.console import Console
from tests.e2e.test_look import NARROW
from tests.e2e.test_look import _check as check

HTML = '<h1 style="color: teal">Good morning</h1><img src="https://tracker.example.org/pixel.gif"><script>x()</script>'

# A message that a program handed over, and what it was told of it.
MESSAGE_OF_A_CLIENT = """
from datetime import timedelta
from django.utils import timezone
from mailadmin.models import ApiClient, Delivery, DoneNotice
ends = timezone.now() + timedelta(days=20)
client = ApiClient(name="Warehouse", scopes=["send", "read"], host="wms.example.org", expires_at=ends)
client.token_digest, client.token_start = "0" * 64, "mla_warehou"
client.url.set("https://wms.example.org/done")
client.signing.set("a-secret-that-both-sides-know")
client.save()
values = {"created_at": timezone.now(), "state": "sent", "client": client, "metadata": {"pallet": "P-20418"}}
row = Delivery.objects.create(subject="A pallet has arrived", label="Warehouse", **values)
down = "wms.example.org answered HTTP 503: it is out of order for now."
DoneNotice.objects.create(client=client, delivery=row, outcome="sent", tries=2, detail=down)
told = {"state": "told", "tries": 1, "due_at": None, "detail": "wms.example.org took it."}
DoneNotice.objects.create(client=client, delivery=row, outcome="sent", **told)
"""


def test_s12_a_message_is_looked_at_corrected_and_sent(
    sandboxed: Console, new_page: NewPage, tmp_path: Path, picture: Callable[[Page, str], None]
) -> None:
    """S12, S25, S26: on a phone, without JavaScript, nothing that was typed or chosen is lost on the way."""
    page = new_page(sandboxed, java_script_enabled=False, viewport=NARROW)
    for blocked in ("Content Security Policy", "Blocked script execution", "tracker.example.org/pixel.gif: csp"):
        page.complaints.expect(blocked)  # type: ignore[attr-defined]  # the frame loads nothing and runs nothing
    files = [tmp_path / "order 7.pdf", tmp_path / "list.csv"]
    for file in files:
        file.write_bytes(b"content of " + file.name.encode())
    subject = "Order 7 is on its way"
    page.goto("/compose/")
    page.get_by_label("To", exact=True).fill("Ann <ann@example.org>, bob@example.org")
    page.get_by_label("Subject").fill(subject)
    page.get_by_label("Attachments").set_input_files(files)
    page.get_by_text("HTML and format").click()
    page.get_by_label("HTML", exact=True).fill(HTML)
    page.get_by_label("Make the text from the HTML").check()
    page.get_by_role("button", name="Preview").click()

    expect(page.get_by_role("heading", level=1)).to_have_text(subject)
    expect(page.get_by_text("would be tried first")).to_be_visible()
    picture(page, "compose-preview-narrow")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Good morning")).to_have_css("color", "rgb(0, 128, 128)")
    expect(page.locator("section", has_text="Attachments").get_by_text("application/pdf")).to_be_visible()
    page.get_by_role("button", name="Back to editing").click()

    expect(page.get_by_label("order 7.pdf")).to_be_checked()
    picture(page, "compose-again-narrow")
    page.get_by_label("list.csv").uncheck()
    expect(page.get_by_label("HTML", exact=True)).to_have_value(HTML)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(subject)
    expect(page.locator("dd", has_text="1 attachment")).to_be_visible()
    assert ("Graph", subject) in steps.inbox(page)


def test_s18_a_token_is_shown_once_and_copied_by_keyboard(
    sandboxed: Console, new_page: NewPage, picture: Callable[[Page, str], None]
) -> None:
    page = new_page(sandboxed, permissions=["clipboard-read", "clipboard-write"])
    page.complaints.expect("ERR_CACHE_MISS")  # type: ignore[attr-defined]  # of the way back to the token
    page.goto("/settings/clients/")
    page.get_by_role("link", name="New client").click()
    page.get_by_label("Name").fill("Shop in Berlin")
    page.get_by_role("button", name="Save and show the token").click()
    token = page.get_by_label("For Shop in Berlin").input_value()
    assert token.startswith("mla_")
    check(page, "client-token", picture)
    page.get_by_role("button", name="Copy").press("Enter")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == token
    page.get_by_role("link", name="I have copied it").click()
    row = page.locator("tr", has_text="Shop in Berlin")
    expect(row).to_contain_text("Never used")
    expect(row).to_contain_text(f"{token[:12]}…")
    check(page, "clients", picture)
    with pytest.raises(Error, match="ERR_CACHE_MISS"):  # nothing brings it back
        page.go_back()


def test_the_preview_and_the_page_of_a_client_are_clean(
    sandboxed: Console, new_page: NewPage, picture: Callable[[Page, str], None]
) -> None:
    sandboxed.python(MESSAGE_OF_A_CLIENT)
    page = new_page(sandboxed)
    page.goto("/compose/")
    page.get_by_role("button", name="Write a test message").click()
    expect(page.get_by_label("Subject")).to_have_value("Test of the order of routes")
    page.get_by_text("HTML and format").click()
    page.get_by_label("HTML", exact=True).fill("<p>Good morning</p>")
    check(page, "compose-test", picture)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Test of the order of routes")
    check(page, "compose-preview", picture)
    page.goto("/settings/clients/")
    page.get_by_role("link", name="Warehouse").click()
    check(page, "client-edit", picture)
    page.goto("/log/")
    page.get_by_role("link", name="A pallet has arrived").click()
    expect(page.locator("#done")).to_contain_text("took it")
    check(page, "log-done", picture)

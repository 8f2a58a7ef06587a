"""How the pages of credentials and of the options of Graph look, with data in them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import NewPage
from tests.e2e.console import Console
from tests.e2e.test_look import _check

# A service with a certificate that ends soon and a second credential, and one whose secret has ended.
ROWS = """
from datetime import timedelta
from django.utils import timezone
from mailadmin.models import IntegratedService, OAuthService, SenderRefusal
from tests.fakes.app_certificates import app_certificate
made, today = app_certificate("mail app", 9), timezone.localdate()
service, oauth = IntegratedService.objects.get(), OAuthService.objects.get()
secret = service.secret.value().reveal()
service.name, service.credential_kind = "Example tenant", "certificate"
service.certificate, service.credential_ends_on = made.pem, made.ends_on
service.secret.set(made.key)
service.second_kind, service.second_ends_on = "secret", today + timedelta(days=180)
service.second_secret.set("a wrong secret")
service.save()
ended = IntegratedService(name="Ended tenant", client_id=service.client_id)
ended.tenant = "fabrikaminternationalholdings.onmicrosoft.com"
ended.credential_ends_on = today - timedelta(days=3)
ended.set_secret("x")
ended.save()
oauth.name, oauth.service_identity = "Office 365", "noreply@example.org"
oauth.mailboxes, oauth.send_as = "orders@example.org", "shop@example.org"
oauth.save()
SenderRefusal.objects.create(
    kind="oauth", route_id=oauth.pk, sender="reports@example.org", count=3, code="graph-send-as-denied",
    reason="The mailbox may not send as the From address of this message.", last_at=timezone.now(),
)
"""


@pytest.fixture(scope="module")
def grown(sandboxed: Console, browser: Browser) -> Console:
    sandboxed.python(ROWS)
    return sandboxed


@pytest.fixture
def page(grown: Console, new_page: NewPage) -> Page:
    return new_page(grown)


def _follow(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_role("main").get_by_role("link", name=name, exact=True).first.click()
        page.wait_for_load_state()


@pytest.mark.parametrize(
    ("name", "start", "links"),
    [
        ("dashboard-credentials", "/", ()),
        ("services-with-two-credentials", "/services/", ()),
        ("service-by-certificate", "/services/", ("Example tenant",)),
        ("second-credential", "/services/", ("Example tenant", "Second credential: try it and switch")),
        ("second-credential-new", "/services/", ("Ended tenant", "Renew without a gap: add a second credential")),
    ],
)
def test_a_page_is_clean_in_light_and_dark_wide_and_narrow(
    page: Page, name: str, start: str, links: tuple[str, ...], picture: Callable[[Page, str], None]
) -> None:
    page.goto(start)
    _follow(page, *links)
    _check(page, name, picture)


@pytest.mark.parametrize(
    ("kind", "field"), [("Federated assertion", "assertion_file"), ("Managed identity", ""), ("Certificate", "bundle")]
)
def test_a_new_service_shows_what_its_kind_needs(
    page: Page, kind: str, field: str, picture: Callable[[Page, str], None]
) -> None:
    page.goto("/services/new/")
    page.locator(".field-choice label", has_text=kind).click()
    for name in ("secret", "credential_ends_on", "bundle", "passphrase", "private_key", "assertion_file"):
        shown = name == field or (field == "bundle" and name in ("passphrase", "private_key"))
        expect(page.locator(f"[name={name}]")).to_be_visible(visible=shown)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()
    _check(page, f"service-new-{field or 'identity'}", picture)


@pytest.mark.parametrize("address", ["/services/", "/oauth/", "/smtp/"])
def test_a_laptop_shows_every_button_of_a_list(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1200, "height": 800})
    page.goto(address)
    cut = page.locator(".scroll:has(table.cards)").evaluate("each => each.scrollWidth - each.clientWidth")
    assert cut == 0


def test_a_switch_that_fails_is_clean(page: Page, picture: Callable[[Page, str], None]) -> None:
    """N5."""
    page.goto("/services/")
    _follow(page, "Example tenant", "Second credential: try it and switch")
    page.get_by_role("button", name="Try it and switch").click()
    expect(page.get_by_role("alert")).to_be_focused()
    _check(page, "second-credential-failed", picture)


def test_the_options_of_graph_are_folded_by_subject(page: Page, picture: Callable[[Page, str], None]) -> None:
    page.goto("/oauth/")
    _follow(page, "Office 365")
    page.locator("details.card.folded > summary").click()
    expect(page.locator("[name=mailboxes]")).to_be_visible()  # changed, so it shows by itself
    expect(page.locator("[name=settle]")).to_be_hidden()
    closed = page.locator(".folded .folded:not([open]) > summary")
    while closed.count():  # a subject that is opened is found no more
        closed.first.click()
    _check(page, "oauth-with-everything-open", picture)

"""The settings pages by hand: each kind is added, tested before it is saved, put in order, switched off, deleted."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from mailadmin.core.settings import ProxyKind
from tests.e2e import steps
from tests.e2e.conftest import NewPage
from tests.e2e.console import Console
from tests.fakes.app_certificates import app_certificate
from tests.fakes.proxies import PASSWORD as PROXY_PASSWORD
from tests.fakes.proxies import USER as PROXY_USER
from tests.fakes.proxies import FakeProxy


@pytest.fixture(scope="module")
def sandbox(console: Console) -> dict[str, Any]:
    return console.sandbox()


def _choose(page: Page, label: str) -> None:
    page.locator(".field-choice label", has_text=label).click()


def _open_advanced(page: Page, *subjects: str) -> None:
    """Open Advanced, and the folds in it."""
    page.locator("details.card.folded:not([open]) > summary").click()
    _open_subjects(page, *subjects)


def _open_subjects(page: Page, *subjects: str) -> None:
    for subject in subjects:
        page.locator(".folded .folded:not([open]) > summary", has_text=subject).click()


def _fill_smtp(page: Page, name: str, sandbox: dict[str, Any]) -> None:
    """Type an SMTP connection to the sandbox: STARTTLS, password, and its own CA under Advanced."""
    page.get_by_label("Name", exact=False).first.fill(name)
    page.locator("[name=host]").fill("localhost")
    _choose(page, "STARTTLS required")
    page.locator("[name=port]").fill(str(sandbox["smtp_port"]))
    _choose(page, "User name and password")
    page.locator("[name=user_name]").fill(sandbox["credentials"]["user"])
    page.locator("[name=secret]").fill(sandbox["credentials"]["password"])
    page.locator("[name=from_address]").fill("shop@example.org")
    _open_advanced(page, "Encryption")
    page.locator("[name=ca_pem]").fill(sandbox["ca_pem"])


def _add_service(page: Page, name: str, sandbox: dict[str, Any]) -> None:
    """Add an integrated service whose custom cloud is the sandbox."""
    page.goto("/services/")
    page.get_by_role("link", name="New integrated service").click()
    host = f"localhost:{sandbox['https_port']}"
    page.locator("[name=name]").fill(name)
    expect(page.locator("[name=graph_host]")).to_be_hidden()
    page.locator("[name=cloud]").select_option("custom")
    page.locator("[name=authority_host]").fill(host)
    page.locator("[name=graph_host]").fill(host)
    for field in ("tenant", "client_id"):
        page.locator(f"[name={field}]").fill(sandbox["credentials"][field])
    page.locator("[name=secret]").fill(sandbox["credentials"]["client_secret"])
    page.locator("[name=credential_ends_on]").fill("2099-12-31")
    _open_advanced(page)
    page.locator("[name=ca_pem]").fill(sandbox["ca_pem"])
    page.get_by_label("Tenant-wide permission is known").check()  # else the token of the sandbox is a warning
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text(f"“{name}” is saved")


def test_an_integrated_service_and_an_oauth_service_are_added_tested_and_then_saved(
    console: Console, page: Page, sandbox: dict[str, Any]
) -> None:
    """The custom cloud leads to the sandbox. P2: what is tested stands on the screen and is not saved yet."""
    _add_service(page, "Our tenant", sandbox)

    page.goto("/oauth/")
    page.get_by_role("link", name="New service").click()
    page.locator("[name=name]").fill("Office 365")
    page.locator("[name=integrated_service]").select_option(label="Our tenant")
    page.locator("[name=service_identity]").fill("noreply@example.org")
    page.get_by_role("button", name="Test Connection").click()
    for step in steps.finished_test(page).all():
        expect(step).to_have_class("step step-ok")
    expect(page.get_by_text("The tested values are not saved")).to_be_visible()
    page.get_by_role("button", name="Save what was tested").click()
    expect(page.get_by_role("status")).to_contain_text("“Office 365” is saved")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_n5_a_second_credential_is_tried_and_only_a_good_one_is_put_to_use(page: Page, sandbox: dict[str, Any]) -> None:
    """N5: against the sandbox's Entra, which knows one client secret."""
    _add_service(page, "Renewed tenant", sandbox)
    page.get_by_role("link", name="Renewed tenant", exact=True).click()
    page.get_by_role("link", name="add a second credential").click()
    for secret, well in (("a-wrong-secret", False), (sandbox["credentials"]["client_secret"], True)):
        page.locator("[name=second_secret]").fill(secret)
        page.locator("[name=second_ends_on]").fill("2098-01-31")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("Mail still signs in with the first")
        expect(page.locator("[name=second_secret]")).to_have_value("")
        page.get_by_role("button", name="Try it and switch").click()
        if well:
            expect(page.get_by_role("status")).to_contain_text("signs in with the new credential from now on")
        else:
            expect(page.get_by_role("alert")).to_contain_text("nothing was changed")
            expect(page.get_by_role("alert")).to_contain_text("AADSTS7000215")
            expect(page.get_by_role("alert")).to_contain_text("Whose job it is")
    expect(page.locator("section:has(#standing)")).to_contain_text("31 Jan 2098")
    page.get_by_role("button", name="Forget the second credential").click()
    expect(page.get_by_role("status")).to_contain_text("is forgotten")
    page.goto("/audit/")
    expect(page.locator("tbody tr", has_text="switched the credential")).to_have_count(1)
    expect(page.locator("main")).not_to_contain_text("a-wrong-secret")


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_p13_a_file_with_certificate_and_key_is_chosen(console: Console, new_page: NewPage, script: bool) -> None:
    """P13: only the fields of the chosen kind show; a wrong passphrase is told; file and passphrase never come back."""
    page, made = new_page(console, java_script_enabled=script), app_certificate()
    name = "By certificate" if script else "By certificate, without JavaScript"
    page.goto("/services/new/")
    page.locator("[name=name]").fill(name)
    page.locator("[name=tenant]").fill("contoso.example")
    page.locator("[name=client_id]").fill("3c1d22aa-86f1-41af-91ab-2d7cd011db47")
    _choose(page, "Certificate")
    if script:
        for field, shown in (("secret", False), ("bundle", True), ("assertion_file", False)):
            expect(page.locator(f"[name={field}]")).to_be_visible(visible=shown)
    for passphrase in ("wrong", "open sesame"):
        page.locator("[name=bundle]").set_input_files(
            {"name": "app.pfx", "mimeType": "application/x-pkcs12", "buffer": made.pfx("open sesame")}
        )
        page.locator("[name=passphrase]").fill(passphrase)
        page.get_by_role("button", name="Save").click()
        if passphrase == "wrong":
            expect(page.get_by_role("alert")).to_contain_text("The passphrase does not open this file.")
            expect(page.get_by_text("Choose the file again")).to_be_visible()
            expect(page.locator("[name=passphrase]")).to_have_value("")
    expect(page.get_by_role("status")).to_contain_text(f"“{name}” is saved")
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.locator("section:has(#credentials)")).to_contain_text("Thumbprint")
    expect(page.locator("[name=private_key]")).to_have_value("")


def test_an_smtp_connection_is_tested_unsaved_and_what_was_tested_is_saved(page: Page, sandbox: dict[str, Any]) -> None:
    """P2: STARTTLS, own CA and password, as typed; the list is empty until "Save what was tested"."""
    page.goto("/smtp/new/")
    _fill_smtp(page, "Relay", sandbox)
    page.get_by_role("button", name="Test Connection").click()
    for step in steps.finished_test(page).all():
        expect(step).to_have_class("step step-ok")
    run = page.url
    page.goto("/smtp/")
    expect(page.get_by_role("link", name="Relay", exact=True)).to_have_count(0)
    page.goto(run)
    page.get_by_role("link", name="Back to the form").click()
    expect(page.locator("[name=host]")).to_have_value("localhost")
    expect(page.locator("[name=secret]")).to_have_value("")
    page.goto(run)
    page.get_by_role("button", name="Save what was tested").click()
    page.get_by_role("link", name="Relay", exact=True).click()
    expect(page.locator("[name=from_address]")).to_have_value("shop@example.org")
    expect(page.get_by_text("Stored, changed")).to_be_visible()
    expect(page.locator("details.card.folded > summary")).to_contain_text("1 changed")  # the CA


def test_s11_s13_s14_the_options_under_advanced_are_tested_unsaved_and_saved(
    page: Page, sandbox: dict[str, Any]
) -> None:
    """S11: through a proxy with a password of its own; S13: the method; S14: the session is closed each time."""
    page.goto("/smtp/new/")
    with FakeProxy(ProxyKind.HTTP, {"localhost": sandbox["smtp_port"]}, sign_in=True) as proxy:
        _fill_smtp(page, "Behind a proxy", sandbox)
        _open_subjects(page, "Sign-in", "Proxy", "Sessions and speed", "Time limits")
        page.locator("[name=mechanism]").select_option("PLAIN")
        expect(page.locator("[name=proxy_host]")).to_be_hidden()
        _choose(page, "HTTP CONNECT")
        page.locator("[name=proxy_host]").fill("127.0.0.1")
        page.locator("[name=proxy_port]").fill(str(proxy.port))
        page.locator("[name=proxy_user]").fill(PROXY_USER)
        page.locator("[name=proxy_password]").fill(PROXY_PASSWORD)
        expect(page.locator("[name=idle_seconds]")).to_be_visible()
        page.get_by_label("Keep the session open").uncheck()
        expect(page.locator("[name=idle_seconds]")).to_be_hidden()
        page.locator("[name=final_timeout]").fill("45")
        page.get_by_role("button", name="Test Connection").click()
        found = steps.finished_test(page)
        for leg in ("Reach the proxy", "Through the proxy to the server"):
            expect(found.filter(has_text=leg)).to_have_class("step step-ok")
        expect(found.filter(has_text="Find the server")).to_contain_text("the proxy resolves the name")
        expect(found.filter(has_text="Signed in as")).to_contain_text("by PLAIN")
        page.get_by_role("button", name="Save what was tested").click()
        assert proxy.asked == [("localhost", sandbox["smtp_port"])]
    page.get_by_role("link", name="Behind a proxy", exact=True).click()
    expect(page.locator("details.card.folded > summary")).to_contain_text("8 changed")
    page.locator("details.card.folded > summary").click()
    for name, value in {"mechanism": "PLAIN", "proxy_user": PROXY_USER, "final_timeout": "45"}.items():
        expect(page.locator(f"[name={name}]")).to_have_value(value)  # what is not as usual shows by itself
    expect(page.locator("[name=proxy_password]")).to_have_value("")
    expect(page.get_by_text("leave empty to keep it")).to_have_count(2)


def test_order_switch_and_delete(page: Page, sandbox: dict[str, Any]) -> None:
    for name in ("First relay", "Second relay"):
        page.goto("/smtp/new/")
        _fill_smtp(page, name, sandbox)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text(f"“{name}” is saved")

    page.goto("/smtp/")
    names = page.locator("tbody th")
    *others, first, second = names.all_inner_texts()
    assert (first, second) == ("First relay", "Second relay")  # a new one comes last
    page.get_by_role("button", name="Move Second relay up").click()
    expect(names).to_have_text([*others, second, first])

    row = page.locator("tr", has_text="Second relay")
    row.get_by_role("button", name="Switch off").click()
    expect(row).to_contain_text("Off")
    page.goto("/")
    expect(page.get_by_role("heading", name="Delivery order")).to_be_visible()
    expect(page.locator("section:has(#order-title)")).not_to_contain_text("Second relay")

    page.goto("/smtp/")
    page.get_by_role("link", name="Second relay").click()
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete “Second relay”?")
    page.get_by_role("link", name="Keep it").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("“Second relay” is deleted")
    expect(page.get_by_role("link", name="Second relay")).to_have_count(0)


def test_bad_input_keeps_everything_and_says_what_is_wrong_beside_each_field(page: Page) -> None:
    """S16: each mistake has its own sentence, in the summary and beside its field; nothing typed is lost."""
    page.goto("/smtp/new/")
    typed = {
        "name": "Bad relay",
        "host": "smtp://mail.example.org",
        "port": "70000",
        "user_name": "somebody",
        "from_address": "no address",
    }
    _choose(page, "User name and password")
    for name, value in typed.items():
        page.locator(f"[name={name}]").fill(value)
    _open_advanced(page, "Encryption", "Message")
    page.locator("[name=ca_pem]").fill("no certificate")
    page.locator("[name=subject_prefix]").fill("[Test]")
    page.get_by_role("button", name="Save").click()

    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("nothing was saved")
    expect(summary).to_be_focused()
    for name in ("host", "port", "from_address", "ca_pem"):
        sentence = page.locator(f".field:has([name={name}]) .errorlist li").inner_text()
        assert sentence.endswith(".")
        expect(summary).to_contain_text(sentence)
        expect(page.locator(f"[name={name}]")).to_have_attribute("aria-invalid", "true")
    for name, value in typed.items():
        expect(page.locator(f"[name={name}]")).to_have_value(value)
    expect(page.locator("[name=ca_pem]")).to_be_visible()  # the fold opens when something in it is wrong
    expect(page.locator("[name=ca_pem]")).to_have_value("no certificate")
    expect(page.locator("details.card.folded > summary")).to_contain_text("2 changed")
    expect(page.locator("[name=secret]")).to_have_value("")
    summary.get_by_role("link", name="Port").click()
    expect(page.locator("[name=port]")).to_be_focused()


def test_the_port_follows_the_security_unless_it_is_an_unusual_one(page: Page) -> None:
    page.goto("/smtp/new/")
    _choose(page, "TLS from the start")
    expect(page.locator("[name=port]")).to_have_value("465")
    page.locator("[name=port]").fill("2525")
    _choose(page, "STARTTLS required")
    expect(page.locator("[name=port]")).to_have_value("2525")


def test_the_audit_trail_shows_what_was_done_and_no_secret(page: Page, sandbox: dict[str, Any]) -> None:
    page.goto("/smtp/new/")
    _fill_smtp(page, "Audited relay", sandbox)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("is saved")
    page.goto("/audit/")
    expect(page.locator("tbody tr", has_text="Audited relay").first).to_contain_text("admin")
    expect(page.locator("main")).not_to_contain_text(sandbox["credentials"]["password"])

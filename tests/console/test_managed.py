"""N14: what comes from a settings file is shown, and no address of the console changes it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from mailadmin.console import urls
from mailadmin.models import (
    AlertChannel,
    ApiClient,
    AuditEntry,
    IntegratedService,
    OAuthService,
    SenderDomain,
    Settings,
    SmtpConnection,
)

pytestmark = pytest.mark.django_db
FILE = "mail.toml"

# Every address that changes a row, what it is sent, and whose row it changes.
CHANGES = {
    **{f"{kind}-{page}": kind for kind in ("smtp", "oauth", "service") for page in ("edit", "delete")},
    **{f"{kind}-{page}": kind for kind in ("smtp", "oauth") for page in ("move", "switch")},
    **dict.fromkeys(("service-credential", "service-credential-switch", "service-credential-forget"), "service"),
    **{f"settings-alert-{page}": "channel" for page in ("edit", "delete", "switch")},
    **{f"domain-{page}": "domain" for page in ("selectors", "forget")},
    **{f"client-{page}": "client" for page in ("edit", "delete")},
    "settings": "settings",
}
# What is done with a row, and is no setting of it.
OPERATIONS = {
    *(f"{kind}-{page}" for kind in ("smtp", "oauth", "service") for page in ("history", "restore")),  # restore: below
    *("settings-history", "settings-restore", "settings-sending", "settings-confirm"),
    *("settings-alert-test", "settings-alert-new", "domain-add", "domain-read"),
    *("client-token", "client-revoke", "client-new"),
    *("route-resume", "route-pause", "test-start"),
}


@pytest.fixture
def rows(smtp, oauth, service):
    found = {
        "smtp": smtp,
        "oauth": oauth,
        "service": service,
        "channel": AlertChannel.objects.create(name="Operations", recipients="ops@example.org"),
        "domain": SenderDomain.objects.create(domain="example.org"),
        "client": ApiClient.objects.create(name="Shop", token_digest="0" * 64, scopes=["send"]),
        "settings": Settings.load(),
    }
    for row in found.values():
        type(row).objects.filter(pk=row.pk).update(managed_by=FILE)
    return found


def address(name, row):
    pattern = next(pattern for pattern in urls.urlpatterns if pattern.name == name)
    known = {"pk": row.pk, "domain": getattr(row, "domain", "")}
    return reverse(f"mailadmin:{name}", kwargs={key: known[key] for key in pattern.pattern.converters})


def state():
    models = (SmtpConnection, OAuthService, IntegratedService, AlertChannel, SenderDomain, ApiClient, Settings)
    return [list(model.objects.values()) for model in models], AuditEntry.objects.count()


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_n14_no_address_changes_what_comes_from_a_file(admin_client, rows, smtp_values, service_values, name):
    """N14: 409, with a page that names the file, and nothing is different afterwards."""
    values = {**smtp_values, **service_values, "direction": "up", "enabled": "off", "selectors": "x", "scopes": "send"}
    values |= {
        "integrated_service": rows["service"].pk,
        "service_identity": "x@contoso.example",
        "client_type": "office365",
    }
    values |= {"recipients": "other@example.org", "kind": "email", "events": ["failing"], "retention_days": "7"}
    values |= {"name": rows[CHANGES[name]].name} if hasattr(rows[CHANGES[name]], "name") else {}
    before = state()
    response = admin_client.post(address(name, rows[CHANGES[name]]), values)
    assert response.status_code == 409, response.status_code
    assert f"mailadmin_apply {FILE} --release" in response.text
    assert state() == before


def test_the_table_knows_every_address_of_a_row():
    """An address that is added must say whether it changes a setting."""
    watched = ("smtp-", "oauth-", "service-", "settings", "domain-", "client-")
    kinds = {p.name for p in urls.urlpatterns if p.name.startswith(watched) and _needs_change(p.callback)}
    kinds |= {p.name for p in urls.urlpatterns if p.name.startswith(("route-", "test-start"))}
    assert kinds - {"test-start-unsaved"} <= set(CHANGES) | OPERATIONS


def _needs_change(view):
    return any(".change_" in name or ".delete_" in name for name in view.needs)


@pytest.mark.parametrize("kind", ["smtp", "oauth", "service"])
def test_the_form_is_shown_and_cannot_be_typed_into(admin_client, rows, kind):
    page = admin_client.get(reverse(f"mailadmin:{kind}-edit", args=[rows[kind].pk])).text
    assert "Managed by the settings file mail.toml" in page
    assert '<fieldset class="fixed" disabled>' in page
    assert ">Save</button>" not in page
    assert "/delete/" not in page
    assert f'formaction="/tests/start/{kind}/{rows[kind].pk}/"' in page, "a test takes the saved values"


@pytest.mark.parametrize("kind", ["smtp", "oauth", "service"])
def test_the_list_says_where_it_comes_from_and_offers_no_switch(admin_client, rows, kind):
    page = admin_client.get(reverse(f"mailadmin:{kind}-list")).text
    assert "managed by mail.toml" in page
    assert "Switch off" not in page


def test_the_preferences_are_shown_and_the_switch_for_all_mail_stays(admin_client, rows):
    page = admin_client.get(reverse("mailadmin:settings")).text
    assert '<fieldset class="fixed" disabled>' in page
    response = admin_client.post(
        reverse("mailadmin:settings-sending"), {"sending": "held", "redirect_to": "", "spared": ""}
    )
    assert response.status_code == 302
    assert Settings.load().sending == "held", "an emergency does not wait for a file"


def test_values_from_before_cannot_be_brought_back(admin_client, smtp, smtp_values):
    admin_client.post(reverse("mailadmin:smtp-edit", args=[smtp.pk]), smtp_values | {"from_name": "New"})
    entry = AuditEntry.objects.filter(object_id=str(smtp.pk)).first()
    SmtpConnection.objects.update(managed_by=FILE)
    assert admin_client.get(reverse("mailadmin:smtp-restore", args=[smtp.pk, entry.pk])).status_code == 409


def test_pausing_and_testing_stay(operator_client, rows):
    response = operator_client.post(reverse("mailadmin:route-pause", args=["smtp", rows["smtp"].pk]), {"pause": "on"})
    assert response.status_code == 302


def test_a_route_of_the_console_may_pass_one_of_a_file(admin_client, rows):
    other = SmtpConnection.objects.create(name="Other", host="b.example.org", order=5)
    admin_client.post(reverse("mailadmin:smtp-move", args=[other.pk]), {"direction": "up"})
    assert [row.name for row in SmtpConnection.objects.all()] == ["Other", "Relay A"]

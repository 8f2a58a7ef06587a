"""The history of settings and the way back (N13): who changed what, and a form with the values from before."""

from __future__ import annotations

import pytest
from django.urls import reverse

from mailadmin.console import audit
from mailadmin.console.proposals import as_sent
from mailadmin.models import AuditEntry, IntegratedService, OAuthService, Settings, SmtpConnection

pytestmark = pytest.mark.django_db
CANARY = "only-the-relay-knows-this"


def change(client, row, kind: str, **values):
    """Save the form of `row` with other values, as a browser would."""
    address = reverse(f"mailadmin:{kind}-edit", args=[row.pk])
    response = client.post(address, as_sent(client.get(address).context["form"]) | values)
    assert response.status_code == 302, response.context["form"].errors
    row.refresh_from_db()


def restore_page(client, kind: str, row, entry: AuditEntry | None = None):
    entry = entry or AuditEntry.objects.filter(object_id=str(row.pk)).first()
    return client.get(reverse(f"mailadmin:{kind}-restore", args=[row.pk, entry.pk]))


def test_n13_a_change_is_taken_back_by_its_history(admin_client, administrator, smtp):
    """N13: the form is filled with the values from before, marked, and saved like every other."""
    change(admin_client, smtp, "smtp", from_name="Shop", subject_prefix="[Test]", pipelining="")
    change(admin_client, smtp, "smtp", from_name="Somebody else")
    page = admin_client.get(reverse("mailadmin:smtp-history", args=[smtp.pk])).text
    assert administrator.username in page
    assert "<del>Shop</del> → Somebody else" in page
    first = AuditEntry.objects.order_by("id").first()
    response = restore_page(admin_client, "smtp", smtp, first)
    form = response.context["form"]
    assert [form[name].value() for name in ("from_name", "subject_prefix", "pipelining")] == ["", "", True]
    assert 'From display name <span class="was">emptied, was: Somebody else</span>' in response.text
    assert response.context["proposal"].wanted == ()
    assert admin_client.post(reverse("mailadmin:smtp-edit", args=[smtp.pk]), as_sent(form)).status_code == 302
    smtp.refresh_from_db()
    assert (smtp.from_name, smtp.subject_prefix, smtp.pipelining) == ("", "", True)
    assert smtp.secret.value().reveal() == CANARY
    assert AuditEntry.objects.first().action == "changed"


def test_n13_a_password_does_not_come_back_with_its_old_destination(admin_client, smtp):
    """N13: no secret is kept, and the stored one is for another host now."""
    change(admin_client, smtp, "smtp", host="other.example.org", secret="another-password")
    response = restore_page(admin_client, "smtp", smtp)
    assert response.context["form"]["host"].value() == "smtp.example.org"
    assert "so the stored password is not sent there; type it again" in response.text
    assert CANARY not in response.text
    assert "another-password" not in response.text


def test_n13_a_deleted_connection_is_added_anew_with_its_values(admin_client, smtp):
    """N13."""
    smtp.subject_prefix = "[Shop]"
    smtp.save()
    admin_client.post(reverse("mailadmin:smtp-delete", args=[smtp.pk]))
    assert reverse("mailadmin:smtp-deleted") in admin_client.get("/smtp/").text
    page = admin_client.get(reverse("mailadmin:smtp-deleted")).text
    assert "Relay A" in page
    assert "It is deleted." in admin_client.get(reverse("mailadmin:smtp-history", args=[smtp.pk])).text
    response = restore_page(admin_client, "smtp", smtp)
    form = response.context["form"]
    assert form.instance._state.adding
    assert ("id_secret", "Password") in response.context["proposal"].wanted
    sent = as_sent(form) | {"secret": "typed-again"}
    assert admin_client.post(reverse("mailadmin:smtp-new"), sent).status_code == 302
    row = SmtpConnection.objects.get()
    assert (row.name, row.host, row.subject_prefix) == ("Relay A", "smtp.example.org", "[Shop]")
    assert row.pk != smtp.pk


def test_a_related_row_that_is_gone_is_named(admin_client, oauth, service):
    pk = oauth.pk
    admin_client.post(reverse("mailadmin:oauth-delete", args=[pk]))
    admin_client.post(reverse("mailadmin:service-delete", args=[service.pk]))
    oauth.pk = pk
    response = restore_page(admin_client, "oauth", oauth)
    assert "The integrated service “Contoso mail app” does not exist any more; choose another one." in response.text
    assert response.context["form"]["service_identity"].value() == "no-reply@contoso.example"


def test_the_credential_of_an_app_is_not_restored_because_its_secret_is_not_kept(admin_client, service):
    change(
        admin_client, service, "service", secret="a-new-secret", credential_ends_on="2098-01-31", tenant="new.example"
    )
    response = restore_page(admin_client, "service", service)
    form = response.context["form"]
    assert form["tenant"].value() == "contoso.example"
    assert str(form["credential_ends_on"].value()) == "2098-01-31"
    assert "The credential stays as it is now" in response.text


def test_n13_the_preferences_have_a_history_too(admin_client, preferences):
    """N13."""
    admin_client.get("/settings/")
    page = admin_client.get(reverse("mailadmin:settings"))
    sent = as_sent(page.context["form"])
    assert admin_client.post("/settings/", sent | {"retention_days": "77"}).status_code == 302
    assert "77" in admin_client.get(reverse("mailadmin:settings-history")).text
    entry = AuditEntry.objects.first()
    response = admin_client.get(reverse("mailadmin:settings-restore", args=[entry.pk]))
    assert response.context["form"]["retention_days"].value() == 30
    assert '<span class="was">changed, was: 77</span>' in response.text
    assert admin_client.post("/settings/", as_sent(response.context["form"])).status_code == 302
    assert Settings.load().retention_days == 30


def test_values_that_stand_already_are_told_as_such(admin_client, smtp):
    change(admin_client, smtp, "smtp", from_name="Shop")
    change(admin_client, smtp, "smtp", from_name="")
    first = AuditEntry.objects.order_by("id").first()
    assert "nothing would change" in restore_page(admin_client, "smtp", smtp, first).text


def test_what_an_older_version_wrote_is_not_offered(admin_client, smtp):
    entry = audit.record(None, "changed", smtp, {"port": ["25", "587"]})
    page = admin_client.get(reverse("mailadmin:smtp-history", args=[smtp.pk])).text
    assert "Restore the values before this" not in page
    assert restore_page(admin_client, "smtp", smtp, entry).status_code == 404


def test_restoring_shows_and_changes_nothing(admin_client, smtp):
    change(admin_client, smtp, "smtp", from_name="Shop")
    address = reverse("mailadmin:smtp-restore", args=[smtp.pk, AuditEntry.objects.first().pk])
    assert admin_client.post(address).status_code == 405
    assert admin_client.get(address).status_code == 200
    smtp.refresh_from_db()
    assert smtp.from_name == "Shop"


def test_a_deleted_row_comes_back_only_by_who_may_add(admin_client, administrator, smtp):
    admin_client.post(reverse("mailadmin:smtp-delete", args=[smtp.pk]))
    group = administrator.groups.get()
    group.permissions.remove(group.permissions.get(codename="add_smtpconnection"))
    assert restore_page(admin_client, "smtp", smtp).status_code == 403


def test_no_secret_is_kept_with_an_entry(admin_client, smtp, service, oauth):
    """Not in clear, and not sealed either: a copy would outlive the secret that somebody forgot."""
    for row in (smtp, service, oauth):
        kept = repr(audit.plain(row))
        for held in row.secrets() if hasattr(row, "secrets") else []:
            assert not held.sealed or held.sealed not in kept
            assert not set(held.columns).intersection(audit.plain(row))
    change(admin_client, smtp, "smtp", secret="another-password")
    everything = repr(list(AuditEntry.objects.values()))
    assert CANARY not in everything
    assert "another-password" not in everything


@pytest.mark.parametrize("model", [SmtpConnection, OAuthService, IntegratedService, Settings])
def test_an_entry_keeps_every_value_that_a_form_shows(model):
    from mailadmin.console.forms import IntegratedServiceForm, OAuthServiceForm, SettingsForm, SmtpConnectionForm

    forms = (SmtpConnectionForm, OAuthServiceForm, IntegratedServiceForm, SettingsForm)
    form = next(each for each in forms if each._meta.model is model)
    assert set(form._meta.fields) <= set(audit.plain(model()))

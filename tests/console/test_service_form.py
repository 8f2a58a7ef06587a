"""The form of an integrated service."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from mailadmin.models import AuditEntry, IntegratedService, RouteState

from .test_smtp_form import certificate, errors_of

pytestmark = pytest.mark.django_db
NEW = "/services/new/"


def edit_url(row) -> str:
    return reverse("mailadmin:service-edit", args=[row.pk])


def test_s3_an_app_registration_is_added(admin_client, service_values):
    """S3: tenant, client ID, secret with its end, cloud."""
    response = admin_client.post(NEW, service_values, follow=True)
    app = IntegratedService.objects.get().to_app()
    assert (app.tenant, app.cloud.graph_host) == ("contoso.example", "graph.microsoft.com")
    assert app.credential.secret.reveal() == "only-entra-knows-this"
    assert "Use it in an OAuth service" in response.text


@pytest.mark.parametrize("cloud", ["gcc-high", "dod", "china"])
def test_each_national_cloud_can_be_chosen(admin_client, service_values, cloud):
    admin_client.post(NEW, service_values | {"cloud": cloud})
    assert IntegratedService.objects.get().to_app().cloud.name == cloud


def test_a_custom_cloud_takes_its_hosts_and_certificate(admin_client, service_values):
    typed = service_values | {"cloud": "custom"}
    assert set(errors_of(admin_client.post(NEW, typed))) == {"authority_host", "graph_host"}
    typed |= {
        "authority_host": "localhost:8443",
        "graph_host": "localhost:8443",
        "mail_hosts": "localhost",
        "ca_pem": certificate(days=30),
    }
    assert admin_client.post(NEW, typed).status_code == 302
    cloud = IntegratedService.objects.get().to_app().cloud
    assert (cloud.authority_host, cloud.graph_host) == ("localhost:8443", "localhost:8443")
    assert cloud.mail_hosts == ("localhost",)
    assert cloud.ca_pem


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Give it a name"),
        ("tenant", "", "Type the directory"),
        ("tenant", "common", "names no tenant"),
        ("tenant", "my tenant", "neither a tenant ID"),
        ("client_id", "", "Type the application"),
        ("client_id", "mail app", "is not an application (client) ID"),
        ("client_id", "x" * 40, "36 characters"),
        ("secret", "3c1d22aa-86f1-41af-91ab-2d7cd011db47", "looks like the secret's ID"),
        ("secret", "env:SECRET_KEY", "not allowed here"),
        ("credential_ends_on", "", "Type the date on which the secret ends"),
        ("credential_ends_on", "soon", "year-month-day"),
        ("mail_hosts", "https://x", "scheme"),
        ("ca_pem", "x", "not a readable PEM"),
    ],
)
def test_s16_each_bad_input_has_its_own_sentence(admin_client, service_values, field, value, sentence):
    """S16."""
    found = errors_of(admin_client.post(NEW, service_values | {field: value}))
    assert list(found) == [field]
    assert sentence in found[field][0]
    assert not IntegratedService.objects.exists()


def test_beside_the_form_stand_the_steps_in_entra(admin_client):
    page = admin_client.get(NEW).text
    for words in ("Register the app", "not the Secret ID", "Mail.Send", "Grant admin consent"):
        assert words in page


def test_a_secret_that_has_ended_is_saved_with_a_warning(admin_client, service_values):
    ended = timezone.localdate() - timedelta(days=1)
    response = admin_client.post(NEW, service_values | {"credential_ends_on": ended.isoformat()}, follow=True)
    assert "Entra refuses it" in response.text
    assert "Ended" in response.text


def test_an_app_without_a_secret_is_saved_with_a_warning(admin_client, service_values):
    response = admin_client.post(NEW, service_values | {"secret": "", "credential_ends_on": ""}, follow=True)
    assert "No client secret is stored yet" in response.text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tenant": "evil.example"}, "the tenant"),
        ({"client_id": "4c1d22aa-86f1-41af-91ab-2d7cd011db47"}, "the client ID"),
        ({"mail_hosts": "evil.example"}, "the mail hosts"),
        ({"ca_pem": certificate(days=30)}, "the CA certificate"),
        ({"cloud": "china"}, "the cloud"),
    ],
)
def test_p9_a_changed_destination_never_gets_the_stored_secret(admin_client, service, service_values, change, told):
    """P9: each part of the tuple."""
    typed = service_values | {"secret": ""} | change
    sentence = errors_of(admin_client.post(edit_url(service), typed))["secret"][0]
    assert sentence.startswith(f"You changed {told}")
    assert "client secret is not sent there; type it again." in sentence
    service.refresh_from_db()
    assert service.secret.stored
    assert admin_client.post(edit_url(service), typed | {"secret": "new-one"}).status_code == 302
    service.refresh_from_db()
    assert service.secret.value().reveal() == "new-one"


def test_a_custom_host_that_changed_never_gets_the_stored_secret(admin_client, service, service_values):
    hosts = {"cloud": "custom", "authority_host": "a.example", "graph_host": "g.example"}
    assert admin_client.post(edit_url(service), service_values | hosts).status_code == 302
    for part in ("authority_host", "graph_host"):
        typed = service_values | hosts | {"secret": "", part: "evil.example"}
        assert "secret" in errors_of(admin_client.post(edit_url(service), typed))


def test_forgetting_the_secret_is_an_explicit_tick(admin_client, service, service_values):
    admin_client.post(edit_url(service), service_values | {"secret": "", "forget_secret": "on"})
    service.refresh_from_db()
    assert service.secret_stored == ""
    assert AuditEntry.objects.get().changes["client secret"] == ["stored", "forgotten"]


def test_an_app_in_use_stays_a_service_account(admin_client, service, service_values, oauth):
    typed = service_values | {"secret": "", "account_kind": "user"}
    assert "Contoso 365" in errors_of(admin_client.post(edit_url(service), typed))["account_kind"][0]


def test_a_new_secret_opens_the_routes_that_were_stopped_by_the_old_one(admin_client, service_values, service, oauth):
    RouteState.objects.create(kind="oauth", route_id=oauth.pk, stopped=True, since=timezone.now())
    admin_client.post(edit_url(service), service_values | {"secret": "renewed"})
    assert not RouteState.objects.exists()

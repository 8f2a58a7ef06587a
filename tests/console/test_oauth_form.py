"""The form of an OAuth service."""

from __future__ import annotations

import pytest
from django.urls import reverse

from mailadmin.console.forms import route_form
from mailadmin.core.settings import RouteKind
from mailadmin.models import AuditEntry, IntegratedService, OAuthService

pytestmark = pytest.mark.django_db
NEW = "/oauth/new/"


@pytest.fixture
def values(service):
    return {
        "name": "Contoso 365",
        "client_type": "office365",
        "integrated_service": str(service.pk),
        "service_identity": "no-reply@contoso.example",
        "enabled": "on",
    }


def errors_of(response) -> dict[str, list[str]]:
    return {name: list(found) for name, found in response.context["form"].errors.items()}


def test_s2_a_service_is_added_with_every_field_of_the_seed(admin_client, values):
    """S2: client type, service, name, identity; empty scopes are the cloud's default."""
    assert admin_client.post(NEW, values).status_code == 302
    route = OAuthService.objects.get().to_route()
    assert (route.name, route.identity, route.client_type) == ("Contoso 365", "no-reply@contoso.example", "office365")
    assert route.effective_scopes == ("https://graph.microsoft.com/.default",)
    assert AuditEntry.objects.get().action == "created"


def test_p5_s21_s22_the_folded_options_reach_the_route(admin_client, values):
    """P5: Send-As; S21: prefix and default recipients; S22: label."""
    typed = values | {
        "send_as": "shop@contoso.example",
        "subject_prefix": "[X]",
        "label": "shop",
        "default_recipients": "ops@contoso.example",
        "scopes": "https://graph.microsoft.us/.default",
    }
    admin_client.post(NEW, typed)
    route = OAuthService.objects.get().to_route()
    assert route.sender.send_as == ("shop@contoso.example",)
    assert (route.sender.subject_prefix, route.label) == ("[X]", "shop")
    assert route.default_recipients == ("ops@contoso.example",)
    assert route.effective_scopes == ("https://graph.microsoft.us/.default",)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Give it a name"),
        ("service_identity", "", "Type the mailbox that sends"),
        ("service_identity", "no-reply", "no-reply"),
        ("integrated_service", "", "Choose the integrated service"),
        ("integrated_service", "00000000-0000-0000-0000-000000000000", "Choose one of the integrated services"),
        ("scopes", "Mail.Send", "does not end in “/.default”"),
        ("scopes", "https://a.example/.default https://b.example/.default", "one scope only"),
        ("send_as", "a b@", ""),
        ("default_recipients", "nobody", "nobody"),
    ],
)
def test_s16_each_bad_input_has_its_own_sentence(admin_client, values, field, value, sentence):
    """S16."""
    response = admin_client.post(NEW, values | {field: value})
    found = errors_of(response)
    assert list(found) == [field]
    assert sentence in found[field][0]
    assert not OAuthService.objects.exists()


def test_s3_the_form_says_why_only_service_accounts_can_be_chosen(admin_client, values):
    """S3."""
    IntegratedService.objects.create(
        name="Delegated app",
        tenant="a.example",
        client_id="4c1d22aa-86f1-41af-91ab-2d7cd011db47",
        account_kind="user",
    )
    page = admin_client.get(NEW).text
    assert "Only service accounts (client credentials) can be chosen" in page
    assert "Not offered for that reason: Delegated app." in page


def test_s3_an_app_that_signs_in_as_a_user_is_refused_with_the_reason(admin_client, values, service):
    """S3."""
    IntegratedService.objects.update(account_kind="user")
    response = admin_client.post(NEW, values)
    assert "only a service account (client credentials) can send" in errors_of(response)["integrated_service"][0]


def test_without_an_integrated_service_the_form_shows_the_first_step(admin_client, db):
    assert "An integrated service comes first" in admin_client.get(NEW).text
    assert "It takes two steps" in admin_client.get(reverse("mailadmin:oauth-list")).text


def test_p2_unsaved_values_become_a_route(values, service):
    """P2: with the secret of the integrated service that was chosen."""
    form = route_form(RouteKind.OAUTH, values)
    assert form.is_valid(), form.errors
    route = form.to_route()
    assert (route.key.id, route.app.id) == ("", str(service.pk))
    assert route.app.credential.secret.reveal() == "only-entra-knows-this"
    assert not OAuthService.objects.exists()


def test_p2_a_stored_service_keeps_its_key_in_a_test(values, oauth):
    form = route_form(RouteKind.OAUTH, values | {"pk": str(oauth.pk), "service_identity": "b@contoso.example"})
    assert form.is_valid(), form.errors
    assert (form.to_route().key.id, form.to_route().identity) == (str(oauth.pk), "b@contoso.example")
    oauth.refresh_from_db()
    assert oauth.service_identity == "no-reply@contoso.example"

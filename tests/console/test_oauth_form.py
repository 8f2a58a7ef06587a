"""The form of an OAuth service."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from mailadmin.console.testing import typed_form
from mailadmin.core import limits
from mailadmin.core.settings import RouteKind
from mailadmin.models import AuditEntry, IntegratedService, OAuthService, SenderRefusal

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
    form = typed_form(RouteKind.OAUTH, values)
    assert form.is_valid(), form.errors
    route = form.to_route()
    assert (route.key.id, route.app.id) == ("", str(service.pk))
    assert route.app.credential.secret.reveal() == "only-entra-knows-this"
    assert not OAuthService.objects.exists()


def test_p2_a_stored_service_keeps_its_key_in_a_test(values, oauth):
    form = typed_form(RouteKind.OAUTH, values | {"pk": str(oauth.pk), "service_identity": "b@contoso.example"})
    assert form.is_valid(), form.errors
    assert (form.to_route().key.id, form.to_route().identity) == (str(oauth.pk), "b@contoso.example")
    oauth.refresh_from_db()
    assert oauth.service_identity == "no-reply@contoso.example"


def test_n6_n7_p13_the_options_of_graph_reach_the_route(admin_client, values):
    """N7: further mailboxes and the pace; P13: large messages; N6: no copy; the look into the mailbox."""
    typed = values | {
        "mailboxes": "b@contoso.example\nc@contoso.example",
        "messages_per_minute": "0",
        "large_messages": "on",
        "settle": "on",
        "on_unsure": "hold",
    }
    assert admin_client.post(NEW, typed).status_code == 302
    route = OAuthService.objects.get().to_route()
    assert route.identities == ("no-reply@contoso.example", "b@contoso.example", "c@contoso.example")
    assert (route.messages_per_minute, route.large_messages, route.settle, route.save_to_sent) == (0, True, True, False)
    assert route.on_unsure == "hold"


def test_an_empty_pace_is_the_usual_one(admin_client, values):
    admin_client.post(NEW, values | {"messages_per_minute": "", "save_to_sent": "on"})
    route = OAuthService.objects.get().to_route()
    assert (route.messages_per_minute, route.save_to_sent) == (limits.GRAPH_MESSAGES_PER_MINUTE, True)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("mailboxes", "no-reply@contoso.example", "is the service identity"),
        ("mailboxes", "a@b.example a@b.example", "named twice"),
        ("mailboxes", "nobody", "nobody"),
        ("messages_per_minute", "-1", "Type a whole number from 0"),
        ("messages_per_minute", "10001", "Type a whole number from 0 to 10000"),
        ("messages_per_minute", "many", "Type a whole number from 0"),
    ],
)
def test_s16_each_bad_option_of_graph_has_its_sentence(admin_client, values, field, value, sentence):
    """S16."""
    found = errors_of(admin_client.post(NEW, values | {field: value}))
    assert list(found) == [field]
    assert sentence in found[field][0]


def test_the_form_says_which_permission_an_option_needs_and_what_it_does_not_do(admin_client, values):
    page = admin_client.get(NEW).text
    for words in ("Mail.ReadWrite", "Mail.Read.", "which Graph always saves", "Add-RecipientPermission"):
        assert words in page


def test_n16_a_link_fills_in_the_empty_form_and_nothing_but_the_named_fields(admin_client, service):
    """N16: "make the Graph twin"."""
    query = {
        "name": "Relay A by Graph",
        "service_identity": "<script>@contoso.example",
        "label": "shop",
        "subject_prefix": "[X]",
        "scopes": "https://evil.example/.default",
        "enabled": "",
    }
    response = admin_client.get(NEW, query)
    form = response.context["form"]
    assert (form["name"].value(), form["label"].value(), form["scopes"].value()) == ("Relay A by Graph", "shop", "")
    assert form["enabled"].value() is True
    assert "<script>@" not in response.text
    assert not OAuthService.objects.exists()


def test_a_link_fills_in_nothing_of_a_service_that_exists(admin_client, oauth):
    response = admin_client.get(reverse("mailadmin:oauth-edit", args=[oauth.pk]), {"name": "Evil"})
    assert response.context["form"]["name"].value() == "Contoso 365"


def test_a_service_whose_credential_is_missing_is_saved_with_a_warning(admin_client, values, service):
    service.secret.clear()
    service.save()
    response = admin_client.post(NEW, values, follow=True)
    assert "“Contoso mail app”: No client secret is stored yet" in response.text


def test_senders_that_were_refused_are_told_with_the_remedy(admin_client, oauth):
    """Counted for each sender, with its address in the command."""
    SenderRefusal.objects.create(
        kind="oauth",
        route_id=oauth.pk,
        sender="reports@contoso.example",
        count=3,
        code="graph-send-as-denied",
        reason="The mailbox may not send as the From address.",
        last_at=timezone.now(),
    )
    page = admin_client.get(reverse("mailadmin:oauth-edit", args=[oauth.pk])).text
    assert "<strong>reports@contoso.example</strong> was refused 3 times" in page
    command = "Add-RecipientPermission reports@contoso.example -AccessRights SendAs -Trustee no-reply@contoso.example"
    assert command in page
    assert "Refused senders" not in admin_client.get(NEW).text

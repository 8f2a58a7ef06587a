"""N5: a second credential gets a token before it replaces the one in use, and nobody can slip in an untried one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connections
from django.urls import reverse
from django.utils import timezone

from mailadmin.console.forms import SecondCredentialForm
from mailadmin.console.switching import scopes_in_use
from mailadmin.models import AuditEntry, IntegratedService, OAuthService, RouteState, SmtpConnection
from mailadmin.transports.entra import tokens
from tests.fakes.app_certificates import app_certificate
from tests.fakes.entra import form_of, verify_assertion
from tests.fakes.graph_server import TENANT, Microsoft, Says, entra_error, token_body

from .test_smtp_form import errors_of

pytestmark = pytest.mark.django_db
OLD, NEW = "canary-old-5512", "canary-new-8841"
CLIENT_ID = "3c1d22aa-86f1-41af-91ab-2d7cd011db47"


@pytest.fixture(autouse=True)
def _nothing_kept():
    tokens._forget_everything()


def at(row: IntegratedService, page: str = "") -> str:
    return reverse(f"mailadmin:service-credential{page}", args=[row.pk])


def service_at(server: Microsoft, second: str = NEW) -> IntegratedService:
    """An app whose cloud is `server`, with a secret in use and, unless it is empty, a second one."""
    row = IntegratedService(name="Contoso app", cloud="custom", tenant=TENANT, client_id=CLIENT_ID)
    row.authority_host = row.graph_host = server.host
    row.mail_hosts, row.ca_pem = "localhost", server.ca_pem
    row.credential_ends_on = timezone.localdate() + timedelta(days=6)
    row.secret.set(OLD)
    if second:
        row.second_kind, row.second_ends_on = "secret", timezone.localdate() + timedelta(days=700)
        row.second_secret.set(second)
    row.save()
    return IntegratedService.objects.get(pk=row.pk)


def secrets_of(row: IntegratedService) -> tuple[str, str]:
    row = IntegratedService.objects.get(pk=row.pk)
    return tuple(held.reveal() if (held := slot.value()) else "" for slot in (row.secret, row.second_secret))


@pytest.fixture
def typed():
    return {"second_kind": "secret", "second_secret": NEW, "second_ends_on": "2099-01-01"}


def test_n5_a_second_credential_is_saved_and_mail_still_uses_the_first(admin_client, service, typed):
    """N5."""
    response = admin_client.post(at(service), typed, follow=True)
    assert "Mail still signs in with the first" in response.text
    assert "Try it and switch" in response.text
    assert secrets_of(service) == ("only-entra-knows-this", NEW)
    changes = AuditEntry.objects.get().changes
    assert changes["second client secret"] == ["none", "stored"]
    assert NEW not in response.text + str(changes)


def test_p13_a_second_credential_may_be_a_certificate(admin_client, service):
    made = app_certificate()
    values = {"second_kind": "certificate", "second_certificate": made.pem, "private_key": made.key}
    assert admin_client.post(at(service), values).status_code == 302
    row = IntegratedService.objects.get()
    assert (row.second_ends_on, row.to_second_credential().certificate) == (made.ends_on, made.pem.strip())
    assert row.credential_kind == "secret"


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"second_kind": ""}, "second_kind", "Choose how the app"),
        ({"second_secret": ""}, "second_secret", "Type the client secret"),
        ({"second_secret": CLIENT_ID}, "second_secret", "looks like the secret's ID"),
        ({"second_ends_on": ""}, "second_ends_on", "Type the date on which the secret ends"),
        ({"second_kind": "certificate", "second_secret": ""}, "second_certificate", "Choose the file"),
        ({"second_kind": "federated", "second_secret": ""}, "assertion_file", "absolute path"),
        ({"second_kind": "managed-identity", "second_secret": ""}, "second_kind", "MANAGED_IDENTITY"),
    ],
)
def test_s16_each_mistake_has_its_sentence(admin_client, service, typed, change, field, sentence):
    """S16."""
    found = errors_of(admin_client.post(at(service), typed | change))
    assert sentence in found[field][0]
    assert secrets_of(service)[1] == ""


def test_a_second_credential_that_needs_an_app_asks_for_it(admin_client, service, typed, settings):
    settings.MAILADMIN = settings.MAILADMIN | {"MANAGED_IDENTITY": True}
    IntegratedService.objects.update(credential_kind="managed-identity", tenant="", client_id="")
    assert "needs the tenant and the client ID" in errors_of(admin_client.post(at(service), typed))["second_kind"][0]


def test_n5_a_token_comes_and_the_credentials_change_places(admin_client, viewer_client):
    """N5: tried with the new secret, audited, stopped routes are used again, and one can go back."""
    with Microsoft() as server:
        row = service_at(server)
        oauth = OAuthService.objects.create(
            name="Contoso 365", integrated_service=row, service_identity="robot@contoso.example"
        )
        RouteState.objects.create(kind="oauth", route_id=oauth.pk, stopped=True, since=timezone.now())
        assert viewer_client.post(at(row, "-switch")).status_code == 403
        response = admin_client.post(at(row, "-switch"), follow=True)
        assert "signs in with the new credential from now on" in response.text
        assert [form_of(request)["client_secret"] for request in server.asked("token")] == [NEW]
        assert secrets_of(row) == (NEW, OLD)
        after = IntegratedService.objects.get()
        assert (after.credential_ends_on, after.second_ends_on) == (row.second_ends_on, row.credential_ends_on)
        assert not RouteState.objects.exists()
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.changes["client secret"]) == ("switched the credential", ["stored", "changed"])
        assert OLD not in response.text + str(entry.changes) and NEW not in response.text + str(entry.changes)
        admin_client.post(at(row, "-switch"))
        assert secrets_of(row) == (OLD, NEW)


def test_n5_a_certificate_is_tried_with_a_real_assertion(admin_client):
    """N5, P13."""
    made = app_certificate()
    with Microsoft() as server:
        row = service_at(server, second="")
        row.second_kind, row.second_certificate = "certificate", made.pem
        row.second_secret.set(made.key)
        row.save()
        admin_client.post(at(row, "-switch"))
        (request,) = server.asked("token")
        verify_assertion(request, made.pem, CLIENT_ID, f"https://{server.host}/{TENANT}/token")
    after = IntegratedService.objects.get()
    assert (after.credential_kind, after.second_kind) == ("certificate", "secret")


@pytest.mark.parametrize(("number", "sentence"), [(7000215, "Paste"), (7000222, "expired"), (700016, "tenant")])
def test_n5_n2_without_a_token_nothing_changes_and_the_page_says_what_to_do(admin_client, number, sentence):
    """N5, N2: problem, cause, remedy and owner from the knowledge base."""
    with Microsoft(tokens=(Says(401, entra_error(number)),)) as server:
        row = service_at(server)
        response = admin_client.post(at(row, "-switch"))
    assert "No token came with the second credential, so nothing was changed" in response.text
    assert f"AADSTS{number}" in response.text
    assert sentence.lower() in response.text.lower()
    assert "Whose job it is" in response.text
    assert secrets_of(row) == (OLD, NEW)
    assert not AuditEntry.objects.exists()
    assert NEW not in response.text


@pytest.mark.django_db(transaction=True)
def test_n5_what_was_changed_while_it_was_tried_is_not_put_to_use(admin_client):
    """N5: another administrator types another second secret between the question and the answer."""

    def somebody_saves(request: object) -> None:
        other = IntegratedService.objects.get()
        other.second_secret.set("never-tried")
        other.save()
        connections.close_all()

    with Microsoft(tokens=(Says(200, token_body(), meanwhile=somebody_saves),)) as server:
        row = service_at(server)
        response = admin_client.post(at(row, "-switch"), follow=True)
    assert "Somebody changed this integrated service" in response.text
    assert secrets_of(row) == (OLD, "never-tried")


def test_without_a_second_credential_there_is_nothing_to_try(admin_client, service):
    page = admin_client.get(at(service)).text
    assert "Try it and switch</button>" not in page
    response = admin_client.post(at(service, "-switch"), follow=True)
    assert "There is no second credential" in response.text


def test_n5_the_second_credential_is_forgotten_on_request(admin_client):
    with Microsoft() as server:
        row = service_at(server)
    response = admin_client.post(at(row, "-forget"), follow=True)
    assert "is forgotten" in response.text
    assert secrets_of(row) == (OLD, "")
    assert IntegratedService.objects.get().second_kind == ""
    assert AuditEntry.objects.get().changes["second client secret"] == ["stored", "forgotten"]
    admin_client.post(at(row, "-forget"))
    assert AuditEntry.objects.count() == 1


def test_p9_a_second_credential_that_a_change_of_the_service_takes_away_is_told(admin_client, service_values):
    """P9: it goes nowhere else, and whoever made the change learns of it at once."""
    with Microsoft() as server:
        row = service_at(server)
    edit = reverse("mailadmin:service-edit", args=[row.pk])
    response = admin_client.post(edit, service_values | {"secret": "another-secret"}, follow=True)
    assert "The second client secret was stored for what the service was before, so it is forgotten." in response.text
    assert secrets_of(row) == ("another-secret", "")
    assert "Try it and switch</button>" not in admin_client.get(at(row)).text
    admin_client.post(at(row, "-forget"))
    response = admin_client.post(edit, service_values | {"secret": ""}, follow=True)
    assert "is saved" in response.text
    assert "so it is forgotten" not in response.text


def test_two_people_do_not_undo_each_other(admin_client, service, typed):
    seen = SecondCredentialForm(instance=service)["seen"].value()
    IntegratedService.objects.get().save()
    response = admin_client.post(at(service), typed | {"seen": seen})
    assert "while this page was open" in response.text
    assert secrets_of(service)[1] == ""
    assert NEW not in response.text


def test_n5_a_button_pressed_twice_does_not_switch_back(admin_client):
    """N5: the page that both clicks come from says what it showed; so does that of a second administrator."""
    with Microsoft() as server:
        row = service_at(server)
        seen = {"seen": admin_client.get(at(row)).context["seen"]}
        admin_client.post(at(row, "-switch"), seen)
        response = admin_client.post(at(row, "-switch"), seen, follow=True)
        assert "was changed since the page was opened" in response.text
        assert secrets_of(row) == (NEW, OLD)
        assert len(server.asked("token")) == 1
        response = admin_client.post(at(row, "-forget"), seen, follow=True)
        assert "was changed since the page was opened" in response.text
        assert secrets_of(row) == (NEW, OLD)
        admin_client.post(at(row, "-switch"), {"seen": response.context["seen"]})
        assert secrets_of(row) == (OLD, NEW)


def test_both_buttons_say_which_state_they_stand_beside(admin_client):
    with Microsoft() as server:
        row = service_at(server)
    page = admin_client.get(at(row)).text
    assert page.count(f'name="seen" value="{row.changed_at.isoformat()}"') == 3  # the form of the credential, too


def test_the_page_of_a_failed_switch_can_be_opened_anew(admin_client):
    """Choosing another theme there leads back by GET."""
    with Microsoft() as server:
        row = service_at(server)
        assert admin_client.get(at(row, "-switch")).url == at(row)
        assert server.asked("token") == []
    assert secrets_of(row) == (OLD, NEW)


def test_what_is_asked_for_goes_by_who_uses_the_app(service, oauth):
    """A token for SMTP is tried only when nothing sends by Graph."""
    assert scopes_in_use(service) == (("https://graph.microsoft.com/.default",),)
    other = "https://graph.microsoft.us/.default"
    OAuthService.objects.create(
        name="Other", integrated_service=service, service_identity="b@contoso.example", scopes=other
    )
    assert scopes_in_use(service) == (("https://graph.microsoft.com/.default",), (other,))
    OAuthService.objects.all().delete()
    assert scopes_in_use(service) == (("https://graph.microsoft.com/.default",),)
    SmtpConnection.objects.create(
        name="XOAUTH2", host="smtp.office365.com", auth="xoauth2", user_name="a@b.example", integrated_service=service
    )
    assert scopes_in_use(service) == (("https://outlook.office365.com/.default",),)


def test_n5_the_dashboard_says_that_a_second_credential_is_ready(admin_client):
    """N5."""
    with Microsoft() as server:
        row = service_at(server)
    page = admin_client.get("/").text
    assert "The client secret of “Contoso app” ends in 6 days." in page
    assert "A second credential is ready: try it and switch." in page
    assert at(row) in page
    IntegratedService.objects.update(second_ends_on=timezone.localdate() - timedelta(days=1))
    page = admin_client.get("/").text
    assert "The second credential (client secret) of “Contoso app” ended on" in page
    assert "is ready" not in page

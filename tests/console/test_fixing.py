"""The page of a fix (N2): the form of what was tested with the values that would cure the failure, to be looked at,
tested and saved."""

from __future__ import annotations

import pytest
from django.urls import reverse

from mailadmin import testruns
from mailadmin.core.fixes import Fix, Target
from mailadmin.models import ConnectionTest, ConnectionTestStep, IntegratedService, SmtpConnection

pytestmark = pytest.mark.django_db
PORT = Fix("Use port 465 with TLS from the start", "Port 587 is silent.", {"security": "tls", "port": "465"})


def failed(row, *fixes: Fix, saved: bool = True) -> ConnectionTest:
    """Return a test of `row` whose first step failed and offers these fixes."""
    test = ConnectionTest.objects.create(
        kind=row.kind if hasattr(row, "kind") else "service",
        route_id=row.pk,
        name=row.name,
        target="t",
        state="failed",
        saved_values=saved,
    )
    data = [fix.as_data() for fix in fixes]
    ConnectionTestStep.objects.create(test=test, place=0, key="tcp", title="Connect", state="failed", fixes=data)
    return test


def page_of(test: ConnectionTest, number: int = 0) -> str:
    return reverse("mailadmin:fix", args=[test.pk, 0, number])


def test_n2_the_changed_form_says_what_is_proposed_why_and_what_stood_there(admin_client, smtp):
    """N2."""
    response = admin_client.get(page_of(failed(smtp, PORT)))
    form, page = response.context["form"], response.text
    assert (form["security"].value(), form["port"].value()) == ("tls", "465")
    assert form["host"].value() == "smtp.example.org"
    assert "Use port 465 with TLS from the start" in page
    assert "Port 587 is silent." in page
    assert 'Security <span class="was">changed, was: STARTTLS required</span>' in page
    assert 'Port <span class="was">changed, was: empty</span>' in page
    assert page.index("Test these values") < page.index(">Save<")


def test_a_password_for_another_destination_is_to_be_typed_again_and_the_page_says_why(admin_client, smtp):
    response = admin_client.get(page_of(failed(smtp, PORT)))
    assert (
        "This changes the port and the security, so the stored password is not sent there; type it again."
        in response.text
    )
    assert response.context["proposal"].wanted == (("id_secret", "Password"),)
    assert "only-the-relay-knows-this" not in response.text


def test_a_password_for_the_same_destination_stays(admin_client, smtp):
    fix = Fix("Send every message from x", "Because.", {"from_address": "mailer@example.org", "sender_policy": "force"})
    response = admin_client.get(page_of(failed(smtp, fix)))
    assert response.context["proposal"].wanted == ()
    assert '<details class="card folded" open>' in response.text  # the policy is under Advanced
    sent = {**_sent(response), "from_address": "mailer@example.org"}
    assert admin_client.post(reverse("mailadmin:smtp-edit", args=[smtp.pk]), sent).status_code == 302
    smtp.refresh_from_db()
    assert (smtp.from_address, smtp.sender_policy) == ("mailer@example.org", "force")
    assert smtp.secret.value().reveal() == "only-the-relay-knows-this"


def test_showing_a_fix_changes_nothing(admin_client, smtp):
    before = smtp.changed_at
    admin_client.get(page_of(failed(smtp, PORT)))
    smtp.refresh_from_db()
    assert (smtp.changed_at, smtp.port) == (before, None)
    assert admin_client.post(page_of(failed(smtp, PORT))).status_code == 405


def test_a_fix_needs_the_right_to_change_what_was_tested(operator_client, viewer_client, smtp):
    for client in (operator_client, viewer_client):
        response = client.get(page_of(failed(smtp, PORT)))
        assert response.status_code == 403
        assert "Can change SMTP connection" in response.text


def test_p2_a_fix_of_values_that_were_not_saved_keeps_what_was_typed_but_no_secret(admin_client, smtp_values):
    """P2."""
    typed = smtp_values | {"subject_prefix": "[Shop]"}
    del typed["pipelining"]
    test = failed(SmtpConnection(name="Relay A"), PORT, saved=False)
    ConnectionTest.objects.filter(pk=test.pk).update(route_id=None)
    admin_client.get("/")  # makes a session
    testruns.drafts.keep_draft(test, typed, admin_client.session.session_key)
    response = admin_client.get(page_of(test))
    form = response.context["form"]
    assert (form["subject_prefix"].value(), form["port"].value()) == ("[Shop]", "465")
    assert not form["pipelining"].value()
    assert "what was typed is never sent back to the browser" in response.text
    assert typed["secret"] not in response.text


def test_typed_values_that_are_gone_lead_back_to_the_test(admin_client):
    test = failed(SmtpConnection(name="Relay A"), PORT, saved=False)
    response = admin_client.get(page_of(test), follow=True)
    assert response.redirect_chain[-1][0] == reverse("mailadmin:test", args=[test.pk])
    assert "its values are not kept any more" in response.text


def test_typed_values_of_a_saved_row_that_are_gone_give_way_to_the_saved_ones(admin_client, smtp):
    response = admin_client.get(page_of(failed(smtp, PORT, saved=False)))
    assert "so these are the saved ones, with the change" in response.text
    assert response.context["form"]["port"].value() == "465"


def test_a_fix_of_the_integrated_service_opens_its_form(admin_client, oauth, service):
    fix = Fix(
        "Type a new client secret", "It ended.", {"credential_ends_on": ""}, Target.SERVICE, "secret credential_ends_on"
    )
    response = admin_client.get(page_of(failed(oauth, fix)))
    assert response.context["form"].instance == service
    asked = [label for _, label in response.context["proposal"].wanted]
    assert asked == ["Client secret", "Client secret ends on"]
    assert 'Client secret <span class="was">to be typed here</span>' in response.text
    assert "What is stored stays in use until this form is saved." in response.text


def test_n16_the_graph_twin_is_a_new_form_that_is_filled_in(admin_client, smtp, service):
    """N16: with the one integrated service that it can mean, and without a name that is taken."""
    fix = Fix("Send through Graph", "No passwords.", {"name": "Twin", "service_identity": "a@b.example"}, Target.TWIN)
    response = admin_client.get(page_of(failed(smtp, fix)))
    form = response.context["form"]
    assert form.instance._state.adding
    assert [form[name].value() for name in ("name", "service_identity")] == ["Twin", "a@b.example"]
    assert str(form["integrated_service"].value()) == str(service.pk)
    IntegratedService.objects.all().delete()
    assert "An integrated service comes first." in admin_client.get(page_of(failed(smtp, fix))).text


def test_there_is_no_page_for_a_fix_that_was_not_offered(admin_client, smtp):
    test = failed(smtp, PORT)
    assert admin_client.get(page_of(test, 1)).status_code == 404
    assert admin_client.get(reverse("mailadmin:fix", args=[test.pk, 7, 0])).status_code == 404


def _sent(response) -> dict[str, str]:
    from mailadmin.console.proposals import as_sent

    return as_sent(response.context["form"])

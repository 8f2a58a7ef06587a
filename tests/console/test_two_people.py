"""Two windows, two people: nobody undoes the other's work, and no draft opens for somebody else."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections
from django.forms.models import BaseModelForm
from django.urls import reverse

from mailadmin import testruns
from mailadmin.console.forms import SmtpConnectionForm
from mailadmin.core import limits
from mailadmin.models import ConnectionTest, SmtpConnection

from .conftest import _client, _user

pytestmark = pytest.mark.django_db


def test_a_connection_that_was_switched_off_meanwhile_is_not_switched_on_by_an_open_form(
    admin_client, smtp, smtp_values
):
    seen = SmtpConnectionForm(instance=smtp)["seen"].value()
    admin_client.post(reverse("mailadmin:smtp-switch", args=[smtp.pk]), {"enabled": "off"})
    typed = smtp_values | {"seen": seen, "secret": ""}
    response = admin_client.post(reverse("mailadmin:smtp-edit", args=[smtp.pk]), typed)
    assert "while this page was open" in response.text
    assert not SmtpConnection.objects.get().enabled
    again = typed | {"seen": response.context["form"]["seen"].value()}
    assert admin_client.post(reverse("mailadmin:smtp-edit", args=[smtp.pk]), again).status_code == 302


def test_an_integrated_service_is_saved_by_whoever_is_alone(admin_client, service, service_values):
    """It cannot be switched off, so that its mark is shorter than that of a route."""
    address = reverse("mailadmin:service-edit", args=[service.pk])
    seen = admin_client.get(address).context["form"]["seen"].value()
    assert admin_client.post(address, service_values | {"secret": "", "seen": seen}).status_code == 302


def test_a_draft_opens_for_nobody_without_a_session(smtp, administrator, monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", lambda self: None)
    test = testruns.start(smtp.to_route(), user=administrator, draft={"name": "typed"}, session_key="")
    assert testruns.open_draft(test, "") is None


def test_a_draft_opens_only_for_who_typed_it(admin_client, smtp, smtp_values, monkeypatch):
    """Another administrator with a session of his own gets neither the form nor the right to save it."""
    monkeypatch.setattr(threading.Thread, "start", lambda self: None)
    typed = smtp_values | {"pk": str(smtp.pk), "host": "smtp.other.example", "recipient": ""}
    address = admin_client.post(reverse("mailadmin:test-start-unsaved", args=["smtp"]), typed).url
    other = _client(_user("boris", "Administrator"))
    for response in (other.get(f"{address}form/", follow=True), other.post(f"{address}save/", follow=True)):
        assert "smtp.other.example" not in response.text.replace("smtp.other.example:587", "")
        assert "not for this browser" in response.text
    assert SmtpConnection.objects.get().host == "smtp.example.org"
    page = admin_client.get(f"{address}save/").text
    assert 'value="smtp.other.example"' in page
    assert smtp_values["secret"] not in page


def test_a_stored_secret_never_follows_a_host_that_was_changed_in_another_window(
    admin_client, smtp, smtp_values, monkeypatch
):
    """Tested here with the stored password; meanwhile another window gives the connection a new host and password.
    Saving what was tested must not carry that password to the old host."""
    monkeypatch.setattr(threading.Thread, "start", lambda self: None)
    typed = smtp_values | {"pk": str(smtp.pk), "from_name": "Changed", "secret": "", "recipient": ""}
    address = admin_client.post(reverse("mailadmin:test-start-unsaved", args=["smtp"]), typed).url
    elsewhere = smtp_values | {"host": "smtp.elsewhere.example", "secret": "for-elsewhere-only"}
    assert admin_client.post(reverse("mailadmin:smtp-edit", args=[smtp.pk]), elsewhere).status_code == 302
    response = admin_client.post(f"{address}save/")
    assert "You changed the host" in response.text
    assert SmtpConnection.objects.get().host == "smtp.elsewhere.example"


@pytest.mark.parametrize("recipient", ["", "anna@example.org"], ids=["refused address", "too many tests"])
def test_a_test_that_does_not_start_says_that_the_password_is_to_be_typed_again(admin_client, smtp_values, recipient):
    if recipient:
        ConnectionTest.objects.bulk_create(
            ConnectionTest(kind="smtp", asked_by=admin_client.user) for _ in range(limits.TESTS_PER_MINUTE)
        )
    typed = smtp_values | {"recipient": recipient or "no address"}
    response = admin_client.post(reverse("mailadmin:test-start-unsaved", args=["smtp"]), typed)
    assert response.status_code == 200
    assert "Type the password again" in response.text
    assert smtp_values["secret"] not in response.text


@pytest.mark.django_db(transaction=True)
def test_pressing_save_twice_makes_one_row_and_no_error_page(smtp_values):
    """Both requests look for the name before either has saved it."""
    from django.contrib.auth.models import User

    user = User.objects.create_superuser("anna2", "anna2@example.org", "x")
    clients = [_client(user), _client(user)]
    barrier, waited, statuses = threading.Barrier(2, timeout=20), set(), []
    look = BaseModelForm.validate_unique

    def look_together(form):
        look(form)
        if threading.current_thread() not in waited:  # a form that could not be saved looks once more
            waited.add(threading.current_thread())
            barrier.wait()

    def save(client):
        try:
            statuses.append(client.post(reverse("mailadmin:smtp-new"), smtp_values).status_code)
        finally:
            connections.close_all()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseModelForm, "validate_unique", look_together)
        threads = [threading.Thread(target=save, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(statuses) == [200, 302]
    assert SmtpConnection.objects.count() == 1
    connection.close()

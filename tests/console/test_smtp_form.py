"""The form of an SMTP connection: every option, every bad input with its own sentence, and the secret's rules."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailadmin.console.forms import SmtpConnectionForm
from mailadmin.console.testing import typed_form
from mailadmin.core.settings import RouteKind, Security, SenderPolicy, SmtpAuth, TlsVersion
from mailadmin.models import AuditEntry, IntegratedService, RouteState, SmtpConnection

pytestmark = pytest.mark.django_db
NEW = "/smtp/new/"


def edit_url(row) -> str:
    return reverse("mailadmin:smtp-edit", args=[row.pk])


def errors_of(response) -> dict[str, list[str]]:
    return {name: list(found) for name, found in response.context["form"].errors.items()}


def certificate(days: int) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Our own authority")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1000))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    from cryptography.hazmat.primitives.serialization import Encoding

    return made.public_bytes(Encoding.PEM).decode()


def test_s1_a_connection_is_added_with_every_field_of_the_seed(admin_client, smtp_values):
    """S1, S8: enabled, From address and name, server, user, password, security and port."""
    typed = smtp_values | {"from_name": "Shop", "security": "tls", "port": "2465"}
    response = admin_client.post(NEW, typed, follow=True)
    row = SmtpConnection.objects.get()
    route = row.to_route()
    assert route.host == "smtp.example.org"
    assert (route.security, route.effective_port) == (Security.TLS, 2465)
    assert (route.auth, route.user) == (SmtpAuth.PASSWORD, "mailer@example.org")
    assert route.password.reveal() == "only-the-relay-knows-this"
    assert (route.sender.address, route.sender.name, row.enabled) == ("no-reply@example.org", "Shop", True)
    assert "“Relay A” is saved." in response.text


@pytest.mark.parametrize(
    ("security", "port"), [("none", 25), ("starttls-if-offered", 25), ("starttls", 587), ("tls", 465)]
)
def test_s1_s19_an_empty_port_is_the_usual_one_of_the_security(admin_client, smtp_values, security, port):
    """S1, S19: 25, 587 or 465."""
    admin_client.post(NEW, smtp_values | {"security": security, "port": "", "clear_text_confirmed": "on"})
    assert SmtpConnection.objects.get().to_route().effective_port == port


def test_s9_s10_the_tls_options_reach_the_route(admin_client, smtp_values):
    """S9: oldest version; S10: identity, trusted hosts, own CA."""
    pem = certificate(days=30)
    typed = smtp_values | {"tls_minimum": "1.3", "trusted_hosts": "a.example.org b.example.org", "ca_pem": pem}
    del typed["check_identity"]
    admin_client.post(NEW, typed)
    tls = SmtpConnection.objects.get().to_route().tls
    assert tls.minimum is TlsVersion.TLS_1_3
    assert not tls.check_identity
    assert tls.trusted_hosts == ("a.example.org", "b.example.org")
    assert tls.ca_pem.strip() == pem.strip()


def test_s13_s21_s22_p5_the_remaining_options_reach_the_route(admin_client, smtp_values):
    """S13: domain; S21: default recipients, prefix; S22: label; P5: sender policy, envelope, only for."""
    typed = smtp_values | {
        "domain": "CORP",
        "default_recipients": "ops@example.org, Boss <boss@example.org>",
        "subject_prefix": "[Staging]",
        "label": "shop",
        "sender_policy": "force",
        "envelope_sender": "bounces@example.org",
        "only_for_senders": "shop@example.org @example.net",
    }
    admin_client.post(NEW, typed)
    route = SmtpConnection.objects.get().to_route()
    assert route.domain == "CORP"
    assert route.default_recipients == ("ops@example.org", "Boss <boss@example.org>")
    assert route.label == "shop"
    assert route.sender.subject_prefix == "[Staging]"
    assert route.sender.policy is SenderPolicy.FORCE
    assert route.sender.envelope == "bounces@example.org"
    assert route.sender.only_for == ("shop@example.org", "example.net")


BAD = [
    ("name", "", "Give it a name"),
    ("host", "", "Type the name or IP address"),
    ("host", "https://mail.example.org", "starts with a scheme"),
    ("host", "mail example.org", "holds a space"),
    ("host", "mail.example.org:25", "holds a port"),
    ("host", "user@mail.example.org", "more than a host"),
    ("port", "0", "1 to 65535"),
    ("port", "-1", "1 to 65535"),
    ("port", "65536", "1 to 65535"),
    ("port", "99999999999999999999", "1 to 65535"),
    ("port", "smtp", "whole number"),
    ("ca_pem", "no certificate", "not a readable PEM"),
    ("ca_pem", "-----BEGIN PRIVATE KEY-----", "private key"),
    ("ca_pem", certificate(days=-1), "ended on"),
    ("from_address", "nobody", "nobody"),
    ("from_address", "Shop <shop@example.org>", "a field of its own"),
    ("envelope_sender", "a@b@c", "a@b@c"),
    ("default_recipients", "a@example.org, b c d", "b c d"),
    ("only_for_senders", "@", ""),
    ("trusted_hosts", "good.example.org http://bad", "scheme"),
    ("connect_timeout", "0", "at least 1 second"),
    ("connect_timeout", "4000", "At most 3600"),
    ("command_timeout", "soon", "number of seconds"),
    ("secret", "env:DATABASE_URL", "not allowed here"),
    ("secret", "file:/etc/passwd", "not allowed here"),
    ("security", "ssl", ""),
]


@pytest.mark.parametrize(("field", "value", "sentence"), BAD)
def test_s16_each_bad_input_has_its_own_sentence_and_nothing_is_lost(admin_client, smtp_values, field, value, sentence):
    """S16: the error is at its field, everything else that was typed stays in the form."""
    typed = smtp_values | {"from_name": "Typed before", field: value}
    response = admin_client.post(NEW, typed)
    assert response.status_code == 200
    found = errors_of(response)
    assert list(found) == [field], found
    assert len(found[field]) == 1, "one sentence for one mistake"
    assert sentence in found[field][0]
    assert found[field][0].endswith((".", ")")), "a complete sentence"
    assert not SmtpConnection.objects.exists()
    assert 'value="Typed before"' in response.text
    assert response.context["form"]["host"].value() == typed["host"]


def test_s16_names_are_unique_whatever_their_case(admin_client, smtp_values, smtp):
    """S16: duplicates."""
    for name in ("Relay A", "relay a"):
        assert "Relay A” exists already" in errors_of(admin_client.post(NEW, smtp_values | {"name": name}))["name"][0]


def test_the_folded_part_opens_when_an_error_is_in_it(admin_client, smtp_values):
    page = admin_client.get(NEW).text
    assert '<details class="card folded">' in page
    page = admin_client.post(NEW, smtp_values | {"trusted_hosts": "a b://c"}).text
    assert '<details class="card folded" open>' in page


def test_the_folded_part_counts_what_differs_from_the_defaults(admin_client, smtp):
    assert admin_client.get(edit_url(smtp)).context["form"].advanced_changed() == 0
    smtp.subject_prefix, smtp.tls_minimum = "[X]", "1.3"
    smtp.save()
    response = admin_client.get(edit_url(smtp))
    assert response.context["form"].advanced_changed() == 2
    assert "2 changed" in response.text


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"secret": ""}, "secret", "Type the password"),
        ({"user_name": ""}, "user_name", "A password needs a user name"),
        ({"auth": "none", "secret": "x", "user_name": ""}, "auth", "You typed a password"),
        ({"auth": "none", "secret": ""}, "auth", "You typed a user name"),
        ({"auth": "xoauth2", "secret": ""}, "integrated_service", "Choose the integrated service"),
        ({"auth": "xoauth2"}, "secret", "leave the password empty"),
    ],
)
def test_s23_user_and_password_come_together_or_not_at_all(admin_client, smtp_values, typed, field, sentence):
    """S23: one without the other is refused with its sentence."""
    assert sentence in errors_of(admin_client.post(NEW, smtp_values | typed))[field][0]


def test_s17_s23_only_name_and_host_are_required(admin_client, smtp_values):
    """S17, S23: a server without sign-in."""
    typed = smtp_values | {"auth": "none", "user_name": "", "secret": "", "from_address": "", "security": "none"}
    admin_client.post(NEW, typed)
    route = SmtpConnection.objects.get().to_route()
    assert (route.auth, route.user, route.password) == (SmtpAuth.NONE, "", None)


def test_a_user_name_that_stood_there_does_not_hinder_going_without_sign_in(admin_client, smtp, smtp_values):
    """The browser hides the field, so nobody could see what to put right."""
    admin_client.post(edit_url(smtp), smtp_values | {"auth": "none", "secret": ""})
    smtp.refresh_from_db()
    assert (smtp.auth, smtp.user_name, smtp.secret_stored) == ("none", "", "")


def test_a_password_in_clear_text_must_be_confirmed(admin_client, smtp_values):
    typed = smtp_values | {"security": "none"}
    assert "everybody on the way" in errors_of(admin_client.post(NEW, typed))["clear_text_confirmed"][0]
    assert admin_client.post(NEW, typed | {"clear_text_confirmed": "on"}).status_code == 302


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_this_machine_needs_no_confirmation_for_clear_text(admin_client, smtp_values, host):
    assert admin_client.post(NEW, smtp_values | {"security": "none", "host": host}).status_code == 302


def test_s8_xoauth2_by_an_integrated_service(admin_client, smtp_values, service):
    """S8: the token comes from the integrated service; never without encryption, never as a user."""
    typed = smtp_values | {"auth": "xoauth2", "secret": "", "integrated_service": str(service.pk)}
    response = admin_client.post(NEW, typed | {"security": "none"})
    assert "never sent without encryption" in errors_of(response)["security"][0]
    assert admin_client.post(NEW, typed).status_code == 302
    assert SmtpConnection.objects.get().to_route().app.client_id == service.client_id
    IntegratedService.objects.update(account_kind="user")
    response = admin_client.post(NEW, typed | {"name": "B"})
    assert "signs in as a user" in errors_of(response)["integrated_service"][0]


# -- The secret -----------------------------------------------------------------------------------------


def test_p9_an_empty_password_keeps_the_stored_one(admin_client, smtp, smtp_values):
    admin_client.post(edit_url(smtp), smtp_values | {"secret": "", "from_name": "New name"})
    smtp.refresh_from_db()
    assert smtp.from_name == "New name"
    assert smtp.secret.value().reveal() == "only-the-relay-knows-this"


def test_p9_the_stored_password_is_told_of_but_never_shown(admin_client, smtp):
    page = admin_client.get(edit_url(smtp)).text
    assert re.search(r"Stored, changed \d+ \w+ \d{4}; leave empty to keep it", page)
    assert "only-the-relay-knows-this" not in page
    assert smtp.secret_stored not in page


def test_p9_a_typed_password_is_not_sent_back_with_the_errors(admin_client, smtp_values):
    page = admin_client.post(NEW, smtp_values | {"host": ""}).text
    assert smtp_values["secret"] not in page
    assert "Type the password again" in page


def test_p9_a_reference_keeps_the_password_outside_the_database(admin_client, smtp_values, monkeypatch):
    monkeypatch.setenv("MAILADMIN_SECRET_RELAY", "from-the-environment")
    admin_client.post(NEW, smtp_values | {"secret": "env:MAILADMIN_SECRET_RELAY"})
    row = SmtpConnection.objects.get()
    assert row.secret.value().reveal() == "from-the-environment"
    page = admin_client.get(edit_url(row)).text
    assert "Kept outside: env:MAILADMIN_SECRET_RELAY" in page
    assert "from-the-environment" not in page


def test_p9_without_a_key_the_form_says_how_to_make_one(admin_client, smtp_values, settings, tmp_path):
    settings.MAILADMIN = settings.MAILADMIN | {"KEY_FILE": tmp_path / "missing"}
    assert "mailadmin_key" in errors_of(admin_client.post(NEW, smtp_values))["secret"][0]


def test_forgetting_the_password_needs_another_sign_in(admin_client, smtp, smtp_values):
    typed = smtp_values | {"secret": "", "forget_secret": "on"}
    assert "cannot work without" in errors_of(admin_client.post(edit_url(smtp), typed))["forget_secret"][0]
    response = admin_client.post(edit_url(smtp), typed | {"secret": "new"})
    assert "not both" in errors_of(response)["forget_secret"][0]
    admin_client.post(edit_url(smtp), typed | {"auth": "none", "user_name": ""})
    smtp.refresh_from_db()
    assert smtp.secret_stored == ""


CHANGES = [
    ({"host": "other.example.org"}, "the host"),
    ({"port": "2525"}, "the port"),
    ({"security": "tls", "port": "587"}, "the security"),
    ({"security": "tls"}, "the port and the security"),
    ({"tls_minimum": "1.3"}, "the oldest TLS version"),
    ({"ca_pem": certificate(days=30)}, "the CA certificate"),
    ({"check_identity": ""}, "the check of the identity"),
    ({"trusted_hosts": "evil.example.org"}, "the trusted hosts"),
    ({"domain": "CORP"}, "the domain"),
    ({"user_name": "other@example.org"}, "the user name"),
]


@pytest.mark.parametrize(("change", "told"), CHANGES)
def test_p2_p9_a_changed_destination_never_gets_the_stored_password(admin_client, smtp, smtp_values, change, told):
    """P2, P9: saving and testing are refused with the parts that changed; typed again, it is accepted."""
    typed = smtp_values | {"secret": ""} | change
    response = admin_client.post(edit_url(smtp), typed)
    assert errors_of(response) == {
        "secret": [f"You changed {told}, so the stored password is not sent there; type it again."]
    }
    form = typed_form(RouteKind.SMTP, typed | {"pk": str(smtp.pk)})
    assert not form.is_valid(), "a test of these values is refused as well"
    smtp.refresh_from_db()
    assert smtp.secret.stored, "nothing was saved"
    assert admin_client.post(edit_url(smtp), typed | {"secret": "for-the-new-one"}).status_code == 302
    smtp.refresh_from_db()
    assert smtp.secret.value().reveal() == "for-the-new-one"


def test_p9_a_changed_destination_that_needs_no_password_drops_it(admin_client, smtp, smtp_values):
    admin_client.post(edit_url(smtp), smtp_values | {"secret": "", "auth": "none", "user_name": "", "host": "b.test"})
    smtp.refresh_from_db()
    assert smtp.secret_stored == ""


@pytest.mark.parametrize(
    "same",
    [{"name": "Other name"}, {"host": "SMTP.example.org"}, {"port": "587"}, {"label": "x"}, {"from_address": ""}],
)
def test_what_does_not_change_the_destination_keeps_the_password(admin_client, smtp, smtp_values, same):
    assert admin_client.post(edit_url(smtp), smtp_values | {"secret": ""} | same).status_code == 302
    smtp.refresh_from_db()
    assert smtp.secret.stored


# -- What a test gets ---------------------------------------------------------------------------------


def test_p2_unsaved_values_become_a_route_without_saving(smtp_values):
    form = typed_form(RouteKind.SMTP, smtp_values)
    assert form.is_valid(), form.errors
    route = form.to_route()
    assert route.key.id == ""
    assert route.password.reveal() == "only-the-relay-knows-this"
    assert not SmtpConnection.objects.exists()


def test_p2_the_stored_password_is_tested_while_the_destination_is_the_same(smtp, smtp_values):
    form = typed_form(RouteKind.SMTP, smtp_values | {"secret": "", "pk": str(smtp.pk), "from_name": "Other"})
    assert form.is_valid(), form.errors
    route = form.to_route()
    assert (route.key.id, route.sender.name) == (str(smtp.pk), "Other")
    assert route.password.reveal() == "only-the-relay-knows-this"


def test_the_draft_holds_what_is_needed_to_show_and_save_the_form_again(smtp_values):
    form = SmtpConnectionForm(smtp_values | {"csrfmiddlewaretoken": "t", "recipient": "me@example.org"})
    assert form.draft() == smtp_values | {"recipient": "me@example.org"}
    again = typed_form(RouteKind.SMTP, form.draft())
    assert again.is_valid()


@pytest.mark.parametrize("pk", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_a_test_of_a_row_that_does_not_exist_is_refused(smtp_values, pk):
    with pytest.raises(SmtpConnection.DoesNotExist):
        typed_form(RouteKind.SMTP, smtp_values | {"pk": pk})


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(host=st.text(max_size=40), port=st.text(max_size=6), sender=st.text(max_size=30), hosts=st.text(max_size=30))
def test_whatever_is_typed_ends_in_a_sentence_or_a_route(smtp_values, host, port, sender, hosts):
    typed = smtp_values | {"host": host, "port": port, "from_address": sender, "trusted_hosts": hosts}
    form = SmtpConnectionForm(typed)
    if form.is_valid():
        assert form.to_route().effective_port in range(1, 65536)
    else:
        assert all(str(error).strip() for found in form.errors.values() for error in found)


# -- Saving -------------------------------------------------------------------------------------------


def test_a_change_is_in_the_audit_trail_without_the_secret(admin_client, smtp, smtp_values):
    admin_client.post(edit_url(smtp), smtp_values | {"port": "2525", "secret": "a-new-password"})
    entry = AuditEntry.objects.get(action="changed")
    assert entry.changes == {"port": ["", "2525"], "password": ["stored", "changed"]}
    assert (entry.user_name, entry.object_name, entry.remote_address) == ("anna", "Relay A", "127.0.0.1")


def test_a_changed_route_gets_a_new_chance(admin_client, smtp, smtp_values, django_capture_on_commit_callbacks):
    from django.utils import timezone

    RouteState.objects.create(kind="smtp", route_id=smtp.pk, stopped=True, since=timezone.now())
    admin_client.post(edit_url(smtp), smtp_values)
    assert not RouteState.objects.exists()


def test_a_second_person_is_told_before_overwriting(admin_client, smtp, smtp_values):
    seen = admin_client.get(edit_url(smtp)).context["form"]["seen"].value()
    admin_client.post(edit_url(smtp), smtp_values | {"seen": seen, "label": "first"})
    response = admin_client.post(edit_url(smtp), smtp_values | {"seen": seen, "label": "second"})
    assert "Somebody saved other values" in response.context["form"].non_field_errors()[0]
    again = response.context["form"]["seen"].value()
    assert admin_client.post(edit_url(smtp), smtp_values | {"seen": again, "label": "second"}).status_code == 302
    smtp.refresh_from_db()
    assert smtp.label == "second"

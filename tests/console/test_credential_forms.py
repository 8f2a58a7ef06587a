"""P13: the credential of an integrated service, of each kind: every mistake has its sentence, and no secret shows."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from mailadmin.console.forms import IntegratedServiceForm
from mailadmin.console.testing import subject_of_form
from mailadmin.core import limits, pfx
from mailadmin.models import AuditEntry, IntegratedService, Settings
from tests.fakes.app_certificates import app_certificate
from tests.fakes.certificates import authority

from .test_smtp_form import errors_of

pytestmark = pytest.mark.django_db
NEW = "/services/new/"
PASSPHRASE = "canary-passphrase-4419"
MADE = app_certificate()


def edit_url(row) -> str:
    return reverse("mailadmin:service-edit", args=[row.pk])


def file(content: bytes, name: str = "app.pfx") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


@pytest.fixture
def by_certificate(service_values):
    """What the browser sends for a certificate that is pasted with its key."""
    values = {key: value for key, value in service_values.items() if key not in ("secret", "credential_ends_on")}
    return values | {"credential_kind": "certificate", "certificate": MADE.pem, "private_key": MADE.key}


@pytest.fixture
def by_file(by_certificate):
    """The same with nothing pasted: a file comes along."""
    return by_certificate | {"certificate": "", "private_key": ""}


@pytest.fixture
def secrets_folder(settings, tmp_path):
    (tmp_path / "secrets").mkdir()
    settings.MAILADMIN = settings.MAILADMIN | {"SECRET_REFS": [f"file:{tmp_path}/secrets/", "env:MAILADMIN_SECRET_*"]}
    return tmp_path / "secrets"


@pytest.fixture
def federated(service_values, secrets_folder):
    values = {key: value for key, value in service_values.items() if key not in ("secret", "credential_ends_on")}
    return values | {"credential_kind": "federated", "assertion_file": f"{secrets_folder}/assertion"}


def test_p13_a_certificate_is_pasted_and_its_end_is_read_from_it(admin_client, by_certificate):
    """P13, N5: with the thumbprint as Entra shows it."""
    assert admin_client.post(NEW, by_certificate | {"credential_ends_on": "2030-01-01"}).status_code == 302
    row = IntegratedService.objects.get()
    credential = row.to_app().credential
    assert (credential.kind, credential.certificate, credential.ends_on) == (
        "certificate",
        MADE.pem.strip(),
        MADE.ends_on,
    )
    assert credential.secret.reveal().strip() == MADE.key.strip()
    page = admin_client.get(edit_url(row)).text
    assert pfx.thumbprint(MADE.pem) in page
    assert "Ends in 90 days" in page or "Ends in 89 days" in page
    assert "PRIVATE KEY" not in page


@pytest.mark.parametrize(
    ("content", "passphrase"),
    [
        (MADE.pfx(PASSPHRASE), PASSPHRASE),
        (MADE.pfx(), ""),
        ((MADE.pem + MADE.key).encode(), ""),
        ((MADE.locked_key(PASSPHRASE) + MADE.pem).encode(), PASSPHRASE),
    ],
    ids=["pfx with passphrase", "pfx without", "pem", "pem with passphrase"],
)
def test_p13_a_file_brings_certificate_and_key(admin_client, by_file, content, passphrase):
    """P13: PFX and PEM."""
    typed = by_file | {"bundle": file(content), "passphrase": passphrase}
    response = admin_client.post(NEW, typed)
    assert response.status_code == 302, errors_of(response)
    credential = IntegratedService.objects.get().to_app().credential
    assert pfx.thumbprint(credential.certificate) == pfx.thumbprint(MADE.pem)
    pfx.check_pair(credential.certificate, credential.secret)


def test_p13_a_pasted_key_may_have_a_passphrase(admin_client, by_certificate):
    typed = by_certificate | {"private_key": MADE.locked_key(PASSPHRASE), "passphrase": PASSPHRASE}
    assert admin_client.post(NEW, typed).status_code == 302
    pfx.check_pair(MADE.pem, IntegratedService.objects.get().to_app().credential.secret)


OLD = app_certificate("old", days=-1)
WEAK = app_certificate("weak", bits=1024)
OTHER = app_certificate("another")
ELLIPTIC = authority().issue("elliptic.example")


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"certificate": ""}, "certificate", "Choose the file with certificate and key"),
        ({"certificate": "x"}, "certificate", "not a readable PEM"),
        ({"certificate": MADE.pem + MADE.key}, "certificate", "holds the private key too"),
        ({"certificate": OLD.pem, "private_key": OLD.key}, "certificate", "ended on"),
        ({"private_key": "x"}, "private_key", "private key cannot be read"),
        ({"private_key": OTHER.key}, "private_key", "does not belong to the certificate"),
        ({"private_key": MADE.locked_key("x")}, "private_key", "protected by a passphrase"),
        ({"private_key": MADE.locked_key("x"), "passphrase": "y"}, "passphrase", "passphrase does not open"),
        ({"private_key": "env:SECRET_KEY"}, "private_key", "not allowed here"),
        ({"certificate": WEAK.pem, "private_key": WEAK.key}, "private_key", "RSA key of 2048 bits"),
        ({"certificate": ELLIPTIC.certificate, "private_key": ELLIPTIC.key}, "private_key", "RSA key of 2048 bits"),
        ({"secret": "typed-for-another-kind"}, "secret", "belongs to “Client secret”"),
        ({"assertion_file": "/run/secrets/a"}, "assertion_file", "belongs to “Federated assertion"),
        ({"credential_kind": ""}, "credential_kind", "Choose how the app proves itself"),
        ({"credential_kind": "magic"}, "credential_kind", "magic"),
    ],
)
def test_s16_each_mistake_with_a_pasted_certificate_has_its_sentence(
    admin_client, by_certificate, typed, field, sentence
):
    """S16."""
    response = admin_client.post(NEW, by_certificate | typed)
    found = errors_of(response)
    assert list(found) == [field], found
    assert sentence in found[field][0]
    assert not IntegratedService.objects.exists()
    assert "PRIVATE KEY-----\n" not in response.text.replace("\r", "")


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"bundle": file(MADE.pfx(PASSPHRASE))}, "passphrase", "protected by a passphrase"),
        ({"bundle": file(MADE.pfx(PASSPHRASE)), "passphrase": "wrong"}, "passphrase", "passphrase does not open"),
        ({"bundle": file(b"MZ\x90 no certificate")}, "bundle", "not a PFX file"),
        ({"bundle": file(MADE.pem.encode())}, "bundle", "no private key"),
        ({"bundle": file(OTHER.key.encode() + MADE.pem.encode())}, "bundle", "belongs to its private key"),
        ({"bundle": file(b"")}, "bundle", "empty"),
        ({"bundle": file(b"\x30" * (limits.CREDENTIAL_FILE_BYTES + 1))}, "bundle", "too large"),
        ({"bundle": file(MADE.pfx()), "certificate": MADE.pem}, "bundle", "not both"),
        ({"bundle": file(MADE.pfx()), "private_key": MADE.key}, "bundle", "not both"),
        ({"bundle": file(OLD.pfx())}, "certificate", "ended on"),
        ({"bundle": file(WEAK.pfx())}, "private_key", "RSA key of 2048 bits"),
    ],
)
def test_s16_each_mistake_with_a_file_has_its_sentence(admin_client, by_file, typed, field, sentence):
    """S16, and the page says that the file is to be chosen again."""
    for value in typed.values():
        if isinstance(value, SimpleUploadedFile):
            value.seek(0)
    response = admin_client.post(NEW, by_file | typed)
    found = errors_of(response)
    assert list(found) == [field], found
    assert sentence in found[field][0]
    assert not IntegratedService.objects.exists()
    if typed["bundle"].size:
        assert "Choose the file again" in response.text


def test_the_last_day_of_a_certificate_is_not_offered_for_a_client_secret(admin_client, by_certificate):
    """N5: the field shows as soon as the kind is changed, and the wrong day would be counted down."""
    admin_client.post(NEW, by_certificate)
    row = IntegratedService.objects.get()
    form = admin_client.get(edit_url(row)).context["form"]
    assert form["credential_ends_on"].value() is None
    typed = dict.fromkeys(("certificate", "private_key", "passphrase"), "") | {"secret": "a-new-secret"}
    changed = by_certificate | typed | {"credential_kind": "secret", "credential_ends_on": ""}
    found = errors_of(admin_client.post(edit_url(row), changed))
    assert "Type the date on which the secret ends" in found["credential_ends_on"][0]


def test_another_certificate_never_keeps_the_stored_key(admin_client, by_certificate):
    """P9."""
    admin_client.post(NEW, by_certificate)
    row = IntegratedService.objects.get()
    typed = by_certificate | {"certificate": OTHER.pem, "private_key": ""}
    sentence = errors_of(admin_client.post(edit_url(row), typed))["private_key"][0]
    assert sentence.startswith("You changed the certificate, so the stored private key")
    renewed = typed | {"private_key": OTHER.key}
    assert admin_client.post(edit_url(row), renewed).status_code == 302
    changes = AuditEntry.objects.first().changes
    assert changes["private key"] == ["stored", "changed"]
    assert "PRIVATE" not in str(changes)


def test_the_key_stays_while_nothing_of_it_is_changed(admin_client, by_certificate):
    admin_client.post(NEW, by_certificate)
    row = IntegratedService.objects.get()
    assert admin_client.post(edit_url(row), by_certificate | {"private_key": "", "name": "Renamed"}).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.secret.stored) == ("Renamed", True)


@pytest.mark.parametrize(
    ("kind", "field", "sentence"),
    [
        ("certificate", "private_key", "Paste the private key"),
        ("federated", "assertion_file", "absolute path"),
    ],
)
def test_another_kind_never_silently_loses_the_credential_in_use(
    admin_client, service, service_values, kind, field, sentence
):
    typed = service_values | {
        "credential_kind": kind,
        "secret": "",
        "certificate": MADE.pem if field == "private_key" else "",
    }
    found = errors_of(admin_client.post(edit_url(service), typed))
    assert sentence in found[field][0]
    service.refresh_from_db()
    assert service.secret.stored


def test_a_secret_gives_way_to_a_certificate_and_the_audit_trail_says_so(admin_client, service, by_certificate):
    assert admin_client.post(edit_url(service), by_certificate).status_code == 302
    changes = AuditEntry.objects.get().changes
    assert changes["credential"] == ["Client secret", "Certificate"]
    assert changes["client secret"] == ["stored", "forgotten"]
    assert changes["private key"] == ["none", "stored"]


def test_p13_an_assertion_comes_from_a_file_that_is_allowed(admin_client, federated, secrets_folder):
    """P13: kept as a reference; a file that does not exist yet is a warning only."""
    response = admin_client.post(NEW, federated, follow=True)
    assert "cannot be read on this server" in response.text
    row = IntegratedService.objects.get()
    assert row.secret.reference == f"file:{secrets_folder}/assertion"
    (secrets_folder / "assertion").write_text("eyJ-of-the-platform")
    assert row.to_app().credential.secret.reveal() == "eyJ-of-the-platform"
    page = admin_client.get(edit_url(row)).text
    assert f'value="{secrets_folder}/assertion"' in page
    assert "eyJ-of" not in page
    changed = row.secret_changed_at
    response = admin_client.post(edit_url(row), federated | {"name": "Renamed"}, follow=True)
    assert "cannot be read" not in response.text
    row.refresh_from_db()
    assert (row.name, row.secret_changed_at) == ("Renamed", changed)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("", "absolute path"),
        ("secrets/assertion", "absolute path"),
        ("/etc/shadow", "not allowed here"),
        ("{folder}/../keys", "not allowed here"),
    ],
)
def test_s16_each_mistake_with_an_assertion_has_its_sentence(admin_client, federated, secrets_folder, path, sentence):
    typed = federated | {"assertion_file": path.format(folder=secrets_folder)}
    assert sentence in errors_of(admin_client.post(NEW, typed))["assertion_file"][0]


def test_p13_a_managed_identity_needs_the_leave_of_the_deployment(admin_client, service_values, settings):
    """P13: refused with the setting that is missing; then it needs neither tenant nor client ID nor secret."""
    typed = service_values | {
        "credential_kind": "managed-identity",
        "tenant": "",
        "client_id": "",
        "secret": "",
        "credential_ends_on": "",
    }
    assert 'MAILADMIN["MANAGED_IDENTITY"]' in errors_of(admin_client.post(NEW, typed))["credential_kind"][0]
    settings.MAILADMIN = settings.MAILADMIN | {"MANAGED_IDENTITY": True}
    response = admin_client.post(NEW, typed, follow=True)
    assert "No client secret" not in response.text
    assert IntegratedService.objects.get().to_app().credential.kind == "managed-identity"
    assert "Managed identity" in response.text


def test_p2_a_chosen_file_is_kept_in_the_draft_of_a_test_and_has_no_version(by_file):
    """P2: a test of unsaved values has no file any more when they are saved."""
    form = IntegratedServiceForm(by_file | {"passphrase": PASSPHRASE}, {"bundle": file(MADE.pfx(PASSPHRASE))})
    assert form.is_valid(), form.errors
    app = subject_of_form(form, as_saved=False).app
    assert (app.id, app.credential.version, app.credential.kind) == ("", "", "certificate")
    again = IntegratedServiceForm(form.draft())
    assert again.is_valid(), again.errors
    assert pfx.thumbprint(again.instance.to_credential().certificate) == pfx.thumbprint(MADE.pem)


def test_p9_no_secret_of_any_kind_is_on_a_page_or_in_the_audit_trail(admin_client, by_certificate, by_file):
    """P9: canary."""
    body = MADE.key.splitlines()[5]
    answers = [
        admin_client.post(NEW, by_certificate | {"private_key": MADE.locked_key(PASSPHRASE), "passphrase": PASSPHRASE}),
        admin_client.post(NEW, by_certificate | {"name": "", "passphrase": PASSPHRASE}),
        admin_client.post(NEW, by_certificate | {"certificate": MADE.pem + MADE.key}),
        admin_client.post(NEW, by_file | {"bundle": file(MADE.pfx()), "passphrase": PASSPHRASE, "name": ""}),
        admin_client.get(edit_url(IntegratedService.objects.get())),
        admin_client.get("/audit/"),
    ]
    for answer in answers:
        assert PASSPHRASE not in answer.text
        assert body not in answer.text
    assert body not in str(list(AuditEntry.objects.values_list("changes", flat=True)))


@pytest.mark.parametrize(
    ("days", "words"), [(-1, "Ended yesterday"), (0, "Ends today"), (1, "Ends tomorrow"), (9, "Ends in 9 days")]
)
def test_n5_the_form_counts_the_days(admin_client, service, days, words):
    """N5."""
    IntegratedService.objects.update(credential_ends_on=timezone.localdate() + timedelta(days=days))
    assert words in admin_client.get(edit_url(service)).text


def test_n5_the_list_says_which_credential_ends(admin_client, service):
    """N5: by its own word, and the second one beside it."""
    made = app_certificate("soon", days=9)
    IntegratedService.objects.filter(pk=service.pk).delete()
    row = IntegratedService(name="By certificate", tenant="a.example", client_id=service.client_id)
    row.credential_kind, row.certificate, row.credential_ends_on = "certificate", made.pem, made.ends_on
    row.set_secret(made.key)
    row.second_kind, row.second_ends_on = "secret", date(2020, 1, 1)
    row.second_secret.set("x")
    row.save()
    page = admin_client.get(reverse("mailadmin:service-list")).text
    assert "Ends soon" in page
    assert "second: client secret, ended" in page


def test_n5_a_warning_earlier_than_usual_is_the_administrator_s_choice(admin_client, service):
    Settings.load()
    Settings.objects.update(secret_warning_days=100)
    IntegratedService.objects.update(credential_ends_on=timezone.localdate() + timedelta(days=90))
    assert "Ends soon" in admin_client.get(reverse("mailadmin:service-list")).text


def test_n7_n8_what_is_folded_reaches_the_app(admin_client, service, service_values):
    """N7: requests at once, an empty field being the usual number; N8: the wide permission is known."""
    typed = service_values | {"secret": "", "requests_at_once": "8", "wide_permission_ok": "on"}
    admin_client.post(edit_url(service), typed)
    app = IntegratedService.objects.get().to_app()
    assert (app.requests_at_once, app.wide_permission_ok) == (8, True)
    admin_client.post(edit_url(service), typed | {"requests_at_once": ""})
    assert IntegratedService.objects.get().to_app().requests_at_once == limits.GRAPH_REQUESTS_AT_ONCE
    for number in ("0", "-1", "51", "many"):
        found = errors_of(admin_client.post(edit_url(service), typed | {"requests_at_once": number}))
        assert all("Type a whole number from 1 to 50" in sentence for sentence in found["requests_at_once"])

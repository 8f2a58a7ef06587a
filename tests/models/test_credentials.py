"""N5, P13: the two credentials of an app: of each kind, each for its own destination, and exchanged as they are."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from mailadmin.core.settings import CredentialKind
from mailadmin.models import IntegratedService
from tests.fakes.app_certificates import app_certificate
from tests.models.rows import PASSWORD, app, office365

pytestmark = pytest.mark.django_db


def both(**values: Any) -> IntegratedService:
    """Return a saved app with a client secret in use, and a certificate as its second credential."""
    made = app_certificate()
    row = app(save=False, password=PASSWORD, credential_ends_on=date(2027, 1, 31), **values)
    row.second_kind, row.second_certificate, row.second_ends_on = "certificate", made.pem, made.ends_on
    row.second_secret.set(made.key)
    row.save()
    return IntegratedService.objects.get(pk=row.pk)


def test_p13_each_kind_becomes_a_credential(settings: Any, tmp_path: Path) -> None:
    """P13."""
    made = app_certificate()
    row = both()
    first, second = row.to_app().credential, row.to_second_credential()
    assert first is not None and first.secret is not None and second is not None and second.secret is not None
    assert (first.kind, first.secret.reveal(), first.ends_on) == ("secret", PASSWORD, date(2027, 1, 31))
    assert (second.kind, second.secret.reveal(), second.certificate) == ("certificate", made.key, made.pem)
    assert first.version and second.version and first.version != second.version
    federated = app("Federated", save=False, credential_kind="federated")
    federated.set_secret(f"file:{tmp_path}/secrets/assertion")
    credential = federated.to_credential()
    assert credential is not None and credential.secret is not None
    for assertion in ("one", "two"):  # the platform writes a new one now and then
        (tmp_path / "secrets" / "assertion").write_text(assertion)
        assert credential.secret.reveal() == assertion
    identity = app("Identity", credential_kind="managed-identity").to_credential()
    assert identity is not None and identity.kind is CredentialKind.MANAGED_IDENTITY and identity.secret is None


def test_n5_a_swap_takes_secret_certificate_and_dates_along() -> None:
    """N5."""
    row = both()
    first, second = row.to_credential(), row.to_second_credential()
    row.swap_credentials()
    row.save()
    row = IntegratedService.objects.get(pk=row.pk)
    assert (row.to_credential(), row.to_second_credential()) == (second, first)  # version and end included
    now, before = row.to_credential(), row.to_second_credential()
    assert now is not None and now.secret is not None and before is not None and before.secret is not None
    assert (now.secret.reveal(), before.secret.reveal()) == (app_certificate().key, PASSWORD)
    row.swap_credentials()
    row.save()
    assert IntegratedService.objects.get(pk=row.pk).to_credential() == first


def test_n5_a_swap_moves_references_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILADMIN_SECRET_NEW", "from outside")
    row = app(password=PASSWORD, second_kind="secret")
    row.second_secret.set("env:MAILADMIN_SECRET_NEW")
    row.save()
    row.swap_credentials()
    assert (row.secret.reference, row.second_secret.reference) == ("env:MAILADMIN_SECRET_NEW", "")


def test_n5_a_present_credential_that_cannot_be_read_is_forgotten_by_a_swap() -> None:
    row = both()
    row.secret_stored = "v1:lost:key"
    row.swap_credentials()
    assert row.credential_kind == "certificate" and row.to_credential() is not None
    assert (row.second_kind, row.second_secret.sealed, row.second_ends_on) == ("", "", None)


@pytest.mark.parametrize("change", [{"tenant": "fabrikam.example"}, {"cloud": "china"}, {"proxy_kind": "http"}])
def test_another_destination_drops_both_credentials(change: dict[str, str]) -> None:
    row = both(proxy_host="proxy.example.org")
    for name, value in change.items():
        setattr(row, name, value)
    row.save()
    row = IntegratedService.objects.get(pk=row.pk)
    assert (row.to_credential(), row.to_second_credential()) == (None, None)


def test_a_key_is_dropped_with_its_certificate_and_a_secret_with_its_kind() -> None:
    row = both()
    row.second_certificate = app_certificate("another").pem
    row.credential_kind = "federated"
    row.save()
    row = IntegratedService.objects.get(pk=row.pk)
    assert (row.secret.sealed, row.second_secret.sealed) == ("", "")


@pytest.mark.parametrize(
    ("certificate", "key", "sentence"),
    [
        (app_certificate().pem, app_certificate("another").key, "does not belong to the certificate"),
        (app_certificate(bits=1024).pem, app_certificate(bits=1024).key, "RSA key of 2048 bits or more"),
    ],
)
def test_a_key_that_cannot_sign_for_its_certificate_is_told(certificate: str, key: str, sentence: str) -> None:
    row = app(save=False, credential_kind="certificate", certificate=certificate)
    row.secret.set(key)
    assert sentence in row.secret_errors()["secret"]


def test_p13_a_managed_identity_needs_the_leave_of_the_deployment(settings: Any) -> None:
    """P13."""
    row = app(save=False, credential_kind="managed-identity", tenant="", client_id="")
    with pytest.raises(ValidationError, match="MANAGED_IDENTITY"):
        row.full_clean()
    settings.MAILADMIN = settings.MAILADMIN | {"MANAGED_IDENTITY": True}
    row.full_clean()


def test_the_words_go_by_the_kind() -> None:
    row = both()
    assert (row.secret.word, row.second_secret.word) == ("client secret", "second private key")


@pytest.mark.parametrize(
    ("mailboxes", "sentence"),
    [
        ("a@contoso.org, A@contoso.org", "named twice"),
        ("b@contoso.org ROBOT@contoso.org", "is the service identity"),
        ("Ann <a@contoso.org>", "“Ann”"),
        ("nobody", "nobody"),
    ],
)
def test_a_mailbox_is_a_bare_address_and_is_named_once(mailboxes: str, sentence: str) -> None:
    """N7."""
    row = office365(mailboxes=mailboxes)
    with pytest.raises(ValidationError) as caught:
        row.full_clean()
    assert sentence in caught.value.message_dict["mailboxes"][0]


def test_n7_further_mailboxes_reach_the_route() -> None:
    row = office365(mailboxes="a@contoso.org,\nb@contoso.org")
    row.full_clean()
    assert row.to_route().identities == ("robot@contoso.org", "a@contoso.org", "b@contoso.org")

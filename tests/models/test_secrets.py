"""P9: secrets are sealed at rest and bound to their row and to the destination they are for."""

from __future__ import annotations

import copy
import io
import json
import pickle
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.forms.models import model_to_dict

from mailadmin.core.errors import MailError
from mailadmin.core.keyring import key_id, new_key
from mailadmin.models import IntegratedService, SmtpConnection
from tests.fakes.certificates import authority
from tests.models.rows import PASSWORD, app, connection

pytestmark = pytest.mark.django_db

# One change of each part of the destination (DESIGN section 5), as the row's field spells it.
SMTP_CHANGES: dict[str, dict[str, Any]] = {
    "host": {"host": "evil.example.net"},
    "port": {"port": 2525},
    "security": {"security": "starttls-if-offered", "port": 587},
    "oldest TLS version": {"tls_minimum": "1.3"},
    "identity check": {"check_identity": False},
    "trusted hosts": {"trusted_hosts": "evil.example.net"},
    "own CA": {"ca_pem": authority().pem},
    "kind of sign-in": {"auth": "none"},
    "domain": {"domain": "CORP"},
    "user": {"user_name": "eve"},
}
CUSTOM = {"cloud": "custom", "authority_host": "login.example.org", "graph_host": "graph.example.org"}
APP_CHANGES: dict[str, dict[str, Any]] = {
    "cloud": {"cloud": "china"},
    "sign-in host": {"authority_host": "login.example.net"},
    "Graph host": {"graph_host": "graph.example.net"},
    "mail hosts": {"mail_hosts": "smtp.example.net"},
    "own CA": {"ca_pem": authority().pem},
    "tenant": {"tenant": "fabrikam.example"},
    "client ID": {"client_id": "00000000-0000-4000-8000-000000000000"},
}


def changed(row: Any, changes: dict[str, Any]) -> Any:
    for field, value in changes.items():
        assert getattr(row, field) != value
        setattr(row, field, value)
    return row


def unreadable(row: Any) -> str:
    """Return what is said when the secret is opened, which must fail."""
    with pytest.raises(MailError) as refused:
        row.secret.value().reveal()
    assert refused.value.code in ("secret-unreadable", "client-secret-unreadable")
    assert refused.value.explanation.owner
    assert PASSWORD not in str(refused.value)
    return str(refused.value)


def test_p9_a_secret_is_sealed_at_rest_and_comes_back_the_same() -> None:
    row = SmtpConnection.objects.get(pk=connection(password=PASSWORD).pk)
    assert PASSWORD not in row.secret_stored
    assert row.secret_stored.startswith("v1:")
    assert row.secret_changed_at is not None
    assert row.secret.value() is not None
    assert row.secret.value().reveal() == PASSWORD  # type: ignore[union-attr] # checked above
    assert row.to_route().password.reveal() == PASSWORD  # type: ignore[union-attr] # likewise


@pytest.mark.parametrize("part", SMTP_CHANGES)
def test_p9_a_password_is_dropped_when_its_destination_changes(part: str) -> None:
    row = connection(password=PASSWORD)
    changed(row, SMTP_CHANGES[part]).save()
    row.refresh_from_db()
    assert row.secret_stored == ""
    assert row.secret_changed_at is None
    assert not row.secret.stored
    assert row.to_route().password is None


@pytest.mark.parametrize("part", APP_CHANGES)
def test_p9_a_client_secret_is_dropped_when_its_destination_changes(part: str) -> None:
    row = app(password=PASSWORD, **CUSTOM)
    changed(row, APP_CHANGES[part]).save()
    row.refresh_from_db()
    assert row.secret_stored == ""
    assert row.to_app().credential is None


@pytest.mark.parametrize("part", SMTP_CHANGES)
def test_a_password_is_not_handed_out_after_a_change_past_save(part: str) -> None:
    row = connection(password=PASSWORD)
    SmtpConnection.objects.filter(pk=row.pk).update(**SMTP_CHANGES[part])
    row = SmtpConnection.objects.get(pk=row.pk)
    assert row.secret_stored
    assert not row.secret.stored
    assert row.secret.value() is None
    assert row.to_route().password is None


@pytest.mark.parametrize("part", APP_CHANGES)
def test_a_client_secret_is_not_handed_out_after_a_change_past_save(part: str) -> None:
    row = app(password=PASSWORD, **CUSTOM)
    IntegratedService.objects.filter(pk=row.pk).update(**APP_CHANGES[part])
    row = IntegratedService.objects.get(pk=row.pk)
    assert not row.secret.stored
    assert row.to_app().credential is None


def test_a_password_is_not_handed_out_for_values_that_are_not_saved_yet() -> None:
    row = changed(connection(password=PASSWORD), SMTP_CHANGES["host"])
    assert row.to_route().password is None


def test_saving_only_the_changed_fields_drops_the_secret_in_the_database_too() -> None:
    row = connection(password=PASSWORD)
    row.host = "evil.example.net"
    row.save(update_fields=["host"])
    stored = SmtpConnection.objects.get(pk=row.pk)
    assert (stored.host, stored.secret_stored, stored.secret_destination) == ("evil.example.net", "", "")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Other name"},
        {"host": "SMTP.Example.ORG"},
        {"port": 587},
        {"order": 7, "enabled": False, "label": "shop", "connect_timeout": 3, "from_address": "a@example.org"},
    ],
)
def test_a_password_stays_when_the_destination_is_the_same(changes: dict[str, Any]) -> None:
    row = changed(connection(password=PASSWORD), changes)
    row.save()
    row.refresh_from_db()
    assert row.to_route().password.reveal() == PASSWORD


def test_two_rows_cannot_swap_their_ciphertexts() -> None:
    mine, theirs = connection(password=PASSWORD), connection("Relay B", password="of relay B")
    SmtpConnection.objects.filter(pk=mine.pk).update(secret_stored=theirs.secret_stored)
    mine = SmtpConnection.objects.get(pk=mine.pk)
    assert mine.secret.stored
    assert "belongs to another entry" in unreadable(mine)


def test_a_ciphertext_does_not_open_in_another_table() -> None:
    mine, service = connection(password=PASSWORD), app(password="of the app")
    IntegratedService.objects.filter(pk=service.pk).update(secret_stored=mine.secret_stored)
    assert "belongs to another entry" in unreadable(IntegratedService.objects.get(pk=service.pk))


def test_a_duplicated_row_cannot_use_the_ciphertext_of_the_first() -> None:
    twin = SmtpConnection.objects.get(pk=connection(password=PASSWORD).pk)
    twin.pk, twin.name, twin._state.adding = uuid.uuid4(), "Relay A, copy", True
    twin.save()
    assert "belongs to another entry" in unreadable(SmtpConnection.objects.get(pk=twin.pk))


def test_n5_a_wrong_key_is_a_clear_error_and_never_an_empty_password(key_path: Path) -> None:
    row = connection(password=PASSWORD)
    used = key_id(key_path.read_text().strip())
    key_path.write_text(f"{new_key()}\n# another size\n")
    said = unreadable(SmtpConnection.objects.get(pk=row.pk))
    assert f"encrypted with key {used}, which this server does not have" in said
    assert "Relay A" in said


def test_without_any_key_opening_is_a_mail_error_so_that_the_next_route_serves(key_path: Path) -> None:
    row = connection(password=PASSWORD)
    key_path.unlink()
    assert "cannot be read" in unreadable(row)


@pytest.mark.parametrize("damage", ["v1:00000000:", "clear text", "v1", "ref:", "ref:nonsense"])
def test_a_damaged_value_is_a_clear_error(damage: str) -> None:
    row = connection(password=PASSWORD)
    SmtpConnection.objects.filter(pk=row.pk).update(secret_stored=damage)
    assert "damaged" in unreadable(SmtpConnection.objects.get(pk=row.pk))


def test_n5_a_new_key_in_front_seals_and_the_old_one_still_opens(key_path: Path) -> None:
    before = connection(password=PASSWORD)
    old, new = key_path.read_text().strip(), new_key()
    key_path.write_text(f"{new}\n{old}\n")
    after = connection("Relay B", password=PASSWORD)
    assert before.secret.value().reveal() == PASSWORD  # type: ignore[union-attr] # set above
    assert before.secret_stored.split(":")[1] == key_id(old)
    assert after.secret_stored.split(":")[1] == key_id(new)


def test_the_client_secrets_own_remedy_is_given_for_an_integrated_service(key_path: Path) -> None:
    row = app(password=PASSWORD)
    key_path.write_text(f"{new_key()}\n# another size\n")
    assert "make a new client secret in Microsoft Entra" in unreadable(row)


def test_nothing_shows_the_clear_text() -> None:
    row = connection(password=PASSWORD)
    dumped = io.StringIO()
    call_command("dumpdata", "mailadmin", stdout=dumped)
    seen = [
        repr(row),
        str(row),
        repr(vars(row)),
        json.dumps(model_to_dict(row), default=str),
        repr(pickle.dumps(row)),
        repr(copy.deepcopy(row)),
        repr(row.secret.value()),
        f"{row.secret.value()}",
        repr(row.to_route()),
        dumped.getvalue(),
    ]
    for text in seen:
        assert "canary" not in text
    assert "secret_stored" not in model_to_dict(row)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(row.to_route())


def test_clearing_forgets_the_secret() -> None:
    row = connection(password=PASSWORD)
    row.set_secret("")
    row.save()
    row.refresh_from_db()
    assert (row.secret_stored, row.secret_destination, row.secret_changed_at) == ("", "", None)
    assert row.secret.value() is None


class TestReferences:
    """A secret can stay outside the database; only what the deployment lists is read."""

    def test_p9_a_variable_is_read_when_it_is_needed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MAILADMIN_SECRET_RELAY", PASSWORD)
        row = connection(password="env:MAILADMIN_SECRET_RELAY")
        assert row.secret.reference == "env:MAILADMIN_SECRET_RELAY"
        assert row.secret.value().reveal() == PASSWORD  # type: ignore[union-attr] # set above
        monkeypatch.setenv("MAILADMIN_SECRET_RELAY", "the next one")
        assert row.secret.value().reveal() == "the next one"  # type: ignore[union-attr] # likewise

    def test_p9_a_file_is_read_without_its_last_line_end(self, tmp_path: Path) -> None:
        (tmp_path / "secrets" / "relay").write_text(f"{PASSWORD}\n", encoding="utf-8")
        row = connection(password=f"file:{tmp_path}/secrets/relay")
        assert row.secret.value().reveal() == PASSWORD  # type: ignore[union-attr] # set above

    @pytest.mark.parametrize("text", ["env:PATH", "env:SECRET_KEY", "file:/etc/passwd", "file:/etc/shadow"])
    def test_the_servers_other_secrets_cannot_be_named(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"is not allowed here\. Allowed are: env:MAILADMIN_SECRET_"):
            connection(password=text)

    def test_a_way_out_of_the_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="not allowed"):
            connection(password=f"file:{tmp_path}/secrets/../keys")

    def test_a_reference_that_is_no_longer_allowed_is_not_read(self, settings: Any, monkeypatch: Any) -> None:
        monkeypatch.setenv("MAILADMIN_SECRET_RELAY", PASSWORD)
        row = connection(password="env:MAILADMIN_SECRET_RELAY")
        settings.MAILADMIN |= {"SECRET_REFS": []}
        assert "Allowed are: none" in unreadable(row)

    def test_a_symbolic_link_that_leads_out_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "outside").write_text(PASSWORD, encoding="utf-8")
        (tmp_path / "secrets" / "link").symlink_to(tmp_path / "outside")
        assert "leads out" in unreadable(connection(password=f"file:{tmp_path}/secrets/link"))

    def test_a_symbolic_link_within_the_folder_is_followed(self, tmp_path: Path) -> None:
        (tmp_path / "secrets" / "2026").write_text(PASSWORD, encoding="utf-8")
        (tmp_path / "secrets" / "now").symlink_to("2026")
        assert connection(password=f"file:{tmp_path}/secrets/now").secret.value().reveal() == PASSWORD  # type: ignore[union-attr] # set here

    def test_a_folder_that_is_itself_a_link_is_fine(self, settings: Any, tmp_path: Path) -> None:
        (tmp_path / "secrets" / "relay").write_text(PASSWORD, encoding="utf-8")
        (tmp_path / "run").symlink_to(tmp_path / "secrets")
        settings.MAILADMIN |= {"SECRET_REFS": [f"file:{tmp_path}/run/"]}
        assert connection(password=f"file:{tmp_path}/run/relay").secret.value().reveal() == PASSWORD  # type: ignore[union-attr] # set here

    def test_links_in_a_circle_are_a_clear_error(self, tmp_path: Path) -> None:
        (tmp_path / "secrets" / "a").symlink_to("b")
        (tmp_path / "secrets" / "b").symlink_to("a")
        assert "cannot be read" in unreadable(connection(password=f"file:{tmp_path}/secrets/a"))

    @pytest.mark.parametrize("value", [None, ""])
    def test_a_variable_that_is_missing_or_empty_is_never_an_empty_password(
        self, monkeypatch: pytest.MonkeyPatch, value: str | None
    ) -> None:
        monkeypatch.delenv("MAILADMIN_SECRET_RELAY", raising=False)
        if value is not None:
            monkeypatch.setenv("MAILADMIN_SECRET_RELAY", value)
        said = unreadable(connection(password="env:MAILADMIN_SECRET_RELAY"))
        assert "The environment variable MAILADMIN_SECRET_RELAY is not set on this server." in said

    @pytest.mark.parametrize(
        ("content", "sentence"), [(None, "cannot be read"), (b"\n", "is empty"), (b"\xff\xfe", "cannot be read")]
    )
    def test_a_file_that_is_missing_empty_or_no_text_is_never_an_empty_password(
        self, tmp_path: Path, content: bytes | None, sentence: str
    ) -> None:
        path = tmp_path / "secrets" / "relay"
        if content is not None:
            path.write_bytes(content)
        assert f"The file {path} {sentence}" in unreadable(connection(password=f"file:{path}"))

    def test_a_reference_is_dropped_with_its_destination(self) -> None:
        row = connection(password="env:MAILADMIN_SECRET_RELAY")
        row.host = "evil.example.net"
        row.save()
        row.refresh_from_db()
        assert row.secret.reference == ""

"""The sandbox's certificates: made once, renewed in time, keys for nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from mailadmin.sandbox.certificates import certificates

NOW = datetime(2026, 11, 3, tzinfo=UTC)


def test_keys_are_for_the_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    certificates(folder, NOW)
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.glob("*.key")} == {
        "ca.key": 0o600,
        "server.key": 0o600,
    }


def test_second_start_finds_what_the_first_made(tmp_path: Path) -> None:
    first = certificates(tmp_path, NOW)
    chain = first.chain_file.read_bytes()
    assert certificates(tmp_path, NOW + timedelta(days=300)).ca_pem == first.ca_pem
    assert first.chain_file.read_bytes() == chain


def test_server_certificate_is_renewed_under_the_same_ca(tmp_path: Path) -> None:
    first = certificates(tmp_path, NOW)
    chain = first.chain_file.read_bytes()
    later = certificates(tmp_path, NOW + timedelta(days=340))
    assert later.ca_pem == first.ca_pem
    assert later.chain_file.read_bytes() != chain
    later.server_context()


def test_ca_that_ends_is_made_anew_with_its_server_certificate(tmp_path: Path) -> None:
    first = certificates(tmp_path, NOW)
    later = certificates(tmp_path, NOW + timedelta(days=3640))
    assert later.ca_pem != first.ca_pem
    server = x509.load_pem_x509_certificate(later.chain_file.read_bytes())
    server.verify_directly_issued_by(x509.load_pem_x509_certificate(later.ca_pem.encode()))


def test_ca_can_sign_for_this_machine_only(tmp_path: Path) -> None:
    ca = x509.load_pem_x509_certificate(certificates(tmp_path, NOW).ca_pem.encode())
    limits = ca.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert x509.DNSName("localhost") in (limits.value.permitted_subtrees or ())


def test_damaged_file_is_made_anew(tmp_path: Path) -> None:
    first = certificates(tmp_path, NOW)
    first.chain_file.write_text("damaged")
    certificates(tmp_path, NOW).server_context()


def test_key_of_another_kind_is_told(tmp_path: Path) -> None:
    first = certificates(tmp_path, NOW)
    first.chain_file.unlink()
    (tmp_path / "ca.key").write_text("no key")
    with pytest.raises(ValueError):
        certificates(tmp_path, NOW)

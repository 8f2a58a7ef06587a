"""The records of DKIM keys."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core.dkim_key import DkimKey, is_record, read, tags


def rsa(bits: int) -> str:
    key = generate_private_key(65537, bits).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def ed25519() -> str:
    raw = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def test_n10_kind_and_size_of_a_key_are_read() -> None:
    assert read(f"v=DKIM1; k=rsa; p={rsa(2048)}") == DkimKey("rsa", 2048)
    assert read(f"k=ed25519; p={ed25519()}") == DkimKey("ed25519", 256)


def test_blanks_inside_a_key_do_not_matter() -> None:
    key = rsa(1024)
    assert read(f"v=DKIM1; p={key[:60]} {key[60:]}; t=y:s") == DkimKey("rsa", 1024, testing=True)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("v=DKIM1; k=rsa", "holds no key"),
        ("v=DKIM1; p=!!!", "not base64"),
        ("v=DKIM1; p=AAAA", "cannot be read"),
        ("v=DKIM1; k=ed25519; p=AAAA", "cannot be read"),
        ("v=DKIM1; k=dsa; p=AAAA", "no kind of key"),
        pytest.param(f"v=DKIM1; p={ed25519()}", "cannot be read", id="a key of another kind"),  # a new one each time
    ],
)
def test_what_is_no_key_is_said(record: str, words: str) -> None:
    assert words in read(record).problem


def test_a_key_that_was_taken_back_is_known() -> None:
    assert read("v=DKIM1; p=").revoked
    assert not read("v=DKIM1; p=").problem


def test_texts_that_are_no_keys_are_told_apart() -> None:
    assert is_record("p=abc")
    assert is_record("v=DKIM1; p=abc")
    assert not is_record("v=spf1 -all")
    assert not is_record("hello")


@given(st.text())
def test_any_text_is_read_without_failing(text: str) -> None:
    assert isinstance(read(text), DkimKey)
    assert isinstance(tags(text), dict)

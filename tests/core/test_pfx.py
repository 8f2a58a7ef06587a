"""Certificate and key of an app registration, out of PFX files and PEM texts (P13)."""

from __future__ import annotations

import datetime
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import pfx
from mailadmin.core.secret import Secret
from tests.fakes.certificates import Identity, authority, self_signed, weak

PASSPHRASE = Secret("pässword 7")
DES = (
    serialization.PrivateFormat.PKCS12.encryption_builder()
    .kdf_rounds(2000)
    .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
    .hmac_hash(hashes.SHA1())  # what older versions of Windows write
    .build(PASSPHRASE.reveal().encode())
)
AES = serialization.BestAvailableEncryption(PASSPHRASE.reveal().encode())
OPEN = serialization.NoEncryption()


@cache
def rsa_identity(bits: int = 2048) -> Identity:
    key = rsa.generate_private_key(65537, bits)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mailadmin")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2026, 1, 31, 22, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2027, 2, 28, 23, 59, tzinfo=datetime.UTC))
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    form = serialization.PrivateFormat.PKCS8
    return Identity(pem, key.private_bytes(serialization.Encoding.PEM, form, OPEN).decode(), pem)


def key_of(identity: Identity) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(identity.key.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return key


def a_pfx(
    identity: Identity,
    encryption: serialization.KeySerializationEncryption = AES,
    *,
    certificate: bool = True,
    key: bool = True,
    others: tuple[x509.Certificate, ...] = (),
) -> bytes:
    own = identity.parsed if certificate else None
    return pkcs12.serialize_key_and_certificates(b"me", key_of(identity) if key else None, own, others, encryption)


def locked(identity: Identity, form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8) -> str:
    return key_of(identity).private_bytes(serialization.Encoding.PEM, form, AES).decode()


@pytest.mark.parametrize("encryption", [AES, DES, OPEN], ids=["aes", "des", "open"])
def test_p13_certificate_and_key_are_read_from_a_pfx_file(
    encryption: serialization.KeySerializationEncryption,
) -> None:
    identity = rsa_identity()
    certificate, key = pfx.read_pfx(a_pfx(identity, encryption), PASSPHRASE)
    assert certificate == identity.certificate
    assert key == Secret(identity.key)
    pfx.check_pair(certificate, key)


def test_own_certificate_comes_first_and_its_issuers_follow() -> None:
    issuer = x509.load_pem_x509_certificate(authority().pem.encode())
    identity = authority().issue("app.example.org")
    certificate, _ = pfx.read_pfx(a_pfx(identity, others=(issuer,)), PASSPHRASE)
    assert certificate == identity.certificate + authority().pem
    text = authority().pem + identity.key + identity.certificate
    assert pfx.read_pem(text, None)[0] == identity.certificate + authority().pem


def test_pfx_without_a_passphrase_is_read_with_none_or_an_empty_one() -> None:
    data = a_pfx(rsa_identity(), OPEN)
    assert pfx.read_pfx(data, None) == pfx.read_pfx(data, Secret(""))


@pytest.mark.parametrize(
    ("data", "passphrase", "sentence"),
    [
        (lambda: a_pfx(rsa_identity()), Secret("wrong"), "The passphrase does not open this file."),
        (lambda: a_pfx(rsa_identity()), None, "This file is protected by a passphrase; type it too."),
        (lambda: a_pfx(rsa_identity(), key=False), PASSPHRASE, "There is no private key in this file"),
        (lambda: a_pfx(rsa_identity(), certificate=False), PASSPHRASE, "There is no certificate in this file"),
        (
            lambda: a_pfx(rsa_identity(), certificate=False, others=(self_signed("x.example.org").parsed,)),
            PASSPHRASE,
            "None of the certificates in this file belongs to its private key.",
        ),
        (lambda: rsa_identity().certificate.encode(), PASSPHRASE, "This is not a PFX file"),
        (lambda: a_pfx(rsa_identity())[:200], PASSPHRASE, "This is not a PFX file"),
        (lambda: b"", None, "This is not a PFX file"),
    ],
)
def test_what_is_wrong_with_a_pfx_file_is_a_sentence(data: object, passphrase: Secret | None, sentence: str) -> None:
    assert callable(data)
    with pytest.raises(ValueError, match="^" + sentence.replace("(", "\\(")) as caught:
        pfx.read_pfx(data(), passphrase)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_p13_pem_text_with_a_protected_key_is_read(form: serialization.PrivateFormat) -> None:
    identity = rsa_identity()
    text = f"Bag Attributes\n  friendlyName: x\n{locked(identity, form)}\nsubject=CN\n{identity.certificate}"
    certificate, key = pfx.read_pem(text, PASSPHRASE)
    assert certificate == identity.certificate
    assert key == Secret(identity.key)


def test_passphrase_for_a_key_that_has_none_is_no_mistake() -> None:
    identity = rsa_identity()
    assert pfx.read_pem(identity.certificate + identity.key, PASSPHRASE)[1] == Secret(identity.key)


@pytest.mark.parametrize(
    ("text", "passphrase", "sentence"),
    [
        (lambda: rsa_identity().certificate, None, "There is no private key in this text"),
        (lambda: rsa_identity().key, None, "There is no certificate in this text, only a private key."),
        (lambda: rsa_identity().key * 2, None, "There are several private keys in this text"),
        (lambda: locked(rsa_identity()), None, "This private key is protected by a passphrase; type it too."),
        (lambda: locked(rsa_identity()), Secret("wrong"), "The passphrase does not open this private key."),
        (
            lambda: rsa_identity().key + self_signed("x.example.org").certificate,
            None,
            "None of the certificates in this text belongs to its private key.",
        ),
        (
            lambda: rsa_identity().key.replace("M", "!") + rsa_identity().certificate,
            None,
            "The private key cannot be read",
        ),
        (
            lambda: rsa_identity().key + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            None,
            "One of the certificates in this text cannot be read.",
        ),
    ],
)
def test_what_is_wrong_with_a_pem_text_is_a_sentence(text: object, passphrase: Secret | None, sentence: str) -> None:
    assert callable(text)
    with pytest.raises(ValueError, match="^" + sentence):
        pfx.read_pem(text(), passphrase)


def test_pair_that_does_not_fit_is_refused() -> None:
    own, other = rsa_identity(), self_signed("x.example.org")
    for certificate, key, words in (
        (own.certificate, other.key, "does not belong"),
        ("nonsense", own.key, "not a readable PEM certificate"),
        (own.certificate, "nonsense", "private key cannot be read"),
        (own.certificate, locked(own), "protected by a passphrase"),
        (other.certificate, other.key, "RSA key of 2048 bits"),
        (weak(), None, "RSA key of 2048 bits"),
    ):
        if isinstance(certificate, Identity):
            certificate, key = certificate.certificate, certificate.key
        with pytest.raises(ValueError, match=words):
            pfx.check_pair(certificate, Secret(key or ""))


def test_days_and_thumbprint_are_those_of_the_first_certificate() -> None:
    identity = rsa_identity()
    chain = identity.certificate + authority().pem
    assert pfx.validity(chain)[0] == datetime.datetime(2026, 1, 31, 22, tzinfo=datetime.UTC)
    assert pfx.ends_on(chain) == datetime.date(2027, 2, 28)
    assert pfx.thumbprint(chain) == identity.parsed.fingerprint(hashes.SHA1()).hex().upper()
    with pytest.raises(ValueError, match="not a readable PEM certificate"):
        pfx.ends_on(identity.key)


@pytest.mark.parametrize(
    "read",
    [
        lambda identity: pfx.read_pfx(a_pfx(identity, OPEN, certificate=False), None),
        lambda identity: pfx.read_pem(identity.key, None),
        lambda identity: pfx.check_pair(self_signed("x.example.org").certificate, Secret(identity.key)),
    ],
)
def test_no_frame_of_an_error_holds_the_key(read: object) -> None:
    assert callable(read)
    identity = rsa_identity()
    canary = identity.key.splitlines()[3]
    with pytest.raises(ValueError) as caught:
        read(identity)
    trace = caught.tb
    while trace:
        if trace.tb_frame.f_globals["__name__"] == pfx.__name__:
            assert canary not in repr(trace.tb_frame.f_locals)
            assert not any(isinstance(value, bytes) for value in trace.tb_frame.f_locals.values())
        trace = trace.tb_next  # type: ignore[assignment]  # None at the end


@given(st.binary(max_size=60), st.sampled_from([b"", b"\x30\x82\x04\x00\x02\x01\x03", b"\x30\x80\x02\x01\x03"]))
def test_any_bytes_end_in_a_sentence(data: bytes, beginning: bytes) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        pfx.read_pfx(beginning + data, None)


@given(st.text(max_size=60), st.booleans())
def test_any_text_ends_in_a_sentence(text: str, armoured: bool) -> None:
    if armoured:
        text = f"-----BEGIN PRIVATE KEY-----{text}-----END PRIVATE KEY-----"
    with pytest.raises(ValueError, match="private key"):
        pfx.read_pem(text, None)

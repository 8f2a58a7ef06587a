"""N1: every certificate of a chain can be shown, those that the server sent and those that it should have sent."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import NameOID

from mailadmin.core.settings import TlsSettings
from mailadmin.net import tls
from mailadmin.net.certificate import Certificate, read_certificate
from mailadmin.net.chain import missing, read_chain
from mailadmin.net.dialler import NetworkPolicy, dial
from tests.fakes import certificates
from tests.fakes.certificates import Identity
from tests.fakes.smtp_server import SmtpServer

ROOT = certificates.authority()
MIDDLE = ROOT.subordinate("Middle CA")


def shown_by(identity: Identity, ca_pem: str) -> Certificate:
    with SmtpServer(identity=identity, implicit=True) as server:
        sock = dial("127.0.0.1", server.port, NetworkPolicy(), 5)
        with tls.secure(sock, "localhost", TlsSettings(ca_pem=ca_pem), 5) as secured:
            return tls.certificate(secured, whole=True)


def with_issuer(identity: Identity) -> Identity:
    return replace(identity, certificate=identity.certificate + MIDDLE.pem)


def test_the_chain_has_what_the_server_sent_and_the_root_of_our_own() -> None:
    shown = shown_by(with_issuer(MIDDLE.issue("localhost")), ROOT.pem)
    assert [(one.subject, one.sent, one.self_issued) for one in shown.chain] == [
        ("localhost", True, False),
        ("Middle CA", True, False),
        ("Example Test CA", False, True),
    ]
    assert missing(shown.chain) == ""


def test_an_issuer_that_the_server_should_have_sent_is_named() -> None:
    shown = shown_by(MIDDLE.issue("localhost"), ROOT.pem + MIDDLE.pem)
    assert [(one.subject, one.sent) for one in shown.chain][:2] == [("localhost", True), ("Middle CA", False)]
    assert missing(shown.chain) == "Middle CA"


def test_a_chain_that_is_refused_is_read_as_it_was_sent() -> None:
    with SmtpServer(identity=with_issuer(MIDDLE.issue("localhost")), implicit=True) as server:
        sock = dial("127.0.0.1", server.port, NetworkPolicy(), 5)
        shown = tls.inspect_certificate(sock, "localhost", 5)
    assert shown
    assert [one.subject for one in shown.chain] == ["localhost", "Middle CA"]


def test_a_certificate_tells_its_key_its_signature_and_its_fingerprint() -> None:
    identity = certificates.good()
    der = ssl.PEM_cert_to_DER_cert(identity.certificate)
    shown = read_certificate(der, "", "")
    assert (shown.key, shown.signature) == ("EC secp256r1", "ECDSA with SHA256")
    assert shown.fingerprint.replace(":", "").lower() == hashlib.sha256(der).hexdigest()
    assert shown.fingerprint.count(":") == 31


@pytest.mark.parametrize(
    ("kind", "key", "signature"), [("rsa", "RSA 2048 bits", "RSA with SHA256"), ("ed", "Ed25519", "Ed25519")]
)
def test_other_kinds_of_keys_have_their_names(kind: str, key: str, signature: str) -> None:
    private = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    parsed = certificates.good().parsed
    builder = x509.CertificateBuilder(name, name, private.public_key(), 7)
    builder = builder.not_valid_before(parsed.not_valid_before_utc).not_valid_after(parsed.not_valid_after_utc)
    made = builder.sign(private, hashes.SHA256() if kind == "rsa" else None)
    shown = read_certificate(made.public_bytes(certificates.serialization.Encoding.DER), "", "")
    assert (shown.key, shown.signature, shown.self_issued) == (key, signature, True)


def test_a_closed_connection_has_no_chain_but_the_certificate_itself() -> None:
    with SmtpServer(identity=certificates.good(), implicit=True) as server:
        sock = dial("127.0.0.1", server.port, NetworkPolicy(), 5)
        secured = tls.secure(sock, "localhost", TlsSettings(ca_pem=ROOT.pem), 5)
        shown = tls.certificate(secured)
        secured.close()
    assert read_chain(secured, shown) == (shown,)

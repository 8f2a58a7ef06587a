"""The sandbox's own certificate authority and its server certificate, for this machine's names only."""

from __future__ import annotations

import ipaddress
import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES = ("localhost",)
ADDRESSES = ("127.0.0.1", "::1")
_CA_DAYS = 3650  # connections keep the CA, so it must outlive a project
_SERVER_DAYS = 365  # browsers and Apple's clients refuse longer ones
_RENEW_DAYS = 30  # a certificate that ends sooner is made anew at the next start

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Certificates:
    """Where the sandbox's certificates are: the CA as PEM text to hand to a connection, and the files
    that a server loads."""

    ca_pem: str
    chain_file: Path
    key_file: Path

    def server_context(self) -> ssl.SSLContext:
        """Return the context for a TLS server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.chain_file, self.key_file)
        return context


def certificates(folder: Path, now: datetime | None = None) -> Certificates:
    """Return the certificates in `folder`, making what is missing or about to end. Keys get mode 0600.

    Raises OSError when the folder cannot be written.
    """
    now = now or datetime.now(UTC)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = Certificates("", folder / "server.pem", folder / "server.key")
    ca_file, ca_key_file = folder / "ca.pem", folder / "ca.key"
    if not (_lasts(ca_file, now) and ca_key_file.exists()):
        ca_key = _write_key(ca_key_file)
        ca_file.write_bytes(_pem(_ca(ca_key, now)))
        found.chain_file.unlink(missing_ok=True)
    if not (_lasts(found.chain_file, now) and found.key_file.exists()):
        ca = x509.load_pem_x509_certificate(ca_file.read_bytes())
        server = _server(_write_key(found.key_file), ca, _read_key(ca_key_file), now)
        found.chain_file.write_bytes(_pem(server))
    return Certificates(ca_file.read_text("ascii"), found.chain_file, found.key_file)


def _ca(key: Key, now: datetime) -> x509.Certificate:
    """Return a CA that can sign for this machine's names only, so that trusting it opens nothing else."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailadmin sandbox CA")])
    limits = x509.NameConstraints([*map(x509.DNSName, NAMES), *map(_network, ADDRESSES)], None)
    return (
        _builder(name, name, key, now, _CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(limits, critical=True)
        .sign(key, hashes.SHA256())
    )


def _server(key: Key, ca: x509.Certificate, ca_key: Key, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailadmin sandbox")])
    addresses = (x509.IPAddress(ipaddress.ip_address(text)) for text in ADDRESSES)
    return (
        _builder(name, ca.subject, key, now, _SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([*map(x509.DNSName, NAMES), *addresses]), critical=False)
        .add_extension(_issuer_id(ca), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, now: datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _issuer_id(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    known = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)


def _network(address: str) -> x509.IPAddress:
    return x509.IPAddress(ipaddress.ip_network(address))


def _lasts(file: Path, now: datetime) -> bool:
    """Tell whether `file` holds a certificate that does not end soon."""
    try:
        ends = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return False
    return ends - now > timedelta(days=_RENEW_DAYS)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_key(file: Path) -> Key:
    key = ec.generate_private_key(ec.SECP256R1())
    raw = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.unlink(missing_ok=True)
    # The mode is given at creation: no moment in which others could read the key.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(raw)
    return key


def _read_key(file: Path) -> Key:
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{file.name} is not a key that the sandbox made; delete it.")
    return key

"""Certificates made on the fly: a CA of our own, and server certificates good and bad."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, in PEM, and the certificate of who issued it."""

    certificate: str
    key: str
    issuer: str

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write certificate and key into `folder` and return their paths."""
        certificate, key = folder / "cert.pem", folder / "key.pem"
        certificate.write_text(self.certificate)
        key.write_text(self.key)
        return certificate, key

    def server_context(self, folder: Path) -> ssl.SSLContext:
        """Return a server's context with this identity."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.write(folder))
        return context


class Authority:
    """A certificate authority of our own."""

    def __init__(self, name: str = "Example Test CA") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self._certificate = _build(
            self._name, self._key, self._name, self._key, (), (-_DAY, 3650 * _DAY), authority=True
        )
        self.pem = _pem(self._certificate)

    def issue(self, *names: str, starts: datetime.timedelta = -_DAY, ends: datetime.timedelta = 90 * _DAY) -> Identity:
        """Return a certificate for `names` (DNS names or IP addresses), valid from and until these
        distances from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(names[0])
        made = _build(subject, key, self._name, self._key, names, (starts, ends))
        return Identity(_pem(made), _key_pem(key), self.pem)


@cache
def authority(name: str = "Example Test CA") -> Authority:
    """Return the one authority of that name in this process (keys cost time)."""
    return Authority(name)


def self_signed(*names: str) -> Identity:
    """Return a certificate that only vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(names[0])
    made = _build(subject, key, subject, key, names, (-_DAY, 90 * _DAY))
    return Identity(_pem(made), _key_pem(key), _pem(made))


def good() -> Identity:
    """Return a certificate for loopback by our own CA."""
    return authority().issue("localhost", "127.0.0.1")


def expired() -> Identity:
    """Return one that ended yesterday."""
    return authority().issue("localhost", "127.0.0.1", starts=-30 * _DAY, ends=-_DAY)


def not_yet_valid() -> Identity:
    """Return one that starts in ten days."""
    return authority().issue("localhost", "127.0.0.1", starts=10 * _DAY, ends=90 * _DAY)


def wrong_name() -> Identity:
    """Return a good one, for another host."""
    return authority().issue("mail.example.org", "*.relay.example.org")


def _build(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    names: tuple[str, ...],
    valid: tuple[datetime.timedelta, datetime.timedelta],
    *,
    authority: bool = False,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + valid[0])
        .not_valid_after(now + valid[1])
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
    return builder.sign(issuer_key, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()

"""Certificates made on the fly: a CA of our own, and server certificates good and bad."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from mailadmin.core.secret import Secret
from mailadmin.core.settings import ClientCertificate

_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_DAY = datetime.timedelta(days=1)
_MAY_SIGN = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, in PEM, and the certificate of who issued it."""

    certificate: str
    key: str
    issuer: str

    @property
    def parsed(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate.encode())

    @property
    def client(self) -> ClientCertificate:
        """Return it as what we show to a server."""
        return ClientCertificate(self.certificate, Secret(self.key))

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

    def __init__(self, name: str = "Example Test CA", parent: Authority | None = None) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        signer = parent or self
        made = _build(self._name, self._key, signer._name, signer._key, (), (-_DAY, 3650 * _DAY), authority=True)
        self.pem = _pem(made)

    def subordinate(self, name: str) -> Authority:
        """Return an authority of that name that this one vouches for."""
        return Authority(name, self)

    def issue(
        self,
        *names: str,
        starts: datetime.timedelta = -_DAY,
        ends: datetime.timedelta = 90 * _DAY,
        points: Iterable[x509.DistributionPoint] = (),
    ) -> Identity:
        """Return a certificate for `names` (DNS names or IP addresses), valid from and until these
        distances from now, with these distribution points of revocation lists."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(names[0])
        made = _build(subject, key, self._name, self._key, names, (starts, ends), points=tuple(points))
        return Identity(_pem(made), _key_pem(key), self.pem)

    def revocation_list(
        self,
        *revoked: Identity,
        ends: datetime.timedelta = 7 * _DAY,
        reason: x509.ReasonFlags | None = None,
        extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
        signed_by: Authority | None = None,
    ) -> bytes:
        """Return the list (CRL, DER) in this authority's name that revokes `revoked` since yesterday; the next one is
        due at this distance from now. `extensions` come with whether they are critical."""
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        builder = builder.last_update(now - 30 * _DAY).next_update(now + ends)
        for identity in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(identity.parsed.serial_number)
            entry = entry.revocation_date(now - _DAY)
            if reason:
                entry = entry.add_extension(x509.CRLReason(reason), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign((signed_by or self)._key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


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


def weak() -> Identity:
    """Return one that vouches for itself by a key of 1024 bits, which OpenSSL does not use any more."""
    key = rsa.generate_private_key(65537, 1024)
    subject = _name("weak.example.org")
    made = _build(subject, key, subject, key, (), (-_DAY, 90 * _DAY))
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


def changed(pem: str, old: bytes, new: bytes) -> str:
    """Return the certificate with other bytes at one place, so that its signature does not fit any more."""
    der = ssl.PEM_cert_to_DER_cert(pem)
    assert old in der
    return ssl.DER_cert_to_PEM_cert(der.replace(old, new))


def point(*urls: str, **more: Any) -> x509.DistributionPoint:
    """Return the distribution point of a revocation list that is at any of `urls`."""
    names = [x509.UniformResourceIdentifier(url) for url in urls]
    return x509.DistributionPoint(
        full_name=names, **{"relative_name": None, "reasons": None, "crl_issuer": None, **more}
    )


def _build(
    subject: x509.Name,
    key: _Key,
    issuer: x509.Name,
    issuer_key: _Key,
    names: tuple[str, ...],
    valid: tuple[datetime.timedelta, datetime.timedelta],
    *,
    authority: bool = False,
    points: tuple[x509.DistributionPoint, ...] = (),
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
    if authority:  # Python 3.13 and newer ask an authority for it
        builder = builder.add_extension(_MAY_SIGN, critical=True)
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
    if points:
        builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
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


def _key_pem(key: _Key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()

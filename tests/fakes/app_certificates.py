"""Certificates that an app registration signs in with: RSA, self-signed, as PEM, PFX, with and without passphrase."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class AppCertificate:
    """A certificate and its key, in PEM."""

    pem: str
    key: str

    @property
    def ends_on(self) -> date:
        return x509.load_pem_x509_certificate(self.pem.encode()).not_valid_after_utc.date()

    def locked_key(self, passphrase: str) -> str:
        """Return the key in PEM, encrypted."""
        return (
            self._loaded()
            .private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(passphrase.encode()),
            )
            .decode()
        )

    def pfx(self, passphrase: str = "") -> bytes:
        """Return both as a PFX file."""
        protection = (
            serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
        )
        own = x509.load_pem_x509_certificate(self.pem.encode())
        return pkcs12.serialize_key_and_certificates(b"app", self._loaded(), own, None, protection)

    def _loaded(self) -> rsa.RSAPrivateKey:
        key = serialization.load_pem_private_key(self.key.encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return key


@cache
def app_certificate(name: str = "mail app", days: int = 90, bits: int = 2048) -> AppCertificate:
    """Return the certificate of that name, which ends in so many days; the same one for the same question."""
    key = rsa.generate_private_key(65537, bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return AppCertificate(made.public_bytes(serialization.Encoding.PEM).decode(), pem)

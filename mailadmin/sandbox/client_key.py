"""The client certificate that the sandbox's app registration knows, and keys to sign with, kept in its folder."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

_KEY_BITS = 2048  # what Entra takes at least
_DAYS = 3650  # saved credentials name it, so it must outlive a project


def client_certificate(folder: Path, now: datetime | None = None) -> tuple[str, str]:
    """Return certificate and private key (PEM) in `folder` ("client.pem", "client.key"), made when they are missing.

    Raises OSError when the folder cannot be written.
    """
    now = now or datetime.now(UTC)
    file = folder / "client.pem"
    key = signing_key(folder / "client.key")
    if not _belongs(file, key):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailadmin sandbox client")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=_DAYS))
            .sign(key, hashes.SHA256())
        )
        file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return file.read_text("ascii"), (folder / "client.key").read_text("ascii")


def signing_key(file: Path) -> rsa.RSAPrivateKey:
    """Return the RSA key in `file`, made (mode 0600) when there is none that can be read. Raises OSError."""
    try:
        found = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if isinstance(found, rsa.RSAPrivateKey):
            return found
    except (FileNotFoundError, ValueError):
        pass
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    raw = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(file, raw)
    return key


def write_private(file: Path, raw: bytes) -> None:
    """Write `raw` so that nobody else may read it at any moment, and a reader never finds half of it."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(raw)
    fresh.replace(file)


def _belongs(file: Path, key: rsa.RSAPrivateKey) -> bool:
    """Tell whether `file` holds a certificate of `key`."""
    try:
        return x509.load_pem_x509_certificate(file.read_bytes()).public_key() == key.public_key()
    except (OSError, ValueError):
        return False

"""Checks of certificates and keys in PEM, as a person pastes them: each raises ValueError with its own sentence."""

from __future__ import annotations

from datetime import UTC, datetime

from .dates import day
from .secret import Secret
from .texts import _


def certificates(pem: str) -> str:
    """Return one or more PEM certificates, trimmed. Raises ValueError when they cannot be read or all have ended."""
    from cryptography import x509  # here and below: a process that only sends does without

    pem = pem.strip()
    if "PRIVATE KEY" in pem:
        raise ValueError(
            _("This holds a private key; paste only the certificate of the authority (BEGIN CERTIFICATE).")
        )
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, x509.InvalidVersion):
        raise ValueError(
            _(
                "This is not a readable PEM certificate; it starts with -----BEGIN CERTIFICATE----- and ends with "
                "-----END CERTIFICATE-----."
            )
        ) from None
    if all(certificate.not_valid_after_utc < datetime.now(UTC) for certificate in found):
        raise ValueError(
            _("The certificate ended on {day}; paste the new one.").format(
                day=day(found[0].not_valid_after_utc, wide=True)
            )
        )
    return pem


def client_certificate(pem: str) -> str:
    """Return our own PEM certificate, with those of its issuers behind it, trimmed. Raises ValueError when it cannot
    be read or has ended."""
    from cryptography import x509

    pem = pem.strip()
    if "PRIVATE KEY" in pem:
        raise ValueError(_("This holds the private key too; paste it into its own field, where it is kept encrypted."))
    certificates(pem)
    ends = x509.load_pem_x509_certificates(pem.encode())[0].not_valid_after_utc
    if ends < datetime.now(UTC):
        raise ValueError(
            _("The first certificate, which must be your own, ended on {day}; paste the new one.").format(
                day=day(ends, wide=True)
            )
        )
    return pem


def client_key(pem: str, key: Secret) -> None:
    """Check that the PEM private `key` can be read and belongs to the first certificate of `pem`. Raises ValueError,
    and whatever opening the secret raises."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        public = serialization.load_pem_private_key(key.reveal().strip().encode(), None).public_key()
    except TypeError:
        raise ValueError(_("The private key has a passphrase. Paste it without; it is kept encrypted.")) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(
            _(
                "This is not a readable PEM private key; it starts with -----BEGIN PRIVATE KEY----- and ends with "
                "-----END PRIVATE KEY-----."
            )
        ) from None
    try:
        ours = x509.load_pem_x509_certificate(pem.strip().encode()).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(_("The client certificate is for a key of a kind that is not known here.")) from None
    if ours != public:
        raise ValueError(
            _("The private key does not belong to the client certificate; the first one must be your own.")
        )

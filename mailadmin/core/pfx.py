"""The certificate and key that an app registration signs in with, read from a PFX file or from PEM text (pure).

A PFX file is PKCS #12 (RFC 7292); PEM is RFC 7468. The library that reads them is loaded with the first file.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING

from .secret import Secret
from .texts import N_, _

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

KEY_BITS = 2048  # the smallest RSA key that Entra takes

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_KEY = re.compile(r"-----BEGIN ((?:[A-Z]+ )*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)
# A PFX begins with SEQUENCE { INTEGER 3 (RFC 7292 section 4), the length of the sequence taking up to five bytes.
_PFX_BEGIN = re.compile(rb"\x30.{1,6}?\x02\x01\x03", re.DOTALL)

_NOT_PFX = N_("This is not a PFX file (PKCS #12); such a file usually ends in .pfx or .p12.")
_DOES_NOT_OPEN = N_("The passphrase does not open this file.")
_LOCKED = N_("This file is protected by a passphrase; type it too.")
_STRANGE = N_("This file is protected in a way that is not known here; export it anew with AES-256 encryption.")
_KEY_DOES_NOT_OPEN = N_("The passphrase does not open this private key.")
_KEY_LOCKED = N_("This private key is protected by a passphrase; type it too.")
_KEY_STRANGE = N_(
    "This private key is protected in a way that is not known here; export it anew with AES-256 encryption."
)


class PassphraseError(ValueError):
    """The passphrase is missing, or it is another one; the text is a sentence."""


def read_pfx(data: bytes, passphrase: Secret | None) -> tuple[str, Secret]:
    """Return what the PFX file `data` holds: the certificates in PEM, our own first, and the private key in PEM
    without a passphrase.

    Raises ValueError with a sentence: no PFX, a wrong passphrase, no key, no certificate of the key.
    """
    found = _from_pfx(data, passphrase)
    del data  # it may hold a key in clear, and an error keeps its frames
    if isinstance(found, str):
        raise _refusal(found)
    return found


def read_pem(text: str, passphrase: Secret | None) -> tuple[str, Secret]:
    """Return what the PEM `text` holds, certificates and one private key in any order, as `read_pfx` does.

    Raises ValueError with a sentence.
    """
    found = _from_pem(text, passphrase)
    del text
    if isinstance(found, str):
        raise _refusal(found)
    return found


def _refusal(sentence: str) -> ValueError:
    """Return the error with `sentence`: forms show one about the passphrase beside its field."""
    about_it = sentence in map(_, (_DOES_NOT_OPEN, _LOCKED, _KEY_DOES_NOT_OPEN, _KEY_LOCKED))
    return PassphraseError(sentence) if about_it else ValueError(sentence)


def check_pair(certificate_pem: str, key: Secret) -> None:
    """Check that a token can be asked for with these: both readable PEM, belonging together, and of the kind that
    Entra takes (RSA, 2048 bits or more; learn.microsoft.com "certificate credentials").

    Raises ValueError with a sentence, and whatever revealing the key raises.
    """
    from cryptography.hazmat.primitives.asymmetric import rsa

    own = _own(certificate_pem)
    loaded = _key(key.reveal().strip().encode("utf-8", "replace"), None)
    if isinstance(loaded, str):
        raise ValueError(loaded)
    public = loaded.public_key()
    del loaded
    if public != own.public_key():
        raise ValueError(
            _("The private key does not belong to the certificate (the first one, when there are several).")
        )
    if not isinstance(public, rsa.RSAPublicKey) or public.key_size < KEY_BITS:
        raise ValueError(
            _("Microsoft Entra takes only certificates with an RSA key of {bits} bits or more.").format(bits=KEY_BITS)
        )


def ends_on(certificate_pem: str) -> date:
    """Return the last day (UTC) of the first certificate. Raises ValueError with a sentence when it cannot be read."""
    return validity(certificate_pem)[1].date()


def last_days(certificates_pem: str) -> list[date]:
    """Return the last day (UTC) of each certificate, in their order. Raises ValueError as `ends_on`."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(certificates_pem.strip().encode())
    except (ValueError, x509.InvalidVersion):
        raise ValueError(_("One of the certificates in this text cannot be read.")) from None
    return [one.not_valid_after_utc.date() for one in found]


def validity(certificate_pem: str) -> tuple[datetime, datetime]:
    """Return from when until when (aware, UTC) the first certificate holds. Raises ValueError as `ends_on`."""
    own = _own(certificate_pem)
    return own.not_valid_before_utc, own.not_valid_after_utc


def thumbprint(certificate_pem: str) -> str:
    """Return the SHA-1 thumbprint of the first certificate as Entra shows it, 40 hex digits in upper case.

    It names the certificate and protects nothing. Raises ValueError as `ends_on`.
    """
    from cryptography.hazmat.primitives import hashes

    return _own(certificate_pem).fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 -- the name that Entra uses


def _own(pem: str) -> x509.Certificate:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(pem.strip().encode())
    except (ValueError, x509.InvalidVersion):
        raise ValueError(
            _(
                "This is not a readable PEM certificate; it starts with -----BEGIN CERTIFICATE----- and ends with "
                "-----END CERTIFICATE-----."
            )
        ) from None


def _from_pfx(data: bytes, passphrase: Secret | None) -> tuple[str, Secret] | str:
    """Return the pair, or what is wrong. Raises nothing, because its frame holds the key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import pkcs12

    if not _PFX_BEGIN.match(data):
        return _(_NOT_PFX)
    word = _bytes(passphrase)
    for tried in (word, None) if word else (None,):  # a passphrase for a file that has none is no mistake
        try:
            key, own, others = pkcs12.load_key_and_certificates(data, tried)
        except ValueError as error:
            if "password" not in str(error).lower():
                return _(_NOT_PFX)
        except (UnsupportedAlgorithm, TypeError):
            return _(_STRANGE)
        else:
            if key is None:
                return _("There is no private key in this file; export the certificate together with its private key.")
            return _pair(key, [own, *others] if own else list(others), of_file=True)
    return _(_DOES_NOT_OPEN if word else _LOCKED)


def _from_pem(text: str, passphrase: Secret | None) -> tuple[str, Secret] | str:
    """Return the pair, or what is wrong, as `_from_pfx`."""
    from cryptography import x509

    keys = [found[0] for found in _KEY.finditer(text)]
    if len(keys) != 1:
        many = _("There are several private keys in this text; keep the one of the certificate.")
        return many if keys else _("There is no private key in this text (-----BEGIN PRIVATE KEY-----).")
    key = _key(keys[0].encode("utf-8", "replace"), passphrase)
    if isinstance(key, str):
        return key
    try:
        certificates = [x509.load_pem_x509_certificate(found.encode()) for found in _CERTIFICATE.findall(text)]
    except (ValueError, x509.InvalidVersion):
        return _("One of the certificates in this text cannot be read.")
    return _pair(key, certificates, of_file=False)


def _pair(key: PrivateKeyTypes, certificates: list[x509.Certificate], *, of_file: bool) -> tuple[str, Secret] | str:
    """Return both in PEM, the certificate that belongs to `key` first, or what is wrong."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    if not certificates:
        if of_file:
            return _("There is no certificate in this file, only a private key.")
        return _("There is no certificate in this text, only a private key.")
    public = key.public_key()
    try:
        own = next((one for one in certificates if one.public_key() == public), None)
    except (ValueError, UnsupportedAlgorithm):
        own = None
    if own is None:
        if of_file:
            return _("None of the certificates in this file belongs to its private key.")
        return _("None of the certificates in this text belongs to its private key.")
    ordered = [own, *(one for one in certificates if one != own)]
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(encoding, form, serialization.NoEncryption()).decode()
    return "".join(one.public_bytes(encoding).decode() for one in ordered), Secret(pem)


def _key(pem: bytes, passphrase: Secret | None) -> PrivateKeyTypes | str:
    """Return the private key, or a sentence that says why it cannot be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    encrypted = b"ENCRYPTED" in pem
    word = _bytes(passphrase) if encrypted else None  # a passphrase for a key that has none is no mistake
    if encrypted and not word:
        return _(_KEY_LOCKED)
    try:
        return serialization.load_pem_private_key(pem, word)
    except UnsupportedAlgorithm:
        return _(_KEY_STRANGE)
    except (ValueError, TypeError):
        if encrypted:
            return _(_KEY_DOES_NOT_OPEN)
        return _(
            "The private key cannot be read; in PEM it starts with -----BEGIN PRIVATE KEY----- and ends with "
            "-----END PRIVATE KEY-----."
        )


def _bytes(passphrase: Secret | None) -> bytes | None:
    """Return the passphrase as the library wants it; an empty one is none."""
    return (passphrase.reveal().encode() or None) if passphrase else None

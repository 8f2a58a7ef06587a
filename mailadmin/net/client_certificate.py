"""Our own certificate, for servers that ask who we are (TLS client authentication): loading it, and telling a
server that refuses it."""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import ClientCertificate
from mailadmin.core.texts import _

if TYPE_CHECKING:  # loaded where our certificate is: most connections have none
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

# Alerts about a certificate of ours, RFC 8446 section 6.2. After a TLS 1.3 handshake they come with the first read.
_REFUSALS = (
    "BAD_CERTIFICATE",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_REQUIRED",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_UNKNOWN",
    "UNKNOWN_CA",
    "UNSUPPORTED_CERTIFICATE",
)


def load(context: ssl.SSLContext, client: ClientCertificate) -> None:
    """Make `context` show the certificates of `client`, our own first, and prove it by its key.

    Raises MailError (CLIENT_CERTIFICATE_BAD) that says which of the two cannot be used, and whatever revealing the
    key raises.
    """
    if wrong := _loaded(context, client):
        # Raised here, where no frame holds the key or what opens it.
        raise MailError(Fault(Phase.SETTINGS, Kind.CLIENT_CERTIFICATE_BAD, wrong))


def _loaded(context: ssl.SSLContext, client: ClientCertificate) -> str:
    """Load and return "", or a sentence that says what is wrong."""
    passphrase = secrets.token_urlsafe(32)
    packed = _packed(client, passphrase)
    if isinstance(packed, str):
        return packed
    name = ""
    # The library reads files only: what touches the disk is encrypted, readable by us alone, and gone at once.
    try:
        number, name = tempfile.mkstemp(prefix="mailadmin-", suffix=".pem")
        with os.fdopen(number, "wb") as file:
            file.write(packed)
        context.load_cert_chain(name, password=passphrase)
    except ssl.SSLError as error:
        reason = (error.reason or type(error).__name__).replace("_", " ").lower()
        return _("Our own certificate cannot be loaded ({reason}).").format(reason=reason)
    except OSError as error:
        text = _("Our own certificate needs a temporary file, which cannot be written ({reason}).")
        return text.format(reason=error.strerror)
    finally:
        if name:
            Path(name).unlink()
    return ""


def refused(error: BaseException) -> bool:
    """Tell whether `error`, of a handshake or of a read after it, says that the server wants a certificate of ours
    or does not accept the one we showed."""
    reason = getattr(error, "reason", None) or ""
    return isinstance(error, ssl.SSLError) and "ALERT" in reason and reason.endswith(_REFUSALS)


def _packed(client: ClientCertificate, passphrase: str) -> bytes | str:
    """Return the certificates and the encrypted key in PEM, or a sentence that says what is wrong with them."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        chain = x509.load_pem_x509_certificates(client.pem.encode())
        ours = chain[0].public_key()
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return _("Our own certificate cannot be read; it must be one or more certificates in PEM, our own first.")
    if client.key is None:
        return _("The private key of our own certificate is missing.")
    key = _key(client.key.reveal().encode("utf-8", "replace"))
    if isinstance(key, str):
        return key
    if key.public_key() != ours:
        return _("The private key does not belong to our own certificate (the first one in its field).")
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    return b"".join([encrypted, *(one.public_bytes(serialization.Encoding.PEM) for one in chain)])


def _key(pem: bytes) -> PrivateKeyTypes | str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        return serialization.load_pem_private_key(pem, None)
    except TypeError:
        return _("The private key of our own certificate is protected by a passphrase; it must be without one.")
    except (ValueError, UnsupportedAlgorithm):
        return _("The private key of our own certificate cannot be read; it must be a private key in PEM.")

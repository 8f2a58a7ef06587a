"""Channel binding: what ties a sign-in to this very TLS connection, so that nobody in between can pass it on."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailadmin.transports.smtp.session import SmtpSession

Binding = tuple[str, bytes]
UNIQUE, END_POINT = "tls-unique", "tls-server-end-point"


def unique(session: SmtpSession) -> Binding | None:
    """Return the binding to this connection (RFC 5929 section 3), the one that every server with channel binding
    knows; None without TLS, and from TLS 1.3 on, for which it is not defined.

    What took its place there (tls-exporter, RFC 9266) is not to be had from Python's ssl module.
    """
    sock = session.wire.sock
    if not isinstance(sock, ssl.SSLSocket) or sock.version() != "TLSv1.2":
        return None
    data = sock.get_channel_binding(UNIQUE)
    return (UNIQUE, data) if data else None


def end_point(session: SmtpSession) -> Binding | None:
    """Return the binding to the server's certificate (RFC 5929 section 4), or None without TLS, and for a
    certificate whose signature names no hash."""
    from cryptography import x509  # here: a process that binds nothing does without
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes

    sock = session.wire.sock
    shown = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
    if not shown:
        return None
    try:
        certificate = x509.load_der_x509_certificate(shown)
        signed_with = certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None
    if signed_with is None:
        return None
    weak = isinstance(signed_with, hashes.MD5 | hashes.SHA1)
    return END_POINT, certificate.fingerprint(hashes.SHA256() if weak else signed_with)

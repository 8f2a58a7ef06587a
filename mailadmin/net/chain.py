"""The certificates between a server's own and the one that we trust: which came, and which should have come."""

from __future__ import annotations

import ssl
from dataclasses import replace
from typing import Any

from .certificate import Certificate, read_certificate


def read_chain(sock: ssl.SSLSocket, shown: Certificate) -> tuple[Certificate, ...]:
    """Return the chain of a connection whose server showed `shown`: what the server sent, in its order, then what
    our own store added to reach one that we trust. What cannot be parsed is left out."""
    sent = _chain(sock, "get_unverified_chain")
    verified = verified_chain(sock) if sock.context.verify_mode is not ssl.CERT_NONE else []
    found = []
    for der in dict.fromkeys((*sent, *verified)):
        try:
            found.append(replace(read_certificate(der, "", ""), sent=der in sent))
        except ValueError:
            continue
    return tuple(found) or (shown,)


def verified_chain(sock: ssl.SSLSocket) -> list[bytes]:
    """Return the chain (DER) that OpenSSL verified, the server's own certificate first."""
    return _chain(sock, "get_verified_chain")


def missing(chain: tuple[Certificate, ...]) -> str:
    """Return the name of an issuer whose certificate the server should have sent and our own store had to add, "" for
    none. All but the root are to be sent (RFC 5246 section 7.4.2, RFC 8446 section 4.4.2)."""
    return next((one.subject for one in chain if not (one.sent or one.self_issued)), "")


def _chain(sock: ssl.SSLSocket, name: str) -> list[bytes]:
    """Return a chain in DER. Python 3.11 and 3.12 have it too, without a public name and as objects."""
    source: Any = sock if hasattr(sock, name) else sock._sslobj  # type: ignore[attr-defined]  # as said
    try:
        found = getattr(source, name)() or []
    except AttributeError:  # the connection is closed, and with it went what knows the chain
        return []
    return [one if isinstance(one, bytes) else ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in found]

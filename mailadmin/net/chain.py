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


def missing(chain: tuple[Certificate, ...], *, refused: bool = False) -> str:
    """Return the name of an issuer whose certificate the server should have sent and did not, "" when the chain is
    whole as far as can be told. All but the root are to be sent (RFC 5246 section 7.4.2, RFC 8446 section 4.4.2);
    who does not happen to have the missing one refuses such a server.

    A chain that was `refused` leads nowhere: then a certificate that comes alone and not from itself lacks its issuer.
    """
    if refused:
        return chain[0].issuer if len(chain) == 1 and not chain[0].self_issued else ""
    return next((one.subject for one in chain if not (one.sent or one.self_issued)), "")


def _chain(sock: ssl.SSLSocket, name: str) -> list[bytes]:
    """Return a chain in DER. Python 3.11 and 3.12 have it too, without a public name and as objects."""
    source: Any = sock if hasattr(sock, name) else sock._sslobj  # type: ignore[attr-defined]  # as said
    found = getattr(source, name)() or [] if source else []  # none once the connection is closed
    return [one if isinstance(one, bytes) else ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in found]

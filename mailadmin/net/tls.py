"""TLS for every connection: contexts, the verified handshake with one error for each thing that can be
wrong, and a second look at a certificate that was refused."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace
from functools import lru_cache

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import clean
from mailadmin.core.settings import ClientCertificate, TlsSettings, TlsVersion
from mailadmin.core.texts import _

from . import client_certificate, stopping
from .certificate import Certificate, read_certificate
from .chain import read_chain
from .client_certificate import refused as client_refused
from .dialler import ascii_host

__all__ = [
    "CERTIFICATE_KINDS",
    "Certificate",
    "certificate",
    "client_context",
    "client_refused",
    "inspect_certificate",
    "secure",
]

# OpenSSL's X509_V_ERR_* numbers (x509_vfy.h). 19 is a chain whose own root is unknown to us.
_VERIFY_KINDS = {
    9: Kind.CERT_NOT_YET_VALID,
    10: Kind.CERT_EXPIRED,
    18: Kind.CERT_SELF_SIGNED,
    2: Kind.CERT_UNKNOWN_ISSUER,
    19: Kind.CERT_UNKNOWN_ISSUER,
    20: Kind.CERT_UNKNOWN_ISSUER,
    21: Kind.CERT_UNKNOWN_ISSUER,
    27: Kind.CERT_UNKNOWN_ISSUER,
    62: Kind.CERT_WRONG_NAME,
    64: Kind.CERT_WRONG_NAME,
}
CERTIFICATE_KINDS = frozenset({*_VERIFY_KINDS.values(), Kind.CERT_INVALID})
# What OpenSSL says when the answer to our handshake was no TLS record; the name changed with 3.2.
_NOT_TLS = {
    "WRONG_VERSION_NUMBER",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
    "UNKNOWN_PROTOCOL",
    "HTTP_REQUEST",
}
_TOO_OLD = {
    "UNSUPPORTED_PROTOCOL",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "VERSION_TOO_LOW",
    "WRONG_SSL_VERSION",
}


def client_context(tls: TlsSettings, client: ClientCertificate | None = None) -> ssl.SSLContext:
    """Return the context for `tls`, with the certificate that we show if there is one. The own CA is trusted
    besides the system's; a name is checked by OpenSSL, except with trusted hosts, where `secure` does it after
    the handshake.

    Loading the system's certificates takes milliseconds, so contexts are kept, but none that holds a key of ours.
    Raises MailError when the own CA, our certificate or its key cannot be read.
    """
    if client is None:
        return _kept_context(tls)
    context = _new_context(tls)
    client_certificate.load(context, client)
    return context


def _new_context(tls: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if tls.minimum is TlsVersion.TLS_1_3 else ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    # An own CA may be an intermediate, or the server's very certificate; it is then the end of the chain.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if tls.ca_pem.strip():
        try:
            context.load_verify_locations(cadata=tls.ca_pem)
        except (ssl.SSLError, ValueError):
            text = _("The own CA certificate cannot be read; it must be one or more certificates in PEM.")
            raise MailError(Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, text, field="ca_pem")) from None
    context.check_hostname = tls.check_identity and not tls.trusted_hosts
    return context


_kept_context = lru_cache(maxsize=64)(_new_context)


def secure(
    sock: socket.socket,
    host: str,
    tls: TlsSettings,
    seconds: float,
    port: int | None = None,
    client: ClientCertificate | None = None,
) -> ssl.SSLSocket:
    """Return `sock` wrapped in TLS with the server's certificate checked as `tls` says, within `seconds`; `client` is
    shown to a server that asks for it.

    `sock` is closed on failure. Raises MailError: phase TLS, or SETTINGS for our own CA or certificate. A server
    that does not like our certificate says so only when it is read from; see `client_refused`.
    """
    try:
        secured = _handshake(client_context(tls, client), sock, host, seconds)
    except (OSError, ValueError) as error:
        sock.close()
        if isinstance(error, MailError):
            raise
        kind, text = _explain(error, tls)
        raise MailError(Fault(Phase.TLS, kind, text, host=host, port=port)) from error
    if tls.check_identity and tls.trusted_hosts:
        try:
            _check_names(certificate(secured), host, tls, port)
        except MailError:
            secured.close()
            raise
    return secured


def _check_names(shown: Certificate, host: str, tls: TlsSettings, port: int | None) -> None:
    """Raise MailError unless the certificate carries the dialled name or one of the trusted ones."""
    if not any(shown.carries(ascii_host(name)) for name in (host, *tls.trusted_hosts) if name):
        text = _("The certificate is for {names}, none of the trusted names.").format(names=shown.shown_names())
        raise MailError(Fault(Phase.TLS, Kind.CERT_WRONG_NAME, text, host=host, port=port))


def certificate(sock: ssl.SSLSocket, *, whole: bool = False) -> Certificate:
    """Return the facts of the connection and of the certificate that the server showed, with its `whole` chain if
    that is wanted. Raises MailError when it cannot be read."""
    cipher = sock.cipher()
    try:
        shown = read_certificate(
            sock.getpeercert(binary_form=True) or b"",
            (sock.version() or "").replace("TLSv", "TLS "),
            cipher[0] if cipher else "",
        )
        return replace(shown, chain=read_chain(sock, shown)) if whole else shown
    except ValueError:
        text = _("The certificate cannot be read.")
        raise MailError(Fault(Phase.TLS, Kind.CERT_INVALID, text)) from None


def inspect_certificate(sock: socket.socket, host: str, seconds: float) -> Certificate | None:
    """Return the certificate of a peer whose certificate was refused, or None when it shows none.

    The handshake is not verified, and serves only to tell who issued what (a virus scanner that
    intercepts shows its own name). The connection is closed before this returns, so that nothing,
    and no credential above all, can go over it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with _handshake(context, sock, host, seconds) as looked_at:
            return certificate(looked_at, whole=True)
    except (OSError, ValueError):
        return None
    finally:
        sock.close()


def _handshake(context: ssl.SSLContext, sock: socket.socket, host: str, seconds: float) -> ssl.SSLSocket:
    sock.settimeout(max(seconds, 0.001))  # the handshake's total, not each read's
    secured = context.wrap_socket(sock, server_hostname=ascii_host(host), do_handshake_on_connect=False)
    try:
        stopping.guard(secured)
        secured.do_handshake()
    except BaseException:
        secured.close()
        raise
    return secured


def _explain(error: Exception, tls: TlsSettings) -> tuple[Kind, str]:
    """Return the kind and words of a handshake that failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY_KINDS.get(error.verify_code, Kind.CERT_INVALID), clean(error.verify_message)
    if client_refused(error):
        reason = clean(str(getattr(error, "reason", "")).rpartition("ALERT_")[2].replace("_", " ").lower())
        return Kind.CLIENT_CERTIFICATE_REFUSED, _("The server answered: {reason}.").format(reason=reason)
    if isinstance(error, TimeoutError):
        return Kind.TIMEOUT, _("The TLS handshake was not finished in time.")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionError):
        return Kind.CLOSED, _("The server closed the connection during the TLS handshake.")
    reason = getattr(error, "reason", None) or ""
    if reason in _NOT_TLS:
        return Kind.PLAIN_EXPECTED, _("The server does not speak TLS on this port.")
    if reason in _TOO_OLD:
        return Kind.TLS_TOO_OLD, _("The server offers nothing as new as TLS {version}.").format(version=tls.minimum)
    return Kind.TLS_BROKEN, clean(reason.replace("_", " ").lower() or _("the TLS handshake failed"))

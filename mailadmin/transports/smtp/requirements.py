"""What the settings of a connection must have before it is dialled, and before it can sign in."""

from __future__ import annotations

import re

from mailadmin.core import validation
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import Security, SmtpAuth, SmtpRoute
from mailadmin.core.texts import _

from .mechanisms import kerberos, ntlm, scram
from .mechanisms.exchange import LibraryMissing

# They end or separate the parts of several methods' messages (NUL in RFC 4616, ^A in RFC 7628).
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_destination(route: SmtpRoute) -> None:
    """Find out whether `route` says where to connect to: the forms see to that, but not everybody who writes into the
    database does. Raises MailError with phase SETTINGS."""
    if not route.host:
        raise _wrong(route, Kind.ROUTE_INCOMPLETE, _("The host is missing."), "host")
    try:
        validation.port(route.effective_port)
    except ValueError as error:
        raise _wrong(route, Kind.ROUTE_INCOMPLETE, str(error), "port") from None


def check_settings(route: SmtpRoute) -> None:
    """Find out what is missing for connecting and signing in as `route` says, before anything is dialled. Raises
    MailError with phase SETTINGS: something is missing or cannot be used, or the library for what was chosen is not
    installed."""
    check_destination(route)
    try:
        _CHECKS[route.auth](route)
    except LibraryMissing as missing:
        raise _wrong(route, Kind.LIBRARY_MISSING, str(missing)) from None


def _wrong(route: SmtpRoute, kind: Kind, text: str, field: str = "") -> MailError:
    return MailError(Fault(Phase.SETTINGS, kind, text, host=route.host, port=route.effective_port, field=field))


def _nothing(route: SmtpRoute) -> None:
    """Nothing is needed without a sign-in."""


def _user(route: SmtpRoute) -> None:
    if not route.user:
        raise _wrong(route, Kind.ROUTE_INCOMPLETE, _("The user name is missing."), "user_name")
    if _CONTROL.search(route.user) or _CONTROL.search(route.domain):
        text = _("The user name holds a control character, such as a tab.")
        raise _wrong(route, Kind.ROUTE_INCOMPLETE, text, "control-character")


def _password(route: SmtpRoute) -> None:
    _user(route)
    if route.password is None or not route.password.reveal():
        raise _wrong(route, Kind.SECRET_MISSING, _("The password is missing."))
    if _CONTROL.search(route.password.reveal()):
        text = _("The password holds a control character, such as a line break.")
        raise _wrong(route, Kind.ROUTE_INCOMPLETE, text, "control-character")
    if route.mechanism.startswith("SCRAM-"):
        scram.scramp()
    if route.mechanism == "NTLM":
        ntlm.spnego()


def _token(route: SmtpRoute) -> None:
    _user(route)
    if route.app is None:
        raise _wrong(route, Kind.ROUTE_INCOMPLETE, _("The integrated service is missing."), "integrated_service")


def _ticket(route: SmtpRoute) -> None:
    kerberos.require_library()


def _certificate(route: SmtpRoute) -> None:
    if route.client is None or not route.client.pem:
        raise _wrong(route, Kind.CLIENT_CERTIFICATE_BAD, _("The client certificate is missing."))
    if route.client.key is None:
        raise _wrong(route, Kind.CLIENT_CERTIFICATE_BAD, _("The private key of the client certificate is missing."))
    if route.security is Security.NONE:
        text = _("A client certificate signs in only over TLS, and this connection is set to no encryption.")
        raise _wrong(route, Kind.ROUTE_INCOMPLETE, text, "client_certificate")


_CHECKS = {
    SmtpAuth.NONE: _nothing,
    SmtpAuth.PASSWORD: _password,
    SmtpAuth.XOAUTH2: _token,
    SmtpAuth.GSSAPI: _ticket,
    SmtpAuth.CERTIFICATE: _certificate,
}

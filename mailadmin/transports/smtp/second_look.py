"""A second look at a certificate that was refused, so that the error can say whose it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.settings import Security
from mailadmin.core.texts import _
from mailadmin.net import tls

if TYPE_CHECKING:
    from .session import SmtpSession


def refused_certificate(session: SmtpSession, seconds: float) -> tls.Certificate | None:
    """Return the certificate, seen within `seconds` on a second connection that ends with the handshake, or None."""
    return _look(session, seconds, ask=session.route.security is not Security.TLS)


def tls_spoken(session: SmtpSession) -> tls.Certificate | None:
    """Return the certificate of a server that says nothing in plain text but speaks TLS from the start, or
    None when it does neither."""
    return _look(session, limits.SECOND_LOOK_SECONDS, ask=False)


def _look(session: SmtpSession, seconds: float, *, ask: bool) -> tls.Certificate | None:
    """Connect once more, with `ask` say STARTTLS, shake hands, and be gone."""
    other = type(session)(session.route, session.policy)
    other.addresses = session.addresses
    other.wire.allow_total(seconds)
    try:
        other.connect()
        if ask:
            other.greet()
            other.ask_for_tls()
        return tls.inspect_certificate(other.wire.detach(), session.host, other.connect_seconds)
    except MailError:
        return None  # the first error stands as it is
    finally:
        other.close()


def with_facts(error: MailError, certificate: tls.Certificate | None) -> MailError:
    """Return `error` with the facts of the certificate told in its text."""
    if certificate is None:
        return error
    text, names = told(error.fault.text, certificate), certificate.names[: limits.CERTIFICATE_NAMES]
    return MailError(replace(error.fault, text=text, names=names, issuer=certificate.issuer))


def told(reason: str, shown: tls.Certificate) -> str:
    """Return `reason` with what the refused certificate was, in one sentence."""
    text = _("{reason}; the certificate was {certificate}.")
    return text.format(reason=reason.rstrip("."), certificate=shown.words(datetime.now(UTC)))

"""NTLM (MS-NLMP, MS-SMTPNTLM) with domain, user and password, by the library pyspnego."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.texts import _

from . import binding
from .exchange import (
    LibraryMissing,
    Unusable,
    account,
    broken_off,
    challenge_of,
    encoded,
    finish,
    invited,
    send_encoded,
)

if TYPE_CHECKING:
    from mailadmin.transports.smtp.session import SmtpSession


def sign_in(session: SmtpSession, offered: tuple[str, ...], password: Secret) -> None:
    """Sign in by NTLM. Raises Unusable, and MailError.

    The first message does not travel with AUTH: Exchange answers "334 ntlm supported" and wants it then
    (MS-SMTPNTLM section 3.1.5).
    """
    context = _context(session, password)
    invited(session, session.ask(Phase.AUTH, "AUTH NTLM"))
    challenge = challenge_of(session, send_encoded(session, _step(session, context)))
    finish(session, send_encoded(session, _step(session, context, challenge)))


def spnego() -> Any:
    """Return the library. Raises LibraryMissing.

    At the level DEBUG it logs every message of an exchange, from which a password can be guessed offline: so
    this level is left out, unless somebody chose it for this very library.
    """
    try:
        import spnego  # only where it is used: it is an extra
        import spnego.channel_bindings
    except ImportError:
        raise LibraryMissing("NTLM", "ntlm") from None
    logger = logging.getLogger("spnego")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    return spnego


def _context(session: SmtpSession, password: Secret) -> Any:
    """Return the library's client, bound to the server's certificate where there is one (Exchange's "Extended
    Protection" asks for that). Raises Unusable."""
    library = spnego()
    bound = binding.end_point(session)
    channel = bound and library.channel_bindings.GssChannelBindings(application_data=b":".join(_labelled(bound)))
    try:
        return library.client(
            account(session.route),
            password.reveal(),
            hostname=session.host,
            service="smtp",
            channel_bindings=channel,
            protocol="ntlm",
            options=library.NegotiateOptions.use_ntlm,  # its own code, whatever the system's Kerberos library could do
        )
    except Exception as error:  # its frames hold the password in clear
        error.__traceback__ = None
    raise Unusable(_("the library for it cannot use this account on this system"))


def _labelled(bound: binding.Binding) -> tuple[bytes, bytes]:
    name, data = bound
    return name.encode("ascii"), data


def _step(session: SmtpSession, context: Any, challenge: bytes | None = None) -> Secret:
    """Return our next message. Raises MailError for a challenge that is none."""
    try:
        return encoded(context.step(challenge) or b"")
    except Exception as error:  # the library reads the challenge unguarded: whatever may go wrong with bytes
        error.__traceback__ = None
    raise broken_off(session, Kind.OUT_OF_STEP, _("The server's challenge is not what NTLM wants."))

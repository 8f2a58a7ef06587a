"""Signing in by the client certificate that the TLS handshake showed (EXTERNAL, RFC 4422 appendix A)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.texts import _

from .exchange import CHALLENGE, finish, send_secret

if TYPE_CHECKING:
    from mailadmin.transports.smtp.session import SmtpSession

METHOD = "EXTERNAL"
HANDSHAKE = "TLS client certificate"


def sign_in(session: SmtpSession, offered: tuple[str, ...]) -> str:
    """Return how the certificate signed us in: by EXTERNAL where the server offers it, with the user name (or
    nothing: then the certificate says it all) as the identity; else the handshake was the sign-in. Raises
    MailError."""
    if not session.wire.encrypted:
        text = _("A client certificate signs in only over TLS, and this connection is not encrypted.")
        raise session.fault(Phase.AUTH, Kind.STARTTLS_MISSING, text)
    if METHOD not in offered:
        session.dialogue.remark(_("no EXTERNAL is offered: the certificate in the TLS handshake is the sign-in"))
        return HANDSHAKE
    identity = Secret(session.route.user)
    reply = send_secret(session, identity, f"AUTH {METHOD}")
    if reply.code == CHALLENGE:
        reply = send_secret(session, identity)
    finish(session, reply)
    return METHOD

"""Signing in with a token: OAUTHBEARER (RFC 7628) and its forerunner XOAUTH2 (learn.microsoft.com "Authenticate
an IMAP, POP or SMTP connection using OAuth"). The token of an integrated service goes to its cloud's own mail
hosts and nowhere else."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import EntraApp
from mailadmin.core.texts import _
from mailadmin.transports.entra.audience import never_typed
from mailadmin.transports.entra.tokens import fetch_token, forget_token
from mailadmin.transports.smtp.reply import Reply

from .exchange import CHALLENGE, finish, missing_method, send_secret

if TYPE_CHECKING:
    from mailadmin.transports.smtp.session import SmtpSession

OAUTHBEARER, XOAUTH2 = "OAUTHBEARER", "XOAUTH2"
METHODS = (OAUTHBEARER, XOAUTH2)  # the standard first: it also names the server that the token is meant for
_TOKEN_REFUSED = 535


def sign_in(session: SmtpSession, offered: tuple[str, ...]) -> str:
    """Sign in with a token of the route's integrated service and return the method used.

    A token that is refused may have been withdrawn: it is forgotten and a fresh one tried once. Raises
    MailError.
    """
    app = session.route.app
    if app is None:
        text = _("The integrated service is missing.")
        raise session.fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, text, field="integrated_service")
    _refuse_foreign_host(session, app)
    _refuse_loose_trust(session, app)
    named = session.route.mechanism
    wanted = (named,) if named in METHODS else METHODS
    method = next((method for method in wanted if method in offered), None)
    if method is None:
        raise missing_method(session, wanted, offered)
    scopes = (app.cloud.smtp_scope,)
    where = f"[{session.host}]:{session.port}" if ":" in session.host else f"{session.host}:{session.port}"
    token = fetch_token(app, scopes, session.policy, to=where)
    try:
        _attempt(session, method, token.value)
    except MailError as error:
        if error.fault.smtp_code != _TOKEN_REFUSED:
            raise
        forget_token(app, scopes, token)
        if not (token.from_cache and session.open):
            raise
        _attempt(session, method, fetch_token(app, scopes, session.policy, to=where).value)
    return method


def _refuse_foreign_host(session: SmtpSession, app: EntraApp) -> None:
    host = session.host.lower().removesuffix(".")
    known = {name.lower() for name in app.cloud.mail_hosts}
    if not known & {host, f"{host}:{session.port}"}:
        text = _("{host} is not among the mail hosts of {service}, so no token is sent to it.").format(
            host=session.host, service=app.name
        )
        raise session.fault(Phase.AUTH, Kind.TOKEN_HOST_REFUSED, text)


def _refuse_loose_trust(session: SmtpSession, app: EntraApp) -> None:
    """Behind a proxy a machine is the cloud's only by its certificate, so the connection may not choose whom to trust:
    who may edit it need not be one who may have the token. The integrated service may choose, unless nobody typed its
    credential."""
    tls = session.route.tls
    trusted = [] if never_typed(app) else app.cloud.ca_pem.split()  # line ends aside
    own_ca = tls.ca_pem.split() not in ([], trusted)
    if session.route.proxy and (own_ca or tls.trusted_hosts or not tls.check_identity):
        if own_ca:
            text = _("The connection has a proxy and an own CA, so no token of {service} is sent.")
        elif tls.trusted_hosts:
            text = _("The connection has a proxy and trusted hosts, so no token of {service} is sent.")
        else:
            text = _("The connection has a proxy and no check of the identity, so no token of {service} is sent.")
        raise session.fault(Phase.AUTH, Kind.TOKEN_TRUST_REFUSED, text.format(service=app.name))


def _attempt(session: SmtpSession, method: str, token: Secret) -> None:
    session.dialogue.secrets.append(token)
    reply = send_secret(session, _message(session, method, token), f"AUTH {method}")
    if reply.code != CHALLENGE:
        finish(session, reply)
        return
    # Some servers tell the reason first, as JSON in base64, and refuse after an acknowledgement: one ^A with
    # OAUTHBEARER (RFC 7628 section 3.2.3), an empty line with XOAUTH2.
    session.dialogue.remark(_("the server's reason: {reason}").format(reason=session.dialogue.clean(_reason(reply))))
    acknowledgement = base64.b64encode(b"\x01").decode("ascii") if method == OAUTHBEARER else ""
    finish(session, session.ask(Phase.AUTH, acknowledgement))


def _message(session: SmtpSession, method: str, token: Secret) -> Secret:
    """Return the initial response: RFC 7628 section 3.1, with the user name escaped as a saslname (RFC 5801), or
    the older form."""
    user = session.route.user
    if method == XOAUTH2:
        return Secret(lambda: f"user={user}\x01auth=Bearer {token.reveal()}\x01\x01")
    name = user.replace("=", "=3D").replace(",", "=2C")
    beginning = f"n,a={name},\x01host={session.host}\x01port={session.port}"
    return Secret(lambda: f"{beginning}\x01auth=Bearer {token.reveal()}\x01\x01")


def _reason(reply: Reply) -> bytes:
    try:
        return base64.b64decode(reply.lines[-1])
    except binascii.Error:
        return b""

"""Signing in with a token (XOAUTH2, learn.microsoft.com "Authenticate an IMAP, POP or SMTP connection
using OAuth"): the token of an integrated service goes to its cloud's own mail hosts and nowhere else."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import EntraApp
from mailadmin.transports.entra.tokens import fetch_token, forget_token

from .exchange import CHALLENGE, finish, missing_method, send_secret
from .reply import Reply

if TYPE_CHECKING:
    from .session import SmtpSession

_METHOD = "XOAUTH2"
_TOKEN_REFUSED = 535


def sign_in(session: SmtpSession, offered: tuple[str, ...]) -> str:
    """Sign in with a token of the route's integrated service and return "XOAUTH2".

    A token that is refused may have been withdrawn: it is forgotten and a fresh one tried once. Raises
    MailError.
    """
    app = session.route.app
    if app is None or not session.route.user:
        missing = "user name" if app else "integrated service"
        raise session.fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, f"The {missing} is missing.")
    _refuse_foreign_host(session, app)
    if _METHOD not in offered:
        raise missing_method(session, [_METHOD], offered)
    scopes = (app.cloud.smtp_scope,)
    token = fetch_token(app, scopes, session.policy)
    try:
        _attempt(session, token.value)
    except MailError as error:
        if error.fault.smtp_code != _TOKEN_REFUSED:
            raise
        forget_token(app, scopes, token)
        if not (token.from_cache and session.open):
            raise
        _attempt(session, fetch_token(app, scopes, session.policy).value)
    return _METHOD


def _refuse_foreign_host(session: SmtpSession, app: EntraApp) -> None:
    host = session.host.lower().removesuffix(".")
    known = {name.lower() for name in app.cloud.mail_hosts}
    if not known & {host, f"{host}:{session.port}"}:
        text = f"{session.host} is not among the mail hosts of {app.name}, so no token is sent to it."
        raise session.fault(Phase.AUTH, Kind.TOKEN_HOST_REFUSED, text)


def _attempt(session: SmtpSession, token: Secret) -> None:
    session.dialogue.secrets.append(token)
    user = session.route.user
    payload = Secret(lambda: f"user={user}\x01auth=Bearer {token.reveal()}\x01\x01")
    reply = send_secret(session, payload, f"AUTH {_METHOD}")
    if reply.code != CHALLENGE:
        finish(session, reply)
        return
    # Some servers tell the reason first, as JSON in base64, and refuse after an empty line.
    session.dialogue.remark(f"the server's reason: {session.dialogue.clean(_reason(reply))}")
    finish(session, session.ask(Phase.AUTH, ""))


def _reason(reply: Reply) -> bytes:
    try:
        return base64.b64decode(reply.lines[-1])
    except binascii.Error:
        return b""

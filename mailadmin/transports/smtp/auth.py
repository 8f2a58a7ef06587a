"""Signing in: by password with the strongest method offered, or by token (RFC 4954).

Error reports print the local variables of every frame that an exception passed: so no frame here holds
a secret in clear, only `Secret` values that the wire reveals while it sends.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Security, SmtpAuth

from . import xoauth2
from .exchange import CHALLENGE, challenge_of, finish, missing_method, send_secret

if TYPE_CHECKING:
    from .session import SmtpSession

_CANNOT_DO = (504, 534)  # this method is not for this account, RFC 4954 section 6


def sign_in(session: SmtpSession) -> str:
    """Sign in as the route says and return the method used. Raises MailError with phase AUTH (SETTINGS
    when the route lacks something)."""
    _refuse_clear_text(session)
    offered = tuple(session.features.get("auth", "").upper().split())
    if session.route.auth is SmtpAuth.XOAUTH2:
        return xoauth2.sign_in(session, offered)
    return _with_password(session, offered)


def _refuse_clear_text(session: SmtpSession) -> None:
    """A password leaves without encryption only when "none" was chosen, a token never; this very machine may have
    both."""
    chosen = session.route.security is Security.NONE and session.route.auth is SmtpAuth.PASSWORD
    if session.exposed and not chosen:
        text = "The connection is not encrypted, so the sign-in would have left in clear text."
        raise session.fault(Phase.AUTH, Kind.CLEAR_TEXT_REFUSED, text)


def _with_password(session: SmtpSession, offered: tuple[str, ...]) -> str:
    route = session.route
    if not route.user:
        raise session.fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, "The user name is missing.")
    if route.password is None:
        raise session.fault(Phase.SETTINGS, Kind.SECRET_MISSING, "The password is missing.")
    usable = [method for method in _METHODS if method in offered]
    if not usable:
        raise missing_method(session, _METHODS, offered)
    password = Secret(route.password.reveal())  # loaded once, for the dialogue masks it in every line
    session.dialogue.secrets.append(password)
    user = f"{route.domain}\\{route.user}" if route.domain else route.user
    first, *others = usable
    try:
        _METHODS[first](session, user, password)
        return first
    except MailError as error:
        if not (others and _deserves_another(first, error)):
            raise
    _METHODS[others[0]](session, user, password)
    return others[0]


def _deserves_another(method: str, error: MailError) -> bool:
    """Tell whether a second method may be tried. Never after a plain refusal, which counts against the
    account; but a server that keeps only hashes refuses every CRAM-MD5, whatever the password."""
    code = error.fault.smtp_code
    return code in _CANNOT_DO or (method == "CRAM-MD5" and code is not None and code >= 500)


def _cram_md5(session: SmtpSession, user: str, password: Secret) -> None:
    """RFC 2195: the password answers a challenge and does not travel."""
    challenge = challenge_of(session, session.ask(Phase.AUTH, "AUTH CRAM-MD5"))

    def answer() -> str:
        return f"{user} {hmac.new(password.reveal().encode(), challenge, 'md5').hexdigest()}"

    finish(session, send_secret(session, Secret(answer)))


def _plain(session: SmtpSession, user: str, password: Secret) -> None:
    """RFC 4616, in one line; a server that asks first is answered with the same."""
    message = Secret(lambda: f"\0{user}\0{password.reveal()}")
    reply = send_secret(session, message, "AUTH PLAIN")
    if reply.code == CHALLENGE:
        reply = send_secret(session, message)
    finish(session, reply)


def _login(session: SmtpSession, user: str, password: Secret) -> None:
    """The old method of two questions, never standardised, still the only one of some servers."""
    challenge_of(session, session.ask(Phase.AUTH, "AUTH LOGIN"))
    challenge_of(session, send_secret(session, Secret(user)))
    finish(session, send_secret(session, password))


_METHODS: dict[str, Callable[[SmtpSession, str, Secret], None]] = {
    "CRAM-MD5": _cram_md5,
    "PLAIN": _plain,
    "LOGIN": _login,
}

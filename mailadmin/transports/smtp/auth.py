"""Signing in (RFC 4954): which method is used, and when a second one may be tried.

A password goes by the strongest method that the server offers and this installation has, or by the one that
the connection names. A refused password is not tried again by another method, because that counts against the
account; where a refusal says nothing about the password, one more method is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Security, SmtpAuth, SmtpRoute
from mailadmin.core.texts import _

from .mechanisms import external, kerberos, ntlm, password, scram
from .mechanisms.exchange import Declined, LibraryMissing, Unusable, missing_method
from .requirements import check_settings

if TYPE_CHECKING:
    from .session import SmtpSession

__all__ = ["PASSWORD_METHODS", "check_settings", "sign_in"]

_Method = Callable[["SmtpSession", tuple[str, ...], Secret], None]
# The strongest first; the last two hand the password over and trust TLS with it.
PASSWORD_METHODS: dict[str, _Method] = {
    **{
        name: partial(scram.sign_in, name)
        for name in ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1")
    },
    "CRAM-MD5": password.cram_md5,
    "NTLM": ntlm.sign_in,
    "PLAIN": password.plain,
    "LOGIN": password.login,
}
_HANDED_OVER = ("PLAIN", "LOGIN")
_CANNOT_DO = (504, 534)  # this method is not for this account, RFC 4954 section 6


def sign_in(session: SmtpSession) -> str:
    """Sign in as the route says and return the method used. Raises MailError with phase AUTH (SETTINGS
    when the route lacks something)."""
    route = session.route
    check_settings(route)
    _refuse_clear_text(session)
    offered = tuple(dict.fromkeys(session.features.get("auth", "").upper().split()))
    if route.auth is SmtpAuth.XOAUTH2:
        from .mechanisms import bearer  # loads msal and requests, which a password does without

        return bearer.sign_in(session, offered)
    if route.auth is SmtpAuth.GSSAPI:
        return kerberos.sign_in(session, offered)
    if route.auth is SmtpAuth.CERTIFICATE:
        return external.sign_in(session, offered)
    return _with_password(session, offered)


def _refuse_clear_text(session: SmtpSession) -> None:
    """Without encryption nothing leaves that proves who we are, unless "none" was chosen, and a token never;
    this very machine may have both. A certificate asks for TLS itself."""
    route = session.route
    chosen = route.security is Security.NONE and route.auth is not SmtpAuth.XOAUTH2
    if session.exposed and not chosen and route.auth is not SmtpAuth.CERTIFICATE:
        text = _("The connection is not encrypted, so the sign-in would have left in clear text.")
        raise session.fault(Phase.AUTH, Kind.CLEAR_TEXT_REFUSED, text)


def _with_password(session: SmtpSession, offered: tuple[str, ...]) -> str:
    wanted = _wanted(session.route)
    usable = [method for method in wanted if method in offered and method in PASSWORD_METHODS]
    if not usable or session.route.password is None:
        raise missing_method(session, wanted, offered)
    password = Secret(session.route.password.reveal())  # loaded once, for the dialogue masks it in every line
    session.dialogue.secrets.append(password)
    refusal: MailError | None = None
    obstacles: list[Unusable] = []
    while usable:
        method = usable.pop(0)
        try:
            PASSWORD_METHODS[method](session, offered, password)
            return method
        except Unusable as obstacle:
            session.dialogue.remark(_("{method} is left out: {reason}").format(method=method, reason=obstacle))
            session.left_out[method] = str(obstacle)
            obstacles.append(obstacle)
        except MailError as error:
            session.left_out[method] = _("refused ({reason})").format(reason=error.fault.text)
            if refusal or not _deserves_another(method, error):
                gone = error.fault.kind is Kind.CLOSED  # some servers close after a refusal
                raise (refusal if refusal and gone else error) from None
            refusal, usable = error, _after_refusal(usable)
    raise refusal or _nothing_left(session, obstacles)


def _wanted(route: SmtpRoute) -> tuple[str, ...]:
    """Return the methods to choose from. NTLM needs a domain, so it is left out without one."""
    if route.mechanism:
        return (route.mechanism,)
    return tuple(method for method in PASSWORD_METHODS if method != "NTLM" or route.domain)


def _deserves_another(method: str, error: MailError) -> bool:
    """Tell whether a second method may be tried. Never after a plain refusal, which counts against the account.

    But a server that has no SCRAM secret for the account declines before any proof, and one that keeps only
    hashes refuses every CRAM-MD5, whatever the password.
    """
    code = error.fault.smtp_code
    return isinstance(error, Declined) or code in _CANNOT_DO or (method == "CRAM-MD5" and (code or 0) >= 500)


def _after_refusal(left: list[str]) -> list[str]:
    """Return what may be the second method: one that works whatever form of the password the server keeps."""
    return [method for method in left if method in _HANDED_OVER] or left


def _nothing_left(session: SmtpSession, obstacles: list[Unusable]) -> MailError:
    """Return the error for a server whose methods all need what is not there: a library, or a binding."""
    for obstacle in obstacles:
        if isinstance(obstacle, LibraryMissing):
            return session.fault(Phase.AUTH, Kind.LIBRARY_MISSING, str(obstacle))
    text = _("No offered method can be used: {obstacle}.").format(obstacle=obstacles[0])
    return session.fault(Phase.AUTH, Kind.MECHANISM_MISSING, text)

"""What a test tells of the methods to sign in: which were offered, which was chosen and why, and which were left."""

from __future__ import annotations

from mailadmin.core.report import Step
from mailadmin.core.settings import SmtpAuth, SmtpRoute
from mailadmin.transports.smtp.auth import PASSWORD_METHODS
from mailadmin.transports.smtp.session import SmtpSession

_TOKEN_METHODS = ("OAUTHBEARER", "XOAUTH2")
# What each choice of the settings has to show.
_HAVE = {
    SmtpAuth.PASSWORD: "a password",
    SmtpAuth.XOAUTH2: "a token",
    SmtpAuth.GSSAPI: "a Kerberos ticket",
    SmtpAuth.CERTIFICATE: "a client certificate",
}
_NEEDS = {
    **dict.fromkeys(PASSWORD_METHODS, SmtpAuth.PASSWORD),
    **dict.fromkeys(_TOKEN_METHODS, SmtpAuth.XOAUTH2),
    "GSSAPI": SmtpAuth.GSSAPI,
    "EXTERNAL": SmtpAuth.CERTIFICATE,
}


def describe(session: SmtpSession, step: Step) -> None:
    """Add a row for each offered method, and what we have to sign in with, to the details of `step`."""
    route, chosen = session.route, session.mechanism
    step.details.append(["We have", _HAVE.get(route.auth, "nothing")])
    offered = tuple(dict.fromkeys(session.features.get("auth", "").upper().split()))
    if not offered:
        step.details.append(["Methods offered", "none"])
    for method in offered:
        words = _why_chosen(route) if method == chosen else _why_not(session, method)
        step.details.append([session.dialogue.clean(method), words])


def _why_chosen(route: SmtpRoute) -> str:
    if route.auth is SmtpAuth.PASSWORD and not route.mechanism:
        return "used: the strongest of those that are offered and can be used here"
    if route.mechanism:
        return "used: the settings name it"
    return f"used: it takes {_HAVE[route.auth]}"


def _why_not(session: SmtpSession, method: str) -> str:
    """Return why an offered method was not the one."""
    route, needs = session.route, _NEEDS.get(method)
    if method in session.left_out:
        return f"left: {session.left_out[method]}"
    if needs is None:
        return "not tried: not known here"
    if needs is not route.auth:
        return f"not tried: it takes {_HAVE[needs]}, and the settings have {_HAVE[route.auth]}"
    if route.mechanism:
        return f"not tried: the settings name {route.mechanism}"
    if method == "NTLM" and not route.domain:
        return "not tried: it needs a Windows domain, and the settings name none"
    if session.mechanism:
        return f"not tried: {session.mechanism} comes first"
    return "not tried: a refused sign-in is not repeated by another method, because that counts against the account"

"""What a test tells of the methods to sign in: which were offered, which was chosen and why, and which were left."""

from __future__ import annotations

from mailadmin.core.report import Step
from mailadmin.core.settings import SmtpAuth, SmtpRoute
from mailadmin.core.texts import N_, _
from mailadmin.transports.smtp.auth import PASSWORD_METHODS
from mailadmin.transports.smtp.session import SmtpSession

_TOKEN_METHODS = ("OAUTHBEARER", "XOAUTH2")
# What each choice of the settings has to show.
_HAVE = {
    SmtpAuth.PASSWORD: N_("a password"),
    SmtpAuth.XOAUTH2: N_("a token"),
    SmtpAuth.GSSAPI: N_("a Kerberos ticket"),
    SmtpAuth.CERTIFICATE: N_("a client certificate"),
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
    step.details.append([_("We have"), _(_HAVE[route.auth]) if route.auth in _HAVE else _("nothing")])
    offered = tuple(dict.fromkeys(session.features.get("auth", "").upper().split()))
    if not offered:
        step.details.append([_("Methods offered"), _("none")])
    for method in offered:
        words = _why_chosen(route) if method == chosen else _why_not(session, method)
        step.details.append([session.dialogue.clean(method), words])


def _why_chosen(route: SmtpRoute) -> str:
    if route.auth is SmtpAuth.PASSWORD and not route.mechanism:
        return _("used: the strongest of those that are offered and can be used here")
    if route.mechanism:
        return _("used: the settings name it")
    return _("used: it takes {credential}").format(credential=_(_HAVE[route.auth]))


def _why_not(session: SmtpSession, method: str) -> str:
    """Return why an offered method was not the one."""
    route, needs = session.route, _NEEDS.get(method)
    if method in session.left_out:
        return _("left: {reason}").format(reason=session.left_out[method])
    if needs is None:
        return _("not tried: not known here")
    if needs is not route.auth:
        text = _("not tried: it takes {credential}, and the settings have {other}")
        return text.format(credential=_(_HAVE[needs]), other=_(_HAVE[route.auth]))
    if route.mechanism:
        return _("not tried: the settings name {method}").format(method=route.mechanism)
    if method == "NTLM" and not route.domain:
        return _("not tried: it needs a Windows domain, and the settings name none")
    if session.mechanism:
        return _("not tried: {method} comes first").format(method=session.mechanism)
    return _("not tried: a refused sign-in is not repeated by another method, because that counts against the account")

"""Fixes of how an SMTP connection signs in: the user name, the method, the password to type again, and Microsoft Graph
in place of a password."""

from __future__ import annotations

from collections.abc import Iterator

from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import Security, SmtpAuth, SmtpRoute
from mailadmin.core.texts import _

from .fix import Fix, Rule, Target, codes
from .presets import fixed_user, password_rule, wants_address

_NAME_CHARS = 80  # of the name of a row
_REFUSED = codes(
    "auth-5xx credentials-refused credentials-incomplete microsoft-credentials microsoft-5-7-3 microsoft-5-7-139 "
    "google-credentials sendgrid-credentials amazon-credentials app-password-needed account-disabled"
)
_APP_PASSWORD = codes("app-password-needed google-credentials google-browser")
_NO_PASSWORDS = codes(
    "microsoft-smtp-off-tenant microsoft-smtp-off-mailbox microsoft-security-defaults microsoft-policy "
    "microsoft-basic-disabled microsoft-5-7-139 microsoft-5-7-3 microsoft-credentials microsoft-not-authenticated"
)


def whole_user_name(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The user name lacks its domain, or is a word that the provider prescribes."""
    if route.auth is not SmtpAuth.PASSWORD:
        return
    if (word := fixed_user(route.host)) and word != route.user:
        why = _("With this provider the user name is this very word; the account shows in the password.")
        yield Fix(_("Sign in as “{word}”").format(word=word), why, {"user_name": word})
        return
    local, _at, domain = route.sender.address.rpartition("@")
    if not route.user or not domain or "@" in route.user or "\\" in route.user or route.domain:
        return
    if local.lower() == route.user.lower() or wants_address(route.host):
        address = f"{route.user}@{domain}"
        why = _("Most providers know an account by its full e-mail address only.")
        yield Fix(_("Sign in as {address}").format(address=address), why, {"user_name": address})


def type_it_again(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The password is wrong, missing or cannot be read."""
    of_proxy = fault.kind is Kind.SECRET_MISSING and fault.field == "proxy_password"
    if route.auth is SmtpAuth.PASSWORD and not of_proxy:
        who = route.user or _(_("this connection"))
        why = password_rule(route.host) or _("It may have been changed, or mistyped, for {who}.").format(who=who)
        yield Fix(_("Type the password again"), why, focus="secret")


def type_app_password(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The provider takes no password of a person from a program."""
    if route.auth is SmtpAuth.PASSWORD:
        why = password_rule(route.host) or _(
            "It is made in the settings of the account, whose own password is not taken."
        )
        yield Fix(_("Type an app password"), why, focus="secret")


def type_proxy_password(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The proxy refused the sign-in."""
    if route.proxy and route.proxy.user:
        yield Fix(_("Type the proxy password again"), _("The proxy did not accept it."), focus="proxy_password")


def another_method(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The method is not for this account, or not offered. A method that hands the password over needs TLS."""
    if route.auth is not SmtpAuth.PASSWORD:
        return
    if route.mechanism:
        why = _("Now only {mechanism} is tried; then the strongest method that the server offers is.").format(
            mechanism=route.mechanism
        )
        yield Fix(_("Let the sign-in method be chosen"), why, {"mechanism": ""})
        return
    if route.security in (Security.STARTTLS, Security.TLS):
        why = _(
            "Some servers offer stronger methods that they cannot carry out. It hands the password over, inside TLS."
        )
        yield Fix(_("Sign in by LOGIN"), why, {"mechanism": "LOGIN"})


def begin_to_sign_in(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The server takes mail only from who signs in, and nothing is set up for that."""
    if route.auth is SmtpAuth.NONE and fault.phase is not Phase.AUTH:
        user = route.sender.address
        changes = {"auth": str(SmtpAuth.PASSWORD), "user_name": user}
        if route.security in (Security.NONE, Security.STARTTLS_IF_OFFERED):
            changes["security"] = Security.STARTTLS  # no password leaves in clear text
        why = _("The server takes mail for others only from who signs in.")
        yield Fix(_("Sign in with user name and password"), why, changes, focus="secret" if user else "user_name")


def by_graph(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """Microsoft takes no password: the same mailbox sends by Graph."""
    if route.auth is SmtpAuth.PASSWORD:
        why = _("An app registration in Entra needs no password of a mailbox, and Microsoft ends sign-in by password.")
        yield Fix(_("Send through Microsoft Graph instead"), why, twin_of(route), Target.TWIN)


def twin_of(route: SmtpRoute) -> dict[str, str]:
    """Return what the form of an OAuth service gets from the connection that it is to replace."""
    values = {
        "name": _("{name} by Graph").format(name=route.name)[:_NAME_CHARS] if route.name else "",
        "service_identity": route.user if "@" in route.user else route.sender.address,
        "label": route.label,
        "subject_prefix": route.sender.subject_prefix,
    }
    return {name: value for name, value in values.items() if value}


SIGN_IN: tuple[Rule[SmtpRoute], ...] = (
    Rule(whole_user_name, codes=_REFUSED),
    Rule(type_app_password, codes=_APP_PASSWORD),
    Rule(another_method, codes=codes("auth-method-refused mechanism-missing"), kinds=frozenset({Kind.LIBRARY_MISSING})),
    Rule(
        type_it_again,
        codes=_REFUSED - _APP_PASSWORD,
        kinds=frozenset({Kind.SECRET_MISSING, Kind.SECRET_UNREADABLE}),
    ),
    Rule(type_proxy_password, kinds=frozenset({Kind.PROXY_SIGN_IN})),
    Rule(begin_to_sign_in, codes=codes("auth-required relay-denied microsoft-not-authenticated")),
    Rule(by_graph, codes=_NO_PASSWORDS),
)

"""From a failure to the fixes that would cure it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from mailadmin.core import limits
from mailadmin.core.clouds import CLOUDS
from mailadmin.core.fault import Fault, Kind
from mailadmin.core.settings import EntraApp, OAuthRoute, Route, SmtpRoute
from mailadmin.core.texts import _

from .connection import CONNECTION
from .entra import APP
from .fix import Fix, Rule, Target
from .graph import GRAPH
from .sender import SENDER
from .sign_in import SIGN_IN


def propose(fault: Fault, code: str, subject: Route | EntraApp) -> list[Fix]:
    """Return what could be changed on the form of `subject`, which failed with `fault`, or on that of its integrated
    service; the likeliest first, at most `limits.FIXES`. `code` is the id of the knowledge entry.

    No fix holds a secret, gives up encryption or a check, or changes a value to what it is already.
    """
    found: dict[tuple[Any, ...], Fix] = {}
    for fix in _fixes(fault, code, subject):
        found.setdefault((fix.target, fix.focus, *sorted(fix.changes.items())), fix)
    return list(found.values())[: limits.FIXES]


def _fixes(fault: Fault, code: str, subject: Route | EntraApp) -> Iterator[Fix]:
    if isinstance(subject, EntraApp):
        yield from _apply(APP, fault, code, subject)
        return
    if isinstance(subject, SmtpRoute):
        yield from _apply((*CONNECTION, *SIGN_IN, *SENDER), fault, code, subject)
        yield from _token_host(fault, subject)
    if isinstance(subject, OAuthRoute):
        yield from _apply(GRAPH, fault, code, subject)
    if subject.app:
        for fix in _apply(APP, fault, code, subject.app):
            yield replace(fix, target=Target.SERVICE)


def _apply(rules: Iterable[Rule[Any]], fault: Fault, code: str, subject: Any) -> Iterator[Fix]:
    for rule in rules:
        if rule.fits(fault, code):
            yield from rule.make(fault, subject)


def _token_host(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """A token is not sent to this host: either the cloud is another one, or the host is. (A host is never added to
    those that get tokens: a person does that on purpose.)"""
    if fault.kind is not Kind.TOKEN_HOST_REFUSED or route.app is None:
        return
    host = route.host.lower()
    for name, cloud in CLOUDS.items():
        if host in cloud.mail_hosts and name != route.app.cloud.name:
            why = _("{host} is a mail host of that cloud, and the integrated service signs in to another one.").format(
                host=route.host
            )
            yield Fix(_("Choose the cloud of {host}").format(host=route.host), why, {"cloud": name}, Target.SERVICE)
            return
    if route.app.cloud.mail_hosts and route.app.cloud.name in CLOUDS:
        mail_host = route.app.cloud.mail_hosts[0]
        why = _(
            "The token of the integrated service is meant for {host}, and goes to no host that is not listed."
        ).format(host=mail_host)
        yield Fix(_("Use {host} as the host").format(host=mail_host), why, {"host": mail_host})

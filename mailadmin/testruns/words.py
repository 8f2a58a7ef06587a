"""What a test message says: which route it is for, where that leads, who sent it, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from mailadmin.core.settings import Route, SmtpRoute


@dataclass(frozen=True)
class Words:
    """Subject and text of a test message."""

    subject: str
    text: str


def of_test(route: Route, target: str, who: str, at: datetime) -> Words:
    """Return what the message of Test Connection says; `target` is what was tested, in a few words."""
    text = _(
        "This is the test message of the connection “{name}” ({target}).\n\n"
        "{who} pressed Test Connection at {when} UTC. It arrived, so this connection works.\n"
    )
    return Words(_subject(route), text.format(name=route.name, target=target, who=_who(who), when=_when(at)))


def by_hand(route: Route, who: str, at: datetime) -> Words:
    """Return what a test message says that is written in the console for one route."""
    text = _(
        "This is a test message by the connection “{name}” ({where}).\n\n"
        "{who} sent it from the console at {when} UTC. It arrived, so this connection works.\n"
    )
    return Words(_subject(route), text.format(name=route.name, where=where(route), who=_who(who), when=_when(at)))


def in_order(routes: Sequence[Route], who: str, at: datetime) -> Words:
    """Return what a test message says that takes the first of `routes` that accepts it."""
    text = _(
        "This is a test message. It took the first of these routes that accepted it:\n\n{routes}\n\n"
        "{who} sent it from the console at {when} UTC. Its page in the delivery log says which one it was.\n"
    )
    lines = "\n".join(f"{place}. {route.name} ({where(route)})" for place, route in enumerate(routes, 1))
    return Words(_("Test of the order of routes"), text.format(routes=lines, who=_who(who), when=_when(at)))


def where(route: Route) -> str:
    """Return the host to which `route` leads: "mail.example.org:587", "graph.microsoft.com"."""
    if isinstance(route, SmtpRoute):
        return f"{route.host}:{route.effective_port}"
    return route.app.cloud.graph_host if route.app else _("no integrated service")


def _subject(route: Route) -> str:
    return _("Test of {name} ({where})").format(name=route.name, where=where(route))


def _who(name: str) -> str:
    return name or _("Somebody")


def _when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

"""From a route to its transport. Another type of route is one more entry here."""

from __future__ import annotations

from collections.abc import Callable

from mailadmin.core.settings import ClientType, OAuthRoute, Route, SmtpRoute
from mailadmin.net.dialler import NetworkPolicy

from .base import Transport
from .graph.transport import GraphTransport
from .smtp.transport import SmtpTransport

_OAUTH: dict[ClientType, Callable[[OAuthRoute, NetworkPolicy], Transport]] = {
    ClientType.OFFICE365: GraphTransport,
}


def open_transport(route: Route, policy: NetworkPolicy) -> Transport:
    """Return the transport of `route`; it dials only when it first sends."""
    if isinstance(route, SmtpRoute):
        return SmtpTransport(route, policy)
    return _OAUTH[route.client_type](route, policy)

"""From a route to its transport. Another type of route is one more entry here."""

from __future__ import annotations

from collections.abc import Callable

from mailadmin.core.settings import ClientType, OAuthRoute, Route, SmtpRoute
from mailadmin.net.dialler import NetworkPolicy

from .base import Transport
from .smtp.transport import SmtpTransport


def open_transport(route: Route, policy: NetworkPolicy, version: str = "", *, hold: bool = False) -> Transport:
    """Return the transport of `route`; it dials only when it first sends.

    `version` is that of the settings that the route was read from, "" for values that were never saved: only saved
    connections share their sessions. `hold` keeps one session for this transport until `close()`, which ends it;
    else it goes back to the pool after each message. Call `close()` in the end in any case.
    """
    if isinstance(route, SmtpRoute):
        return SmtpTransport(route, policy, version, hold=hold)
    return _OAUTH[route.client_type](route, policy)


def _graph(route: OAuthRoute, policy: NetworkPolicy) -> Transport:
    from .graph.transport import GraphTransport  # loads msal and requests, which SMTP alone does without

    return GraphTransport(route, policy)


_OAUTH: dict[ClientType, Callable[[OAuthRoute, NetworkPolicy], Transport]] = {ClientType.OFFICE365: _graph}

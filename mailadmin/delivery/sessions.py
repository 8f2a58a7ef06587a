"""The transports of one caller or one thread of a worker."""

from __future__ import annotations

import os

from mailadmin.conf import network_policy
from mailadmin.core.settings import Route, RouteKey
from mailadmin.transports.base import Transport
from mailadmin.transports.registry import open_transport


class Sessions:
    """The transports of one caller, by route, until `close()`. Their sessions come from the pool of the process and
    go back to it after each message; with `hold` they stay with this caller and are ended by `close()`."""

    def __init__(self, *, hold: bool = False) -> None:
        self._hold = hold
        self._open: dict[RouteKey, tuple[str, Transport]] = {}
        self._process = os.getpid()

    def transport(self, route: Route, version: str) -> Transport:
        """Return the transport for `route`; one that was opened before a change of the settings is not used,
        nor one that was opened before a fork: both processes would speak over one connection."""
        if self._process != os.getpid():
            self._open, self._process = {}, os.getpid()
        known = self._open.get(route.key)
        if known and known[0] == version:
            return known[1]
        if known:
            known[1].close()
        transport = open_transport(route, network_policy(), version, hold=self._hold)
        self._open[route.key] = (version, transport)
        return transport

    def close(self) -> None:
        """Close every transport."""
        while self._open:
            self._open.popitem()[1][1].close()

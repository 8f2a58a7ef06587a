"""Routes in every state, and servers that are dead, for the tests of the circuit breaker."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mailadmin.core.settings import RouteKey
from mailadmin.models import DeliveryAttempt, RouteState, SmtpConnection
from mailadmin.models.clock import ahead


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port whose queue is full, so that nobody answers who dials it (Linux drops the SYN)."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        clients = [socket.socket() for _ in range(4)]
        try:
            for client in clients:
                client.setblocking(False)
                client.connect_ex(server.getsockname())
            yield server.getsockname()[1]
        finally:
            for client in clients:
                client.close()


def dead(port: int, name: str = "Dead", **values: Any) -> SmtpConnection:
    """Add a connection to a host that does not answer; who dials it waits for half a second."""
    defaults = {"host": "127.0.0.1", "port": port, "security": "none", "auth": "none", "connect_timeout": 0.5}
    row = SmtpConnection(name=name, **(defaults | values))
    row.save()  # without the checks of the form, which wants a whole second
    return row


def failing(row: SmtpConnection, *, rests: float, firm: bool = True, failures: int = 1) -> None:
    """Let the route of `row` be a failing one that rests for so many seconds from now on (negative: it is over)."""
    RouteState.objects.filter(route_id=row.pk).delete()
    RouteState.objects.create(
        kind=row.kind,
        route_id=row.pk,
        failing=True,
        failures=failures,
        firm=firm,
        reason="It does not answer.",
        since="2026-01-01T00:00Z",
        open_until=ahead(rests),
    )


def end_rest(row: SmtpConnection) -> None:
    """Let the rest of a route be over."""
    RouteState.objects.filter(route_id=row.pk).update(open_until=ahead(-1))


def state(row: SmtpConnection) -> RouteState:
    return RouteState.objects.get(route_id=row.pk)


def tries(row: SmtpConnection) -> int:
    """Return how often a route was tried."""
    return DeliveryAttempt.objects.filter(route_id=row.pk).count()


def seconds_left(key: RouteKey) -> float:
    """Return for how long a route still rests, by the database's clock."""
    row = RouteState.objects.annotate(now=ahead(0)).get(kind=key.kind, route_id=key.id)
    return (row.open_until - row.now).total_seconds() if row.open_until else 0.0

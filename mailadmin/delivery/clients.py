"""Which routes the messages of an API client may take. Asked when a message is planned, so that a change counts for
what waits already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mailadmin.core.settings import RouteKey
from mailadmin.models import ApiClient

from . import database


def allowed_routes(client: Any) -> frozenset[RouteKey] | None:
    """Return the routes that messages of `client` (its primary key) may take, None for any. One statement, none without
    a client. Raises what the database raises."""
    if client is None:
        return None
    rows = ApiClient.objects.filter(pk=client).order_by().values_list("routes", flat=True)
    named = database.read(rows.first)
    return routes_named(named) if named else None


def routes_named(texts: Iterable[Any]) -> frozenset[RouteKey]:
    """Return the keys that `texts`, as a client's row lists them, name. What names none allows none."""
    found = set()
    for text in texts:
        try:
            found.add(RouteKey.read(str(text)))
        except ValueError:
            continue
    return frozenset(found)

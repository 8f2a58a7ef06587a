"""When a route is due for a scheduled test (pure; times are seconds since the epoch).

Each route has a place of its own in the interval, which stays the same, so that routes are not all tried at once.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from mailadmin.core import limits
from mailadmin.core.settings import RouteKey


@dataclass(frozen=True)
class Standing:
    """What decides about one route: when it was set up or `changed_at`, its latest test by anybody (None: none yet),
    and how it stands. `stopped_at` and `rests_until` are None where it does neither."""

    changed_at: float
    tested_at: float | None = None
    paused: bool = False
    stopped_at: float | None = None
    rests_until: float | None = None


def due(key: RouteKey, standing: Standing, interval: float, now: float) -> bool:
    """Tell whether the route is to be tested now, every `interval` seconds.

    Never sooner than a message would try it. A paused route is left alone: its server may be under repair. A stopped
    one is tried once a day, because each refused sign-in brings a lock nearer. One that rests is tried when its rest
    is over, as one message would. A moment that lies far ahead says nothing: the clock was set back since.
    """
    latest = now + limits.SHARED_AHEAD_SECONDS
    last = standing.tested_at if standing.tested_at is not None else standing.changed_at
    last = last if last <= latest else 0.0
    if standing.paused:
        return False
    if standing.stopped_at is not None:
        since = max(last, standing.stopped_at if standing.stopped_at <= latest else 0.0)
        return now - since >= max(interval, limits.PROBE_STOPPED_SECONDS)
    if standing.rests_until is not None and last < standing.rests_until <= now + limits.MAX_REST_SECONDS:
        return now >= standing.rests_until
    return last < slot(key, interval, now)


def slot(key: RouteKey, interval: float, now: float) -> float:
    """Return when the turn of the route came last."""
    place = int.from_bytes(hashlib.sha256(str(key).encode()).digest()[:8]) / 2**64 * interval
    return math.floor((now - place) / interval) * interval + place

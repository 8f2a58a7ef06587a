"""The numbers of the dashboard: counts, the median time, and the messages of each hour or day.

A month may have millions of messages. So they are counted by ranges of the index over state and time, all in one
statement, and never grouped by a function of the time, which every row would have to be read for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db import connections, router
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import Delivery

from .charts import Bucket
from .deliveries import DELIVERED, GROUPS, PROBLEM, lost_before

# What the bars tell apart; together they are the two groups whose messages the numbers lead to.
_FALLBACK = (DeliveryState.FALLBACK,)
_SENT = tuple(state for state in GROUPS[DELIVERED][1] if state not in _FALLBACK)
_KINDS = (("sent", _SENT), ("fallback", _FALLBACK), ("failed", GROUPS[PROBLEM][1]))


@dataclass(frozen=True)
class Period:
    """A time to look back: its name in the address, its words, how many buckets, and how long one is."""

    name: str
    label: Promise
    buckets: int
    hourly: bool

    @property
    def step(self) -> timedelta:
        """Return the length of one bucket."""
        return timedelta(hours=1) if self.hourly else timedelta(days=1)

    @property
    def word(self) -> str:
        """Return "hour" or "day"."""
        return _("hour") if self.hourly else _("day")

    def starts(self, now: datetime) -> list[datetime]:
        """Return when each bucket starts, oldest first, in the current time zone."""
        local = timezone.localtime(now)
        last = local.replace(minute=0, second=0, microsecond=0)
        if not self.hourly:
            last = last.replace(hour=0)
        return [last - self.step * back for back in reversed(range(self.buckets))]


PERIODS: Mapping[str, Period] = {
    period.name: period
    for period in (
        Period("24h", gettext_lazy("24 hours"), 24, hourly=True),
        Period("7d", gettext_lazy("7 days"), 7, hourly=False),
        Period("30d", gettext_lazy("30 days"), 30, hourly=False),
    )
}


@dataclass(frozen=True)
class Figures:
    """The counts of a period. `sent` counts each message that a server took, by fallback too; `median_ms` is that of
    the latest messages, None when nothing was sent."""

    sent: int
    fallback: int
    failed: int
    median_ms: int | None


def buckets(period: Period, now: datetime) -> list[Bucket]:
    """Return the messages of each hour or day of `period`: one statement."""
    starts = period.starts(now)
    ends: list[datetime | None] = [*starts[1:], None]
    counts = _count(list(zip(starts, ends, strict=True)))
    return [_bucket(period, start, counts[place]) for place, start in enumerate(starts)]


def figures(found: Sequence[Bucket], since: datetime) -> Figures:
    """Return the counts of all buckets that were `found` since `since`: one statement, for the median."""
    sent, fallback = sum(bucket.sent for bucket in found), sum(bucket.fallback for bucket in found)
    failed = sum(bucket.failed for bucket in found)
    return Figures(sent + fallback, fallback, failed, _median(since) if sent + fallback else None)


def _count(ranges: Sequence[tuple[datetime, datetime | None]]) -> list[dict[str, int]]:
    """Return how many messages of each kind were asked for in each of `ranges` (from, before)."""
    connection = connections[router.db_for_read(Delivery)]
    quote, moment = connection.ops.quote_name, connection.ops.adapt_datetimefield_value
    table = quote(Delivery._meta.db_table)
    parts: list[str] = []
    values: list[Any] = []
    for place, (since, before) in enumerate(ranges):
        for number, (condition, given) in enumerate(_conditions(before)):
            end = f" AND {quote('created_at')} < %s" if given["before"] else ""
            parts.append(
                f"SELECT {place}, {number}, COUNT(*) FROM {table} "  # noqa: S608 -- numbers, and names of our own
                f"WHERE {condition} AND {quote('created_at')} >= %s{end}"
            )
            values += [*given["values"], moment(since), *([moment(given["before"])] if end else [])]
    counts = [dict.fromkeys((kind for kind, __ in _KINDS), 0) for __ in ranges]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), values)
        for place, number, count in cursor.fetchall():
            counts[place][_KINDS[min(number, len(_KINDS) - 1)][0]] += count
    return counts


def _conditions(before: datetime | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the conditions to count by, in the order of `_KINDS`; the last one adds the messages whose sender was
    interrupted, which still say that they are being sent."""
    for __, states in _KINDS:
        yield f"state IN ({', '.join(['%s'] * len(states))})", {"values": [str(s) for s in states], "before": before}
    lost = lost_before()
    told = {"values": [str(DeliveryState.SENDING), str(Delivery.Mode.DIRECT)], "before": min(before or lost, lost)}
    yield "state = %s AND mode = %s", told


def _bucket(period: Period, start: datetime, counts: Mapping[str, int]) -> Bucket:
    day = date_format(start, _("j M"))
    hour = date_format(start, "H:i")
    return Bucket(label=f"{day}, {hour}" if period.hourly else day, short=hour if period.hourly else day, **counts)


def _median(since: datetime) -> int | None:
    """Return the median duration (milliseconds) of the latest messages that a server took."""
    taken = Delivery.objects.filter(
        state__in=GROUPS[DELIVERED][1], created_at__gte=since, duration_ms__isnull=False
    ).order_by("-created_at")
    found = [value for value in taken.values_list("duration_ms", flat=True)[: limits.MEDIAN_ROWS] if value is not None]
    return round(median(found)) if found else None

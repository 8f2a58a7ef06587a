"""The numbers of the dashboard: counts, the median time, and the messages of each hour or day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.db.models.functions import TruncDay, TruncHour
from django.utils import timezone
from django.utils.formats import date_format

from mailadmin.core.outcome import DeliveryState
from mailadmin.models import Delivery

from .charts import Bucket
from .deliveries import DELIVERED, PROBLEM, in_state


@dataclass(frozen=True)
class Period:
    """A time to look back: its name in the address, its words, how many buckets, and how long one is."""

    name: str
    label: str
    buckets: int
    hourly: bool

    @property
    def step(self) -> timedelta:
        """Return the length of one bucket."""
        return timedelta(hours=1) if self.hourly else timedelta(days=1)

    @property
    def word(self) -> str:
        """Return "hour" or "day"."""
        return "hour" if self.hourly else "day"

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
        Period("24h", "24 hours", 24, hourly=True),
        Period("7d", "7 days", 7, hourly=False),
        Period("30d", "30 days", 30, hourly=False),
    )
}


@dataclass(frozen=True)
class Figures:
    """The counts of a period. `sent` counts each message that a server took, by fallback too; `median_ms`
    is None when nothing was sent."""

    sent: int
    fallback: int
    failed: int
    median_ms: int | None


def figures(since: datetime) -> Figures:
    """Return the counts since `since`: at most two statements."""
    rows = Delivery.objects.filter(created_at__gte=since)
    counts = rows.aggregate(
        sent=Count("pk", filter=in_state(DELIVERED)),
        fallback=Count("pk", filter=in_state(DeliveryState.FALLBACK)),
        failed=Count("pk", filter=in_state(PROBLEM)),
        timed=Count("pk", filter=in_state(DELIVERED) & Q(duration_ms__isnull=False)),
    )
    timed = counts.pop("timed")
    return Figures(**counts, median_ms=_median(since, timed) if timed else None)


def buckets(period: Period, now: datetime) -> list[Bucket]:
    """Return the messages of each hour or day of `period`: one statement."""
    starts = period.starts(now)
    truncated = (TruncHour if period.hourly else TruncDay)("created_at")
    rows = (
        Delivery.objects.filter(created_at__gte=starts[0])
        .annotate(bucket=truncated)
        .order_by("bucket")
        .values("bucket")
        .annotate(
            sent=Count("pk", filter=Q(state__in=(DeliveryState.SENT, DeliveryState.PARTLY))),
            fallback=Count("pk", filter=Q(state=DeliveryState.FALLBACK)),
            failed=Count("pk", filter=in_state(PROBLEM)),
        )
    )
    found = {row["bucket"]: row for row in rows}
    return [_bucket(period, start, found.get(start)) for start in starts]


def _bucket(period: Period, start: datetime, row: Mapping[str, Any] | None) -> Bucket:
    counts = row or {}
    day = date_format(start, "j M")
    hour = date_format(start, "H:i")
    return Bucket(
        label=f"{day}, {hour}" if period.hourly else day,
        short=hour if period.hourly else day,
        sent=counts.get("sent", 0),
        fallback=counts.get("fallback", 0),
        failed=counts.get("failed", 0),
    )


def _median(since: datetime, count: int) -> int | None:
    """Return the middle one of `count` durations, as the database sorts them."""
    taken = Delivery.objects.filter(in_state(DELIVERED), created_at__gte=since, duration_ms__isnull=False)
    ordered = taken.order_by("duration_ms").values_list("duration_ms", flat=True)
    middle = ordered[(count - 1) // 2 : count // 2 + 1]
    values = [value for value in middle if value is not None]
    return round(sum(values) / len(values)) if values else None

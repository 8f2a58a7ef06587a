"""How much a client may: requests in a minute and messages in a day (UTC), counted in its row.

One statement counts a request and asks whether it may be counted, so that two at once cannot both be the last one. The
minute begins with the first request and lets the next one begin when it is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta

from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from mailadmin.models import ApiClient

from .problems import Problem, too_soon

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


def spend(client: ApiClient, messages: int = 0) -> None:
    """Count a request of `client`, which hands over `messages` of them, and that it was used now. Raises Problem (429)
    when that is more than it may; then nothing is counted."""
    now = timezone.now()
    today = now.astimezone(UTC).date()
    # What began a little after `now` was begun by a request that overtook this one, or by a host whose clock is ahead.
    running = Q(minute_at__gt=now - _MINUTE, minute_at__lte=now + _MINUTE)
    allowed = _rows(client).filter(Q(minute_limit=0) | ~running | Q(minute_count__lt=F("minute_limit")))
    # MariaDB assigns in this order, and reads what it has assigned: the counts come before what they look at.
    changes = {
        "minute_count": Case(When(running, then=F("minute_count") + 1), default=Value(1)),
        "minute_at": Case(When(running, then=F("minute_at")), default=Value(now)),
        "last_used_at": now,
    }
    if messages:
        here = Q(day__gte=today, day__lte=today + _DAY)
        allowed = allowed.filter(Q(daily_limit=0) | ~here | Q(day_count__lte=F("daily_limit") - messages))
        changes["day_count"] = Case(When(here, then=F("day_count") + messages), default=Value(messages))
        changes["day"] = Case(When(here, then=F("day")), default=Value(today))
    if not allowed.update(**changes):
        raise _refusal(client, now)


@contextmanager
def given_back_when_refused(client: ApiClient) -> Iterator[None]:
    """Do what is inside for a message that was counted; when that is refused (4xx), it is given back."""
    try:
        yield
    except Problem as problem:
        if problem.status < 500:
            give_back(client)
        raise


def give_back(client: ApiClient, messages: int = 1) -> None:
    """Take back what was counted for messages that were not taken after all."""
    today = timezone.now().astimezone(UTC).date()
    _rows(client).filter(day__gte=today, day_count__gte=messages).update(day_count=F("day_count") - messages)


def _rows(client: ApiClient) -> QuerySet[ApiClient]:
    return ApiClient.objects.filter(pk=client.pk)


def _refusal(client: ApiClient, now: datetime) -> Problem:
    client.refresh_from_db(fields=["minute_at", "minute_count", "minute_limit", "daily_limit"])
    over = client.minute_at + _MINUTE if client.minute_at else now
    if client.minute_limit and client.minute_count >= client.minute_limit and over > now:
        text = _("This API client may make {number} requests a minute, and has made them. Ask again a little later.")
        return too_soon("too-many-requests", text.format(number=client.minute_limit), (over - now).total_seconds())
    text = _("This API client may hand over {number} messages a day (UTC), and has done so. Try again tomorrow.")
    tomorrow = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    return too_soon("daily-limit", text.format(number=client.daily_limit), (tomorrow - now).total_seconds())

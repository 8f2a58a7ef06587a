"""How much a client may: requests in a minute and messages in a day (UTC), counted in its row.

One statement counts a request and asks whether it may be counted, so that two at once cannot both be the last one. The
minute begins with the first request and lets the next one begin when it is over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from mailadmin.delivery.prepared import quoted
from mailadmin.models import ApiClient

from .problems import Problem, too_soon

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


def spend(client: ApiClient, messages: int = 0) -> None:
    """Count a request of `client`, which hands over `messages` of them, and that it was used now. Raises Problem (429)
    when that is more than it may; then nothing is counted. One statement."""
    now = timezone.now()
    today = now.astimezone(UTC).date()
    moments = {"now": now, "minute_ago": now - _MINUTE, "in_a_minute": now + _MINUTE}
    days = {"today": today, "tomorrow": today + _DAY}
    values = {"id": client.pk, "messages": messages, **moments, **days}
    connection = connections[router.db_for_write(ApiClient)]
    with connection.cursor() as cursor:
        cursor.execute(*_statement(values, connection))
        counted = cursor.rowcount
    if not counted:
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


# What began a little after now was begun by a request that overtook this one, or by a host whose clock is ahead.
_RUNNING = "{minute_at} > %(minute_ago)s AND {minute_at} <= %(in_a_minute)s"
_TODAY = "{day} >= %(today)s AND {day} <= %(tomorrow)s"
# MariaDB assigns in this order, and reads what it has assigned: the counts come before what they look at.
_COUNT = f"""UPDATE {{table}} SET
{{minute_count}} = CASE WHEN {_RUNNING} THEN {{minute_count}} + 1 ELSE 1 END,
{{minute_at}} = CASE WHEN {_RUNNING} THEN {{minute_at}} ELSE %(now)s END,
{{day_count}} = CASE WHEN {_TODAY} THEN {{day_count}} + %(messages)s ELSE %(messages)s END,
{{day}} = CASE WHEN {_TODAY} THEN {{day}} ELSE %(today)s END,
{{last_used_at}} = %(now)s
WHERE {{id}} = %(id)s
AND ({{minute_limit}} = 0 OR {{minute_at}} IS NULL OR NOT ({_RUNNING}) OR {{minute_count}} < {{minute_limit}})
AND (%(messages)s = 0 OR {{daily_limit}} = 0 OR {{day}} IS NULL OR NOT ({_TODAY})
OR {{day_count}} + %(messages)s <= {{daily_limit}})"""  # noqa: S608 -- names of the model
_PLACE = re.compile(r"%\((\w+)\)s")
_FIELDS = {field.name: field for field in ApiClient._meta.concrete_fields}
_LIKE = {"id": "id", "now": "minute_at", "minute_ago": "minute_at", "in_a_minute": "minute_at"}
_LIKE |= {"today": "day", "tomorrow": "day", "messages": "day_count"}  # the field that prepares each value
_built: dict[str, tuple[str, tuple[str, ...]]] = {}


def _statement(values: Mapping[str, Any], connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
    """Return the statement with its parameters. The ORM takes longer to build one like it than the database to run it,
    and every request waits for that."""
    sql, places = _built.get(connection.alias) or _build(connection)
    prepared = {name: _FIELDS[field].get_db_prep_value(values[name], connection) for name, field in _LIKE.items()}
    return sql, [prepared[name] for name in places]


def _build(connection: BaseDatabaseWrapper) -> tuple[str, tuple[str, ...]]:
    names = {name: quoted(str(field.column), connection) for name, field in _FIELDS.items()}
    sql = _COUNT.format(table=quoted(ApiClient._meta.db_table, connection), **names)
    # Not every driver of Django takes parameters by their names.
    found = _built[connection.alias] = _PLACE.sub("%s", sql), tuple(_PLACE.findall(sql))
    return found


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

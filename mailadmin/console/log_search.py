"""From the filters of the log to the rows: which index gives them in order, and what is then left to look at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connections, router
from django.db.models import Exists, OuterRef, Q, TextField
from django.db.models.functions import Cast
from django.db.models.lookups import IContains

from mailadmin.core import limits
from mailadmin.delivery import log_text, trigrams
from mailadmin.models import Delivery, DeliveryAttempt, DeliveryRecipient

from .deliveries import in_state
from .log_pages import ByText, ByTime, Part, Source


@dataclass(frozen=True)
class Search:
    """Messages in an order that an index has, and what else they must fit (None: nothing)."""

    source: Source
    wanted: Q | None = None


def search(filters: Mapping[str, Any]) -> Search:
    """Return how to find what the cleaned filters of the log form pick.

    One filter is served by its index; of several, the rarest one by its index, and the others are looked at in the
    rows. A text of three letters or more is served by the index of the search where the database has one that is
    complete; else the log is looked through for it.
    """
    folded = log_text.fold(filters.get("q") or "")
    address = filters.get("address") or ""
    chosen = {name: filters[name] for name in ("state", "label", "route", "code") if filters.get(name)}
    if address:
        return Search(_by_address(address, filters), _all(chosen, folded))
    if len(folded) >= trigrams.SHORTEST and _complete():
        return Search(ByText(folded), _all(chosen, "", _ranges(filters)))
    sources = {name: _by(name, value, filters) for name, value in chosen.items()}
    if not sources:
        return Search(ByTime([Part(Delivery.objects.filter(_ranges(filters)))]), _all({}, folded))
    rarest = min(sources, key=lambda name: sources[name].reach()) if len(sources) > 1 else next(iter(sources))
    rest = {name: value for name, value in chosen.items() if name != rarest}
    return Search(sources[rarest], _all(rest, folded))


def labels() -> list[str]:
    """Return labels of the log, to choose from."""
    return _distinct("label")


def codes() -> list[str]:
    """Return error codes of the log, to choose from."""
    return _distinct("code")


def _complete() -> bool:
    """Tell whether the index of the search knows every message, after writing what is missing if that is soon done."""
    try:
        return log_text.catch_up(limits.SEARCH_CATCH_UP_SECONDS)
    except DatabaseError:  # a copy that is only read, or a writer that holds the lock for long
        return False


# -- by an index ------------------------------------------------------------------------------------------


def _by(name: str, value: Any, filters: Mapping[str, Any]) -> ByTime:
    rows = Delivery.objects.filter(_ranges(filters))
    if name == "state":
        return ByTime([Part(rows.filter(condition)) for condition in in_state(value)])
    if name == "route":
        tried = DeliveryAttempt.objects.filter(_ranges(filters, "logged_at"), route_id=value)
        return ByTime([Part(tried, "logged_at", "delivery_id")])
    return ByTime([Part(rows.filter(**{name: value}))])


def _by_address(address: str, filters: Mapping[str, Any]) -> ByTime:
    """The log keeps an address as it was written; its domain, and mostly all of it, in lower case."""
    local, _, domain = address.rpartition("@")
    spellings = dict.fromkeys((address, f"{local}@{domain.lower()}", address.lower()))
    rows = DeliveryRecipient.objects.filter(_ranges(filters, "logged_at"))
    return ByTime([Part(rows.filter(address=spelling), "logged_at", "delivery_id") for spelling in spellings])


def _ranges(filters: Mapping[str, Any], at: str = "created_at") -> Q:
    wanted = Q()
    if since := filters.get("since"):
        wanted &= Q(**{f"{at}__gte": since})
    if until := filters.get("until"):
        wanted &= Q(**{f"{at}__lt": until})
    return wanted


# -- in the rows ------------------------------------------------------------------------------------------


def _all(chosen: Mapping[str, Any], folded: str, ranges: Q | None = None) -> Q | None:
    """Return the condition for what is `chosen`, None when nothing is."""
    wanted = ranges or Q()
    for name, value in chosen.items():
        wanted &= _condition(name, value)
    if folded:
        wanted &= _contains(folded)
    return wanted or None


def _condition(name: str, value: Any) -> Q:
    if name == "state":
        first, *others = in_state(value)
        return _any(first, *others)
    if name == "route":
        return Q(Exists(DeliveryAttempt.objects.filter(delivery=OuterRef("pk"), route_id=value)))
    return Q(**{name: value})


def _contains(text: str) -> Q:
    """Return the condition for rows in which `text` stands. Databases compare letters outside of ASCII as they like."""
    fields = ("subject", "from_address", "sent_as", "message_id")
    listed = [Cast(column, TextField()) for column in ("recipient_list", "metadata")]
    as_json = json.dumps(text)[1:-1]  # SQLite and MariaDB keep JSON as it was written
    return _any(
        *(Q(**{f"{name}__icontains": text}) for name in fields),
        *(Q(IContains(column, spelling)) for column in listed for spelling in dict.fromkeys((text, as_json))),
    )


def _any(first: Q, *others: Q) -> Q:
    for other in others:
        first |= other
    return first


def _distinct(column: str) -> list[str]:
    """Return the first values of an indexed column, each found by one step in the index however many rows have it."""
    connection = connections[router.db_for_read(Delivery)]
    table, name = connection.ops.quote_name(Delivery._meta.db_table), connection.ops.quote_name(column)
    next_one = f"SELECT MIN({name}) FROM {table} WHERE {name} >"  # noqa: S608 -- names of the model
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE found(value) AS ({next_one} '' UNION ALL "  # noqa: S608 -- names of the model
            f"SELECT ({next_one} found.value) FROM found WHERE found.value IS NOT NULL) "
            "SELECT value FROM found WHERE value IS NOT NULL LIMIT %s",
            [limits.LOG_CHOICES],
        )
        return [value for (value,) in cursor.fetchall()]

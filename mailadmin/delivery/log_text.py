"""What the search of the log looks through. A sender never waits for it: the texts are written afterwards, many at a
time, by whoever searches, by the workers' upkeep and by `mailadmin_prune`.

A message is missed for a while when its row became visible long after the time that stands in it (a transaction of
minutes, a machine whose clock is wrong): `catch_up` looks back limits.SEARCH_OVERLAP_SECONDS, and with `thorough` a
day, which the upkeep does every hour.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, IntegrityError, router
from django.db.models import Max, Q
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.models import Delivery, LogText

from . import trigrams

_TEXTS = ("subject", "from_address", "sent_as", "message_id")
_FIELDS = (*_TEXTS, "recipient_list", "metadata")
_BETWEEN = "\n"  # no subject and no address has one, so that nothing is found across two of them


def text_of(values: dict[str, Any]) -> str:
    """Return what a search finds of the delivery with these `values`, each once, folded."""
    words = [values[name] for name in _TEXTS] + [address for _, address in values["recipient_list"]]
    words += [word for entry in values["metadata"].items() for word in entry]
    return fold(_BETWEEN.join(dict.fromkeys(word for word in words if word)))[: limits.SEARCH_TEXT_CHARS]


def fold(text: str) -> str:
    """Return `text` as it is compared: without the difference of capitals, in any script. (A zero byte, which no
    database index takes, is left out.)"""
    return text.casefold().replace("\0", "")


def alias() -> str:
    """Return the database of the log."""
    return router.db_for_write(LogText) or DEFAULT_DB_ALIAS


def catch_up(seconds: float, thorough: bool = False) -> bool:
    """Write the texts that are missing, for `seconds` at most; tell whether none is missing any more. False without
    work where the database has no index for them. Raises what the database raises."""
    if not trigrams.available(alias()):
        return False
    end = time.monotonic() + seconds
    for batch in _from(_since(thorough)):
        present = set(LogText.objects.filter(delivery__in=batch).values_list("delivery_id", flat=True))
        missing = [key for key in batch if key not in present]
        for start in range(0, len(missing), limits.SEARCH_BATCH_ROWS):
            _add(missing[start : start + limits.SEARCH_BATCH_ROWS])
            if time.monotonic() > end:
                return False
        if time.monotonic() > end:
            return False
    while _complete():
        if time.monotonic() > end:
            return False
    return True


def rewrite(deliveries: Iterable[UUID]) -> None:
    """Write the texts of `deliveries` anew, where they have one and it is another now."""
    texts = {text.delivery_id: text for text in LogText.objects.filter(delivery__in=list(deliveries))}
    changed = []
    for values in Delivery.objects.filter(pk__in=list(texts)).values("pk", *_FIELDS):
        text, now = texts[values["pk"]], text_of(values)
        if text.text != now:
            text.text = now
            changed.append(text)
    LogText.objects.bulk_update(changed, ["text"])


def _since(thorough: bool) -> datetime | None:
    """Return how far back texts may be missing; None: as far as the log goes."""
    # Some of the latest, because one that became visible late may be the very last.
    latest = LogText.objects.order_by("-pk")[: limits.SEARCH_LATEST_ROWS]
    known: datetime | None = latest.aggregate(known=Max("delivery__created_at"))["known"]
    if known is None:
        return None
    seconds = limits.SEARCH_THOROUGH_OVERLAP_SECONDS if thorough else limits.SEARCH_OVERLAP_SECONDS
    return min(known, timezone.now()) - timedelta(seconds=seconds)


def _from(since: datetime | None) -> Iterator[list[UUID]]:
    """Yield the deliveries from `since` on, the oldest first, some at a time, as the index of their times has them."""
    rows = Delivery.objects.order_by("created_at", "pk").values_list("created_at", "pk")
    batch = list((rows if since is None else rows.filter(created_at__gte=since))[: limits.SEARCH_LOOK_ROWS])
    while batch:
        yield [key for _, key in batch]
        if len(batch) < limits.SEARCH_LOOK_ROWS:
            return
        at, key = batch[-1]
        beyond = rows.filter(Q(created_at__gt=at) | Q(pk__gt=key), created_at__gte=at)
        batch = list(beyond[: limits.SEARCH_LOOK_ROWS])


def _add(deliveries: list[UUID]) -> None:
    """Write the texts of `deliveries`, in this order."""
    found = {one["pk"]: one for one in Delivery.objects.filter(pk__in=deliveries).values("pk", "finished_at", *_FIELDS)}
    texts = [
        LogText(delivery_id=key, text=text_of(found[key]), over=found[key]["finished_at"] is not None)
        for key in deliveries
        if key in found
    ]
    # Two may do this at once, and a delivery may be deleted meanwhile: then the next time sees what is left to do.
    with suppress(IntegrityError):
        LogText.objects.bulk_create(texts, ignore_conflicts=True)


def _complete() -> int:
    """Write what became known of messages that were under way, and return how many are over."""
    ended = LogText.objects.filter(over=False, delivery__finished_at__isnull=False)
    found = list(ended.values_list("delivery_id", flat=True)[: limits.SEARCH_BATCH_ROWS])
    if found:
        rewrite(found)
        LogText.objects.filter(delivery__in=found).update(over=True)
    return len(found)

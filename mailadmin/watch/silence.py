"""Whether nothing gets through: messages were due for hours, and no server took any."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache

from mailadmin.core import limits
from mailadmin.core.alerts import LABEL
from mailadmin.core.knowledge import Area, Failover, Health, entries
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import Delivery

_TAKEN = [state for state in DeliveryState if state.accepted]
_NOT_TAKEN = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.INTERRUPTED)


def silent_since(hours: int, now: datetime, oldest_due: datetime | None) -> datetime | None:
    """Return since when messages were due and none got through, when that is `hours` or longer; else None.

    `oldest_due` is when the message of the outbox that is due for longest came due. One statement as long as mail
    flows, and seven where none did; 0 hours: none, and None. Raises what the database raises.
    """
    start = now - timedelta(hours=hours)
    if not hours or Delivery.objects.order_by().filter(state__in=_TAKEN, created_at__gt=start).exists():
        return None
    taken = _last_taken()
    missed = _first_missed(taken)
    return silence(hours, now, taken, [moment for moment in (missed, oldest_due) if moment])


def silence(hours: int, now: datetime, taken: datetime | None, due: Iterable[datetime]) -> datetime | None:
    """Return since when messages were `due` and none got through, when that is `hours` or longer (pure).

    `taken` is when the last one got through. A quiet site is not silent: the time counts from the first message that
    was due after that and did not get through.
    """
    missed = min((moment for moment in due if taken is None or moment > taken), default=None)
    return missed if missed and now - missed >= timedelta(hours=hours) else None


def _last_taken() -> datetime | None:
    """Return when a server took the newest of the messages that were taken; each state is one look into the index."""
    found = (Delivery.objects.filter(state=state).values_list("finished_at", "created_at").first() for state in _TAKEN)
    return max((finished or created for finished, created in filter(None, found)), default=None)


def _first_missed(since: datetime | None) -> datetime | None:
    """Return when the first message that nobody took was due, `since` the last success; each state is one look into the
    index, at a few rows: some of them may have been for later.

    What fails by a fault of its own (its recipient does not exist) says nothing of the way, nor does a test by a
    person, who sees what becomes of it, or an alert, which tells of other trouble.
    """
    rows = Delivery.objects.filter(is_test=False).exclude(label=LABEL).exclude(code__in=_own_faults())
    rows = rows.filter(created_at__gt=since) if since else rows
    times = rows.order_by("created_at").values_list("send_at", "created_at")
    found = (row for state in _NOT_TAKEN for row in times.filter(state=state)[: limits.PAGE_ROWS])
    return min((send_at or created for send_at, created in found), default=None)


@cache
def _own_faults() -> list[str]:
    """Return the entries by which a message fails that no route could carry."""
    return [
        entry.id
        for entry in entries()
        if entry.failover is Failover.FAIL and entry.health is Health.NONE and entry.area is not Area.OUTBOX
    ]

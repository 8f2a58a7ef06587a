"""Whether nothing gets through: messages were due for hours, and no server took any."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

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
    taken = _logged(_TAKEN, newest=True)
    missed = _logged(_NOT_TAKEN, since=taken)
    return silence(hours, now, taken, [moment for moment in (missed, oldest_due) if moment])


def silence(hours: int, now: datetime, taken: datetime | None, due: Iterable[datetime]) -> datetime | None:
    """Return since when messages were `due` and none got through, when that is `hours` or longer (pure).

    `taken` is when the last one got through. A quiet site is not silent: the time counts from the first message that
    was due after that and did not get through.
    """
    missed = min((moment for moment in due if taken is None or moment > taken), default=None)
    return missed if missed and now - missed >= timedelta(hours=hours) else None


def _logged(states: Iterable[DeliveryState], *, since: datetime | None = None, newest: bool = False) -> datetime | None:
    """Return when the first (or the newest) message in one of `states` was asked for, after `since`; each state is one
    look into the index."""
    rows = Delivery.objects.filter(created_at__gt=since) if since else Delivery.objects.all()
    order = "-created_at" if newest else "created_at"
    found = (rows.filter(state=state).order_by(order).values_list("created_at", flat=True).first() for state in states)
    times = [moment for moment in found if moment]
    return (max(times) if newest else min(times)) if times else None

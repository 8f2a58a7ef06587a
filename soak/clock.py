"""Time that passes faster for what waits, so that minutes and hours of pauses fit into a soak.

The times of rows are moved in the database, by SQL and from outside: no worker does anything but read the clock of the
database, and then the rows are due sooner. What a worker has claimed is never touched, so that claims, beats and their
ends take the time that they take.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F
from django.db.models.functions import Now

from mailadmin.models import OutboxEntry, RouteState

STEP = timedelta(minutes=3)


def advance(step: timedelta = STEP) -> None:
    """Let `step` pass for every message that waits for its next try and for every route that rests."""
    waiting = OutboxEntry.objects.filter(claim=None, shelf=OutboxEntry.Shelf.READY, due_at__gt=Now())
    waiting.update(due_at=F("due_at") - step, unsure_at=F("unsure_at") - step)
    RouteState.objects.filter(open_until__gt=Now()).update(open_until=F("open_until") - step)

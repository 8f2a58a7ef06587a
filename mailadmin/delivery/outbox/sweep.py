"""What is to be done now and then, by one process of the installation at a time: forgetting, the guard, labels."""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from mailadmin.core import limits
from mailadmin.delivery import guard, retention, routes
from mailadmin.delivery.telling import tell
from mailadmin.models import OutboxEntry
from mailadmin.transports.shared import NotNow, Pace, shared

from . import claims, waiting

_PACE = Pace(limits.WORKER_SWEEP_SECONDS, 1)


def sweep() -> bool:
    """Do what is due, unless another process of the installation has done it lately, and tell whether it was our turn.
    Never raises: what fails now is done the next time."""
    try:
        shared().book("mailadmin:sweep", _PACE, 0)
    except NotNow:
        return False
    for work in (guard.advance, release_labels, retention.prune):
        _quietly(work)
    return True


def release_labels() -> None:
    """Let go what lies on the shelf of a paused label that is not paused any more, however that came about. Raises what
    the database raises."""
    shelved = OutboxEntry.objects.filter(shelf=OutboxEntry.Shelf.PAUSED)
    paused = routes.current().preferences.paused_labels
    for label in shelved.exclude(label__in=paused).order_by().values_list("label", flat=True).distinct():
        waiting.resume_label(label)


def due(most: int) -> list[UUID]:
    """Return messages that are free and due: those of a worker that died, then the most urgent. Raises what the
    database raises."""
    entries = claims.due()
    lapsed = entries.filter(claim__isnull=False).order_by("due_at").values_list("pk", flat=True)[:most]
    others = entries.filter(claim=None).order_by("priority", "due_at").values_list("pk", flat=True)
    return [*lapsed, *others[: most - len(lapsed)]]


def _quietly(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception as error:  # of any type: one of these must not keep the others from being done
        tell(logging.WARNING, "The upkeep of the outbox failed in part (%s).", type(error).__name__)

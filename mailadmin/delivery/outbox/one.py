"""Sending one queued message that somebody else names: a task queue. Which of several processes hears of it, how often
and how late does no harm, because only the claim decides who sends."""

from __future__ import annotations

from contextlib import closing
from uuid import UUID

from mailadmin.core.outcome import DeliveryState
from mailadmin.delivery.attempts import Sessions

from . import claims, heart
from .deliver import deliver


def deliver_one(delivery_id: UUID, worker: str) -> DeliveryState | None:
    """Send the message if it is free and due, and return what became of it; None when it is not (any more). Raises what
    the database raises."""
    claimed = claims.claim_one(delivery_id, worker)
    if claimed is None:
        return None
    with heart.hold(claimed.claim), closing(Sessions()) as sessions:
        return deliver(claimed, sessions)

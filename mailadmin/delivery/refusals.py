"""Senders that a route may not send as: counted for each sender, never held against the route or other senders."""

from __future__ import annotations

from django.db.models import F
from django.utils import timezone

from mailadmin.models import SenderRefusal

from . import database
from .attempts import Attempt, Run
from .convert import Draft

_CODES = frozenset({"send-as-denied", "graph-send-as-denied"})  # entries of the knowledge base


def note(run: Run, draft: Draft) -> None:
    """Count the attempts of one message that were refused for its sender. Best effort, as the log."""
    for attempt in run.attempts:
        if attempt.error and attempt.error.code in _CODES and attempt.route.key.id and draft.sender:
            _count(attempt, draft.sender.key)


def _count(attempt: Attempt, sender: str) -> None:
    assert attempt.error is not None  # noqa: S101 -- for the type checker; the caller has looked
    key, known = attempt.route.key, attempt.error.explanation
    row = {"kind": key.kind, "route_id": key.id, "sender": sender[:320]}
    values = {"code": known.id, "reason": known.problem, "last_at": timezone.now()}

    def write(_: object) -> None:
        if not SenderRefusal.objects.filter(**row).update(count=F("count") + 1, **values):
            SenderRefusal.objects.create(**row, count=1, **values)

    database.try_to_write(write)

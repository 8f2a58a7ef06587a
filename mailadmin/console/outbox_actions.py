"""What people do to waiting messages: each press is one transaction, with an audit entry for each message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest

from mailadmin.core import limits
from mailadmin.delivery.outbox import waiting
from mailadmin.models import Delivery
from mailadmin.watch.outbox import server_now

from . import audit
from .outbox import chosen


@dataclass(frozen=True)
class Action:
    """Something to do to messages: what does it, the word for the audit trail ("cancelled"), and what is told."""

    do: Callable[[Sequence[UUID]], int]
    audited: str
    told: str  # after "3 messages"


ACTIONS: Mapping[str, Action] = {
    "send-now": Action(waiting.send_now, "made due", "are due now"),
    "cancel": Action(waiting.cancel, "cancelled", "are cancelled"),
    "release": Action(waiting.release, "released", "are released, to be sent again"),
    "arrived": Action(partial(waiting.settle_unsure, delivered=True), "marked as delivered", "count as delivered"),
    "lost": Action(partial(waiting.settle_unsure, delivered=False), "marked as not delivered", "count as failed"),
}


def act(request: HttpRequest, action: Action, ids: Sequence[UUID]) -> int:
    """Do `action` to the messages `ids`; return to how many it was done."""
    rows = Delivery.objects.in_bulk(ids)
    done = 0
    with transaction.atomic():
        for key, delivery in rows.items():
            if action.do([key]):
                audit.record(request, action.audited, delivery)
                done += 1
    return done


def act_on_all(request: HttpRequest, action: Action, filters: Mapping[str, Any]) -> tuple[int, bool]:
    """Do `action` to the messages that the cleaned filters pick, at most limits.OUTBOX_SWEPT of them, with one audit
    entry; return to how many it was done, and whether more are left."""
    found = list(chosen(filters, server_now()).order_by("pk").values_list("pk", flat=True)[: limits.OUTBOX_SWEPT + 1])
    done = 0
    for start in range(0, min(len(found), limits.OUTBOX_SWEPT), limits.OUTBOX_ROWS):
        done += action.do(found[start : min(start + limits.OUTBOX_ROWS, limits.OUTBOX_SWEPT)])
    words = ", ".join(f"{name}: {value}" for name, value in filters.items() if value) or "all that waits"
    audit.record(request, action.audited, detail=f"{done} messages of the outbox ({words})")
    return done, len(found) > limits.OUTBOX_SWEPT


def told(action: Action, done: int, asked: int) -> str:
    """Return what a press did: "3 messages are cancelled; 1 was not: it is being sent, or over."."""
    if not done:
        return "Nothing was changed: what was chosen is being sent, or over, or not in that state any more."
    words = action.told
    if done == 1:
        words = words.replace("are ", "is ", 1) if words.startswith("are") else words.replace("count", "counts", 1)
    said = f"{done:,} message{'' if done == 1 else 's'} {words}"
    if left := asked - done:
        said += f"; {left:,} {'was' if left == 1 else 'were'} not: being sent, or over"
    return f"{said}."

"""What people do to waiting messages: each press is one transaction, with an audit entry for each message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from mailadmin.core import limits
from mailadmin.delivery.outbox import waiting
from mailadmin.models import Delivery
from mailadmin.watch.outbox import server_now

from . import audit
from .outbox import chosen


@dataclass(frozen=True)
class Action:
    """Something to do to messages: what does it, the word for the audit trail ("cancelled"), and what is told of
    `number` messages (the text with the number still to be put in)."""

    do: Callable[[Sequence[UUID]], int]
    audited: str
    told: Callable[[int], str]


ACTIONS: Mapping[str, Action] = {
    "send-now": Action(
        waiting.send_now,
        "made due",
        lambda number: ngettext("{number} message is due now", "{number} messages are due now", number),
    ),
    "cancel": Action(
        waiting.cancel,
        "cancelled",
        lambda number: ngettext("{number} message is cancelled", "{number} messages are cancelled", number),
    ),
    "release": Action(
        waiting.release,
        "released",
        lambda number: ngettext(
            "{number} message is released, to be sent again", "{number} messages are released, to be sent again", number
        ),
    ),
    "arrived": Action(
        partial(waiting.settle_unsure, delivered=True),
        "marked as delivered",
        lambda number: ngettext("{number} message counts as delivered", "{number} messages count as delivered", number),
    ),
    "lost": Action(
        partial(waiting.settle_unsure, delivered=False),
        "marked as not delivered",
        lambda number: ngettext("{number} message counts as failed", "{number} messages count as failed", number),
    ),
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
    words = ", ".join(f"{name}: {value}" for name, value in filters.items() if value)
    which = words or gettext_lazy("all that waits")
    detail = format_lazy(gettext_lazy("{number} messages of the outbox ({which})"), number=done, which=which)
    audit.record(request, action.audited, detail=detail)
    return done, len(found) > limits.OUTBOX_SWEPT


def told(action: Action, done: int, asked: int) -> str:
    """Return what a press did: "3 messages are cancelled; 1 was not: it is being sent, or over."."""
    if not done:
        return _("Nothing was changed: what was chosen is being sent, or over, or not in that state any more.")
    said = action.told(done).format(number=number_format(done, force_grouping=True))
    left = asked - done
    if not left:
        return f"{said}."
    text = ngettext(
        "{said}; {number} was not: being sent, or over.", "{said}; {number} were not: being sent, or over.", left
    )
    return text.format(said=said, number=number_format(left, force_grouping=True))

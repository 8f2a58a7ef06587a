"""The Done event (S18): a client of the HTTP API that has an address for it is told what became of its messages.

A receiver of `mailadmin.signals` writes a notice and rings the bell. The notices that are due are posted by the bell's
thread, and by the schedule where the process of that thread ended. A notice is claimed by a fenced change of its row,
so that two processes do not post it twice; one whose process died is taken over when its claim is over. A receiver must
all the same be ready to get an event twice: nobody knows what a process that died had sent.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import router, transaction
from django.db.models import F
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _

from mailadmin import signals
from mailadmin.core import limits
from mailadmin.core.clients import DoneState
from mailadmin.core.done_answers import Answered
from mailadmin.core.done_payload import outcome
from mailadmin.core.outcome import DeliveryState, SendResult
from mailadmin.delivery import database, routes
from mailadmin.delivery.telling import tell
from mailadmin.language import in_site_language
from mailadmin.models import ApiClient, Delivery, DoneNotice

from .alerts import bell

State = DoneNotice.State
_OPEN = (State.WAITING, State.SENDING)


def connect() -> None:
    """Let this process tell what becomes of messages (for the start of the app)."""
    for signal in (signals.message_sent, signals.message_failed, signals.message_unsure):
        signal.connect(on_over, dispatch_uid="mailadmin.done")
    bell.install(bell.Bell(look, lambda: True, limits.DONE_GATHER_SECONDS, bell.DONE), bell.DONE)


def on_over(
    sender: object,
    signal: Signal,
    result: SendResult,
    delivery_id: str | None = None,
    client: Any = None,
    **named: Any,
) -> None:
    """Write a notice for the client that handed the message over. Costs nothing for other messages; one that only some
    recipients got is told by several signals, and here by the first alone."""
    known = outcome(result.state)
    again = result.state is DeliveryState.PARTLY and signal is not signals.message_sent
    if client is None or not delivery_id or not known or again:
        return
    if database.try_to_write(lambda cursor: _note(client, delivery_id, known)):
        _ring()


def can_tell(delivery: Delivery) -> bool:
    """Tell whether an API client is there to be told of `delivery`, and something is known of it."""
    client = delivery.client
    return bool(client and client.url.stored and client.enabled and outcome(DeliveryState(delivery.state)))


def tell_again(delivery: Delivery) -> bool:
    """Let the client that handed `delivery` over be told once more, now; return False where `can_tell` says no. Raises
    what the database raises."""
    known = outcome(DeliveryState(delivery.state))
    if not known or not can_tell(delivery):
        return False
    waiting = DoneNotice.objects.filter(delivery=delivery, state=State.WAITING)
    if not waiting.update(due_at=timezone.now(), tries=0):
        _note(delivery.client_id, delivery.pk, known)
    _ring()
    return True


@in_site_language
def look() -> float | None:
    """Post what is due; return in how many seconds the next notice is due, None when none waits. Never raises.

    Nothing is posted while the database may belong to another place (see `delivery.guard`): its clients are those of
    that place.
    """
    try:
        if routes.current().preferences.objection:
            return None
        deliver()
        return next_due()
    except Exception as error:  # of any type: who calls this has other work
        tell(logging.WARNING, "Done events could not be posted (%s).", type(error).__name__)
        return limits.PROBE_LOOK_SECONDS  # as often as the schedule looks, which may not run


def deliver() -> int:
    """Post what is due, not for long; return how many were tried. Raises what the database raises."""
    until, tried = time.monotonic() + limits.DONE_ROUND_SECONDS, 0
    while time.monotonic() < until and (row := _next()):
        tried += _claimed(row) and _deliver(row)
    return tried


def next_due() -> float | None:
    """Return in how many seconds the next notice is due, None when none waits."""
    due = DoneNotice.objects.filter(due_at__isnull=False).order_by("due_at").values_list("due_at", flat=True).first()
    return max((due - timezone.now()).total_seconds(), 0.0) if due else None


def _note(client: Any, delivery_id: Any, known: DoneState) -> bool:
    """Write a notice where the client has an address for it; tell whether it was."""
    told = ApiClient.objects.filter(pk=client).exclude(url_stored="").exists()
    if told:
        DoneNotice.objects.create(client_id=client, delivery_id=delivery_id, outcome=known)
    return told


def _ring() -> None:
    """Ring when the caller's transaction is over: before, nobody else sees the notice."""
    transaction.on_commit(partial(bell.ring, bell.DONE), using=router.db_for_write(Delivery), robust=True)


def _next() -> DoneNotice | None:
    """Return the notice that is due for longest. What is over has no time, and is not looked at."""
    due = DoneNotice.objects.filter(due_at__lte=timezone.now(), state__in=_OPEN)
    return due.select_related("client", "delivery").order_by("due_at", "pk").first()


def _claimed(row: DoneNotice) -> bool:
    """Take the notice, unless another process did meanwhile."""
    free = DoneNotice.objects.filter(pk=row.pk, state=row.state, tries=row.tries, due_at=row.due_at)
    lapse = timezone.now() + timedelta(seconds=limits.DONE_CLAIM_SECONDS)
    if not free.update(state=State.SENDING, tries=F("tries") + 1, due_at=lapse):
        return False
    row.tries += 1
    return True


def _deliver(row: DoneNotice) -> bool:
    """Post a notice that was claimed, and write what came of it."""
    from .done_post import post_done  # a process that only sends does without

    if row.tries > limits.DONE_TRIES:
        _end(row, State.FAILED, _("Every try was interrupted."))
    elif not row.client.enabled or row.client.revoked_at:
        _end(row, State.FAILED, _("The API client was switched off before it was told."))
    else:
        _settle(row, post_done(row))
    return True


def _settle(row: DoneNotice, answer: Answered) -> None:
    if not answer.again or row.tries >= limits.DONE_TRIES:
        _end(row, State.TOLD if answer.ok else State.FAILED, answer.text)
        return
    pause = max(limits.DONE_RETRY_SECONDS[row.tries - 1], answer.rest)
    _write(row, State.WAITING, answer.text, due_at=_in(pause))
    if answer.rest:  # it is not reached at all: trying the others as well would keep those of other clients waiting
        others = DoneNotice.objects.filter(client=row.client_id, state=State.WAITING, due_at__lt=_in(answer.rest))
        others.update(due_at=_in(answer.rest))


def _end(row: DoneNotice, state: str, detail: str) -> None:
    _write(row, state, detail, due_at=None, finished_at=timezone.now())


def _write(row: DoneNotice, state: str, detail: str, **values: object) -> None:
    """Write the outcome, unless the claim was lost to another process."""
    mine = DoneNotice.objects.filter(pk=row.pk, state=State.SENDING, tries=row.tries)
    mine.update(state=state, detail=detail, **values)


def _in(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)

"""What people and settings do to messages that wait: each call is one transaction (part of the caller's, if there is
one), and returns how many messages it was done to. What a worker has in hand is left alone.

Each begins with a claim of its own, so that no worker takes a message meanwhile; nobody outside sees that claim.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, When
from django.utils import timezone

from mailadmin.core.outcome import DeliveryState, RecipientOutcome, RecipientState, SendResult
from mailadmin.core.texts import N_, _
from mailadmin.delivery import announce, routes
from mailadmin.delivery.keeping import kept_until
from mailadmin.models import Delivery, DeliveryRecipient, OutboxEntry, Settings
from mailadmin.models.clock import ServerNow

from . import wake
from .hand import known
from .rows import FREE, keep_content

_Shelf = OutboxEntry.Shelf
_ROWS = 500  # changed in one go
_CANCELLED = N_("It was cancelled before everybody had it.")
_DECIDED = {True: N_("Somebody decided that it arrived."), False: N_("Somebody decided that it did not arrive.")}


def cancel(ids: Collection[UUID]) -> int:
    """Send these messages to nobody any more, on whatever shelf they are. Who has them already, has them."""
    return _in_pieces(ids, _cancel)


def send_now(ids: Collection[UUID]) -> int:
    """Let these messages be due now: what is scheduled, waits after a failure, or waits to be sent once more."""

    def piece(some: Collection[UUID]) -> int:
        rows = _free(some).filter(shelf=_Shelf.READY)
        count = rows.update(due_at=ServerNow(), unsure_at=_where_set("unsure_at"))
        _wake(some)
        return count

    return _in_pieces(ids, piece)


def release(ids: Collection[UUID]) -> int:
    """Send these messages again, which lie on the shelf for what crashed or may have been delivered: to everybody who
    surely or maybe did not get them, by any route, with a lifetime that begins anew."""
    return _in_pieces(ids, _release)


def settle_unsure(ids: Collection[UUID], delivered: bool) -> int:
    """Close these messages, which some recipients may have got, with what a person found out about those."""
    return _in_pieces(ids, partial(_settle_unsure, delivered=delivered))


def pause_label(label: str) -> int:
    """Send no queued message with this label until `resume_label`; return how many wait because of that now."""
    with transaction.atomic(using=wake.alias()):
        waiting = OutboxEntry.objects.filter(label=label, shelf=_Shelf.READY, claim=None)
        count = waiting.update(
            shelf=_Shelf.PAUSED, waits_because=_("The label “{label}” is paused.").format(label=label)
        )
        _change_paused(label, paused=True)
        return count


def resume_label(label: str) -> int:
    """Send the messages with this label again, each at its time; return how many those are."""
    with transaction.atomic(using=wake.alias()):
        shelved = OutboxEntry.objects.filter(label=label, shelf=_Shelf.PAUSED)
        count = shelved.update(shelf=_Shelf.READY, waits_because="")
        _change_paused(label, paused=False)
        _wake([])
        return count


def retry_waiting() -> int:
    """Let everything be due that waits for a route, or for mail to be switched on: something was repaired or resumed,
    or its rest is over."""
    count = 0
    waiting = OutboxEntry.objects.filter(shelf=_Shelf.READY, claim=None, waits_for_route=True, due_at__gt=ServerNow())
    while some := list(waiting.values_list("pk", flat=True)[:_ROWS]):
        woken = waiting.filter(pk__in=some).update(due_at=ServerNow(), waits_for_route=False)
        if not woken:  # workers have them all by now, which a transaction with REPEATABLE READ never sees
            break
        count += woken
    if count:
        _wake([])
    return count


def _in_pieces(ids: Collection[UUID], work: Callable[[list[UUID]], int]) -> int:
    """Do `work` to a few hundred ids at a time, all in one transaction; return the sum of what it returns."""
    todo = list(dict.fromkeys(ids))
    with transaction.atomic(using=wake.alias()):
        return sum(work(todo[start : start + _ROWS]) for start in range(0, len(todo), _ROWS))


def _free(ids: Collection[UUID]) -> QuerySet[OutboxEntry]:
    return OutboxEntry.objects.filter(pk__in=ids, claim=None)


def _take(rows: QuerySet[OutboxEntry]) -> tuple[QuerySet[OutboxEntry], list[UUID]]:
    """Claim `rows` for this transaction; a write at its beginning, so that every database locks them."""
    token = uuid4()
    rows.update(claim=token)
    taken = OutboxEntry.objects.filter(claim=token)
    return taken, list(taken.values_list("pk", flat=True))


def _cancel(ids: Collection[UUID]) -> int:
    taken, keys = _take(_free(ids))
    _close(keys, DeliveryState.CANCELLED, _(_CANCELLED))
    taken.delete()
    return len(keys)


def _settle_unsure(ids: Collection[UUID], *, delivered: bool) -> int:
    alone = Delivery.objects.filter(pk__in=ids, state=DeliveryState.UNSURE).values("pk")
    taken, keys = _take(_free(ids).filter(Q(shelf=_Shelf.UNSURE) | Q(pk__in=alone)))
    unsure = DeliveryRecipient.objects.filter(delivery__in=keys, state=RecipientState.UNSURE)
    state = RecipientState.SENT if delivered else RecipientState.REFUSED
    unsure.update(state=state, reason=_(_DECIDED[delivered]))
    _close(keys, DeliveryState.FAILED, _(_DECIDED[delivered]))
    taken.delete()
    return len(keys)


def _release(ids: Collection[UUID]) -> int:
    taken, keys = _take(_free(ids).filter(shelf__in=[_Shelf.UNSURE, _Shelf.CRASHED]))
    unsure = DeliveryRecipient.objects.filter(delivery__in=keys, state=RecipientState.UNSURE)
    doubtful = Delivery.objects.filter(pk__in=unsure.values("delivery"))
    doubtful.update(possible_duplicate=True)
    unsure.update(state=RecipientState.PENDING)
    Delivery.objects.filter(pk__in=keys).update(state=DeliveryState.QUEUED, code="", reason="")
    lifetime = timedelta(hours=routes.current().preferences.lifetime_hours)
    taken.update(
        **FREE,
        shelf=_Shelf.READY,
        due_at=ServerNow(),
        give_up_at=timezone.now() + lifetime,
        tries=0,
        crashes=0,
        crash_report="",
        waits_because="",
        waits_for_route=False,
        unsure_at=None,
        unsure_route="",
        unsure_resends=0,
    )
    _wake(keys)
    return len(keys)


def _close(keys: Collection[UUID], nobody: DeliveryState, reason: str) -> None:
    """Write the last word about messages: the state that their recipients make, `nobody` where nobody has it; and tell
    it to the application."""
    until = kept_until(routes.current().preferences, complete=False)
    for key in keys:
        outcomes = known(key)
        state = _state(outcomes.values(), nobody)
        said = {"state": state.value, "reason": reason, "finished_at": timezone.now(), "progress": ""}
        Delivery.objects.filter(pk=key).update(**said)
        keep_content(key, until)
        _announce(key, SendResult(state, reason=reason, delivery_id=str(key), recipients=outcomes))


def _state(outcomes: Iterable[RecipientOutcome], nobody: DeliveryState) -> DeliveryState:
    states = {outcome.state for outcome in outcomes}
    if states == {RecipientState.SENT}:
        return DeliveryState.SENT
    if RecipientState.SENT in states:
        return DeliveryState.PARTLY
    return DeliveryState.UNSURE if RecipientState.UNSURE in states else nobody


def _announce(key: UUID, result: SendResult) -> None:
    row = Delivery.objects.filter(pk=key).values_list("label", "client", "message_id", "route_name").get()
    label, client, result.message_id, result.route = row
    transaction.on_commit(partial(announce.message, key, result, label, client), using=wake.alias(), robust=True)


def _wake(ids: Collection[UUID]) -> None:
    transaction.on_commit(partial(wake.announce, list(ids)), using=wake.alias(), robust=True)


def _where_set(column: str) -> Case:
    return Case(When(**{f"{column}__isnull": False}, then=ServerNow()), default=F(column))


def _change_paused(label: str, *, paused: bool) -> None:
    """Enter a label among the paused ones, or take it away; every process reads that with its next message."""
    Settings.load()
    row = Settings.objects.select_for_update().get(pk=1)
    known_labels = [one for one in row.paused_labels if one != label]
    row.paused_labels = sorted([*known_labels, label]) if paused else known_labels
    row.save(update_fields=["paused_labels", "version"])

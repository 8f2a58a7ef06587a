"""The rows of a queued message, written while the claim of a worker is in force: one short transaction each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connections, router, transaction

from mailadmin.core import limits
from mailadmin.core.outcome import RecipientOutcome
from mailadmin.delivery.attempts import Attempt, Run
from mailadmin.delivery.keyed import Change
from mailadmin.delivery.log import attempt_values, route_values
from mailadmin.delivery.prepared import Insert, Update
from mailadmin.models import Delivery, DeliveryAttempt, DeliveryRecipient, OutboxEntry
from mailadmin.models.clock import ServerNow

from . import claims, content
from .claims import LeaseLost
from .hand import Hand
from .writing import insist

# What an entry says of a message that nobody has in hand, and that is not leaving.
HERE: Mapping[str, Any] = {"leaving": [], "leaving_route": "", "leaving_name": "", "leaving_at": None}
FREE: Mapping[str, Any] = {**HERE, "claim": None, "worker": ""}

_FEW = 3  # recipients with one outcome that are written one by one: the statement for many is built each time
_insert_attempts = Insert(DeliveryAttempt)
_change_recipient = Change(DeliveryRecipient, ("state", "code", "reason"), where=("delivery_id", "address"))


def keep_hold(hand: Hand, run: Run, **entry: Any) -> None:
    """Write what the run brought so far, and `entry`; the claim stays. Raises LeaseLost, and what the database raises
    to the end."""
    _write(hand, run, lambda: claims.fenced(hand.claim, **HERE, **unsure(hand.entry), **entry), {})


def put_back(hand: Hand, run: Run, due_at: datetime | None, said: Mapping[str, Any], **entry: Any) -> None:
    """Write what the run brought and let go of the message until `due_at` (None: due now); `said` goes into its row in
    the log. Raises as `keep_hold`."""
    due = due_at or ServerNow()
    _write(hand, run, lambda: claims.fenced(hand.claim, **FREE, **unsure(hand.entry), due_at=due, **entry), said)


def close(hand: Hand, run: Run, said: Mapping[str, Any], kept_until: datetime | None) -> None:
    """Write the last word about the message: its entry is deleted, and its content, unless it is kept until a moment.
    Raises as `keep_hold`."""
    _write(hand, run, lambda: claims.close(hand.claim), said, lambda: keep_content(hand.claim.delivery_id, kept_until))


def keep_content(delivery_id: UUID, until: datetime | None) -> None:
    """Keep the content of a message that is over until a moment, or forget it now."""
    if until:
        content.keep(delivery_id, until)
    else:
        content.forget(delivery_id)


def unsure(entry: OutboxEntry) -> dict[str, Any]:
    """Return what an entry says of those who may have got the message."""
    return {name: getattr(entry, name) for name in ("unsure_at", "unsure_route", "unsure_resends")}


def _write(
    hand: Hand,
    run: Run,
    change_entry: Callable[[], None],
    said: Mapping[str, Any],
    last: Callable[[], None] = lambda: None,
) -> None:
    """Write everything in one transaction, the entry first: that is the fence. It is tried as long as nobody else could
    send the message; what a server answered must not be lost because a database is restarted."""
    changed, unseen = hand.changed(), run.attempts[hand.round.recorded :]
    new = [attempt for attempt in unseen if not attempt.held_back]  # or a long line would fill the log
    said = {**_learned(hand, run), **said}

    def write(again: bool) -> None:
        try:
            with transaction.atomic(using=_alias()):
                change_entry()
                _write_attempts(hand, new, again=again)
                write_recipients(hand.claim.delivery_id, changed)
                if said:
                    _say(hand.claim.delivery_id, said)
                last()
        except LeaseLost:
            # The first try may have been committed although its answer was lost, and nobody has the message now.
            if not again or OutboxEntry.objects.filter(pk=hand.claim.delivery_id, claim__isnull=False).exists():
                raise

    insist(write, limits.OUTCOME_SECONDS)
    hand.round.recorded += len(unseen)
    hand.numbered += len(new)
    hand.stored |= changed


def write_recipients(delivery_id: UUID, outcomes: Mapping[str, RecipientOutcome]) -> None:
    """Write what became of recipients: one statement for all that have the same outcome."""
    same: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for address, outcome in outcomes.items():
        same[outcome.state.value, outcome.code[:80], outcome.reason].append(address)
    for (state, code, reason), addresses in same.items():
        said = {"state": state, "code": code, "reason": reason}
        if len(addresses) > _FEW:
            DeliveryRecipient.objects.filter(delivery=delivery_id, address__in=addresses).update(**said)
            continue
        with connections[_alias()].cursor() as cursor:
            for address in addresses:
                _change_recipient(cursor, said, {"delivery_id": delivery_id, "address": address})


def _say(delivery_id: UUID, said: Mapping[str, Any]) -> None:
    with connections[_alias()].cursor() as cursor:
        _update_delivery(tuple(said))(cursor, {**said, "id": delivery_id})


@cache
def _update_delivery(names: tuple[str, ...]) -> Update:
    return Update(Delivery, names)


def _write_attempts(hand: Hand, attempts: list[Attempt], *, again: bool) -> None:
    if not attempts:
        return
    key = hand.claim.delivery_id
    if again:
        DeliveryAttempt.objects.filter(delivery=key, number__gt=hand.numbered).delete()
    logged_at = hand.delivery.created_at
    rows = [attempt_values(key, number, one, logged_at) for number, one in enumerate(attempts, hand.numbered + 1)]
    with connections[_alias()].cursor() as cursor:
        _insert_attempts(cursor, rows)


def _learned(hand: Hand, run: Run) -> dict[str, Any]:
    """Return what the run says of the whole message."""
    said: dict[str, Any] = {}
    if run.taken_by:
        said = route_values(run.taken_by.key, run.taken_by.name) | {"sent_as": run.sent_as[:320]}
    if run.attempts and hand.redirected_to:
        said["redirected_to"] = hand.redirected_to[:320]
    if run.skipped:
        said["skipped"] = [[skipped.name, skipped.reason] for skipped in run.skipped]
    return said


def _alias() -> str:
    return router.db_for_write(OutboxEntry)

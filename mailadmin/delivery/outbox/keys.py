"""Idempotency keys: the caller's own name for a message. A second message with the same name is not sent.

A key is bound to what the message says in the log (subject and recipients), and to the caller's fingerprint of all of
it, if there is one: given with another message it is an error,
so that a careless key never swallows mail. A message that surely reached nobody gives its key back.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

from mailadmin.core.dates import day_and_time
from mailadmin.core.errors import BadMessage
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.outcome import DeliveryState, RecipientOutcome, RecipientState, SendResult
from mailadmin.core.texts import _
from mailadmin.delivery import database
from mailadmin.delivery.log import Entry
from mailadmin.models import Delivery

# Nobody got these, and nobody will.
_FREE_AGAIN = (DeliveryState.FAILED, DeliveryState.CANCELLED, DeliveryState.EXPIRED)


def earlier(entry: Entry) -> SendResult | None:
    """Return what is known of the message that has the key of `entry`, None when the key is free.

    Raises BadMessage (key-reused) when that is another message, and what the database raises.
    """
    return database.read(lambda: _earlier(entry.values))


def give_back(entry: Entry) -> None:
    """Take the key of `entry` from an earlier message that reached nobody, right before `entry` is written with it, and
    on the same connection: done in another transaction, the two would wait for each other. Raises what the database
    raises."""
    free = Delivery.objects.filter(state__in=_FREE_AGAIN)
    for pk in list(free.filter(idempotency_key=entry.values["idempotency_key"]).values_list("pk", flat=True)):
        free.filter(pk=pk).update(idempotency_key=None)


def _earlier(values: dict[str, Any]) -> SendResult | None:
    key = values["idempotency_key"]
    row = Delivery.objects.filter(idempotency_key=key).first()
    if row is None or row.state in _FREE_AGAIN:
        return None
    asked = sorted(map(tuple, values["recipient_list"]))
    same = (row.subject, sorted(map(tuple, row.recipient_list))) == (values["subject"], asked)
    if not same or (row.fingerprint and values["fingerprint"] not in ("", row.fingerprint)):
        text = _("The key “{key}” was given with the message “{subject}” of {when}.")
        text = text.format(key=key, subject=row.subject, when=day_and_time(row.created_at.astimezone(UTC)))
        raise BadMessage(Fault(Phase.MESSAGE, Kind.KEY_REUSED, text=text))
    return SendResult(
        state=DeliveryState(row.state),
        route=row.route_name,
        reason=row.reason,
        message_id=row.message_id,
        delivery_id=str(row.pk),
        recipients={
            one.address: RecipientOutcome(RecipientState(one.state), one.code, one.reason)
            for one in row.recipients.all()
        },
        repeated=True,
    )

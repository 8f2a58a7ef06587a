"""Into the outbox: a message is written beside the caller's own data, and sent by a worker when that is committed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from django.db import Error, IntegrityError
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.errors import BadMessage, MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.outcome import DeliveryState, RecipientOutcome, SendResult
from mailadmin.core.preferences import Preferences
from mailadmin.core.redact import clean
from mailadmin.core.sizes import in_words
from mailadmin.core.texts import _
from mailadmin.delivery import database, log
from mailadmin.delivery.convert import Draft, has_sender
from mailadmin.delivery.log import Entry
from mailadmin.delivery.options import QUEUED, SendOptions
from mailadmin.delivery.prepared import Insert
from mailadmin.delivery.routes import Snapshot
from mailadmin.models import OutboxEntry

from . import content, keys, wake

_insert_due_now = Insert(OutboxEntry, now=("queued_at", "due_at"))
_insert_due_later = Insert(OutboxEntry, now=("queued_at",))


def enqueue(draft: Draft, options: SendOptions, snapshot: Snapshot) -> SendResult:
    """Write `draft` into the outbox, in the caller's transaction, and return a result with the state QUEUED.

    With a known idempotency key nothing is written, and the result says what is known of the first message. Raises
    BadMessage for what no worker could ever send, MailError (queue-unavailable) when the database does not take the
    message: nothing of it is kept then, and the caller's transaction is as it was before.
    """
    _refuse_unfit(draft, snapshot)
    entry = log.entry(draft, options, draft.label or options.label, hide=snapshot.preferences.hide_codes)
    known = _once(
        entry,
        lambda: database.write_with_caller(lambda cursor: _write(cursor, entry, draft, options, snapshot.preferences)),
    )
    return known or SendResult(
        state=DeliveryState.QUEUED,
        message_id=draft.message_id,
        delivery_id=str(entry.values["id"]),
        recipients={address: RecipientOutcome() for address in draft.addresses},
    )


def reserve_key(entry: Entry) -> SendResult | None:
    """Write the row of a message that has an idempotency key and is sent directly, so that no second one is; return
    what is known of an earlier one, None when this is the first. Raises BadMessage (key-reused), and MailError
    (queue-unavailable) when the row cannot be written: a promise that cannot be kept is not given."""
    return _once(entry, lambda: log.begin_surely(entry, lambda: keys.give_back(entry)))


def enqueue_draft(draft: Draft, options: SendOptions, snapshot: Snapshot, *, resend_of: UUID | None = None) -> UUID:
    """Write `draft` into the outbox as a message of its own, a repetition of the delivery `resend_of`, and return the
    id of its delivery. Raises as `enqueue` does."""
    result = enqueue(draft, replace(options, delivery=QUEUED, resend_of=resend_of), snapshot)
    return UUID(str(result.delivery_id))


def _refuse_unfit(draft: Draft, snapshot: Snapshot) -> None:
    if not draft.recipients:
        raise BadMessage(Fault(Phase.MESSAGE, Kind.NO_RECIPIENTS, field="to"))
    if draft.content.size > limits.QUEUED_BYTES:
        text = _("It has {size}; the outbox takes at most {limit}.")
        text = text.format(size=in_words(draft.content.size), limit=in_words(limits.QUEUED_BYTES))
        raise BadMessage(Fault(Phase.MESSAGE, Kind.TOO_LARGE, text=text))
    if snapshot.routes and not any(has_sender(draft, route) for route in snapshot.routes):
        raise BadMessage(Fault(Phase.MESSAGE, Kind.NO_SENDER))


def _write(cursor: CursorWrapper, entry: Entry, draft: Draft, options: SendOptions, preferences: Preferences) -> None:
    """Everything that a worker needs, in one transaction. The worker is woken by its end."""
    key = entry.values["id"]
    if entry.values["idempotency_key"]:
        keys.give_back(entry)
    log.enqueue(cursor, entry, draft)
    content.store(key, draft, cursor)
    start = options.send_at or timezone.now()  # a lifetime of hours does not ask for the clock of the server
    row = {
        "delivery_id": key,
        "priority": int(options.priority),
        "label": entry.values["label"],
        "size": draft.content.size,
        "only_route": str(options.route) if options.route else "",
        "on_unsure": str(options.on_unsure) if options.on_unsure else "",
        "give_up_at": start + timedelta(hours=preferences.lifetime_hours),
        "expires_at": options.expires_at,
    }
    if options.send_at:
        _insert_due_later(cursor, [row | {"due_at": options.send_at}])
    else:
        _insert_due_now(cursor, [row])
        wake.when_committed(key)


def _once(entry: Entry, write: Callable[[], None]) -> SendResult | None:
    """Do `write`, unless the key of `entry` is taken: return what is known of the message that took it. Raises
    MailError."""
    keyed = bool(entry.values["idempotency_key"])
    try:
        if keyed and (known := keys.earlier(entry)):
            return known
        write()
    except IntegrityError as error:
        if keyed and (known := _after_a_race(entry)):
            return known
        raise _unavailable(error) from error
    except database.UNREACHABLE as error:
        raise _unavailable(error) from error
    return None


def _after_a_race(entry: Entry) -> SendResult | None:
    """Return what is known of the message that took the key between our look and our write."""
    try:
        return keys.earlier(entry)
    except Error:
        return None


def _unavailable(error: Exception) -> MailError:
    text = clean(f"{type(error).__name__}: {error}")
    return MailError(Fault(Phase.MESSAGE, Kind.QUEUE_UNAVAILABLE, text=text))

"""The delivery log: a row before the first attempt, completed after the last. Best effort in direct mode: a
log that cannot be written never blocks or fails a send, and a line to the logger `mailadmin.delivery` remains.
The deployment may do without the rows (`MAILADMIN["DELIVERY_LOG"]`), never without the lines."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.mail import EmailMessage
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from mailadmin.conf import setting
from mailadmin.core import limits
from mailadmin.core.addresses import Address
from mailadmin.core.errors import MailError, Scope
from mailadmin.core.ids import time_ordered
from mailadmin.core.one_time import hide_codes
from mailadmin.core.outcome import DeliveryState, RecipientOutcome, SendResult
from mailadmin.core.redact import clean
from mailadmin.core.settings import RouteKey
from mailadmin.language import callers_language
from mailadmin.models import Delivery, DeliveryAttempt, DeliveryRecipient

from . import database
from .attempts import Attempt, Run
from .convert import Draft
from .options import SendOptions
from .prepared import Insert, Update, Values
from .telling import tell

# What becomes known of a message only when it is over.
_CLOSING = ("state", "finished_at", "duration_ms", "progress", "code", "reason", "sent_as", "skipped")
_TAKEN_BY = ("route_kind", "route_id", "route_name")

_insert_delivery = Insert(Delivery)
_update_delivery = Update(Delivery, (*_CLOSING, *_TAKEN_BY))
_insert_attempts = Insert(DeliveryAttempt)
_insert_recipients = Insert(DeliveryRecipient)


@dataclass
class Entry:
    """The row of one message in the making, as values of a Delivery; `stored` is False as long as the database
    has not taken it."""

    values: dict[str, Any]
    stored: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def id(self) -> str | None:
        """Return the id of the row, None when there is none."""
        return str(self.values["id"]) if self.stored else None


def entry(draft: Draft, options: SendOptions, label: str, *, hide: bool = True) -> Entry:
    """Return the row for a message that is about to be tried, not written yet. `hide` masks a one-time code in the
    subject."""
    return Entry(
        _values(options, label)
        | {
            "message_id": clean(draft.message_id, limit=255),
            "from_address": draft.sender.spec if draft.sender else "",
            "subject": _subject(draft.subject, hide),
            "recipient_list": [[kind, address.spec] for address, kind in draft.recipients],
            "size": draft.content.size,
            "attachments": draft.attachments,
        }
    )


def begin(entries: Sequence[Entry]) -> None:
    """Write the rows of messages that are about to be tried and have none yet, all or none."""
    entries = [one for one in entries if not one.stored]
    rows = [one.values for one in entries]
    if rows and _write(lambda cursor: _insert_delivery(cursor, rows), one_statement=len(rows) == 1):
        for one in entries:
            one.stored = True


def enqueue(cursor: CursorWrapper, entry: Entry, draft: Draft) -> None:
    """Write the row of a message that a worker will send, and its recipients, by `cursor`. Unlike the rest of the log
    this is the message itself, so it raises what the database raises."""
    entry.values["state"] = DeliveryState.QUEUED.value
    _insert_delivery(cursor, [entry.values])
    nobody_yet = RecipientOutcome()
    _insert_recipients(
        cursor, [_recipient_row(entry.values, address, kind, nobody_yet) for address, kind in draft.recipients]
    )


def begin_surely(entry: Entry, first: Callable[[], None]) -> None:
    """Do `first`, and write the row of a message with an idempotency key, before it is tried: here the log is no best
    effort, because the row is what keeps a second copy from being sent. Raises what the database raises."""
    too_late = threading.Event()

    def write(cursor: CursorWrapper) -> None:
        first()
        _insert_delivery(cursor, [entry.values])
        if too_late.is_set():
            raise TimeoutError  # the caller was told that it failed, so the key must not stay with a message never sent

    try:
        database.write(write)
    except TimeoutError:
        too_late.set()
        raise
    entry.stored = True


def withdraw(entries: Sequence[Entry]) -> None:
    """Take back the rows of messages that were not tried after all."""
    if stored := [one.values["id"] for one in entries if one.stored]:
        _write(lambda _: Delivery.objects.filter(pk__in=stored).delete())


def finish(entry: Entry, draft: Draft, run: Run, result: SendResult) -> None:
    """Complete the row: attempts, and each recipient's outcome. `result` gets the id of the row."""
    values = entry.values
    error = run.last_error if result.state is not DeliveryState.SENT else None
    _close(entry, result.state, error, result.reason)
    values["sent_as"] = run.sent_as[:320]
    if run.skipped:
        values["skipped"] = [[skipped.name, skipped.reason] for skipped in run.skipped]
    if run.taken_by:
        values |= route_values(run.taken_by.key, run.taken_by.name)

    def write(cursor: CursorWrapper) -> None:
        _store(cursor, entry)
        key, at = values["id"], values["created_at"]
        _insert_attempts(cursor, [attempt_values(key, n, attempt, at) for n, attempt in enumerate(run.attempts, 1)])
        _insert_recipients(cursor, _recipient_values(values, draft, result))

    entry.stored = _write(write) or entry.stored
    result.delivery_id = entry.id
    _tell(entry)


def refuse(message: EmailMessage, options: SendOptions, error: Exception, *, hide: bool = True) -> str | None:
    """Write the row of a message that could not even be tried; return its id, None when it was not stored."""
    entry = Entry(
        _values(options, options.label)
        | {
            "from_address": clean(str(message.from_email or ""), limit=320),
            "subject": _subject(_said(message), hide),
            "recipient_list": [["to", clean(str(address), limit=320)] for address in message.recipients()],
            "attachments": len(message.attachments),
            "idempotency_key": None,  # nothing was sent, so it is free; and another message may have it
        }
    )
    known = error if isinstance(error, MailError) else None
    return _end(entry, DeliveryState.FAILED, known, "" if known else str(error))


def _said(message: EmailMessage) -> str:
    """Return the subject, which may be a text that is looked up in the language of whoever sends."""
    with callers_language():
        return str(message.subject or "")


def abandon(entry: Entry, error: Exception) -> str | None:
    """Complete the row of a message for which no route could be tried; return its id, None when it was not stored."""
    known = error if isinstance(error, MailError) else None
    return _end(entry, DeliveryState.FAILED, known, "" if known else _words(error))


def interrupt(entries: Sequence[Entry], error: BaseException) -> None:
    """Complete the rows of messages whose sender was interrupted, in one transaction."""
    for entry in entries:
        _close(entry, DeliveryState.INTERRUPTED, None, _words(error))

    def write(cursor: CursorWrapper) -> None:
        for entry in entries:
            _store(cursor, entry)

    if entries:
        _write(write)
    for entry in entries:
        _tell(entry)


def _words(error: BaseException) -> str:
    return clean(f"{type(error).__name__}: {error}".rstrip(": "))


def _end(entry: Entry, state: DeliveryState, error: MailError | None, reason: str) -> str | None:
    _close(entry, state, error, reason)
    entry.stored = _write(lambda cursor: _store(cursor, entry), one_statement=True) or entry.stored
    _tell(entry)
    return entry.id


def _subject(text: str, hide: bool) -> str:
    cleaned = clean(text, limit=limits.SUBJECT_CHARS)
    return hide_codes(cleaned) if hide else cleaned


def _values(options: SendOptions, label: str) -> dict[str, Any]:
    """Return what every row has from its beginning."""
    return {
        "id": time_ordered(),
        "created_at": timezone.now(),
        "label": clean(label, limit=80),
        "mailer": clean(options.mailer, limit=80),
        "is_test": options.is_test,
        "asked_by_id": options.asked_by,
        "mode": Delivery.Mode.QUEUED.value if options.queued else Delivery.Mode.DIRECT.value,
        "priority": int(options.priority),
        "send_at": options.send_at,
        "expires_at": options.expires_at,
        "idempotency_key": options.idempotency_key or None,
        "fingerprint": options.fingerprint,
        "resend_of_id": options.resend_of,
        "client_id": options.client,
        "metadata": dict(options.metadata),
    }


def _close(entry: Entry, state: DeliveryState, error: MailError | None, reason: str) -> None:
    entry.values |= {
        "state": state.value,
        "finished_at": timezone.now(),
        "duration_ms": round((time.monotonic() - entry.started) * 1000),
        "progress": "",
        "code": error.code if error else "",
        "reason": reason or (error.summary if error else ""),
    }


def _store(cursor: CursorWrapper, entry: Entry) -> None:
    """Write the row as it stands: one that could not be written before the attempts is written now."""
    if entry.stored:
        _update_delivery(cursor, entry.values)
    else:
        _insert_delivery(cursor, [entry.values])


def route_values(key: RouteKey, name: str) -> dict[str, Any]:
    """Return a route as the rows of deliveries and attempts name it."""
    return {"route_kind": key.kind.value, "route_id": key.id or None, "route_name": name}


def _recipient_values(delivery: Values, draft: Draft, result: SendResult) -> list[dict[str, Any]]:
    return [
        _recipient_row(delivery, address, kind, result.recipients[address.spec]) for address, kind in draft.recipients
    ]


def _recipient_row(delivery: Values, address: Address, kind: str, outcome: RecipientOutcome) -> dict[str, Any]:
    return {
        "delivery_id": delivery["id"],
        "logged_at": delivery["created_at"],
        "address": address.spec[:320],
        "field": kind,
        "state": outcome.state.value,
        "code": outcome.code[:80],
        "reason": outcome.reason,
    }


def attempt_values(delivery_id: uuid.UUID, number: int, attempt: Attempt, logged_at: datetime) -> dict[str, Any]:
    """Return the row of one attempt, as values of a DeliveryAttempt."""
    values = {
        "delivery_id": delivery_id,
        "logged_at": logged_at,  # created_at of the message
        "number": number,
        "started_at": attempt.started_at,
        "duration_ms": round(attempt.seconds * 1000),
        "accepted": attempt.accepted,
        "answer": attempt.answer,
    } | route_values(attempt.route.key, attempt.route.name)
    if error := attempt.error:
        known = error.explanation
        values |= {
            "unsure": error.scope is Scope.UNSURE,  # the word by which the message went no further
            "phase": error.fault.phase,
            "code": known.id,
            "server_code": error.fault.code[:80],
            "answer": error.fault.text,
            "problem": known.problem,
            "remedy": list(known.remedy),
            "owner": known.owner.label,
        }
    return values


def _write(work: Callable[[CursorWrapper], object], *, one_statement: bool = False) -> bool:
    """Do `work` in the database, where this deployment keeps the log there; tell whether it was done."""
    return bool(setting("DELIVERY_LOG")) and database.try_to_write(work, one_statement=one_statement)


def _tell(entry: Entry) -> None:
    """Leave a line that no roll-back removes: numbers and codes, no address and no subject."""
    values = entry.values
    tell(
        logging.INFO if values["state"] in (DeliveryState.SENT, DeliveryState.FALLBACK) else logging.WARNING,
        "delivery=%s state=%s route=%r recipients=%d size=%d ms=%s message_id=%s code=%s",
        values["id"],
        values["state"],
        values.get("route_name", ""),
        len(values["recipient_list"]),
        values.get("size", 0),
        values["duration_ms"],
        values.get("message_id", ""),
        values["code"],
    )

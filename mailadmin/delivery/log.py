"""The delivery log: a row before the first attempt, completed after the last. Best effort in direct mode: a
log that cannot be written never blocks or fails a send, and a line to the logger `mailadmin.delivery` remains."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.mail import EmailMessage
from django.utils import timezone

from mailadmin.core import limits, policy
from mailadmin.core.errors import MailError
from mailadmin.core.outcome import DeliveryState, SendResult
from mailadmin.core.redact import clean
from mailadmin.core.settings import RouteKey
from mailadmin.models import Delivery, DeliveryAttempt, DeliveryRecipient

from . import database, health
from .attempts import Attempt, Run
from .convert import Draft
from .telling import tell


@dataclass(frozen=True)
class SendOptions:
    """How a message is sent and logged: the alias in MAILERS, a label, one chosen route, the user who asked
    (primary key) and whether it is a test."""

    mailer: str = ""
    label: str = ""
    route: RouteKey | None = None
    asked_by: Any = None
    is_test: bool = False


@dataclass
class Entry:
    """The row of one message in the making; `stored` is False when the database could not take it."""

    row: Delivery
    stored: bool = False
    started: float = field(default_factory=time.monotonic)


def begin(draft: Draft, options: SendOptions, label: str) -> Entry:
    """Write the row of a message that is about to be tried."""
    row = Delivery(
        created_at=timezone.now(),
        message_id=clean(draft.message_id, limit=255),
        from_address=draft.sender.spec if draft.sender else "",
        subject=clean(draft.subject, limit=limits.SUBJECT_CHARS),
        recipient_list=[[kind, address.spec] for address, kind in draft.recipients],
        size=len(draft.content),
        attachments=draft.attachments,
        label=clean(label, limit=80),
        mailer=clean(options.mailer, limit=80),
        is_test=options.is_test,
        asked_by_id=options.asked_by,
    )
    entry = Entry(row)
    entry.stored = _attempt(lambda: row.save(force_insert=True))
    return entry


def finish(
    entry: Entry,
    draft: Draft,
    run: Run,
    result: SendResult,
    changed: Mapping[RouteKey, tuple[policy.RouteHealth, MailError | None]],
) -> None:
    """Complete the row: attempts, each recipient's outcome, and what was learned of the routes."""
    row = entry.row
    _close(entry, result.state, run.last_error if result.state is not DeliveryState.SENT else None, result.reason)
    row.sent_as = run.sent_as[:320]
    row.skipped = [[skipped.name, skipped.reason] for skipped in run.skipped]
    if run.taken_by:
        row.route_kind, row.route_name = run.taken_by.key.kind, run.taken_by.name
        row.route_id = run.taken_by.key.id or None

    def write() -> None:
        row.save(force_update=entry.stored, force_insert=not entry.stored)
        DeliveryAttempt.objects.bulk_create(_attempt_row(row, n, a) for n, a in enumerate(run.attempts, 1))
        DeliveryRecipient.objects.bulk_create(
            DeliveryRecipient(
                delivery=row,
                address=address.spec[:320],
                field=kind,
                state=run.outcomes[address.spec].state,
                code=run.outcomes[address.spec].code[:80],
                reason=run.outcomes[address.spec].reason,
            )
            for address, kind in draft.recipients
        )

    stored = _attempt(write)
    if changed:  # apart, so that it cannot lose the outcome
        _attempt(lambda: health.record(changed))
    result.delivery_id = str(row.pk) if stored or entry.stored else None
    _tell(row, result.state)


def refuse(message: EmailMessage, options: SendOptions, error: Exception) -> str | None:
    """Write the row of a message that could not even be tried; return its id, None when it was not stored."""
    row = Delivery(
        created_at=timezone.now(),
        from_address=clean(str(message.from_email or ""), limit=320),
        subject=clean(str(message.subject or ""), limit=limits.SUBJECT_CHARS),
        recipient_list=[["to", clean(str(address), limit=320)] for address in message.recipients()],
        attachments=len(message.attachments),
        label=clean(options.label, limit=80),
        mailer=clean(options.mailer, limit=80),
        is_test=options.is_test,
        asked_by_id=options.asked_by,
    )
    entry = Entry(row)
    known = error if isinstance(error, MailError) else None
    _close(entry, DeliveryState.FAILED, known, "" if known else str(error))
    stored = _attempt(lambda: row.save(force_insert=True))
    _tell(row, DeliveryState.FAILED)
    return str(row.pk) if stored else None


def abandon(entry: Entry, state: DeliveryState, error: BaseException) -> str | None:
    """Complete the row of a message for which no route could be tried, or whose sender was interrupted; return its
    id, None when it was not stored."""
    known = error if isinstance(error, MailError) else None
    _close(entry, state, known, "" if known else clean(f"{type(error).__name__}: {error}".rstrip(": ")))
    stored = _attempt(lambda: entry.row.save(force_update=entry.stored, force_insert=not entry.stored))
    _tell(entry.row, state)
    return str(entry.row.pk) if stored or entry.stored else None


def _close(entry: Entry, state: DeliveryState, error: MailError | None, reason: str) -> None:
    row = entry.row
    row.state = state
    row.finished_at = timezone.now()
    row.duration_ms = round((time.monotonic() - entry.started) * 1000)
    row.code = error.code if error else ""
    row.reason = reason or (error.summary if error else "")


def _attempt_row(row: Delivery, number: int, attempt: Attempt) -> DeliveryAttempt:
    error = attempt.error
    known = error.explanation if error else None
    return DeliveryAttempt(
        delivery=row,
        number=number,
        started_at=attempt.started_at,
        duration_ms=round(attempt.seconds * 1000),
        route_kind=attempt.route.key.kind,
        route_id=attempt.route.key.id or None,
        route_name=attempt.route.name,
        accepted=attempt.accepted,
        unsure=bool(error and error.fault.maybe_sent),
        phase=error.fault.phase if error else "",
        code=known.id if known else "",
        server_code=error.fault.code[:80] if error else "",
        answer=error.fault.text if error else attempt.answer,
        problem=known.problem if known else "",
        remedy=list(known.remedy) if known else [],
        owner=known.owner.label if known else "",
    )


def _attempt(write: Any) -> bool:
    """Do `write` in the database; tell whether it worked."""
    try:
        database.write(write)
    except Exception as error:  # of any type: the host project's own receivers and fields have a part in it
        tell(logging.WARNING, "The delivery log could not be written (%s).", type(error).__name__)
        return False
    return True


def _tell(row: Delivery, state: DeliveryState) -> None:
    """Leave a line that no roll-back removes: numbers and codes, no address and no subject."""
    tell(
        logging.INFO if state in (DeliveryState.SENT, DeliveryState.FALLBACK) else logging.WARNING,
        "delivery=%s state=%s route=%r recipients=%d size=%d ms=%s message_id=%s code=%s",
        row.pk,
        state,
        row.route_name,
        len(row.recipient_list),
        row.size,
        row.duration_ms,
        clean(row.message_id),
        row.code,
    )

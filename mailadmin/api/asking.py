"""What became of messages: one with everything, and lists of them, for a client that may see them."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from mailadmin.core import limits
from mailadmin.core.clients import Scope
from mailadmin.core.outcome import DeliveryState, Priority, RecipientState, SendResult
from mailadmin.models import ApiClient, Delivery, OutboxEntry

from .authentication import has_scope
from .problems import Problem, Wrong, bad_fields
from .schemas import AttemptOut, FiltersIn, MessageOut, PageOut, PriorityName, RecipientOut, ShortOut, TakenOut

_PRIORITIES: dict[Priority, PriorityName] = {
    Priority.URGENT: "urgent",
    Priority.NORMAL: "normal",
    Priority.NON_URGENT: "non-urgent",
}


def visible(client: ApiClient) -> QuerySet[Delivery]:
    """Return the messages that `client` may see: its own, or all with the scope `read`."""
    rows = Delivery.objects.all()
    return rows if has_scope(client, Scope.READ) else rows.filter(client=client)


def one(client: ApiClient, pk: UUID) -> Delivery:
    """Return the message `pk`. Raises Problem (404), also where the client may not see it."""
    row = visible(client).filter(pk=pk).first()
    if row is None:
        raise Problem(404, "not-found", _("There is no message with this number, or it is not one of this API client."))
    return row


def taken(result: SendResult) -> TakenOut:
    """Return what became of a message that was handed over."""
    return TakenOut(
        id=UUID(result.delivery_id) if result.delivery_id else None,
        state=result.state,
        message_id=result.message_id,
        route=result.route,
        reason=result.reason,
        repeated=result.repeated,
        recipients=[
            RecipientOut(address=address, state=outcome.state, code=outcome.code, reason=outcome.reason)
            for address, outcome in result.recipients.items()
        ],
    )


def told(row: Delivery) -> MessageOut:
    """Return everything that is known of a message. Some three statements."""
    waiting = OutboxEntry.objects.filter(pk=row.pk).first()
    return MessageOut(
        **_short(row),
        recipients=_recipients(row),
        attempts=[
            AttemptOut(
                number=one.number,
                started_at=one.started_at,
                duration_ms=one.duration_ms,
                route=one.route_name,
                accepted=one.accepted,
                unsure=one.unsure,
                phase=one.phase,
                code=one.code,
                server_code=one.server_code,
                answer=one.answer,
                problem=one.problem,
                remedy=one.remedy,
                owner=one.owner,
            )
            for one in row.attempts.all()
        ],
        delivery="queued" if row.mode == Delivery.Mode.QUEUED else "direct",
        priority=_PRIORITIES[Priority(row.priority)],
        send_at=row.send_at,
        expires_at=row.expires_at,
        next_try_at=waiting.due_at if waiting and not waiting.shelf else None,
        waits_because=waiting.waits_because if waiting else "",
        possible_duplicate=row.possible_duplicate,
        resend_of=row.resend_of_id,
    )


def page(client: ApiClient, asked: FiltersIn) -> PageOut:
    """Return messages that fit every filter, newest first, and from where to go on.

    One filter is served by its index. For what else is asked the next limits.API_LOOK_ROWS messages are looked at, so
    that no question reads the whole log: the page may hold few messages then, or none, and have a next one. Raises
    Problem for a cursor that is none.
    """
    served, rest = _conditions(client, asked)
    rows = Delivery.objects.filter(served).order_by("-created_at", "-id")
    look = limits.API_LOOK_ROWS
    edge = rows.values_list("created_at", "id")[look - 1 : look].first() if rest else None
    if edge:
        rows = rows.filter(Q(created_at__gte=edge[0]) & ~(Q(created_at=edge[0]) & Q(id__lt=edge[1])))
    found = list(rows.filter(rest)[: asked.limit + 1])
    shown = found[: asked.limit]
    last = (shown[-1].created_at, shown[-1].pk) if len(found) > len(shown) else edge
    return PageOut(messages=[ShortOut(**_short(row)) for row in shown], next=_cursor(*last) if last else None)


def _conditions(client: ApiClient, asked: FiltersIn) -> tuple[Q, Q]:
    """Return the condition that an index serves, and the one for what else is asked."""
    served, rest = Q(), Q()
    if asked.since:
        served &= Q(created_at__gte=asked.since)
    if asked.cursor:
        at, key = _read(asked.cursor)
        served &= Q(created_at__lte=at) & ~(Q(created_at=at) & Q(id__gte=key))
    if asked.label:
        served &= Q(label=asked.label)
        rest &= Q(state=asked.state) if asked.state else Q()
    elif asked.state:
        served &= Q(state=asked.state)
    if not has_scope(client, Scope.READ):
        rest &= Q(client=client)
    return served, rest


def _short(row: Delivery) -> dict[str, Any]:
    return {
        "id": row.pk,
        "state": DeliveryState(row.state),
        "created_at": row.created_at,
        "finished_at": row.finished_at,
        "subject": row.subject,
        "sender": row.from_address,
        "label": row.label,
        "route": row.route_name,
        "message_id": row.message_id,
        "code": row.code,
        "reason": row.reason,
        "metadata": row.metadata,
    }


def _recipients(row: Delivery) -> list[RecipientOut]:
    """Return what became of each recipient; while nothing is known, whom it is for."""
    known = [
        RecipientOut(address=one.address, state=RecipientState(one.state), code=one.code, reason=one.reason)
        for one in row.recipients.all()
    ]
    return known or [
        RecipientOut(address=address, state=RecipientState.PENDING) for _field, address in row.recipient_list
    ]


def _cursor(at: datetime, key: UUID) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()}/{key}".encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, UUID]:
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
        at, slash, key = text.partition("/")
        moment = datetime.fromisoformat(at)
        if slash and moment.utcoffset() is not None:
            return moment, UUID(key)
    except (ValueError, binascii.Error):
        pass
    text = _("That is no cursor: send the one of “next” as it is.")
    raise bad_fields([Wrong("cursor", "bad-value", text)])

"""Telling the application what became of messages and routes, by the signals of `mailadmin.signals`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.dispatch import Signal

from mailadmin.core.outcome import DeliveryState, RecipientState, SendResult
from mailadmin.core.settings import RouteKey
from mailadmin.models import Delivery, RouteState
from mailadmin.signals import message_failed, message_sent, message_unsure, route_changed

from . import database
from .telling import tell

_MOST = 2  # announcements inside each other: what a receiver sends is told, and what is sent because of that is not
_depth: ContextVar[int] = ContextVar("mailadmin_announcements", default=0)

_BY_STATE = {
    DeliveryState.SENT: (message_sent,),
    DeliveryState.FALLBACK: (message_sent,),
    DeliveryState.FAILED: (message_failed,),
    DeliveryState.EXPIRED: (message_failed,),
    DeliveryState.CANCELLED: (message_failed,),
    DeliveryState.UNSURE: (message_unsure,),
    DeliveryState.INTERRUPTED: (message_unsure,),
}


def message(delivery_id: UUID | str | None, result: SendResult, label: str = "", client: Any = None) -> None:
    """Tell what became of a message, once that is written down and committed. Nothing is told of one that is not over,
    except that it is unsure. `client` is who handed it over by the HTTP API (primary key). Never raises."""
    for signal in signals_for(result):
        key = str(delivery_id) if delivery_id else None
        _send(signal, Delivery, {"delivery_id": key, "result": result, "label": label, "client": client})


def route(key: RouteKey, name: str, before: str, after: str, reason: str = "") -> None:
    """Tell that a route went from the state `before` to `after` ("well", "failing", "stopped", "paused"); nothing when
    both are the same. Never raises."""
    if before != after:
        named = {"route": key, "name": name, "before": before, "after": after, "reason": reason}
        _send(route_changed, RouteState, named)


def signals_for(result: SendResult) -> tuple[Signal, ...]:
    """Return the signals that tell `result`: for a message that only some got, one for each kind of outcome."""
    if result.state is not DeliveryState.PARTLY:
        return _BY_STATE.get(result.state, ())
    states = {outcome.state for outcome in result.recipients.values()}
    failed = states & {RecipientState.REFUSED, RecipientState.PENDING}
    others = ((message_failed, bool(failed)), (message_unsure, RecipientState.UNSURE in states))
    return (message_sent, *(signal for signal, told in others if told))


def _send(signal: Signal, sender: type[Model], named: Mapping[str, object]) -> None:
    """Send `signal`; under an event loop from a helper thread, because receivers use the database."""
    if not signal.has_listeners(sender):
        return

    def send() -> None:
        depth = _depth.set(_depth.get() + 1)
        try:
            signal.send_robust(sender, **named)
        finally:
            _depth.reset(depth)

    if _depth.get() >= _MOST:
        return
    try:
        database.read(send)
    except Exception as error:  # of the helper, which is waited for only so long
        tell(logging.WARNING, "The receivers of a signal could not be waited for (%s).", type(error).__name__)

"""What the signals of `mailadmin.signals` mean for alerts. A receiver writes nothing: it counts in memory and rings
the bell, so that a sender waits for nothing and fails by nothing of this."""

from __future__ import annotations

from typing import Any

from django.db import router, transaction
from django.urls import NoReverseMatch, reverse

from mailadmin import signals
from mailadmin.core.alert_texts import Facts
from mailadmin.core.alerts import LABEL, Event
from mailadmin.core.outcome import DeliveryState, SendResult
from mailadmin.core.texts import _
from mailadmin.models import Delivery

from . import bell, news
from .news import Happening


def connect() -> None:
    """Connect the receivers, once for the process."""
    for signal, receiver in (
        (signals.message_sent, on_sent),
        (signals.message_unsure, on_unsure),
        (signals.route_changed, on_route_changed),
    ):
        signal.connect(receiver, dispatch_uid=f"mailadmin.alerts.{receiver.__name__}")


def on_sent(sender: object, result: SendResult, label: str = "", **named: Any) -> None:
    """Count a message that another route than the preferred one had to send."""
    if result.state is not DeliveryState.FALLBACK or label == LABEL:
        return
    facts = Facts(
        _("Mail is sent by the fallback “{name}”.").format(name=result.route),
        _("A route that is preferred did not take a message, so that another one sent it. Nobody lost mail by that."),
        name=result.route,
        path=_log(DeliveryState.FALLBACK),
    )
    _tell(Happening(Event.FALLBACK, f"fallback:{result.route}", facts))


def on_unsure(sender: object, delivery_id: str | None = None, label: str = "", **named: Any) -> None:
    """Count a message of which nobody knows whether it was taken."""
    if label == LABEL:
        return
    facts = Facts(
        _("A message may have been delivered, or not."),
        _(
            "It had left completely, and the server's last answer did not come, so that nobody can say whether it was "
            "taken. It is not sent by another route, because it could arrive twice then."
        ),
        code="smtp-unsure",
        path=_log(DeliveryState.UNSURE),
    )
    _tell(Happening(Event.UNSURE, "unsure", facts))


def on_route_changed(sender: object, **named: Any) -> None:
    """Look at what is wrong now; what that is, the findings say."""
    _ring()


def _tell(happening: Happening) -> None:
    news.put(happening)
    _ring()


def _ring() -> None:
    """Ring when the caller's transaction is over: on SQLite nobody else can write before. What is rolled back rings
    nobody, and is told the next time."""
    transaction.on_commit(bell.ring, using=router.db_for_write(Delivery), robust=True)


def _log(state: DeliveryState) -> str:
    """Return the address of the log with the messages in `state`, "" where the project has no console."""
    try:
        return f"{reverse('mailadmin:log-list')}?state={state}"
    except NoReverseMatch:
        return ""

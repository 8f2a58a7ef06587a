"""Sends the alerts that are due to their channels. A delivery is claimed by a fenced change of its row, so that two
processes do not send it twice; one whose process died is taken over when its claim is over."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.alert_answers import Answered
from mailadmin.core.alerts import ChannelKind, Event
from mailadmin.core.settings import RouteKey, RouteKind
from mailadmin.core.texts import _
from mailadmin.models import Alert, AlertChannel, AlertDelivery, Incident

from . import by_mail, by_webhook
from .notices import notice_of

State = AlertDelivery.State
_OPEN = (State.WAITING, State.SENDING)


def deliver() -> int:
    """Send what is due, at most limits.ALERT_AT_ONCE deliveries and not for long; return how many were tried. Raises
    what the database raises."""
    until = time.monotonic() + limits.ALERT_ROUND_SECONDS
    rows = AlertDelivery.objects.filter(state__in=_OPEN, due_at__lte=timezone.now())
    rows = rows.select_related("alert").order_by("due_at", "pk")
    return sum(time.monotonic() < until and _claimed(row) and _deliver(row) for row in rows[: limits.ALERT_AT_ONCE])


def next_due() -> float | None:
    """Return in how many seconds the next delivery is due, None when none waits."""
    due = AlertDelivery.objects.filter(state__in=_OPEN).order_by("due_at").values_list("due_at", flat=True).first()
    return max((due - timezone.now()).total_seconds(), 0.0) if due else None


def try_channel(alert: Alert, channel: AlertChannel) -> AlertDelivery:
    """Send `alert` to `channel` once, now, whether it is switched on or not, and return the row of the delivery."""
    row = AlertDelivery.objects.create(
        alert=alert, channel=channel, channel_name=channel.name, state=State.SENDING, due_at=_lapse(), tries=1
    )
    sent = _send(alert, channel)
    _end(row, State.SENT if sent.ok else State.FAILED, sent)
    row.refresh_from_db()
    return row


def _claimed(row: AlertDelivery) -> bool:
    """Take the delivery, unless another process did meanwhile."""
    free = AlertDelivery.objects.filter(pk=row.pk, state=row.state, tries=row.tries, due_at=row.due_at)
    if not free.update(state=State.SENDING, tries=F("tries") + 1, due_at=_lapse()):
        return False
    row.tries += 1
    return True


def _deliver(row: AlertDelivery) -> bool:
    """Send a delivery that was claimed, and write what came of it. The channel is read now: the deliveries before it
    took their time, and somebody may have changed or withdrawn it."""
    channel = AlertChannel.objects.filter(pk=row.channel_id).first() if row.channel_id else None
    if row.tries > limits.ALERT_TRIES:
        _end(row, State.FAILED, Answered(problem=_("Every try was interrupted.")))
    elif channel is None or not channel.enabled:
        text = _("The channel was switched off before the alert was sent.")
        if channel is None:
            text = _("The channel was deleted before the alert was sent.")
        _end(row, State.FAILED, Answered(problem=text))
    else:
        sent = _send(row.alert, channel)
        if sent.again and row.tries < limits.ALERT_TRIES:
            pause = max(limits.ALERT_RETRY_SECONDS[row.tries - 1], sent.seconds)
            _write(row, State.WAITING, sent, due_at=timezone.now() + timedelta(seconds=pause))
        else:
            _end(row, State.SENT if sent.ok else State.FAILED, sent)
    return True


def _send(alert: Alert, channel: AlertChannel) -> Answered:
    notice = notice_of(alert)
    if channel.kind == ChannelKind.EMAIL:
        return by_mail.send(channel, notice, _failing(alert))
    return by_webhook.send(channel, notice)


def _failing(alert: Alert) -> frozenset[RouteKey]:
    """Return the routes that must not carry the alert: the one that it says to be failing, and all others that fail
    now. One that has recovered, or of which something ends in a month, does carry it."""
    keys = Incident.objects.filter(over=False, event=Event.FAILING).values_list("facts", flat=True)
    pairs = {(str(facts.get("route_kind", "")), str(facts.get("route_id", ""))) for facts in keys}
    if alert.event == Event.FAILING:
        pairs.add((alert.route_kind, str(alert.route_id or "")))
    return frozenset(RouteKey(RouteKind(kind), route_id) for kind, route_id in pairs if kind and route_id)


def _lapse() -> datetime:
    return timezone.now() + timedelta(seconds=limits.ALERT_CLAIM_SECONDS)


def _end(row: AlertDelivery, state: str, sent: Answered) -> None:
    _write(row, state, sent, finished_at=timezone.now())


def _write(row: AlertDelivery, state: str, sent: Answered, **values: object) -> None:
    """Write the outcome, unless the claim was lost to another process."""
    mine = AlertDelivery.objects.filter(pk=row.pk, state=State.SENDING, tries=row.tries)
    mine.update(state=state, detail=sent.text, log_id=sent.log_id or None, **values)

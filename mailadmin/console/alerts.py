"""What the pages of alerts show: the channels on the Settings page, a preview, and what was told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailadmin import conf
from mailadmin.core.alert_payloads import Notice, letter, payload
from mailadmin.core.alert_texts import advice, example
from mailadmin.core.alerts import CHOSEN, ChannelKind, Event
from mailadmin.core.texts import N_
from mailadmin.models import Alert, AlertChannel, AlertDelivery, Settings
from mailadmin.settings_file import managed
from mailadmin.watch.alerts.deliver import try_channel
from mailadmin.watch.alerts.looking import write_alert

from . import audit, haste

TESTED = N_("sent a test alert")
# Tone and icon of an event, by the name of a state that has the same.
_STATES = {
    Event.FAILING: "failed",
    Event.SILENCE: "failed",
    Event.RECOVERED: "ok",
    Event.FALLBACK: "sent-by-fallback",
    Event.UNSURE: "unsure",
    Event.EXPIRY: "warning",
    Event.TEST: "not-run",
}


@dataclass(frozen=True)
class ChannelLine:
    """One channel in the list, with its latest delivery."""

    row: AlertChannel
    latest: AlertDelivery | None

    @property
    def told(self) -> str:
        """Return in words what the channel is told."""
        chosen = [event.label for event in CHOSEN if event in self.row.events]
        return ", ".join(chosen) if chosen else _("Everything")


@dataclass(frozen=True)
class AlertLine:
    """One alert in the list; `state` names its colour and shape, `word` is the event for people."""

    row: Alert
    state: str
    word: str
    deliveries: Sequence[AlertDelivery]


def channel_lines() -> list[ChannelLine]:
    """Return all channels, each with its latest delivery: two statements."""
    newest = AlertDelivery.objects.filter(channel=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    rows: list[Any] = list(AlertChannel.objects.annotate(latest=Subquery(newest)))
    deliveries = AlertDelivery.objects.in_bulk([row.latest for row in rows if row.latest])
    return [ChannelLine(row, deliveries.get(row.latest)) for row in rows]


def alert_lines(rows: QuerySet[Alert] | Sequence[Alert]) -> list[AlertLine]:
    """Return alerts, whose deliveries are read already, as the page shows them."""
    return [
        AlertLine(row, _STATES[Event(row.event)], row.get_event_display(), list(row.deliveries.all())) for row in rows
    ]


def remember_address(request: HttpRequest) -> None:
    """Keep where people open the console, for the links in alerts, unless somebody has typed it already, or a settings
    file says what the preferences are."""
    known = Settings.load()
    if not (known.console_url or managed(known)):
        row = Settings.locked()
        before = audit.snapshot(row)
        row.console_url = f"{request.scheme}://{request.get_host()}"[:255]
        row.save(update_fields=["console_url", "version"])
        audit.record(request, "changed", row, audit.diff(before, audit.snapshot(row)))


def send_test(request: HttpRequest, channel: AlertChannel) -> AlertDelivery:
    """Note that this user sends a test alert to `channel`, send it, and return what came of it. Raises TooHasty."""
    haste.note(request, TESTED, channel, detail=format_lazy(gettext_lazy("to {whom}"), whom=channel.where))
    return try_channel(write_alert(example(conf.environment()), ()), channel)


def preview(channel: AlertChannel) -> str:
    """Return what the channel would be told of a route that fails: the JSON, or the e-mail as text."""
    notice = _sample()
    if channel.kind == ChannelKind.EMAIL:
        told = letter(notice)
        heading = f"{_('To')}: {channel.recipients}\n{_('Subject')}: {told.subject}"
        return f"{heading}\n\n{told.text}"
    return json.dumps(payload(ChannelKind(channel.kind), notice), indent=2, ensure_ascii=False)


def _sample() -> Notice:
    remedy, owner = advice("credential-ended")
    site = Settings.load().console_url
    return Notice(
        id="00000000-0000-4000-8000-000000000000",
        event=Event.FAILING,
        title=_("“Example tenant” is stopped: no message goes by it."),
        at=timezone.localtime(),
        text=_("The client secret has ended."),
        remedy=remedy,
        owner=owner,
        name=_("Example tenant"),
        code="credential-ended",
        route=("oauth", "00000000-0000-4000-8000-000000000001"),
        environment=conf.environment(),
        url=f"{site}/oauth/" if site else "",
    )

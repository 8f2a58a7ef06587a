"""One look: what is wrong is compared with what was told, and what is to be told is written and sent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.db import router, transaction
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from mailadmin.core import alerts, limits
from mailadmin.core.alert_texts import Words, grouped
from mailadmin.delivery import routes
from mailadmin.delivery.telling import tell
from mailadmin.language import in_site_language
from mailadmin.models import Alert, AlertChannel, AlertDelivery, Settings
from mailadmin.watch.finding import Finding
from mailadmin.watch.findings import findings

from . import incidents, news
from .deliver import deliver, next_due


@in_site_language
def look() -> float | None:
    """Tell what is to be told, and send what is due; return in how many seconds the next look is of use though nothing
    new happens, None when none is. Never raises.

    Nothing is done where no channel is switched on, nor while the database may belong to another place (see
    `delivery.guard`): its channels are those of that place.
    """
    try:
        channels = list(AlertChannel.objects.filter(enabled=True))
        if not channels or routes.current().preferences.objection:
            news.take()
            return None
        quiet = timedelta(minutes=Settings.load().alert_quiet_minutes)
        _write(channels, quiet)
        deliver()
        pauses = (incidents.next_look(timezone.now(), quiet), next_due())
        return min((pause for pause in pauses if pause is not None), default=None)
    except Exception as error:  # of any type: who calls this has other work
        tell(logging.WARNING, "Alerts could not be looked after (%s).", type(error).__name__)
        return limits.PROBE_LOOK_SECONDS  # as often as the schedule looks, which may not run


def anybody() -> bool:
    """Tell whether a channel is switched on; what happened is forgotten where none is. Never raises."""
    try:
        found = AlertChannel.objects.filter(enabled=True).exists()
    except Exception as error:  # likewise
        tell(logging.WARNING, "The channels of alerts could not be read (%s).", type(error).__name__)
        return False
    if not found:
        news.take()
    return found


def write_alert(words: Words, channels: Sequence[AlertChannel]) -> Alert:
    """Write one alert, to be sent to `channels`, and return its row."""
    facts = words.facts
    alert = Alert.objects.create(
        event=words.event,
        key=words.key,
        name=facts.name[:255],
        route_kind=facts.route_kind,
        route_id=facts.route_id or None,
        code=facts.code,
        title=words.title,
        text=words.text,
        remedy=list(words.remedy),
        owner=words.owner,
        path=facts.path[:255],
    )
    AlertDelivery.objects.bulk_create(
        AlertDelivery(alert=alert, channel=channel, channel_name=channel.name) for channel in channels
    )
    return alert


def _write(channels: Sequence[AlertChannel], quiet: timedelta) -> None:
    """Write the incidents with their alerts, as a whole: an incident that counts as told has its alert."""
    found, happened = _found(), news.take()
    try:
        with transaction.atomic(using=router.db_for_write(Alert)):
            told = incidents.compare(found, happened, timezone.now(), quiet)
            for words in grouped(told, _dashboard()):
                write_alert(words, [one for one in channels if alerts.wants(one.events, words.event)])
    except Exception:
        for one in happened.values():  # rolled back: it is told at the next look
            news.put(one)
        raise


def _found() -> list[Finding] | None:
    """Return what is wrong now, None where nobody can find out."""
    try:
        return list(findings())
    except Exception as error:  # what happened is told all the same
        tell(logging.WARNING, "What is wrong could not be found out for alerts (%s).", type(error).__name__)
        return None


def _dashboard() -> str:
    try:
        return reverse("mailadmin:dashboard")
    except NoReverseMatch:
        return ""

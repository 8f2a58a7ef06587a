"""The incidents: what is found wrong and what happened, compared with what was told. Several processes may do this at
once; each change of a row is fenced by what was read of it, and only who made the change tells of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, router, transaction
from django.utils import timezone

from mailadmin.core import alerts
from mailadmin.core.alert_texts import Facts, Telling
from mailadmin.core.alerts import Event, Known, Verdict
from mailadmin.core.settings import RouteKind
from mailadmin.models import Incident, OAuthService, RouteState, SmtpConnection
from mailadmin.watch.finding import Finding

from . import news
from .news import Happening

_COLUMNS = ("since", "well_at", "over", "told_at", "held_back")


def compare(
    found: Sequence[Finding] | None, happened: Mapping[str, Happening], now: datetime, quiet: timedelta
) -> list[Telling]:
    """Bring the rows up to date, and return what is to be told. `found` is None where nobody could find out: then what
    lasts stays as it is. Raises what the database raises."""
    rows = {row.key: row for row in Incident.objects.all()}
    told: list[Telling] = []
    if found is not None:
        lasting = {finding.key: finding for finding in found if finding.event and not finding.event.happens}
        told += _lasting(lasting, rows, now, quiet)
    return [*told, *_happening(happened, rows, now, quiet)]


def next_look(now: datetime, quiet: timedelta) -> float | None:
    """Return in how many seconds something would be told though nothing new is found, None when nothing."""
    pauses = [alerts.next_look(_known(row), now, quiet) for row in Incident.objects.all()]
    return min((pause for pause in pauses if pause is not None), default=None)


def _lasting(
    found: Mapping[str, Finding], rows: Mapping[str, Incident], now: datetime, quiet: timedelta
) -> Iterator[Telling]:
    for key, finding in found.items():
        row, event = rows.get(key), finding.event or Event.FAILING
        verdict = alerts.found(_known(row) if row else None, now, quiet)
        facts = _facts(finding)
        if _write(key, event, row, verdict, facts) and verdict.tell and verdict.keep:
            yield Telling(event, key, facts, timezone.localtime(verdict.keep.since), verdict.times)
    for key, row in rows.items():
        event = Event(row.event)
        if key in found or event.happens:
            continue
        verdict, facts = alerts.missed(_known(row), event, now, quiet), Facts.from_data(row.facts)
        if _write(key, event, row, verdict, facts) and verdict.recovered and _in_use(facts):
            yield Telling(Event.RECOVERED, key, facts, timezone.localtime(row.since))


def _happening(
    happened: Mapping[str, Happening], rows: Mapping[str, Incident], now: datetime, quiet: timedelta
) -> Iterator[Telling]:
    quieted = {key: row for key, row in rows.items() if Event(row.event).happens and key not in happened}
    for key, row in quieted.items():
        facts = Facts.from_data(row.facts)
        verdict = alerts.happened(_known(row), 0, now, quiet)
        if _write(key, Event(row.event), row, verdict, facts) and verdict.tell:
            yield Telling(Event(row.event), key, facts, _since(row), verdict.times)
    for key, one in happened.items():
        known = rows.get(key)
        verdict = alerts.happened(_known(known) if known else None, one.times, now, quiet)
        if not _write(key, one.event, known, verdict, one.facts):
            news.put(one)  # another process was faster: it is counted at the next look
        elif verdict.tell:
            yield Telling(one.event, key, one.facts, _since(known) if known else timezone.localtime(now), verdict.times)


def _write(key: str, event: Event, row: Incident | None, verdict: Verdict, facts: Facts) -> bool:
    """Write what is to be kept; tell whether this process did, or had nothing to write."""
    kept: dict[str, Any] = {name: getattr(verdict.keep, name) for name in _COLUMNS} if verdict.keep else {}
    if row is None:
        try:
            with transaction.atomic(using=router.db_for_write(Incident)):
                Incident.objects.create(key=key, event=event, facts=facts.as_data(), **kept)
        except IntegrityError:
            return False
        return True
    before = {name: getattr(row, name) for name in _COLUMNS}
    if kept == before:
        return True
    same = Incident.objects.filter(key=key, **{name: value for name, value in before.items() if value is not None})
    same = same.filter(**{f"{name}__isnull": True for name, value in before.items() if value is None})
    if not kept:
        return bool(same.delete()[0])
    return bool(same.update(**kept, **({"facts": facts.as_data()} if verdict.tell else {})))


def _known(row: Incident) -> Known:
    return Known(**{name: getattr(row, name) for name in _COLUMNS})


def _since(row: Incident) -> datetime:
    """Return since when what happened was not told."""
    return timezone.localtime(row.told_at or row.since)


def _facts(finding: Finding) -> Facts:
    kind, route_id = (str(finding.route.kind), finding.route.id) if finding.route else ("", "")
    return Facts(finding.title, finding.text, finding.name, finding.code, kind, route_id, finding.path)


def _in_use(facts: Facts) -> bool:
    """Tell whether the route that is not failing any more is in use at all: one that was switched off, paused or
    deleted has not recovered."""
    if not facts.route_id:
        return True
    model: Any = OAuthService if facts.route_kind == RouteKind.OAUTH else SmtpConnection
    paused = RouteState.objects.filter(kind=facts.route_kind, route_id=facts.route_id, paused=True)
    return bool(model.objects.filter(pk=facts.route_id, enabled=True).exists() and not paused.exists())

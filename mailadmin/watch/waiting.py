"""Why a queued message waits, and what comes next: the same rules for one row and for a query of many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from django.db.models import F, Q
from django.utils import timezone
from django.utils.formats import date_format

from mailadmin.core.texts import _, ngettext
from mailadmin.models import OutboxEntry

Shelf = OutboxEntry.Shelf


class Why(StrEnum):
    """Why a message in the outbox is not sent this very moment."""

    DUE = "due"
    CLAIMED = "claimed"
    LOST = "lost"
    SCHEDULED = "scheduled"
    AGAIN = "again"
    ONCE_MORE = "once-more"
    NO_ROUTE = "no-route"
    PAUSED = "paused"
    UNSURE = "unsure"
    CRASHED = "crashed"

    @property
    def label(self) -> str:
        """Return the reason as a person reads it."""
        return {
            Why.DUE: _("Due now"),
            Why.CLAIMED: _("Being sent"),
            Why.LOST: _("Its worker is gone"),
            Why.SCHEDULED: _("Scheduled"),
            Why.AGAIN: _("Tried again later"),
            Why.ONCE_MORE: _("Sent once more later"),
            Why.NO_ROUTE: _("No route for now"),
            Why.PAUSED: _("Label paused"),
            Why.UNSURE: _("Maybe delivered"),
            Why.CRASHED: _("Held after crashes"),
        }[self]

    @property
    def needs_decision(self) -> bool:
        """Tell whether nothing happens until a person decides."""
        return self in (Why.UNSURE, Why.CRASHED)


_DAY, _HOUR, _MINUTE = 86_400, 3600, 60
_SHELVES = {Shelf.PAUSED: Why.PAUSED, Shelf.UNSURE: Why.UNSURE, Shelf.CRASHED: Why.CRASHED}


def why(entry: OutboxEntry, now: datetime) -> Why:
    """Return why `entry` waits at the time `now` of the database server."""
    if entry.shelf:
        return _SHELVES[Shelf(entry.shelf)]
    if entry.claim:
        return Why.CLAIMED if entry.due_at > now else Why.LOST
    if entry.due_at <= now:
        return Why.DUE
    if entry.waits_for_route:
        return Why.NO_ROUTE
    if entry.unsure_at and entry.unsure_at <= entry.due_at:
        return Why.ONCE_MORE
    return Why.AGAIN if entry.tries or entry.waits_because else Why.SCHEDULED


def in_case(wanted: Why, now: datetime) -> Q:
    """Return the condition for the entries of which `why` says `wanted`."""
    for shelf, reason in _SHELVES.items():
        if reason is wanted:
            return Q(shelf=shelf)
    # Not `shelf=""`: that would send SQLite to the index of the claims, and to sort a hundred thousand rows.
    ready, later = ~Q(shelf__in=[str(shelf) for shelf in _SHELVES]), Q(due_at__gt=now, claim__isnull=True)
    once_more = Q(unsure_at__isnull=False, unsure_at__lte=F("due_at"))
    tried = Q(tries__gt=0) | ~Q(waits_because="")
    match wanted:
        case Why.CLAIMED:
            return ready & Q(claim__isnull=False, due_at__gt=now)
        case Why.LOST:
            return ready & Q(claim__isnull=False, due_at__lte=now)
        case Why.DUE:
            return ready & Q(claim__isnull=True, due_at__lte=now)
        case Why.NO_ROUTE:
            return ready & later & Q(waits_for_route=True)
        case Why.ONCE_MORE:
            return ready & later & Q(waits_for_route=False) & once_more
        case Why.AGAIN:
            return ready & later & Q(waits_for_route=False) & ~once_more & tried
        case _:
            return ready & later & Q(waits_for_route=False) & ~once_more & ~tried


@dataclass(frozen=True)
class Surroundings:
    """What decides about every waiting message: the time of the database server, why nothing may leave at all ("" when
    it may), and whether a worker runs."""

    now: datetime
    held: str = ""
    worker: bool = True


def what_next(entry: OutboxEntry, around: Surroundings) -> str:
    """Say in a sentence or two what happens to `entry` next."""
    reason = why(entry, around.now)
    if reason.needs_decision or reason is Why.CLAIMED:
        return {
            Why.UNSURE: _("Nothing happens until somebody decides whether it arrived."),
            Why.CRASHED: _("Nothing happens until somebody releases or cancels it."),
        }.get(reason, _("The worker {worker} is sending it now.").format(worker=entry.worker))
    if around.held:
        return _("It waits: {reason}").format(reason=around.held)
    if reason is Why.PAUSED:
        return _("It waits until the label “{label}” is resumed.").format(label=entry.label)
    nobody = "" if around.worker else _("But no worker runs.")
    said = [_step(entry, reason, around.now), _end(entry, around.now), nobody]
    return " ".join(part for part in said if part)


def _step(entry: OutboxEntry, reason: Why, now: datetime) -> str:
    at = moment(entry.due_at, now)
    match reason:
        case Why.LOST:
            text = _("The worker {worker} was lost while it had it; another one takes it up.")
        case Why.DUE:
            text = _("It is due now.")
        case Why.NO_ROUTE:
            text = _("It waits for a route, and is looked at again {at}, or as soon as one is repaired.")
        case Why.ONCE_MORE:
            text = _("It is sent once more {at}, by the same route, to those who may not have got it.")
        case Why.SCHEDULED:
            text = _("It is sent {at}.")
        case _:
            text = _("It is tried again {at}, try {number}.")
    return text.format(worker=entry.worker, at=at, number=entry.tries + 1)


def _end(entry: OutboxEntry, now: datetime) -> str:
    """Say when it is over in any case, where that matters: it was tried, or expires."""
    if entry.expires_at and entry.expires_at <= entry.give_up_at:
        return _("It expires {at}.").format(at=moment(entry.expires_at, now))
    if not (entry.tries or entry.waits_for_route):
        return ""
    return _("It is given up {at}.").format(at=moment(entry.give_up_at, now))


def moment(at: datetime, now: datetime) -> str:
    """Return when something is to happen: "at 12:10 (in about 4 minutes)", "at 18:00", "on 23 Nov at 12:00"."""
    local, today = timezone.localtime(at), timezone.localtime(now).date()
    time = date_format(local, "H:i")
    if at - now < timedelta(hours=1):
        minutes = max(1, ceil((at - now) / timedelta(minutes=1)))
        text = ngettext("at {time} (in about {number} minute)", "at {time} (in about {number} minutes)", minutes)
        return text.format(time=time, number=minutes)
    text = _("at {time}") if local.date() == today else _("on {day} at {time}")
    return text.format(day=date_format(local, _("j M")), time=time)


def lasting(seconds: float) -> str:
    """Return a time span as people say it: "40 seconds", "3 minutes", "5 hours", "2 days"."""
    # The name of the number tells these from other spans: they stand behind "for", in a case of its own.
    if seconds >= _DAY:
        text, count = ngettext("{count} day", "{count} days", int(seconds // _DAY)), int(seconds // _DAY)
    elif seconds >= _HOUR:
        text, count = ngettext("{count} hour", "{count} hours", int(seconds // _HOUR)), int(seconds // _HOUR)
    elif seconds >= _MINUTE:
        text, count = ngettext("{count} minute", "{count} minutes", int(seconds // _MINUTE)), int(seconds // _MINUTE)
    else:
        count = max(0, int(seconds))
        text = ngettext("{count} second", "{count} seconds", count)
    return text.format(count=count)

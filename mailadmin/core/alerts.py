"""What is told to people who do not look at the console, and when (pure).

Two sorts of things are told. What lasts (a route fails) is told when it begins and when it is over; what happens
(a message went by the fallback) is told and then counted. Either is told again only after the quiet time, with how
often it happened since, and what recovers must stay well for a moment before that is believed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from . import limits
from .texts import _


class ChannelKind(StrEnum):
    """What a channel of alerts speaks."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    SLACK = "slack"
    TEAMS = "teams"


class Event(StrEnum):
    """What an alert is about."""

    FAILING = "failing"  # a route or the whole sending fails newly
    RECOVERED = "recovered"
    FALLBACK = "fallback"  # another route than the preferred one had to send
    UNSURE = "unsure"  # a message may have been delivered
    EXPIRY = "expiry"  # a secret or certificate ends
    SILENCE = "silence"  # no success for hours although messages were due
    TEST = "test"

    @property
    def label(self) -> str:
        """Return the event as a person reads it."""
        return {
            Event.FAILING: _("Newly failing"),
            Event.RECOVERED: _("Recovered"),
            Event.FALLBACK: _("Sent by fallback"),
            Event.UNSURE: _("Maybe delivered"),
            Event.EXPIRY: _("A secret or certificate ends"),
            Event.SILENCE: _("No message got through"),
            Event.TEST: _("Test alert"),
        }[self]

    @property
    def happens(self) -> bool:
        """Tell whether this happens again and again, and so is counted; the others last until they are over."""
        return self in (Event.FALLBACK, Event.UNSURE)


LABEL = "mailadmin-alert"  # of alerts by e-mail in the log; nothing is told of them, or one would follow the other
CHOSEN = tuple(event for event in Event if event is not Event.TEST)  # what a channel may be told
_RECOVER = (Event.FAILING, Event.SILENCE)


@dataclass(frozen=True)
class Known:
    """What is kept of something that is wrong or that happened; the moments are aware. `well_at` is when it was first
    found well again, `over` tells that this was believed, `held_back` counts what was not told since `told_at`."""

    since: datetime
    well_at: datetime | None = None
    over: bool = False
    told_at: datetime | None = None
    held_back: int = 0

    @property
    def told(self) -> bool:
        """Tell whether the present time of it was told."""
        return self.told_at is not None and self.told_at >= self.since


@dataclass(frozen=True)
class Verdict:
    """What to keep (None: nothing any more) and whether to tell something: that it is so (`tell`), or that it is over
    (`recovered`). `times` is how often it happened since it was last told, 0 where that is not worth a word."""

    keep: Known | None
    tell: bool = False
    recovered: bool = False
    times: int = 0


def wants(events: list[str], event: Event) -> bool:
    """Tell whether a channel that was set to `events` (none: all) is told of `event`."""
    return event is Event.TEST or not events or event in events


def found(known: Known | None, now: datetime, quiet: timedelta) -> Verdict:
    """Return the verdict on something that lasts and is wrong now."""
    if known is None:
        return Verdict(Known(since=now, told_at=now), tell=True)
    known = _believed(known, now)
    if known.over:
        known = replace(known, since=now, over=False, held_back=known.held_back + 1)
    known = replace(known, well_at=None)
    if known.told or _quiet(known, now, quiet):
        return Verdict(known)
    return _told(known, now)


def missed(known: Known, event: Event, now: datetime, quiet: timedelta) -> Verdict:
    """Return the verdict on something that lasted and is not found wrong any more."""
    known = _believed(known, now)
    if known.over:
        return Verdict(known if _quiet(known, now, quiet) else None)
    if known.well_at is None:
        return Verdict(replace(known, well_at=now))
    if now - known.well_at < timedelta(seconds=limits.ALERT_SETTLE_SECONDS):
        return Verdict(known)
    return Verdict(replace(known, over=True), recovered=known.told and event in _RECOVER)


def happened(known: Known | None, times: int, now: datetime, quiet: timedelta) -> Verdict:
    """Return the verdict on something that happened so many `times` since the last look (perhaps 0)."""
    if known is None:
        return Verdict(Known(since=now, told_at=now), tell=True, times=times if times > 1 else 0)
    known = _believed(known, now)
    known = replace(known, held_back=known.held_back + times)
    if _quiet(known, now, quiet):
        return Verdict(known)
    return _told(known, now) if known.held_back else Verdict(None)


def next_look(known: Known, now: datetime, quiet: timedelta) -> float | None:
    """Return in how many seconds something would have to be told although nothing new is found, None when nothing."""
    moments = []
    if known.well_at and not known.over:
        moments.append(known.well_at + timedelta(seconds=limits.ALERT_SETTLE_SECONDS))
    if known.held_back and not known.over and known.told_at:
        moments.append(known.told_at + quiet)
    return max((min(moments) - now).total_seconds(), 0.0) if moments else None


def _told(known: Known, now: datetime) -> Verdict:
    times = known.held_back
    return Verdict(replace(known, told_at=now, held_back=0), tell=True, times=times if times > 1 else 0)


def _quiet(known: Known, now: datetime, quiet: timedelta) -> bool:
    return known.told_at is not None and now < known.told_at + quiet


def _believed(known: Known, now: datetime) -> Known:
    """Return `known` with each moment that lies far ahead, because the clock was set back since, as a moment ago: else
    nothing would be told of it until then."""
    latest = now + timedelta(seconds=limits.SHARED_AHEAD_SECONDS)
    moments = {name: getattr(known, name) for name in ("since", "well_at", "told_at")}
    ago: dict[str, Any] = {name: now - timedelta(seconds=1) for name, at in moments.items() if at and at > latest}
    return replace(known, **ago) if ago else known

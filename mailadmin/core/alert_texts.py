"""What an alert says: from the facts of an incident to its title, text, remedy and owner (pure).

Alerts leave the house, so that they name no address of a message: whatever looks like one is taken out, except in the
name that an administrator gave the thing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from . import limits
from .alerts import Event
from .dates import day_and_time
from .knowledge import entry_of
from .redact import clean
from .texts import _, ngettext

_ADDRESS = re.compile(r"[^\s<>]*@[^\s<>]*")  # rather more than too little: a quoted local part may hold anything
_TITLE_CHARS = 255  # as many as the column takes


@dataclass(frozen=True)
class Facts:
    """What there is to say of an incident: texts for a person, the `name` of what it is about, the `code` of its
    knowledge entry, the route that must not carry the alert ("" for none), and the `path` of the page that helps."""

    title: str
    text: str = ""
    name: str = ""
    code: str = ""
    route_kind: str = ""
    route_id: str = ""
    path: str = ""

    def as_data(self) -> dict[str, str]:
        """Return the facts as a mapping for JSON."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Facts:
        """Return the facts that `as_data` wrote; what is missing is empty."""
        return cls(**{name: str(data.get(name, "")) for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Telling:
    """One thing to tell. `times` is how often it happened since `since`, 0 where that is not worth a word."""

    event: Event
    key: str
    facts: Facts
    since: datetime
    times: int = 0


@dataclass(frozen=True)
class Words:
    """The alert in words; `remedy` holds sentences, `owner` says whose job it is."""

    event: Event
    title: str
    text: str = ""
    key: str = ""
    remedy: tuple[str, ...] = ()
    owner: str = ""
    facts: Facts = Facts("")


def grouped(tellings: Sequence[Telling], path: str) -> list[Words]:
    """Return the alerts for what is to be told now: one for each, or one list where many of a kind came together.
    `path` is the page that shows all of them."""
    found: list[Words] = []
    for event in dict.fromkeys(telling.event for telling in tellings):
        same = [telling for telling in tellings if telling.event is event]
        found += [_listed(event, same, path)] if len(same) > limits.ALERT_APART else [words(one) for one in same]
    return found


def words(telling: Telling) -> Words:
    """Return one thing to tell in words."""
    facts = telling.facts
    title, text = _safe(facts.title, facts.name), _safe(facts.text, facts.name)
    when = day_and_time(telling.since)
    if telling.event is Event.RECOVERED:
        over = _("“{name}” is no longer failing.") if facts.name else _("This is over: {title}")
        title = over.format(name=facts.name, title=title)
        return Words(
            telling.event, _cut(title), _("It had been so since {when}.").format(when=when), telling.key, facts=facts
        )
    if telling.times:
        often = ngettext(
            "It happened {times} time since {when}.", "It happened {times} times since {when}.", telling.times
        )
        text = f"{text} {often.format(times=telling.times, when=when)}".strip()
    remedy, owner = advice(facts.code)
    return Words(telling.event, _cut(title), text, telling.key, remedy, owner, facts)


def advice(code: str) -> tuple[tuple[str, ...], str]:
    """Return the remedy and the owner that the knowledge base has for `code`, nothing for an unknown one."""
    entry = entry_of(code)
    if entry is None:
        return (), ""
    known = entry.explained()
    return known.remedy, known.owner.label


def _listed(event: Event, tellings: Sequence[Telling], path: str) -> Words:
    lines = [f"• {words(one).title}" for one in tellings[: limits.ALERT_LISTED]]
    if more := len(tellings) - len(lines):
        lines.append(_("… and {more} more.").format(more=more))
    title = _("{event}: {number} at once").format(event=event.label, number=len(tellings))
    facts = Facts(title, name=_("{number} at once").format(number=len(tellings)), path=path)
    return Words(event, title, "\n".join(lines), facts=facts)


def _safe(text: str, name: str) -> str:
    """Return `text` as one line without addresses, except where it says `name`."""
    line = clean(text, limit=limits.ALERT_TEXT_CHARS)
    return name.join(_ADDRESS.sub(_("(an address)"), part) for part in (line.split(name) if name else [line]))


def _cut(title: str) -> str:
    return title if len(title) <= _TITLE_CHARS else f"{title[: _TITLE_CHARS - 1]}…"


def example(environment: str) -> Words:
    """Return an alert to look at: what the preview shows, and what a channel is tried with."""
    text = _("Somebody pressed “Send a test alert” in the mail console. Nothing is wrong.")
    if environment:
        text = _("Somebody pressed “Send a test alert” in the mail console of “{environment}”. Nothing is wrong.")
    return replace(
        Words(Event.TEST, _("This is a test alert.")),
        text=text.format(environment=environment),
        remedy=(_("Nothing is to be done: this channel works."),),
        facts=Facts(_("This is a test alert.")),
    )

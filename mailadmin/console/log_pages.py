"""Pages of the delivery log, by the place where they begin and end and not by their number: the thousandth costs as
much as the first, nothing is counted, and a message that arrives moves no other one to another page."""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from django.db.models import Case, Q, QuerySet, When
from django.http import QueryDict

from mailadmin.core import limits
from mailadmin.delivery import log_text, trigrams
from mailadmin.models import Delivery, LogText

_MARK = re.compile(r"([tn])([0-9a-f]{1,16})\.([0-9a-f]{32})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST = (datetime(9000, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND  # a later place is none
NOBODY = UUID(int=0)  # of a place without a message
_PROBE = 200  # rows that tell how rare a filter is


@dataclass(frozen=True, order=True)
class Mark:
    """The place of a message in the order of a source: `place` is microseconds since 1970, or the number of a text."""

    place: int
    delivery: UUID

    @classmethod
    def of(cls, at: datetime, delivery: UUID) -> Mark:
        """Return the place of a message by its time."""
        return cls((at - _EPOCH) // _MICROSECOND, delivery)

    def text(self, letter: str) -> str:
        """Return the place as it stands in an address, for a source with `letter`."""
        return f"{letter}{self.place:x}.{self.delivery.hex}"

    @property
    def at(self) -> datetime:
        """Return the time of a place that is one."""
        return _EPOCH + self.place * _MICROSECOND


class Source(Protocol):
    """Messages in an order that an index has. `letter` tells its marks from those of other sources."""

    @property
    def letter(self) -> str:
        """Return the letter."""

    def read(self, border: Mark | None, newer: bool, most: int) -> tuple[list[Mark], Mark | None]:
        """Return about `most` messages beyond `border` (the newest first; with `newer` the oldest first), and the place
        up to which all were looked at, None when these are all."""

    def time_of(self, border: Mark) -> datetime | None:
        """Return the time of the messages at `border`."""


@dataclass(frozen=True)
class Part:
    """Rows whose messages an index has in the order of the log; `at` and `delivery` name their columns."""

    rows: QuerySet[Any]
    at: str = "created_at"
    delivery: str = "pk"

    def read(self, border: Mark | None, newer: bool, most: int) -> list[Mark]:
        """Return the first `most` of them beyond `border`."""
        rows = self.rows
        if border is not None:
            beyond = "gt" if newer else "lt"
            tie = Q(**{f"{self.at}__{beyond}": border.at}) | Q(**{f"{self.delivery}__{beyond}": border.delivery})
            rows = rows.filter(tie, **{f"{self.at}__{beyond}e": border.at})
        sign = "" if newer else "-"
        ordered = rows.order_by(f"{sign}{self.at}", f"{sign}{self.delivery}")
        found = ordered.values_list(self.at, self.delivery)[:most]
        return [Mark.of(at, key) for at, key in found]

    def reach(self) -> datetime:
        """Return how far back the first rows reach: the farther, the rarer they are."""
        found = self.rows.order_by(f"-{self.at}").values_list(self.at, flat=True)[_PROBE - 1 : _PROBE]
        return found[0] if found else _EPOCH


@dataclass(frozen=True)
class ByTime:
    """The messages of several parts, in the order of their time."""

    parts: Sequence[Part]
    letter: str = "t"

    def read(self, border: Mark | None, newer: bool, most: int) -> tuple[list[Mark], Mark | None]:
        """As Source says."""
        found = list(heapq.merge(*(part.read(border, newer, most) for part in self.parts), reverse=not newer))
        shown = found[:most]
        return list(dict.fromkeys(shown)), shown[-1] if len(found) >= most else None

    def time_of(self, border: Mark) -> datetime | None:
        """As Source says."""
        return border.at

    def reach(self) -> datetime:
        """Return how far back the first messages reach."""
        return max(part.reach() for part in self.parts)


@dataclass(frozen=True)
class ByText:
    """The messages whose text contains `folded`, in the order of the texts, which is nearly that of the log."""

    folded: str
    letter: str = "n"

    def read(self, border: Mark | None, newer: bool, most: int) -> tuple[list[Mark], Mark | None]:
        """As Source says."""
        number = border.place if border else None
        places, end = trigrams.find(self.folded, number, newer, most, log_text.alias())
        return [Mark(place.number, place.delivery) for place in places], None if end is None else Mark(end, NOBODY)

    def time_of(self, border: Mark) -> datetime | None:
        """As Source says."""
        return LogText.objects.filter(pk=border.place).values_list("delivery__created_at", flat=True).first()


@dataclass(frozen=True)
class Page:
    """A page of messages, and where the next ones begin: `older` and `newer` stand in addresses, "" where there are
    none. `looked_back` is set when time was over before the page was full: older ones than that were not looked at."""

    deliveries: list[UUID]
    older: str = ""
    newer: str = ""
    looked_back: datetime | None = None


def page(source: Source, wanted: Q | None, older: str = "", newer: str = "") -> Page:
    """Return the messages of `source` that fit `wanted` (None: all do), from where another page ended or began. What
    is no such place, or one of another view, gives the first page."""
    border, backwards = _mark(newer or older, source), bool(newer)
    if border is None:
        backwards = False
    found, end, in_time = _look(source, wanted, border, backwards)
    shown = found[: limits.PAGE_ROWS]
    more = len(found) > len(shown) or not in_time
    if backwards:
        if not more:
            return page(source, wanted)  # the newest ones, as many as there are
        shown.reverse()
    first, last = (shown[0], shown[-1]) if shown else (border, end)
    beyond = last if len(found) > limits.PAGE_ROWS or backwards else end
    return Page(
        deliveries=[mark.delivery for mark in shown],
        older=_text(beyond, source) if more or backwards else "",
        newer=_text(first, source) if border else "",
        looked_back=source.time_of(end) if end and not in_time and not backwards else None,
    )


def without_place(address: QueryDict) -> str:
    """Return the filters that stand in `address`, as they are written in one, without the place of a page."""
    filters = address.copy()
    for name in ("older", "newer"):
        filters.pop(name, None)
    return filters.urlencode()


def everything(source: Source, wanted: Q | None) -> Iterator[list[UUID]]:
    """Yield all messages of `source` that fit `wanted`, some at a time."""
    border: Mark | None = None
    while True:
        marks, border = source.read(border, False, limits.EXPORT_ROWS)
        if found := _fitting(marks, wanted):
            yield [mark.delivery for mark in found]
        if border is None:
            return


def _look(source: Source, wanted: Q | None, border: Mark | None, newer: bool) -> tuple[list[Mark], Mark | None, bool]:
    """Return more messages than a page has, or as many as there are, or as were found in time; then the place up to
    which all were looked at (None: these are all), and whether there was time enough."""
    until = time.monotonic() + limits.LOG_PAGE_SECONDS
    found: list[Mark] = []
    step = limits.PAGE_ROWS + 1
    while True:
        marks, border = source.read(border, newer, step)
        found += _fitting(marks, wanted)
        if border is None or len(found) > limits.PAGE_ROWS:
            return found, border, True
        if time.monotonic() > until:
            return found, border, False
        step = min(8 * step, limits.LOG_LOOK_ROWS)


def _fitting(marks: list[Mark], wanted: Q | None) -> list[Mark]:
    if wanted is None or not marks:
        return marks
    # Asked for as a value, not as a condition: a database without statistics would take another index for it than the
    # one of the few rows, and read a hundred thousand.
    fits = Case(When(wanted, then=True), default=False)
    rows = Delivery.objects.filter(pk__in=[mark.delivery for mark in marks]).order_by().values_list("pk", fits)
    fit = {key for key, fitting in rows if fitting}
    return [mark for mark in marks if mark.delivery in fit]


def _text(mark: Mark | None, source: Source) -> str:
    return mark.text(source.letter) if mark else ""


def _mark(text: str, source: Source) -> Mark | None:
    """Return the place that `text` names in `source`, None when it names none."""
    found = _MARK.fullmatch(text)
    if not found or found[1] != source.letter:
        return None
    mark = Mark(int(found[2], 16), UUID(found[3]))
    return mark if mark.place <= _LATEST else None

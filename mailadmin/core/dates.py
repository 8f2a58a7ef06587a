"""Days and moments, as a person reads them, in the language of the texts (pure)."""

from __future__ import annotations

from datetime import date, datetime

from .texts import N_, _

_MONTHS = (
    *(N_("Jan"), N_("Feb"), N_("Mar"), N_("Apr"), N_("May"), N_("Jun")),
    *(N_("Jul"), N_("Aug"), N_("Sep"), N_("Oct"), N_("Nov"), N_("Dec")),
)


def day(moment: date, *, wide: bool = False) -> str:
    """Return a date such as "3 Nov 2026"; `wide` gives each the same width, "03 Nov 2026"."""
    number = f"{moment.day:02}" if wide else str(moment.day)
    return _("{day} {month} {year}").format(day=number, month=_(_MONTHS[moment.month - 1]), year=moment.year)


def day_of_the_year(moment: date) -> str:
    """Return a date without its year, such as "03 Nov"."""
    return _("{day} {month}").format(day=f"{moment.day:02}", month=_(_MONTHS[moment.month - 1]))


def day_and_time(moment: datetime) -> str:
    """Return a moment such as "03 Nov 2026 09:05 UTC", in its own time zone; a naive one names none."""
    return f"{day(moment, wide=True)} {moment:%H:%M %Z}".rstrip()

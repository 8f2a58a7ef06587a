"""Days and moments as people read them, in English and in another language."""

from __future__ import annotations

from datetime import UTC, date, datetime

from mailadmin.core import texts
from mailadmin.core.dates import day, day_and_time, day_of_the_year


def test_days_are_written_as_people_read_them() -> None:
    assert day(date(2026, 11, 3)) == "3 Nov 2026"
    assert day(date(2026, 11, 3), wide=True) == "03 Nov 2026"
    assert day_of_the_year(date(2026, 5, 3)) == "03 May"
    assert day_and_time(datetime(2026, 11, 3, 9, 5, tzinfo=UTC)) == "03 Nov 2026 09:05 UTC"
    assert day_and_time(datetime(2026, 11, 3, 9, 5)) == "03 Nov 2026 09:05"  # noqa: DTZ001 -- a naive one


def test_p11_a_language_orders_the_parts_of_a_day_and_names_its_months() -> None:
    german = {"Nov": "Nov.", "{day} {month} {year}": "{day}. {month} {year}"}
    before = texts._translate, texts._translate_count, texts._carry
    texts.install(lambda text: german.get(text, text), before[1])
    try:
        assert day(date(2026, 11, 3)) == "3. Nov. 2026"
    finally:
        texts.install(*before)

"""Why a message waits: the rule for one row and the condition for a query say the same, for every entry."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from mailadmin.models import OutboxEntry
from mailadmin.watch.waiting import Surroundings, Why, in_case, lasting, moment, what_next, why
from tests.console.waiting_rows import waiting

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def entry(**values: object) -> OutboxEntry:
    given = {"due_at": NOON + timedelta(minutes=4), "give_up_at": NOON + timedelta(hours=48)} | values
    return OutboxEntry(**given)  # type: ignore[arg-type]  # the columns' own types


def said(around: Surroundings | None = None, **values: object) -> str:
    return what_next(entry(**values), around or Surroundings(NOON))


@pytest.mark.django_db
def test_p7_the_rule_for_a_row_and_the_condition_for_a_query_say_the_same() -> None:
    """P7. Each entry waits for exactly one reason, however its columns stand."""
    columns = itertools.product(
        OutboxEntry.Shelf.values, (-60, 60), (None, uuid.uuid4()), (0, 2), ("", "Busy."), (False, True), (None, -5, 90)
    )
    for shelf, due, claim, tries, because, for_route, unsure in columns:
        unsure_at = None if unsure is None else timezone.now() + timedelta(seconds=unsure)
        waiting(
            shelf=shelf, due_in=due, claim=claim, tries=tries, waits_because=because, waits_for_route=for_route,
            unsure_at=unsure_at,
        )  # fmt: skip
    now = timezone.now()
    rows = list(OutboxEntry.objects.all())
    assert {why(row, now) for row in rows} == set(Why)
    for reason in Why:
        found = set(OutboxEntry.objects.filter(in_case(reason, now)).values_list("pk", flat=True))
        assert found == {row.pk for row in rows if why(row, now) is reason}, reason


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"tries": 2, "waits_because": "Busy."},
            "It is tried again at {4} (in about 4 minutes), try 3. It is given up on 23 Nov at ",
        ),
        ({"due_at": NOON}, "It is due now."),
        ({}, "It is sent at {4} (in about 4 minutes)."),
        ({"expires_at": NOON + timedelta(minutes=9)}, "It expires at {9} (in about 9 minutes)."),
        ({"waits_for_route": True}, "It waits for a route, and is looked at again at {4}"),
        ({"unsure_at": NOON + timedelta(minutes=4)}, "It is sent once more at {4} (in about 4 minutes), by the same"),
        ({"claim": uuid.uuid4(), "worker": "mail1:77"}, "The worker mail1:77 is sending it now."),
        ({"claim": uuid.uuid4(), "worker": "mail1:77", "due_at": NOON}, "The worker mail1:77 was lost while it had it"),
        ({"shelf": "paused", "label": "news"}, "It waits until the label “news” is resumed."),
        ({"shelf": "unsure"}, "Nothing happens until somebody decides whether it arrived."),
        ({"shelf": "crashed"}, "Nothing happens until somebody releases or cancels it."),
    ],
)
def test_the_next_step_is_told_in_a_sentence(values: dict[str, object], sentence: str) -> None:
    at = {n: f"{timezone.localtime(NOON + timedelta(minutes=n)):%H:%M}" for n in (4, 9)}
    for minutes, time in at.items():
        sentence = sentence.replace(f"{{{minutes}}}", time)
    assert sentence in said(**values)


def test_what_stops_everything_is_told_first() -> None:
    assert said(Surroundings(NOON, held="All mail is held.")) == "It waits: All mail is held."
    assert said(Surroundings(NOON, worker=False), due_at=NOON) == "It is due now. But no worker runs."
    assert "decides" in said(Surroundings(NOON, held="All mail is held."), shelf="unsure")


def test_moments_and_spans_are_told_as_people_say_them() -> None:
    assert moment(NOON + timedelta(seconds=20), NOON).endswith("(in about 1 minute)")
    assert moment(NOON + timedelta(days=2), NOON).startswith("on 23 Nov at ")
    assert [lasting(seconds) for seconds in (0, 1, 59, 60, 3600, 7300, 90_000, 200_000)] == [
        *("0 seconds", "1 second", "59 seconds", "1 minute", "1 hour", "2 hours", "1 day", "2 days")
    ]

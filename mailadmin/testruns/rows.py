"""The rows of a test and its steps: written before it runs, step by step while it does, and read back as values."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connections, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mailadmin.core import limits
from mailadmin.core.report import Step, StepState, as_text
from mailadmin.models import ConnectionTest, ConnectionTestStep

from .ladders import Subject, kind_and_id, name_of, plan, target
from .values import digest_of, values_of

logger = logging.getLogger("mailadmin.tests")

_STEP_COLUMNS = [column.name for column in fields(Step)]


def write(
    subject: Subject,
    user: Any,
    recipient: str,
    saved_values: bool,
    *,
    scheduled: bool = False,
    batch: UUID | None = None,
    asker: str = "",
) -> ConnectionTest:
    """Write the row of a test that is about to run, with its waiting steps and what it is made with, and return it.
    `batch` is the same for tests that were started together; `asker` names who asked where that is no user."""
    kind, row_id = kind_and_id(subject)
    with transaction.atomic():
        test = ConnectionTest.objects.create(
            kind=kind,
            route_id=row_id or None,
            name=name_of(subject),
            target=target(subject)[:320],
            recipient=recipient,
            saved_values=saved_values,
            asked_by=user,
            asked_by_name=user.get_username() if user else asker,
            scheduled=scheduled,
            batch=batch,
            values=values_of(subject),
            digest=digest_of(subject),
        )
        ConnectionTestStep.objects.bulk_create(
            ConnectionTestStep(test=test, place=place, key=key, title=title)
            for place, (key, title) in enumerate(plan(subject))
        )
    return test


def write_step(test: ConnectionTest, place: int, step: Step) -> None:
    """Write the step of `test` at `place` (from 0) as it is now."""
    ConnectionTestStep.objects.filter(test=test, place=place).update(**asdict(step))


def finish_test(test: ConnectionTest, state: str, text: str) -> None:
    """Write that `test` has ended, in which state, and its verdict."""
    now = timezone.now()
    ConnectionTest.objects.filter(pk=test.pk).update(state=state, verdict=text, beat_at=now, finished_at=now)


def steps_of(test: ConnectionTest) -> list[Step]:
    """Return the steps of `test` as values."""
    return steps_of_all([test])[test.pk]


def steps_of_all(tests: Sequence[ConnectionTest]) -> dict[UUID, list[Step]]:
    """Return the steps of each of `tests` by its number. One statement."""
    found: dict[UUID, list[Step]] = {test.pk: [] for test in tests}
    rows = ConnectionTestStep.objects.filter(test__in=found).order_by("place").values("test_id", *_STEP_COLUMNS)
    for row in rows:
        found[row.pop("test_id")].append(Step(**{**row, "state": StepState(row["state"])}))
    for test in tests:
        if test.shown_state == ConnectionTest.State.INTERRUPTED:
            _break_off(found[test.pk])
    return found


def _break_off(steps: Sequence[Step]) -> None:
    """Let what ran or waited when the process ended show as not run."""
    for step in steps:
        if step.state is StepState.RUNNING:
            step.fact = _("The test was interrupted here.")
        if not step.state.done:
            step.state = StepState.NOT_RUN


def report(test: ConnectionTest, steps: list[Step]) -> str:
    """Return the report to copy. It holds no secret."""
    when = f"{test.started_at:%Y-%m-%d %H:%M:%S} UTC"
    heading = _("Test of {name} ({target}) on {when}: {state}")
    return as_text(heading.format(name=test.name, target=test.target, when=when, state=test.shown_label), steps)


@contextmanager
def beating(tests: models.QuerySet[ConnectionTest], name: str) -> Iterator[None]:
    """Show every few seconds that `tests` live: one step may take as long as its time-out. `name` is for the log."""
    ended = threading.Event()
    beat = threading.Thread(target=_beat, args=(tests, name, ended), name=f"beat of {name}", daemon=True)
    beat.start()
    try:
        yield
    finally:
        ended.set()
        beat.join()


def _beat(tests: models.QuerySet[ConnectionTest], name: str, ended: threading.Event) -> None:
    while not ended.wait(limits.TEST_BEAT_SECONDS):
        try:
            tests.update(beat_at=timezone.now())
        except DatabaseError as error:  # one missed beat does no harm
            logger.warning("Connection %s could not be kept alive: %s", name, error)
    connections.close_all()

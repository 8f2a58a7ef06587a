""" "Test all": tests of every enabled route at once, a few at a time, in threads of this process."""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mailadmin.core import limits
from mailadmin.core.redact import clean
from mailadmin.core.texts import carried
from mailadmin.models import ConnectionTest

from .ladders import SERVICE, Subject
from .rows import beating, finish_test, write
from .runs import run_in_thread
from .subjects import Row, rows_to_test, subject_of_row

Work = tuple[ConnectionTest, Subject]


class NothingToTest(Exception):
    """No route is enabled and no integrated service exists; the text is a sentence."""


class StillRunning(Exception):
    """The user's last "Test all" has not ended; `batch` is its number."""

    def __init__(self, batch: uuid.UUID) -> None:
        super().__init__(_("Your test of all connections still runs; stop it, or wait until it has ended."))
        self.batch = batch


def start_all(user: Any, recipient: str = "") -> uuid.UUID:
    """Write a test for each enabled route, and for each integrated service that none of them uses, start them on
    commit, and return the number that they share.

    With a `recipient` each route sends a real message. Raises StillRunning and NothingToTest.
    """
    with transaction.atomic():
        _refuse_second(user)
        rows = rows_to_test()
        if not rows:
            raise NothingToTest(_("There is nothing to test: no connection is switched on and no service exists."))
        batch = uuid.uuid4()
        work = [written for row in rows if (written := _written(row, user, recipient, batch))]
        thread = threading.Thread(target=carried(_walk_all), args=(batch, work), name=f"tests-{batch}", daemon=True)
        transaction.on_commit(thread.start)
    return batch


def stop_all(batch: uuid.UUID) -> int:
    """Ask the tests of `batch` that have not ended to stop; return how many those are."""
    return running(batch).update(cancel_requested=True)


def running(batch: uuid.UUID) -> models.QuerySet[ConnectionTest]:
    """Return the tests of `batch` that have not ended, as a query."""
    return ConnectionTest.objects.filter(batch=batch, state=ConnectionTest.State.RUNNING)


def _refuse_second(user: Any) -> None:
    """Raise StillRunning when a batch of `user` lives."""
    if user is None:
        return
    # The lock makes two requests of one user come one after the other.
    get_user_model()._default_manager.select_for_update().filter(pk=user.pk).first()
    alive = timezone.now() - timedelta(seconds=limits.TEST_LOST_SECONDS)
    mine = ConnectionTest.objects.filter(asked_by=user, batch__isnull=False, beat_at__gt=alive)
    test = mine.filter(state=ConnectionTest.State.RUNNING).only("batch").first()
    if test and test.batch:
        raise StillRunning(test.batch)


def _written(row: Row, user: Any, recipient: str, batch: uuid.UUID) -> Work | None:
    """Write the test of `row`; one whose settings cannot even be read has failed already."""
    try:
        subject = subject_of_row(row)
    except Exception as error:  # whatever is wrong with a row, the others are tested
        test = ConnectionTest.objects.create(
            kind=getattr(row, "kind", SERVICE),
            route_id=row.pk,
            name=row.name,
            asked_by=user,
            asked_by_name=user.get_username() if user else "",
            batch=batch,
        )
        reason = _("Its settings cannot be used: {reason} Open it in the console and correct it.")
        finish_test(test, ConnectionTest.State.FAILED, reason.format(reason=clean(str(error))))
        return None
    return write(subject, user, recipient, True, batch=batch), subject


def _walk_all(batch: uuid.UUID, work: Sequence[Work]) -> None:
    """Run the tests, `TEST_ALL_AT_ONCE` at a time; those that wait show that they live."""
    waiting: queue.SimpleQueue[Work] = queue.SimpleQueue()
    for one in work:
        waiting.put(one)
    # Daemons, so that a stopping server does not wait for them.
    threads = [
        threading.Thread(target=carried(_walk_waiting), args=(waiting,), name=f"tests-{batch}-{number}", daemon=True)
        for number in range(min(limits.TEST_ALL_AT_ONCE, len(work)))
    ]
    try:
        with beating(running(batch), f"tests {batch}"):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        connections.close_all()


def _walk_waiting(waiting: queue.SimpleQueue[Work]) -> None:
    while True:
        try:
            test, subject = waiting.get_nowait()
        except queue.Empty:
            return
        test.started_at = timezone.now()  # its time is counted without the wait for its turn
        run_in_thread(test, subject)

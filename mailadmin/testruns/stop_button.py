"""The Stop button of a running test: its press is a column of the row, for it may come to any process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connections

from mailadmin.core import limits
from mailadmin.models import ConnectionTest

logger = logging.getLogger("mailadmin.tests")


@contextmanager
def stoppable(test: ConnectionTest, stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop`, once and from another thread, when somebody presses Stop for `test` while the block runs."""
    ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(test, stop, ended), name=f"stop-{test.pk}", daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()
        watch.join()


def _watch(test: ConnectionTest, stop: Callable[[], None], ended: threading.Event) -> None:
    asked_to_stop = ConnectionTest.objects.filter(pk=test.pk, cancel_requested=True)
    while not ended.wait(limits.TEST_STOP_SECONDS):
        try:
            if asked_to_stop.exists():
                stop()
                break
        except DatabaseError as error:  # it looks again, and the next step looks too
            logger.warning("Connection test %s could not see whether it was stopped: %s", test.pk, error)
    connections.close_all()

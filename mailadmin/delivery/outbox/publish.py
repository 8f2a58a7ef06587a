"""Handing the ids of committed messages to Celery, or to Django's tasks, which spread the work.

It is done in a thread of its own, because a broker that does not answer must hold up nobody's commit, and best effort:
the sweep finds whatever was not handed over.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Collection
from functools import cache
from typing import Any
from uuid import UUID

from django.db import close_old_connections

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.core.texts import _
from mailadmin.delivery.telling import tell

from .roster import own_name

CELERY, TASKS = "celery", "tasks"
DELIVER, SWEEP, WATCH = "mailadmin.deliver", "mailadmin.sweep", "mailadmin.watch"  # the names of Celery's tasks


class Publisher:
    """Calls `hand_over` for one id after the other. After a failure everything is dropped for a while."""

    def __init__(self, hand_over: Callable[[UUID], object]) -> None:
        self._hand_over = hand_over
        self._ids: queue.Queue[UUID] = queue.Queue(limits.WAKE_IDS)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._again_at = 0.0

    def put(self, delivery_ids: Collection[UUID]) -> None:
        """Hand these over soon; those for which there is no room are dropped."""
        if time.monotonic() < self._again_at:
            return
        with contextlib.suppress(queue.Full):
            for one in delivery_ids:
                self._ids.put_nowait(one)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mailadmin-publisher", daemon=True)
                self._thread.start()
                atexit.register(self._last_words)

    def _run(self) -> None:
        while True:
            one = self._ids.get()
            try:
                if time.monotonic() >= self._again_at:
                    self._hand_over(one)
            except Exception as error:  # of any type: each broker has its own
                self._again_at = time.monotonic() + limits.WAKE_RETRY_SECONDS
                tell(logging.WARNING, "The task queue cannot be reached (%s); the sweep does it.", type(error).__name__)
            finally:
                self._ids.task_done()
                if self._ids.empty():
                    close_old_connections()

    def _last_words(self) -> None:
        """At the end of the process: wait a moment for what is not handed over yet."""
        until = time.monotonic() + limits.WAKE_LAST_SECONDS
        while self._ids.unfinished_tasks and time.monotonic() < until:
            time.sleep(0.01)


def publish(way: str, delivery_ids: Collection[UUID]) -> None:
    """Hand `delivery_ids` to CELERY or TASKS, soon. Raises ConfigurationError for any other `way`."""
    _publisher(way).put(delivery_ids)


@cache
def _publisher(way: str) -> Publisher:
    if way == CELERY:
        return Publisher(_to_celery)
    if way == TASKS:
        return Publisher(_to_tasks)
    raise conf.ConfigurationError(_('MAILADMIN["QUEUE_WAKE"] must be "", "celery" or "tasks".'))


_celery_app: Any = None


def remember_celery() -> None:
    """Keep the Celery app of the project, in the thread that has made it: to other threads Celery may show another one.
    Does nothing where Celery is not asked for or not installed."""
    global _celery_app
    with contextlib.suppress(conf.ConfigurationError, ImportError, TypeError):  # the system checks say so
        if conf.setting("QUEUE_WAKE") == CELERY:
            from celery import current_app

            _celery_app = current_app._get_current_object()


def _to_celery(delivery_id: UUID) -> None:
    from celery import current_app

    app = _celery_app or current_app
    if app.conf.task_always_eager:  # there are no workers: what is sent by its name would ask a broker all the same
        from .one import deliver_one

        deliver_one(delivery_id, own_name())
        return
    # Once more, on a new connection: the one that was kept may have been cut unseen.
    policy = {"max_retries": 1, "interval_start": 0, "interval_max": 0}
    app.send_task(DELIVER, args=[str(delivery_id)], retry=True, retry_policy=policy, ignore_result=True)


def _to_tasks(delivery_id: UUID) -> None:
    from .django_tasks import deliver

    deliver.enqueue(str(delivery_id))


os.register_at_fork(after_in_child=_publisher.cache_clear)

"""Tests of every enabled route by themselves, at an interval, and what else is done now and then: alerts, Done
events, and reading the DNS of sender domains again.

Whoever has the time calls `tick`: a worker's process, Celery's sweep, cron. One process of the installation at a time
does it. A test is a real one as far as the sender; nothing is sent. What it says of the route is noted as what a
message says (`delivery.health.tested`): a refused password stops the route before a message is lost by it, and a good
test lets one be used again, but never one that a person paused. Tests go on while mail is held by the switch, because
it will be sent again. While the guard objects there are none, and no alerts and events: a copy of the database must not
sign in to the accounts of the original, nor speak in its name.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from django.db import connections
from django.db.models import Max
from django.utils import timezone

from mailadmin import testruns
from mailadmin.core import limits
from mailadmin.core.settings import Route, RouteKey, RouteKind
from mailadmin.delivery import routes
from mailadmin.delivery.telling import tell
from mailadmin.language import in_site_language
from mailadmin.models import ConnectionTest, OAuthService, RouteState, Settings, SmtpConnection
from mailadmin.transports.shared import NotNow, Pace, shared

from . import done
from .alerts import look
from .sender_domains import refresh_due
from .slots import Standing, due

# A little less than the time between two looks of one process, so that its own next look is not too early.
_PACE = Pace(0.9 * limits.PROBE_LOOK_SECONDS, 1)
_NAME = "mailadmin:watch"


@in_site_language
def tick() -> None:
    """Do what is due, unless another process of the installation does it, or has done it within the minute. Never
    raises: what fails now is done the next time."""
    try:
        shared().book(_NAME, _PACE, 0)
        # The place has an end of its own, which a long look may outlast; a test that has begun is not due again.
        with shared().lease(_NAME, 1, limits.WATCH_LEASE_SECONDS):
            _look_after()
    except NotNow:
        return
    except Exception as error:  # of any type, as in `_quietly`
        _complain(error)


@contextmanager
def watching() -> Iterator[None]:
    """Look after the schedule in a thread of its own while the block runs; its end waits only a moment for a test."""
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(over,), name="mailadmin-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(limits.TEST_END_SECONDS)


def due_routes(snapshot: routes.Snapshot) -> list[Route]:
    """Return the enabled routes that are to be tested now, in their order. Four statements, none where the schedule is
    off. Raises what the database raises."""
    interval = 60.0 * Settings.load().probe_minutes
    if not interval:
        return []
    now = timezone.now()
    standings = _standings(now)
    return [
        route
        for route in snapshot.routes
        if route.key in standings and due(route.key, standings[route.key], interval, now.timestamp())
    ]


def forget_old_tests() -> int:
    """Delete scheduled tests of each route that passed, but for the latest limits.PROBES_KEPT, and return how many
    those were. Raises what the database raises."""
    good = (ConnectionTest.State.OK, ConnectionTest.State.WARNING, ConnectionTest.State.NOT_PROVEN)
    passed = ConnectionTest.objects.filter(scheduled=True, state__in=good)
    deleted = 0
    for route_id in passed.order_by().values_list("route_id", flat=True).distinct():
        tests = passed.filter(route_id=route_id).order_by("-started_at").values_list("pk", flat=True)
        old = list(tests[limits.PROBES_KEPT : limits.PROBES_KEPT + limits.PRUNE_ROWS])
        if old:
            ConnectionTest.objects.filter(pk__in=old).delete()
            deleted += len(old)
    return deleted


def _watch(over: threading.Event) -> None:
    while not over.is_set():
        tick()
        connections.close_all()  # the next look is far away, or there is none
        over.wait(limits.PROBE_LOOK_SECONDS)


def _look_after() -> None:
    snapshot = routes.current()
    Settings.objects.filter(pk=1).update(watched_at=timezone.now())
    if snapshot.preferences.objection:
        return
    _quietly(lambda: _test_all(due_routes(snapshot)))
    _quietly(forget_old_tests)
    look()
    done.look()
    _quietly(refresh_due)


def _test_all(due_now: Sequence[Route]) -> None:
    """Test these, a few at a time. What is not begun within limits.PROBE_BEGIN_SECONDS waits for the next look."""
    todo: queue.SimpleQueue[Route] = queue.SimpleQueue()
    for route in due_now:
        todo.put(route)
    until = time.monotonic() + limits.PROBE_BEGIN_SECONDS
    threads = [
        # Daemons, so that the end of the process does not wait for a server.
        threading.Thread(target=_test_some, args=(todo, until), name=f"mailadmin-probe-{number}", daemon=True)
        for number in range(min(limits.TEST_ALL_AT_ONCE, len(due_now)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _test_some(todo: queue.SimpleQueue[Route], until: float) -> None:
    try:
        while time.monotonic() < until:
            route = todo.get_nowait()
            _quietly(partial(testruns.run_now, route, scheduled=True))
    except queue.Empty:
        return
    finally:
        connections.close_all()


def _standings(now: datetime) -> dict[RouteKey, Standing]:
    """Return what decides about each enabled route. Three statements, and one for the tests; those of a time that has
    not come (the clock was set back) do not count, or there would be none until then."""
    states = {state.key: state for state in RouteState.objects.all()}
    ahead = now + timedelta(seconds=limits.SHARED_AHEAD_SECONDS)
    latest = ConnectionTest.objects.filter(saved_values=True, route_id__isnull=False, started_at__lte=ahead).order_by()
    tested = dict(latest.values_list("route_id").annotate(at=Max("started_at")))
    found = {}
    for model in (OAuthService, SmtpConnection):
        for pk, changed_at in model._default_manager.filter(enabled=True).values_list("pk", "changed_at"):
            key = RouteKey(RouteKind(model.kind), str(pk))
            at, state = tested.get(pk), states.get(key)
            rests = state and state.failing and state.open_until
            found[key] = Standing(
                changed_at=changed_at.timestamp(),
                tested_at=at.timestamp() if at else None,
                paused=bool(state and state.paused),
                stopped_at=state.since.timestamp() if state and state.stopped else None,
                rests_until=rests.timestamp() if rests else None,
            )
    return found


def _quietly(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception as error:  # of any type: one of these must not keep the others from being done
        _complain(error)


def _complain(error: Exception) -> None:
    tell(logging.WARNING, "Looking after the connections failed in part (%s).", type(error).__name__)

"""Runs of Test Connection: a row with its steps, walked by a thread that starts when the row is committed.

Typed secrets stay in the memory of that thread. The page reads the rows, so it works under any server.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connections, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.keyring import CannotOpen
from mailadmin.core.report import Step, StepState, as_text, overall, verdict
from mailadmin.core.settings import OAuthRoute, Route, SmtpRoute
from mailadmin.delivery import health
from mailadmin.delivery.convert import test_mail
from mailadmin.models import ConnectionTest, ConnectionTestStep, RouteState, SmtpConnection
from mailadmin.probes.graph import GRAPH_PLAN, probe_graph
from mailadmin.probes.recorder import Cancelled, Recorder, fail
from mailadmin.probes.smtp import probe_smtp, smtp_plan

logger = logging.getLogger("mailadmin.tests")

State = ConnectionTest.State
_STEP_COLUMNS = [column.name for column in fields(Step)]
_BROKEN = "The test itself ended with an unexpected error. It is in the server's log, under the number of this test."


class TooManyTests(Exception):
    """The user started as many tests as one minute allows; the text is a sentence with the wait."""


def start(
    route: Route,
    *,
    user: Any,
    recipient: str = "",
    saved_values: bool = True,
    draft: Mapping[str, str] | None = None,
    session_key: str = "",
) -> ConnectionTest:
    """Write the test of `route` with its waiting steps, start it on commit, and return its row.

    With a `recipient` a real message is sent, without one the test stops before it. `draft` holds the
    typed values of an unsaved test; they are kept sealed for the browser session `session_key`. Raises
    TooManyTests when the user has to wait.
    """
    with transaction.atomic():
        _refuse_haste(user)
        ConnectionTest.forget_old_drafts()
        test = _write(route, user, recipient, saved_values)
        if draft is not None:
            test.draft, test.draft_session = _seal(test, draft), _session_digest(session_key)
            test.save(update_fields=["draft", "draft_session"])
        # A daemon, so that a stopping server does not wait; a test without a beat shows as interrupted.
        thread = threading.Thread(target=_in_thread, args=(test, route), name=f"test-{test.pk}", daemon=True)
        transaction.on_commit(thread.start)
    return test


def run_now(route: Route, *, recipient: str = "", saved_values: bool = True, user: Any = None) -> ConnectionTest:
    """Test `route` in the calling thread, without the limit per minute, and return the finished row."""
    test = _write(route, user, recipient, saved_values)
    _run(test, route)
    test.refresh_from_db()
    return test


def target(route: Route) -> str:
    """Return in a few words what is tested: "mail.example.org:587 · STARTTLS required"."""
    if isinstance(route, SmtpRoute):
        where = f"{route.host}:{route.effective_port} · {SmtpConnection.SecurityChoice(route.security).label}"
        proxy = route.proxy
    else:
        where = f"{route.identity} · {route.app.cloud.graph_host if route.app else 'no integrated service'}"
        proxy = route.app.proxy if route.app else None
    return f"{where} · through {proxy}" if proxy else where


def steps_of(test: ConnectionTest) -> list[Step]:
    """Return the steps of `test` as values."""
    rows = test.steps.values(*_STEP_COLUMNS)
    return [Step(**{**row, "state": StepState(row["state"])}) for row in rows]


def report(test: ConnectionTest, steps: list[Step]) -> str:
    """Return the report to copy. It holds no secret."""
    when = f"{test.started_at:%Y-%m-%d %H:%M:%S} UTC"
    heading = f"Test of {test.name} ({test.target}) on {when}: {test.shown_label}"
    return as_text(heading, steps)


@sensitive_variables("opened")
def open_draft(test: ConnectionTest, session_key: str) -> dict[str, str] | None:
    """Return the typed values of an unsaved test, or None when they are gone, too old, or of another browser
    session (without a session nobody can tell whose they are)."""
    old = timezone.now() - test.started_at > timedelta(minutes=limits.TEST_DRAFT_MINUTES)
    if not session_key or not test.draft or old or test.draft_session != _session_digest(session_key):
        return None
    try:
        opened = json.loads(conf.key_ring().open(_draft_context(test), test.draft))
    except (CannotOpen, conf.ConfigurationError):
        return None  # the key ring was changed meanwhile: the values are lost like after fifteen minutes
    return {str(key): str(value) for key, value in opened.items()}


def forget_draft(test: ConnectionTest) -> None:
    """Erase the typed values of `test`."""
    ConnectionTest.objects.filter(pk=test.pk).update(draft="", draft_session="")


def count_for(test: ConnectionTest, row: Any) -> None:
    """Let `test` count as a test of the saved `row`: its values were saved just as they had been tested."""
    ConnectionTest.objects.filter(pk=test.pk).update(route_id=row.pk, saved_values=True, saved_at=timezone.now())


# -- Writing the rows ---------------------------------------------------------------------------------


def _refuse_haste(user: Any) -> None:
    """Raise TooManyTests when `user` started `TESTS_PER_MINUTE` tests within the last minute."""
    if user is None:
        return
    # The lock makes two requests of one user count one after the other.
    get_user_model()._default_manager.select_for_update().filter(pk=user.pk).first()
    minute_ago = timezone.now() - timedelta(minutes=1)
    recent = ConnectionTest.objects.filter(asked_by=user, started_at__gt=minute_ago).order_by("-started_at")
    times = list(recent.values_list("started_at", flat=True)[: limits.TESTS_PER_MINUTE])
    if len(times) == limits.TESTS_PER_MINUTE:
        seconds = max(1, round((times[-1] - minute_ago).total_seconds()))
        raise TooManyTests(
            f"You started {limits.TESTS_PER_MINUTE} tests within the last minute, which is the limit. "
            f"Wait {seconds} {'second' if seconds == 1 else 'seconds'}, then test again."
        )


def _write(route: Route, user: Any, recipient: str, saved_values: bool) -> ConnectionTest:
    with transaction.atomic():
        test = ConnectionTest.objects.create(
            kind=route.key.kind,
            route_id=route.key.id or None,
            name=route.name,
            target=target(route)[:320],
            recipient=recipient,
            saved_values=saved_values,
            asked_by=user,
            asked_by_name=user.get_username() if user else "",
        )
        ConnectionTestStep.objects.bulk_create(
            ConnectionTestStep(test=test, place=place, key=key, title=title)
            for place, (key, title) in enumerate(_plan(route))
        )
    return test


# -- Walking the ladder -------------------------------------------------------------------------------


def _in_thread(test: ConnectionTest, route: Route) -> None:
    try:
        _run(test, route)
    except Exception:  # the last frame of the thread: nobody is left to tell but the log
        logger.exception("Connection test %s could not be finished.", test.pk)
    finally:
        connections.close_all()


def _run(test: ConnectionTest, route: Route) -> None:
    """Walk the ladder of `route` and write what comes out; never leaves the test running."""
    asked_to_stop = ConnectionTest.objects.filter(pk=test.pk, cancel_requested=True).exists
    recorder = Recorder(_plan(route), sink=partial(_write_step, test), cancelled=asked_to_stop)
    with _beating(test):
        try:
            _probe(route, recorder, test)
        except Cancelled:
            steps = recorder.finish()
            done = sum(step.state is not StepState.NOT_RUN for step in steps)
            _finish(test, State.CANCELLED, f"Stopped on request after {done} of {len(steps)} steps.")
        except Exception:  # whatever it was, the person gets a sentence and the log gets the rest
            logger.exception("Connection test %s of %s ended with an error of its own.", test.pk, test.name)
            recorder.finish()
            _finish(test, State.FAILED, _BROKEN)
        else:
            steps = recorder.finish()
            _finish(test, _state(steps), verdict(steps))
            if test.saved_values and test.route_id and overall(steps) in (StepState.OK, StepState.WARNING):
                health.resume(route.key)


def _plan(route: Route) -> Sequence[tuple[str, str]]:
    return smtp_plan(route) if isinstance(route, SmtpRoute) else GRAPH_PLAN


def _probe(route: Route, recorder: Recorder, test: ConnectionTest) -> None:
    policy = conf.network_policy()
    try:
        mail = _message(route, test) if test.recipient else None
    except MailError as error:  # for example: nothing says who the message is from
        fail(recorder.steps[0], error)
        _write_step(test, 0, recorder.steps[0])
        return
    if isinstance(route, OAuthRoute):
        probe_graph(route, recorder, policy, recipient=test.recipient, mail=mail)
    else:
        sender = mail.sender if mail else _sender(route)
        learn = partial(_learn_size, test, route)
        probe_smtp(route, recorder, policy, sender=sender, recipient=test.recipient, mail=mail, learn_size=learn)


def _learn_size(test: ConnectionTest, route: SmtpRoute, limit: int) -> None:
    """Keep what the server of a saved route said it takes (bytes, 0 for no limit), with the time at which it did."""
    if not (test.saved_values and test.route_id):
        return
    if limit or RouteState.objects.filter(kind=route.key.kind, route_id=test.route_id).exists():
        health.learn({route.key: limit})


def _message(route: Route, test: ConnectionTest) -> Any:
    text = (
        f"This is the test message of the connection “{route.name}” ({test.target}).\n\n"
        f"{test.asked_by_name or 'Somebody'} pressed Test Connection at {test.started_at:%Y-%m-%d %H:%M:%S} UTC. "
        "It arrived, so this connection works.\n"
    )
    return test_mail(route, test.recipient, f"Test of {route.name}", text)


def _sender(route: SmtpRoute) -> str:
    """Return the envelope sender of a probe that sends no message."""
    given = route.sender.envelope or route.sender.address
    return given or (route.user if "@" in route.user else str(settings.DEFAULT_FROM_EMAIL))


def _state(steps: list[Step]) -> str:
    known = {
        StepState.OK: State.OK,
        StepState.WARNING: State.WARNING,
        StepState.NOT_PROVEN: State.NOT_PROVEN,
    }
    return known.get(overall(steps), State.FAILED)


def _write_step(test: ConnectionTest, place: int, step: Step) -> None:
    ConnectionTestStep.objects.filter(test=test, place=place).update(**asdict(step))


def _finish(test: ConnectionTest, state: str, text: str) -> None:
    now = timezone.now()
    ConnectionTest.objects.filter(pk=test.pk).update(state=state, verdict=text, beat_at=now, finished_at=now)


@contextmanager
def _beating(test: ConnectionTest) -> Iterator[None]:
    """Show every few seconds that the test lives: one step may take as long as its time-out."""
    ended = threading.Event()
    beat = threading.Thread(target=_beat, args=(test, ended), name=f"beat-{test.pk}", daemon=True)
    beat.start()
    try:
        yield
    finally:
        ended.set()
        beat.join()


def _beat(test: ConnectionTest, ended: threading.Event) -> None:
    while not ended.wait(limits.TEST_BEAT_SECONDS):
        try:
            ConnectionTest.objects.filter(pk=test.pk).update(beat_at=timezone.now())
        except DatabaseError as error:  # one missed beat does no harm
            logger.warning("Connection test %s could not be kept alive: %s", test.pk, error)
    connections.close_all()


# -- Drafts -------------------------------------------------------------------------------------------


@sensitive_variables("draft")
def _seal(test: ConnectionTest, draft: Mapping[str, str]) -> str:
    return conf.key_ring().seal(_draft_context(test), json.dumps(dict(draft)))


def _draft_context(test: ConnectionTest) -> str:
    return f"mailadmin.connectiontest|{test.pk}|draft"


def _session_digest(session_key: str) -> str:
    return hashlib.sha256(session_key.encode()).hexdigest()

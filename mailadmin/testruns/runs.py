"""One run: its rows are written, its ladder is walked in a thread, and what came out is written down."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import connections, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.report import Step, StepState, overall, verdict
from mailadmin.core.settings import Route
from mailadmin.core.texts import carried
from mailadmin.delivery import health, routes
from mailadmin.delivery.convert import test_mail
from mailadmin.models import ApiClient, ConnectionTest, RouteState
from mailadmin.probes.recorder import Cancelled, Recorder, fail
from mailadmin.transports.base import Mail

from . import words
from .drafts import keep_draft
from .fixing import fixes_for
from .haste import too_often
from .ladders import AppSubject, Subject, plan, walk
from .rows import beating, finish_test, write, write_step
from .stop_button import stoppable
from .values import digest_of

logger = logging.getLogger("mailadmin.tests")

State = ConnectionTest.State
_BROKEN = gettext_lazy(
    "The test itself ended with an unexpected error. It is in the server's log, under the number of this test."
)


class TooManyTests(Exception):
    """The user started as many tests as one minute allows; the text is a sentence with the wait."""


@sensitive_variables("draft")
def start(
    subject: Subject,
    *,
    user: Any,
    recipient: str = "",
    saved_values: bool = True,
    draft: Mapping[str, str] | None = None,
    session_key: str = "",
) -> ConnectionTest:
    """Write the test of `subject` with its waiting steps, start it on commit, and return its row.

    With a `recipient` a route sends a real message, without one the test stops before it. `draft` holds the
    typed values of an unsaved test; they are kept sealed for the browser session `session_key`. Raises
    TooManyTests when the user has to wait.
    """
    with transaction.atomic():
        if user is not None:
            _refuse_haste(user, ConnectionTest.objects.filter(asked_by=user))
        ConnectionTest.forget_old_drafts()
        test = write(subject, user, recipient, saved_values)
        if draft is not None:
            keep_draft(test, draft, session_key)
        # A daemon, so that a stopping server does not wait; a test without a beat shows as interrupted.
        spoken = carried(run_in_thread)
        thread = threading.Thread(target=spoken, args=(test, subject), name=f"test-{test.pk}", daemon=True)
        transaction.on_commit(thread.start)
    return test


def run_now(
    subject: Subject,
    *,
    recipient: str = "",
    saved_values: bool = True,
    user: Any = None,
    scheduled: bool = False,
    client: ApiClient | None = None,
) -> ConnectionTest:
    """Test `subject` in the calling thread and return the finished row. `scheduled` tells that the schedule asked for
    it; only an API `client` has to keep to the limit per minute. Raises TooManyTests where it does not."""
    with transaction.atomic():
        asker = asker_name(client) if client else ""
        if client:
            _refuse_haste(client, ConnectionTest.objects.filter(asked_by=None, asked_by_name=asker))
        test = write(subject, user, recipient, saved_values, scheduled=scheduled, asker=asker)
    run(test, subject)
    test.refresh_from_db()
    return test


def asker_name(client: ApiClient) -> str:
    """Return how a test names the API client that asked for it."""
    return f"API client {client.name}"


def _refuse_haste(who: Any, tests: models.QuerySet[ConnectionTest]) -> None:
    """Raise TooManyTests when `who`, who asked for `tests`, started `TESTS_PER_MINUTE` within the last minute."""
    if wait := too_often(who, tests.filter(batch=None), "started_at"):
        text = _("You started {number} tests within the last minute, which is the limit. Wait {wait}, then test again.")
        raise TooManyTests(text.format(number=limits.TESTS_PER_MINUTE, wait=wait))


def run_in_thread(test: ConnectionTest, subject: Subject) -> None:
    """Run `test` as all that a thread does: nothing is raised, and the thread's connections are closed."""
    try:
        run(test, subject)
    except Exception:  # the last frame of the thread: nobody is left to tell but the log
        logger.exception("Connection test %s could not be finished.", test.pk)
    finally:
        connections.close_all()


def run(test: ConnectionTest, subject: Subject) -> None:
    """Walk the ladder of `subject` and write what comes out; never leaves the test running."""
    ConnectionTest.objects.filter(pk=test.pk).update(started_at=test.started_at, beat_at=timezone.now())
    asked_to_stop = ConnectionTest.objects.filter(pk=test.pk, cancel_requested=True).exists

    def written(place: int, step: Step) -> None:
        if error := recorder.errors.get(step.key):
            step.fixes = [fix.as_data() for fix in fixes_for(subject, error)]
        write_step(test, place, step)

    recorder = Recorder(plan(subject), sink=written, cancelled=asked_to_stop)
    with beating(ConnectionTest.objects.filter(pk=test.pk), f"test {test.pk}"), stoppable(test, recorder.stop):
        try:
            _probe(subject, recorder, test)
        except Cancelled:
            steps = recorder.finish()
            done = sum(step.state is not StepState.NOT_RUN for step in steps)
            text = _("Stopped on request after {done} of {all} steps.")
            finish_test(test, State.CANCELLED, text.format(done=done, all=len(steps)))
        except Exception:  # whatever it was, the person gets a sentence and the log gets the rest
            logger.exception("Connection test %s of %s ended with an error of its own.", test.pk, test.name)
            recorder.finish()
            finish_test(test, State.FAILED, str(_BROKEN))
        else:
            steps = recorder.finish()
            finish_test(test, _state(steps), verdict(steps))
            _tell_health(test, subject, steps, next(iter(recorder.errors.values()), None))


def _probe(subject: Subject, recorder: Recorder, test: ConnectionTest) -> None:
    policy = conf.network_policy()
    try:
        mail = _message(subject, test)
    except MailError as error:  # for example: nothing says who the message is from
        fail(recorder.steps[0], error)
        recorder.steps[0].fixes = [fix.as_data() for fix in fixes_for(subject, error)]
        write_step(test, 0, recorder.steps[0])
        return
    learn = partial(_learn_size, test, subject)
    walk(subject, recorder, policy, recipient=test.recipient, mail=mail, learn_size=learn)


def _message(subject: Subject, test: ConnectionTest) -> Mail | None:
    """Return the message to send, None for a test without one. Raises MailError."""
    if isinstance(subject, AppSubject) or not test.recipient:
        return None
    told = words.of_test(subject, test.target, test.asked_by_name, test.started_at)
    mail: Mail = test_mail(subject, test.recipient, told.subject, told.text)
    return mail


def _learn_size(test: ConnectionTest, subject: Subject, limit: int) -> None:
    """Keep what the server of a saved route said it takes (bytes, 0 for no limit), with the time at which it did."""
    if isinstance(subject, AppSubject) or not (test.saved_values and test.route_id):
        return
    if limit or RouteState.objects.filter(kind=subject.key.kind, route_id=test.route_id).exists():
        health.learn({subject.key: limit})


def _tell_health(test: ConnectionTest, subject: Subject, steps: list[Step], error: MailError | None) -> None:
    """A stopped route whose saved values passed the test sends again. A token alone proves no route. A scheduled test
    that failed by `error` is news as that of a message is; a person who tries something out stops nothing."""
    passed = overall(steps) in (StepState.OK, StepState.WARNING)
    if isinstance(subject, AppSubject) or not (test.saved_values and test.route_id):
        return
    if not test.scheduled:
        if passed:
            health.resume(subject.key)
    elif (passed or error) and _still_so(test, subject):
        health.tested(subject, error)


def _still_so(test: ConnectionTest, subject: Route) -> bool:
    """Tell whether the route is enabled and set up as it was when `test` began: what the old password met is no news of
    the new one."""
    saved = next((route for route in routes.current().routes if route.key == subject.key), None)
    return saved is not None and digest_of(saved) == test.digest


def _state(steps: list[Step]) -> str:
    known = {
        StepState.OK: State.OK,
        StepState.WARNING: State.WARNING,
        StepState.NOT_PROVEN: State.NOT_PROVEN,
    }
    return known.get(overall(steps), State.FAILED)

"""Notes the steps of a test as they happen: one call makes a step, times it, limits it and explains its failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from mailadmin.core import limits
from mailadmin.core.durations import in_words
from mailadmin.core.errors import MailError, mail_error
from mailadmin.core.fault import Kind
from mailadmin.core.report import Step, StepState
from mailadmin.core.texts import _
from mailadmin.net import stopping

Sink = Callable[[int, Step], None]


class Cancelled(Exception):
    """Somebody pressed Stop; the remaining steps are not run."""


class StepFailed(Exception):
    """A step failed; it is recorded already, and the ladder ends here."""


class Recorder:
    """The ladder of one test.

    Takes the plan (key and title of each step, in order), a `sink` that is told of each change with the
    step's place from 0, and a function that tells whether the test was cancelled. `clock` gives seconds.

    `errors` holds, by the key of the step, what made it fail.
    """

    def __init__(
        self,
        plan: Sequence[tuple[str, str]],
        sink: Sink = lambda place, step: None,
        cancelled: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.steps = [Step(key, title) for key, title in plan]
        self.errors: dict[str, MailError] = {}
        self._sink = sink
        self._cancelled = cancelled
        self._clock = clock
        self._began: float | None = None
        self._handed_over: float | None = None
        self._stop = stopping.Stop()
        self._late = False
        self._until = 0.0  # of the whole ladder, on the monotonic clock

    def stop(self) -> None:
        """End the test now, in the middle of a step too; any thread may call this. Never raises."""
        self._stop.press()

    @contextmanager
    def step(self, key: str) -> Iterator[Step]:
        """Run the step called `key`. A MailError inside marks it failed, explains it and raises StepFailed;
        otherwise it ends in the state that the body has set, or ok. Raises Cancelled before it starts; one that is
        stopped in the middle, or raises it, is not run. What takes longer than the step or the whole ladder may is
        ended, and has failed."""
        place = self._place(key)
        step = self.steps[place]
        self._check_stopped()
        started = self._now_or_handed_over()
        self._handed_over = None
        if self._began is None:
            self._began = started
            self._until = time.monotonic() + limits.LADDER_SECONDS
        step.state, step.offset = StepState.RUNNING, started - self._began
        self._sink(place, step)
        try:
            with self._limited(), stopping.under(self._stop):
                yield step
        except Exception as error:
            self._failed(step, error)
        except BaseException:
            _broken(step)
            raise
        else:
            if step.state is StepState.RUNNING:
                step.state = StepState.OK
        finally:
            step.seconds = self._now_or_handed_over() - started
            self._sink(place, step)

    def hand_over(self) -> None:
        """Let the time from now on count for the next step: this one only waits for what belongs to that."""
        self._handed_over = self._clock()

    def named(self, key: str) -> Step:
        """Return the step called `key`."""
        return self.steps[self._place(key)]

    @contextmanager
    def after(self, key: str) -> Iterator[Step]:
        """Give the step called `key` after its end, to add what was found out beside the ladder; a stop holds here
        too."""
        place = self._place(key)
        with stopping.under(self._stop):
            yield self.steps[place]
        self._sink(place, self.steps[place])

    def skip(self, key: str, fact: str) -> None:
        """Mark the step called `key` as not run, and say why."""
        place = self._place(key)
        self.steps[place].state = StepState.NOT_RUN
        self.steps[place].fact = fact
        self._sink(place, self.steps[place])

    def finish(self) -> list[Step]:
        """Mark every step that was not reached as not run, and return all of them."""
        self._stop.forget()
        for place, step in enumerate(self.steps):
            if not step.state.done:
                step.state = StepState.NOT_RUN
                self._sink(place, step)
        return self.steps

    def _now_or_handed_over(self) -> float:
        return self._clock() if self._handed_over is None else self._handed_over

    def _place(self, key: str) -> int:
        return next(index for index, step in enumerate(self.steps) if step.key == key)

    def _check_stopped(self) -> None:
        if self._late:
            raise StepFailed
        if self._stop.pressed or self._cancelled():
            raise Cancelled

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """End what runs in the block when its time is over, or that of the ladder."""
        timer = threading.Timer(max(min(limits.STEP_SECONDS, self._until - time.monotonic()), 0), self._time_is_over)
        timer.name, timer.daemon = "mailadmin-step-limit", True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _time_is_over(self) -> None:
        self._late = not self._stop.pressed
        self._stop.press()

    def _failed(self, step: Step, error: Exception) -> None:
        """Write down how `step` ended by `error`. Raises StepFailed, Cancelled, or an error that is none of ours."""
        self._handed_over = None
        if isinstance(error, Cancelled) or (self._stop.pressed and not self._late):
            _stopped(step, error)
            raise Cancelled from None
        if isinstance(error, MailError):
            error = _too_late(error) if self._late else error
            fail(step, error)
            self.errors[step.key] = error
            raise StepFailed from None
        _broken(step)
        raise error


def fail(step: Step, error: MailError, state: StepState = StepState.FAILED) -> None:
    """Write into `step` what `error` means: state, the server's words, cause, remedy and owner."""
    known = error.explanation
    step.state = state
    step.fact = error.fault.text or step.fact
    step.code, step.problem, step.cause = known.id, known.title, known.cause
    step.remedy, step.owner, step.setting = list(known.remedy), known.owner.label, known.setting


def _stopped(step: Step, error: Exception) -> None:
    step.state, step.fact = StepState.NOT_RUN, _("Stopped on request")
    if isinstance(error, MailError) and error.fault.maybe_sent:
        step.notes.append(_("The message had left before the test was stopped, so it may arrive all the same."))


def _too_late(error: MailError) -> MailError:
    text = _("The test ended this step, which may take {step} at most, and all of them together {all}.")
    text = text.format(step=in_words(limits.STEP_SECONDS), all=in_words(limits.LADDER_SECONDS))
    return mail_error(replace(error.fault, kind=Kind.TIMEOUT, text=text))


def _broken(step: Step) -> None:
    step.state = StepState.FAILED
    step.fact = step.fact or _("The test itself ended with an error.")

"""Notes the steps of a test as they happen: one call makes a step, times it and explains its failure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from mailadmin.core.errors import MailError
from mailadmin.core.report import Step, StepState

Sink = Callable[[int, Step], None]


class Cancelled(Exception):
    """Somebody pressed Stop; the remaining steps are not run."""


class StepFailed(Exception):
    """A step failed; it is recorded already, and the ladder ends here."""


class Recorder:
    """The ladder of one test.

    Takes the plan (key and title of each step, in order), a `sink` that is told of each change with the
    step's place from 0, and a function that tells whether the test was cancelled. `clock` gives seconds.
    """

    def __init__(
        self,
        plan: Sequence[tuple[str, str]],
        sink: Sink = lambda place, step: None,
        cancelled: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.steps = [Step(key, title) for key, title in plan]
        self._sink = sink
        self._cancelled = cancelled
        self._clock = clock
        self._began: float | None = None

    @contextmanager
    def step(self, key: str) -> Iterator[Step]:
        """Run the step called `key`. A MailError inside marks it failed, explains it and raises StepFailed;
        otherwise it ends in the state that the body has set, or ok. Raises Cancelled before it starts; a body
        that raises it leaves the step not run."""
        place = next(index for index, step in enumerate(self.steps) if step.key == key)
        step = self.steps[place]
        if self._cancelled():
            raise Cancelled
        started = self._clock()
        if self._began is None:
            self._began = started
        step.state, step.offset = StepState.RUNNING, started - self._began
        self._sink(place, step)
        try:
            yield step
        except MailError as error:
            fail(step, error)
            raise StepFailed from None
        except Cancelled:
            step.state = StepState.NOT_RUN
            raise
        except BaseException:
            step.state = StepState.FAILED
            step.fact = step.fact or "The test itself ended with an error."
            raise
        else:
            if step.state is StepState.RUNNING:
                step.state = StepState.OK
        finally:
            step.seconds = self._clock() - started
            self._sink(place, step)

    def skip(self, key: str, fact: str) -> None:
        """Mark the step called `key` as not run, and say why."""
        place = next(index for index, step in enumerate(self.steps) if step.key == key)
        self.steps[place].state = StepState.NOT_RUN
        self.steps[place].fact = fact
        self._sink(place, self.steps[place])

    def finish(self) -> list[Step]:
        """Mark every step that was not reached as not run, and return all of them."""
        for place, step in enumerate(self.steps):
            if not step.state.done:
                step.state = StepState.NOT_RUN
                self._sink(place, step)
        return self.steps


def fail(step: Step, error: MailError, state: StepState = StepState.FAILED) -> None:
    """Write into `step` what `error` means: state, the server's words, cause, remedy and owner."""
    known = error.explanation
    step.state = state
    step.fact = error.fault.text or step.fact
    step.code, step.problem, step.cause = known.id, known.title, known.cause
    step.remedy, step.owner, step.setting = list(known.remedy), known.owner.label, known.setting

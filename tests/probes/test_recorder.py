"""The recorder: each step is told as it happens, timed, and explained when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.report import Step, StepState
from mailadmin.probes.recorder import Cancelled, Recorder, StepFailed

PLAN = [("dns", "Name"), ("tcp", "Connection"), ("message", "Message")]
REFUSED = MailError(Fault(Phase.TCP, Kind.TCP_REFUSED, "Connection refused", host="mail.example.org", port=587))


@pytest.fixture
def told() -> list[tuple[int, StepState]]:
    return []


@pytest.fixture
def recorder(told: list[tuple[int, StepState]]) -> Recorder:
    ticks: Iterator[int] = count()

    def sink(place: int, step: Step) -> None:
        told.append((place, step.state))

    return Recorder(PLAN, sink, clock=lambda: float(next(ticks)))


def test_a_step_is_told_when_it_starts_and_when_it_ends(recorder: Recorder, told: list[tuple[int, StepState]]) -> None:
    with recorder.step("tcp") as step:
        step.fact = "192.0.2.1"
    assert told == [(1, StepState.RUNNING), (1, StepState.OK)]
    assert recorder.steps[1].seconds == 1
    assert recorder.steps[1].fact == "192.0.2.1"


def test_a_step_ends_in_the_state_that_its_body_sets(recorder: Recorder) -> None:
    with recorder.step("dns") as step:
        step.state = StepState.WARNING
    assert recorder.steps[0].state is StepState.WARNING


def test_a_failure_is_explained_and_ends_the_ladder(recorder: Recorder, told: list[tuple[int, StepState]]) -> None:
    with pytest.raises(StepFailed), recorder.step("tcp"):
        raise REFUSED
    step = recorder.steps[1]
    assert told[-1] == (1, StepState.FAILED)
    assert (step.code, step.fact, step.setting) == ("tcp-refused", "Connection refused", "port")
    assert "mail.example.org:587" in step.problem
    assert step.cause
    assert step.remedy
    assert step.owner == "You, in this console"


def test_any_other_error_marks_the_step_and_goes_on_up(recorder: Recorder) -> None:
    with pytest.raises(ZeroDivisionError), recorder.step("tcp"):
        raise ZeroDivisionError
    assert recorder.steps[1].state is StepState.FAILED
    assert recorder.steps[1].fact == "The test itself ended with an error."


def test_a_cancelled_test_starts_no_further_step() -> None:
    recorder = Recorder(PLAN, cancelled=lambda: True)
    with pytest.raises(Cancelled), recorder.step("dns"):
        raise AssertionError("not reached")
    assert recorder.finish()[0].state is StepState.NOT_RUN


def test_a_step_that_is_stopped_in_the_middle_is_not_a_failure(recorder: Recorder) -> None:
    with pytest.raises(Cancelled), recorder.step("tcp"):
        raise Cancelled
    assert recorder.steps[1].state is StepState.NOT_RUN


def test_a_skipped_step_says_why(recorder: Recorder, told: list[tuple[int, StepState]]) -> None:
    recorder.skip("message", "No recipient was given.")
    assert told == [(2, StepState.NOT_RUN)]
    assert recorder.steps[2].fact == "No recipient was given."


def test_what_was_not_reached_is_not_run_in_the_end(recorder: Recorder) -> None:
    with recorder.step("dns"):
        pass
    assert [step.state for step in recorder.finish()] == [StepState.OK, StepState.NOT_RUN, StepState.NOT_RUN]

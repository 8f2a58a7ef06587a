"""The recorder: each step is told as it happens, timed, and explained when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import MailError, mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.report import Step, StepState
from mailadmin.net import stopping
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


def test_what_made_a_step_fail_is_kept(recorder: Recorder) -> None:
    with pytest.raises(StepFailed), recorder.step("tcp"):
        raise REFUSED
    assert recorder.errors == {"tcp": REFUSED}


def test_n1_a_stop_in_the_middle_of_a_step_shows_as_stopped(recorder: Recorder) -> None:
    with pytest.raises(Cancelled), recorder.step("tcp"):
        recorder.stop()
        raise REFUSED
    assert (recorder.steps[1].state, recorder.steps[1].fact) == (StepState.NOT_RUN, "Stopped on request")
    assert recorder.errors == {}
    with pytest.raises(Cancelled), recorder.step("message"):
        raise AssertionError("not reached")


def test_a_stop_after_the_message_had_left_says_that_it_may_arrive(recorder: Recorder) -> None:
    gone = Fault(Phase.DATA, Kind.CLOSED, "The line broke.", maybe_sent=True)
    with pytest.raises(Cancelled), recorder.step("message"):
        recorder.stop()
        raise mail_error(gone)
    assert "may arrive" in recorder.steps[2].notes[0]


def test_a_step_that_ends_well_right_before_the_stop_stands(recorder: Recorder) -> None:
    with recorder.step("tcp"):
        recorder.stop()
    assert recorder.steps[1].state is StepState.OK


@pytest.mark.parametrize("limit", ["STEP_SECONDS", "LADDER_SECONDS"])
def test_n1_a_step_or_a_ladder_that_takes_too_long_fails_by_its_limit(
    limit: str, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, limit, 0.05)
    with pytest.raises(StepFailed), recorder.step("tcp"):
        stopping.rest(20)
        raise REFUSED
    step = recorder.steps[1]
    assert (step.state, recorder.errors["tcp"].fault.kind) == (StepState.FAILED, Kind.TIMEOUT)
    assert "The test ended this step" in step.fact
    with pytest.raises(StepFailed), recorder.step("message"):
        raise AssertionError("not reached")
    assert recorder.finish()[2].state is StepState.NOT_RUN


def test_a_step_can_hand_its_time_over_to_the_next(recorder: Recorder) -> None:
    with recorder.step("dns"):  # the clock goes on by a second with each look: 0
        recorder.hand_over()  # 1
    with recorder.step("tcp"):
        pass  # 2
    with recorder.step("message"):  # 3
        pass  # 4
    assert [(step.offset, step.seconds) for step in recorder.steps] == [(0, 1), (1, 1), (3, 1)]


def test_a_step_that_fails_keeps_the_time_it_would_have_handed_over(recorder: Recorder) -> None:
    with pytest.raises(StepFailed), recorder.step("dns"):
        recorder.hand_over()
        raise REFUSED
    assert recorder.steps[0].seconds == 2


def test_what_is_added_after_a_step_is_told(recorder: Recorder, told: list[tuple[int, StepState]]) -> None:
    with recorder.step("tcp"):
        pass
    with recorder.after("tcp") as step:
        step.notes.append("And this.")
    assert told[-1] == (1, StepState.OK)
    assert recorder.steps[1].notes == ["And this."]

"""A connection test as its page shows it: the verdict, the steps, the title that says the state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailadmin import testruns
from mailadmin.core.report import Step, StepState
from mailadmin.models import ConnectionTest

_BANNERS = {
    ConnectionTest.State.OK: "success",
    ConnectionTest.State.FAILED: "error",
    ConnectionTest.State.RUNNING: "info",
}
_MARKS = {
    StepState.OK: "check",
    StepState.WARNING: "triangle-alert",
    StepState.FAILED: "x",
    StepState.NOT_PROVEN: "circle-question-mark",
    StepState.NOT_RUN: "minus",
    StepState.RUNNING: "loader-circle",
    StepState.WAITING: "ellipsis",
}


@dataclass(frozen=True)
class Rung:
    """One step as it is shown: with the shape of its state, its time in milliseconds (None: it has none), and the
    address of the setting that is its cure ("": none that this user may open)."""

    step: Step
    icon: str
    milliseconds: float | None
    fix_url: str


@dataclass(frozen=True)
class Shown:
    """What the page shows of a test. `seen` changes with every change of it, so that polling can say "nothing
    new"; `status` is the one line that is read aloud while it runs."""

    title: str
    headline: str
    rest: str
    banner: str
    status: str
    seen: str
    rungs: Sequence[Rung]
    report: str


def shown(test: ConnectionTest, fix_url: Callable[[str], str]) -> Shown:
    """Return `test` as it is shown now; `fix_url` gives the address of a setting, or "". One statement."""
    steps = testruns.steps_of(test)
    headline, rest = _verdict(test, steps)
    return Shown(
        title=f"{_title(test, steps)} · {test.name} · Test connection",
        headline=headline,
        rest=rest,
        banner=_BANNERS.get(ConnectionTest.State(test.shown_state), "warning"),
        status=headline,
        seen=_seen(test, steps),
        rungs=[_rung(step, fix_url) for step in steps],
        report="" if test.running else testruns.report(test, steps),
    )


def _rung(step: Step, fix_url: Callable[[str], str]) -> Rung:
    timed = step.state.done and step.state is not StepState.NOT_RUN
    milliseconds = step.seconds * 1000 if timed else None
    return Rung(step, _MARKS[step.state], milliseconds, fix_url(step.setting) if step.setting else "")


def _verdict(test: ConnectionTest, steps: Sequence[Step]) -> tuple[str, str]:
    """Return the bold first sentence and the rest."""
    if test.shown_state == ConnectionTest.State.INTERRUPTED:
        return "The test was interrupted.", "The process that ran it ended, perhaps for a restart. Test again."
    if test.running:
        return _progress(test, steps), ""
    first, dot, rest = test.verdict.partition(". ")
    return f"{first}." if dot else first, rest


def _progress(test: ConnectionTest, steps: Sequence[Step]) -> str:
    place, step = next(((n, s) for n, s in enumerate(steps, 1) if s.state is StepState.RUNNING), (0, None))
    if step is None:
        return "The test starts …"
    stopping = "Stopping after" if test.cancel_requested else "Now"
    return f"{stopping} step {place} of {len(steps)}: {step.title} …"


def _title(test: ConnectionTest, steps: Sequence[Step]) -> str:
    failed = next((step for step in steps if step.state is StepState.FAILED), None)
    return f"{test.shown_label}: {failed.title}" if failed else test.shown_label


def _seen(test: ConnectionTest, steps: Sequence[Step]) -> str:
    facts = (test.shown_state, test.cancel_requested, [(step.state, step.fact) for step in steps])
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]

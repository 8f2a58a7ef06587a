"""A connection test as its page shows it: the verdict, the steps with their place in time, the title that says the
state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from mailadmin.core.fixes import Fix
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
LANE = 100.0  # the width of the whole test in the waterfall; the picture is stretched
_THINNEST = 1.2  # of that, so that a step of a millisecond can still be seen


@dataclass(frozen=True)
class Lane:
    """Where a step stands in the waterfall: its left end and its width, of 100."""

    x: float
    width: float


@dataclass(frozen=True)
class Offer:
    """A change of settings that would cure a step: what it does and why, and the address of the form with it; `typed`
    tells that a person has to type it there."""

    title: str
    why: str
    url: str
    typed: bool = False


@dataclass(frozen=True)
class Links:
    """The addresses that a step leads to, "" for what this user may not open: of a setting, of an entry of the
    knowledge base by its code, and of the form with a fix (by the step's place and the fix's number, from 0)."""

    setting: Callable[[str], str]
    knowledge: Callable[[str], str]
    fix: Callable[[int, int, Fix], str]


@dataclass(frozen=True)
class Rung:
    """One step as it is shown: its number from 1, the shape of its state, its time in milliseconds and its lane (None:
    it has none), what cures it, and the addresses of its setting and its knowledge entry ("" for none)."""

    number: int
    step: Step
    icon: str
    milliseconds: float | None
    lane: Lane | None
    offers: Sequence[Offer]
    setting_url: str
    knowledge_url: str


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

    @property
    def cause(self) -> Rung | None:
        """Return the step to look at first: the one that failed, or was not proven, or warns; None when all is well."""
        for state in (StepState.FAILED, StepState.NOT_PROVEN, StepState.WARNING):
            for rung in self.rungs:
                if rung.step.state is state:
                    return rung
        return None


def shown(test: ConnectionTest, steps: Sequence[Step], links: Links) -> Shown:
    """Return `test` with its `steps` as it is shown now. No statement."""
    headline, rest = _verdict(test, steps)
    whole = max((step.offset + step.seconds for step in steps), default=0.0)
    return Shown(
        title=_("{state} · {name} · Test connection").format(state=_title(test, steps), name=test.name),
        headline=headline,
        rest=rest,
        banner=_BANNERS.get(ConnectionTest.State(test.shown_state), "warning"),
        status=headline,
        seen=_seen(test, steps),
        rungs=[_rung(place, step, whole, links) for place, step in enumerate(steps)],
    )


def seen(tests: Sequence[tuple[ConnectionTest, Sequence[Step]]]) -> str:
    """Return a mark that changes with every change of what is shown of `tests`."""
    return hashlib.sha256("".join(_seen(test, steps) for test, steps in tests).encode()).hexdigest()[:12]


def lane(step: Step, whole: float) -> Lane | None:
    """Return the place of `step` in a test that took `whole` seconds, None for a step that did not run."""
    if not _timed(step) or whole <= 0:
        return None
    width = min(LANE, max(_THINNEST, step.seconds / whole * LANE))
    return Lane(round(min(step.offset / whole * LANE, LANE - width), 2), round(width, 2))


def milliseconds(step: Step) -> float | None:
    """Return how long `step` took, None for one that did not run."""
    return step.seconds * 1000 if _timed(step) else None


def mark(step: Step) -> str:
    """Return the icon of the state of `step`."""
    return _MARKS[step.state]


def _timed(step: Step) -> bool:
    return step.state.done and step.state is not StepState.NOT_RUN


def _rung(place: int, step: Step, whole: float, links: Links) -> Rung:
    fixes = [(number, Fix.from_data(data)) for number, data in enumerate(step.fixes)]
    offers = [(fix, links.fix(place, number, fix)) for number, fix in fixes]
    return Rung(
        number=place + 1,
        step=step,
        icon=mark(step),
        milliseconds=milliseconds(step),
        lane=lane(step, whole),
        offers=[Offer(fix.title, fix.why, url, bool(fix.focus)) for fix, url in offers if url],
        setting_url=links.setting(step.setting) if step.setting else "",
        knowledge_url=links.knowledge(step.code) if step.code else "",
    )


def _verdict(test: ConnectionTest, steps: Sequence[Step]) -> tuple[str, str]:
    """Return the bold first sentence and the rest."""
    if test.shown_state == ConnectionTest.State.INTERRUPTED:
        done = sum(_timed(step) for step in steps)
        rest = _("The process that ran it ended after {done} of {all} steps, perhaps for a restart. Test again.")
        return _("The test was interrupted."), rest.format(done=done, all=len(steps))
    if test.running:
        return _progress(test, steps), ""
    first, dot, rest = test.verdict.partition(". ")
    return f"{first}." if dot else first, rest


def _progress(test: ConnectionTest, steps: Sequence[Step]) -> str:
    place, step = next(((n, s) for n, s in enumerate(steps, 1) if s.state is StepState.RUNNING), (0, None))
    if step is not None:
        text = _("Now step {place} of {all}: {title} …")
        if test.cancel_requested:
            text = _("Stopping after step {place} of {all}: {title} …")
        return text.format(place=place, all=len(steps), title=step.title)
    if test.batch and not any(step.state.done for step in steps):
        return _("It waits for its turn …")
    return _("The test starts …") if not any(step.state.done for step in steps) else _("The next step begins …")


def _title(test: ConnectionTest, steps: Sequence[Step]) -> str:
    failed = next((step for step in steps if step.state is StepState.FAILED), None)
    return f"{test.shown_label}: {failed.title}" if failed else test.shown_label


def _seen(test: ConnectionTest, steps: Sequence[Step]) -> str:
    state = (test.shown_state, test.cancel_requested)
    facts = (state, [(step.state, step.fact, step.notes, step.details, len(step.fixes)) for step in steps])
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]

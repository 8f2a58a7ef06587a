"""What differs between two tests of one connection (pure): settings, the state of the steps, and what was seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from . import durations
from .report import Step, StepState
from .texts import N_, _

# What every answer has anew: its difference says nothing. First our own labels, which are translated.
_OURS = (
    *(N_("Queue ID, to find the message in that server's log"), N_("Issued (iat)"), N_("Holds until (exp)")),
    *(N_("Answer of the server"), N_("Answer of Graph"), N_("Answer after"), N_("Answer {number}")),
)
_EACH_TIME = (
    *("queue id", "queue number", "message-id", "request-id", "request id", "client-request-id", "date", "server time"),
    *("issued", "ends", "holds until", "valid until", "lifetime", "expires", "iat", "nbf", "exp"),
)
_DIALLED = re.compile(r"IPv[46] ")  # which of its addresses a name led to; the step before has them all
# How long something took or lasts is another time each time; so are the ids that servers make.
_UNITS = ("ms", "s", "min", "h", "seconds?", "minutes?", "hours?", "days?")
_NUMBER = re.compile(r"\d+(?:[.:]\d+)*")
_IDENTIFIER = re.compile(r"\b(?=\w*\d)[0-9A-Za-z_-]{10,}\b")


@dataclass(frozen=True)
class Change:
    """One thing that is different: its name, and what it was and is ("" where there was or is none)."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class StepChange:
    """What is different in one step: its state, and the facts that were seen in it. A step that only one of the tests
    has was or is "not run"."""

    title: str
    before: StepState
    after: StepState
    facts: Sequence[Change] = ()

    @property
    def moved(self) -> bool:
        """Tell whether the state of the step changed."""
        return self.before is not self.after


@dataclass(frozen=True)
class Differences:
    """What is different between an earlier and a later test: `settings` that were changed, `steps` whose state or facts
    changed, in the order of the later test."""

    settings: Sequence[Change] = ()
    steps: Sequence[StepChange] = ()

    def __bool__(self) -> bool:
        return bool(self.settings or self.moved or self.facts)

    @property
    def moved(self) -> list[StepChange]:
        """Return the steps that ended another way. One that only one of the tests came to says nothing by itself: what
        stopped the other one stands before it."""
        return [step for step in self.steps if step.moved and StepState.NOT_RUN not in (step.before, step.after)]

    @property
    def facts(self) -> list[tuple[str, Change]]:
        """Return every fact that changed, each with the title of its step."""
        return [(step.title, fact) for step in self.steps for fact in step.facts]


def compare(
    values_before: Mapping[str, str],
    steps_before: Sequence[Step],
    values_after: Mapping[str, str],
    steps_after: Sequence[Step],
) -> Differences:
    """Return what is different in the later test: the values it was made with, by name, and its steps, by key."""
    return Differences(changes(values_before, values_after), list(_steps(steps_before, steps_after)))


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    """Return the names whose values differ, those of `after` first and in its order."""
    names = dict.fromkeys([*after, *before])
    return [
        Change(name, before.get(name, ""), after.get(name, ""))
        for name in names
        if before.get(name, "") != after.get(name, "")
    ]


def _steps(before: Sequence[Step], after: Sequence[Step]) -> Iterable[StepChange]:
    old, new = ({step.key: step for step in steps} for steps in (before, after))
    for key in dict.fromkeys([*new, *old]):
        was, now = old.get(key), new.get(key)
        title = now.title if now else old[key].title
        changed = StepChange(title, _state(was), _state(now), _facts(was, now) if was and now else ())
        if changed.moved or changed.facts:
            yield changed


def _state(step: Step | None) -> StepState:
    return step.state if step else StepState.NOT_RUN


def _facts(before: Step, after: Step) -> list[Change]:
    """Return which facts of a step that was reached both times are different: its details, and its one line where the
    words in it are others (its numbers stand in the details, if they matter). What was written in two languages cannot
    be compared."""
    if not (_reached(before) and _reached(after)) or before.title != after.title:
        return []
    failed, time = StepState.FAILED in (before.state, after.state), _time()
    found = [
        change
        for change in changes(_details(before), _details(after))
        if time.sub("#", change.before) != time.sub("#", change.after)
        # A step that failed saw less.
        and not ("" in (change.before, change.after) and (failed or _DIALLED.match(change.name)))
    ]
    if not found and not failed and _words(before.fact) != _words(after.fact):
        found.append(Change(_("Result"), before.fact, after.fact))
    return found


def _reached(step: Step) -> bool:
    return step.state.done and step.state is not StepState.NOT_RUN


def _details(step: Step) -> dict[str, str]:
    """Return the details that last, by their label; what has one label is one text, in an order of its own because
    resolvers turn theirs."""
    found: dict[str, list[str]] = {}
    for label, value in step.details:
        if not _new_each_time(label):
            found.setdefault(label, []).append(value)
    return {label: "\n".join(sorted(values)) for label, values in found.items()}


def _new_each_time(label: str) -> bool:
    """Tell whether what stands under `label` is new in every test. It is read without what it is about and without its
    explanation ("Token: issued (iat)" is "issued"); answers hold the numbers of requests."""
    bare = _bare(label)
    ours = {_bare(_(text).format(number="")) for text in _OURS}
    return bare in _EACH_TIME or bare.rstrip("0123456789") in ours or bare.startswith("answer ")


def _bare(label: str) -> str:
    return label.casefold().rpartition(": ")[2].partition(" (")[0].partition(",")[0]


def _time() -> re.Pattern[str]:
    """Return what matches a time with its unit, in English and in the language of the texts."""
    return re.compile(rf"\d+(?:[.,]\d+)? ?(?:{'|'.join((*_UNITS, *map(re.escape, durations.units())))})\b")


def _words(fact: str) -> str:
    return _NUMBER.sub("#", _IDENTIFIER.sub("#", fact))

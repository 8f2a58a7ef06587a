"""What changed between two tests of one connection, for the page of a test and the page that compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from mailadmin import testruns
from mailadmin.core.differences import Change, Differences, compare
from mailadmin.core.report import Step, StepState
from mailadmin.models import ConnectionTest

from .ladder import mark, milliseconds

_GOOD = (ConnectionTest.State.OK, ConnectionTest.State.WARNING, ConnectionTest.State.NOT_PROVEN)
_FINISHED = (*_GOOD, ConnectionTest.State.FAILED)


@dataclass(frozen=True)
class Comparison:
    """What is different from an earlier test, and which one that is ("the previous test")."""

    which: str
    test: ConnectionTest
    differences: Differences


@dataclass(frozen=True)
class Side:
    """A step of one of two tests as the comparison shows it; `step` is None where that test did not have it."""

    step: Step | None

    @property
    def state(self) -> StepState:
        """Return the state, "not run" for a step that the test did not have."""
        return self.step.state if self.step else StepState.NOT_RUN

    @property
    def icon(self) -> str:
        """Return the shape of the state."""
        return mark(self.step) if self.step else "minus"

    @property
    def milliseconds(self) -> float | None:
        """Return how long it took, None for one that did not run."""
        return milliseconds(self.step) if self.step else None


@dataclass(frozen=True)
class Pair:
    """One step in both tests."""

    title: str
    before: Side
    after: Side

    @property
    def moved(self) -> bool:
        """Tell whether its state changed."""
        return self.before.state is not self.after.state


def comparisons(test: ConnectionTest, steps: Sequence[Step]) -> list[Comparison]:
    """Return what is different from the previous test of the same connection and, where that one was not good, from
    the last good one. At most four statements."""
    if test.route_id is None or test.state not in _FINISHED:
        return []
    before = others(test).filter(started_at__lt=test.started_at, state__in=_FINISHED)
    previous = before.first()
    if previous is None:
        return []
    found = [_comparison(_("the previous test"), previous, test, steps)]
    if previous.state not in _GOOD and (good := before.filter(state__in=_GOOD).first()):
        since_good = _comparison(_("the last good test"), good, test, steps)
        if since_good.differences == found[0].differences:
            return [since_good]  # the same twice says less than once
        found.append(since_good)
    return found


def others(test: ConnectionTest) -> Any:
    """Return the other tests of the same connection, the newest first."""
    same = ConnectionTest.objects.filter(route_id=test.route_id, kind=test.kind).exclude(route_id=None)
    return same.exclude(pk=test.pk).defer("draft")


def pairs(before: Sequence[Step], after: Sequence[Step]) -> list[Pair]:
    """Return every step of two tests side by side, in the order of the later test."""
    old, new = ({step.key: step for step in steps} for steps in (before, after))
    titles = {step.key: step.title for step in (*before, *after)}
    return [Pair(titles[key], Side(old.get(key)), Side(new.get(key))) for key in dict.fromkeys([*new, *old])]


def differences(
    before: ConnectionTest, steps_before: Sequence[Step], after: ConnectionTest, steps_after: Sequence[Step]
) -> Differences:
    """Return what is different in the later test, its settings in the language of whoever reads it."""
    found = compare(before.values, steps_before, after.values, steps_after)
    return replace(found, settings=[_shown(change) for change in found.settings])


def _shown(change: Change) -> Change:
    return Change(_(change.name), testruns.in_words(change.before), testruns.in_words(change.after))


def _comparison(which: str, other: ConnectionTest, test: ConnectionTest, steps: Sequence[Step]) -> Comparison:
    return Comparison(which, other, differences(other, testruns.steps_of(other), test, steps))

"""The report of a connection test: its steps, its verdict in one sentence, and the text to copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from .texts import _


class StepState(StrEnum):
    """The state of one step."""

    WAITING = "waiting"
    RUNNING = "running"
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_PROVEN = "not-proven"
    NOT_RUN = "not-run"

    @property
    def label(self) -> str:
        """Return the state as a person reads it."""
        return {
            StepState.WAITING: _("waiting"),
            StepState.RUNNING: _("running"),
            StepState.OK: _("ok"),
            StepState.WARNING: _("warning"),
            StepState.FAILED: _("failed"),
            StepState.NOT_PROVEN: _("not proven"),
            StepState.NOT_RUN: _("not run"),
        }[self]

    @property
    def done(self) -> bool:
        """Tell whether the step has ended, well or not."""
        return self not in (StepState.WAITING, StepState.RUNNING)


@dataclass
class Step:
    """One rung of the ladder. `fact` is one line ("TLS 1.3, certificate ends in 9 days"); `notes` are
    further sentences (warnings); `dialogue` holds masked protocol lines; `problem` is the title of the
    knowledge entry with `cause`, `remedy`, `owner`, when the step failed or warns; `seconds` its duration, and
    `offset` how many seconds after the first step it began. `details` are pairs of a label and a value, for who wants
    to know more (each certificate of the chain, each extension); `fixes` are changes of settings that would cure the
    failure (`core.fixes.Fix` as a mapping). `certificate_ends_on` is the last day of the certificate that the server
    showed, None where none was seen."""

    key: str
    title: str
    state: StepState = StepState.WAITING
    fact: str = ""
    notes: list[str] = field(default_factory=list)
    dialogue: list[str] = field(default_factory=list)
    seconds: float = 0.0
    code: str = ""  # id of the knowledge entry
    problem: str = ""
    cause: str = ""
    remedy: list[str] = field(default_factory=list)
    owner: str = ""
    setting: str = ""
    offset: float = 0.0
    details: list[list[str]] = field(default_factory=list)
    fixes: list[dict[str, Any]] = field(default_factory=list)
    certificate_ends_on: date | None = None


def overall(steps: Sequence[Step]) -> StepState:
    """Return the state of the whole test: failed, then not proven, then warning, then ok."""
    states = {step.state for step in steps}
    for state in (StepState.RUNNING, StepState.FAILED, StepState.NOT_PROVEN, StepState.WARNING):
        if state in states:
            return state
    return StepState.OK if StepState.OK in states else StepState.NOT_RUN


def verdict(steps: Sequence[Step]) -> str:
    """Return the verdict in one or two sentences: what holds, and what does not.

    A step that was left out on purpose says why in its fact; one without a fact was never reached.
    """
    failed = next((step for step in steps if step.state is StepState.FAILED), None)
    if failed:
        place = list(steps).index(failed) + 1
        where = _("Step {place} of {number} failed: {title}.").format(
            place=place, number=len(steps), title=failed.title
        )
        return " ".join(filter(None, (where, failed.problem, _what_holds(steps, failed))))
    warnings = [step for step in steps if step.state is StepState.WARNING]
    unproven = [step for step in steps if step.state is StepState.NOT_PROVEN]
    unreached = [step for step in steps if not step.state.done or (step.state is StepState.NOT_RUN and not step.fact)]
    last = steps[-1] if steps else None
    if unreached or last is None:
        text = _("The test ended early; this was not tried: {steps}.").format(steps=_titles(unreached) or _("anything"))
    elif last.state in (StepState.OK, StepState.WARNING):
        text = _("Everything works: a token was given.")
        if last.key != "token":
            text = _("Everything works: the test message was accepted. Delivery to the inbox is not proven.")
    elif unproven:
        text = _("Nothing failed, but this could not be proven: {steps}.").format(steps=_titles(unproven))
    else:
        text = _("Everything works up to the message; no test message was sent, because no recipient was given.")
    if warnings:
        text += " " + _("Look at: {steps}.").format(steps=_titles(warnings))
    return text


def as_text(heading: str, steps: Sequence[Step]) -> str:
    """Return the report as plain text, to copy into a ticket. It holds no secret, as the steps hold none."""
    lines = [heading, verdict(steps), ""]
    for place, step in enumerate(steps, 1):
        time = f" ({step.seconds * 1000:.0f} ms)" if step.state.done and step.state is not StepState.NOT_RUN else ""
        lines.append(f"{place}. {step.title}: {step.state.label}{time}{' - ' + step.fact if step.fact else ''}")
        lines += [f"   {note}" for note in step.notes]
        lines += [f"   - {label}: {value}" for label, value in step.details]
        if step.problem:
            lines.append(f"   {step.problem} {step.cause}".rstrip())
            to_do = _("To do {number}: {text}")
            lines += [f"   {to_do.format(number=number, text=text)}" for number, text in enumerate(step.remedy, 1)]
            if step.owner:
                lines.append(f"   {_('Who: {owner}').format(owner=step.owner)}")
        lines += [f"   | {line}" for line in step.dialogue]
    return "\n".join(lines)


def _titles(steps: Sequence[Step]) -> str:
    return ", ".join(step.title for step in steps)


def _what_holds(steps: Sequence[Step], failed: Step) -> str:
    """Name the last thing that surely works, so that nobody searches before it."""
    fine = {step.key for step in steps if step.state in (StepState.OK, StepState.WARNING)}
    if failed.key == "auth" and "tls" in fine:
        return _("The server answers and TLS is sound.")
    if failed.key in ("auth", "sender", "recipient", "message") and "greeting" in fine:
        return _("The server answers.") if failed.key == "auth" else _("The server answers and takes our sign-in.")
    if failed.key.startswith("mailbox") and "token" in fine:
        return _("Signing in to Entra works.")
    return ""

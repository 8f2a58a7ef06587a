"""The report of a connection test: its steps, its verdict in one sentence, and the text to copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# Said wherever a server took a message: nobody but the recipient can say more.
NOT_IN_THE_INBOX = "delivery to the inbox is not proven"


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
            StepState.WAITING: "waiting",
            StepState.RUNNING: "running",
            StepState.OK: "ok",
            StepState.WARNING: "warning",
            StepState.FAILED: "failed",
            StepState.NOT_PROVEN: "not proven",
            StepState.NOT_RUN: "not run",
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
    failure (`core.fixes.Fix` as a mapping)."""

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
        place = f"Step {list(steps).index(failed) + 1} of {len(steps)} failed: {failed.title}."
        return " ".join(filter(None, (place, failed.problem, _what_holds(steps, failed))))
    warnings = [step for step in steps if step.state is StepState.WARNING]
    unproven = [step for step in steps if step.state is StepState.NOT_PROVEN]
    unreached = [step for step in steps if not step.state.done or (step.state is StepState.NOT_RUN and not step.fact)]
    last = steps[-1] if steps else None
    if unreached or last is None:
        text = f"The test ended early; this was not tried: {_titles(unreached) or 'anything'}."
    elif last.state in (StepState.OK, StepState.WARNING):
        text = "Everything works: a token was given."
        if last.key != "token":
            text = f"Everything works: the test message was accepted. {NOT_IN_THE_INBOX.capitalize()}."
    elif unproven:
        text = f"Nothing failed, but this could not be proven: {_titles(unproven)}."
    else:
        text = "Everything works up to the message; no test message was sent, because no recipient was given."
    if warnings:
        text += f" Look at: {_titles(warnings)}."
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
            lines += [f"   To do {number}: {text}" for number, text in enumerate(step.remedy, 1)]
            if step.owner:
                lines.append(f"   Who: {step.owner}")
        lines += [f"   | {line}" for line in step.dialogue]
    return "\n".join(lines)


def _titles(steps: Sequence[Step]) -> str:
    return ", ".join(step.title for step in steps)


def _what_holds(steps: Sequence[Step], failed: Step) -> str:
    """Name the last thing that surely works, so that nobody searches before it."""
    fine = {step.key for step in steps if step.state in (StepState.OK, StepState.WARNING)}
    if failed.key == "auth" and "tls" in fine:
        return "The server answers and TLS is sound."
    if failed.key in ("auth", "sender", "recipient", "message") and "greeting" in fine:
        return "The server answers." if failed.key == "auth" else "The server answers and takes our sign-in."
    if failed.key.startswith("mailbox") and "token" in fine:
        return "Signing in to Entra works."
    return ""

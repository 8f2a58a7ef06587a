"""What the commands on settings files have in common: reading the file, and saying what is wrong or would change."""

from __future__ import annotations

import getpass
import json
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from mailadmin.settings_file.apply import Who
from mailadmin.settings_file.document import Document, read
from mailadmin.settings_file.faults import Fault, Unreadable
from mailadmin.settings_file.plan import ADOPT, CHANGE, CREATE, DELETE, Plan, Step
from mailadmin.settings_file.values import in_words

FAULTS = 1
_SIGNS = {CREATE: "+", CHANGE: "~", DELETE: "-"}


def read_file(path: str) -> Document:
    """Return the settings file. Raises CommandError when it cannot be read at all."""
    try:
        return read(Path(path))
    except Unreadable as error:
        raise CommandError(str(error), returncode=FAULTS) from None


def who(name: str) -> Who:
    """Return on whose behalf the audit trail says that a command worked."""
    try:
        account = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in containers
        account = "somebody"
    return Who(name, f"By {account}, in the shell.")


def add_choices(parser: ArgumentParser) -> None:
    """Take what plan and apply have in common."""
    parser.add_argument("--prune", action="store_true", help="remove what came from this file and is in it no longer")
    parser.add_argument(
        "--adopt", action="store_true", help="take over what the file names and the console, or another file, made"
    )


def as_json(data: Any) -> str:
    """Return `data` as the commands print it for programs."""
    return json.dumps(data, indent=2, ensure_ascii=False)


def tell_faults(out: OutputWrapper, file: str, faults: Sequence[Fault]) -> None:
    """Write everything that is wrong, a line for each."""
    things = "One thing is" if len(faults) == 1 else f"{len(faults)} things are"
    out.write(f"{things} to be put right in {file}; nothing was changed.")
    for fault in faults:
        out.write(f"- {fault}")


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield the plan for people."""
    for step in plan.steps:
        yield from _step_lines(step)
    for name, (before, after) in plan.order.items():
        yield f"~ order of [[{name}]]"
        yield f"    {', '.join(before)} -> {', '.join(after)}"
    for note in plan.notes:
        yield f"  note: {note}"
    if plan.empty:
        yield "There is nothing to change."
    else:
        counts = [
            f"{sum(step.action == action for step in plan.steps)} to {action}" for action in (CREATE, CHANGE, DELETE)
        ]
        yield f"{', '.join(counts)}. Digest of this plan: {plan.digest}"


def _step_lines(step: Step) -> Iterator[str]:
    name = f" “{step.name}”" if step.name else ""
    line = f"{_SIGNS.get(step.action, '~')} {step.action} {step.table.head}{name}"
    if step.adopted is not None:
        line += f", which {f'the file {step.adopted}' if step.adopted else 'the console'} managed until now"
    yield line + (", with all its values" if step.action == ADOPT else "")
    for key, (old, new) in step.changes.items():
        yield f"    {key}: {_shown(new)}" if step.action == CREATE else f"    {key}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    value = in_words(value)
    if value is None or value == "" or value == []:
        return "(empty)"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, list) else str(value)

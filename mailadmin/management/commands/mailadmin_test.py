"""Test Connection on the command line: the same ladder, printed as it is walked."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from mailadmin import testruns
from mailadmin.core import limits
from mailadmin.core.addresses import AddressError, parse
from mailadmin.core.report import Step
from mailadmin.models import ConnectionTest, IntegratedService, OAuthService, SmtpConnection

Row = OAuthService | SmtpConnection | IntegratedService
State = ConnectionTest.State

FAILED, BAD_QUESTION, UNPROVEN = 1, 2, 3
KINDS: dict[str, type[Row]] = {"oauth": OAuthService, "smtp": SmtpConnection, testruns.SERVICE: IntegratedService}
_POLL_SECONDS = 0.1  # as a person watches; each look is one statement


class Command(BaseCommand):
    """Exit codes: 0 everything passed, 1 a test failed or did not end in time, 2 a wrong option or an unknown name, 3
    nothing failed, but there are warnings or something could not be proven."""

    help = (
        "Test saved connections and services step by step. Without --to nothing is sent. Exit code 0 when all passed, "
        "1 when one failed or did not end in time, 2 for a wrong option or an unknown name, 3 when nothing failed but "
        "there are warnings or something could not be proven."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to test."""
        parser.add_argument("names", nargs="*", metavar="NAME", help="as in the console; where two share it, smtp:NAME")
        parser.add_argument("--all", action="store_true", help="every connection that is switched on")
        parser.add_argument("--to", default="", metavar="ADDRESS", help="send a real test message there")
        parser.add_argument("--json", action="store_true", help="print the steps as JSON")
        parser.add_argument(
            "--timeout",
            type=float,
            default=limits.LADDER_SECONDS,
            metavar="SECONDS",
            help=f"for each test (default {limits.LADDER_SECONDS})",
        )

    def handle(self, *args: Any, names: list[str], to: str, json: bool, timeout: float, **options: Any) -> None:
        """Test one after the other. Raises CommandError with the exit code for what cannot be tested."""
        rows = _chosen(names, options["all"])
        recipient = _recipient(to)
        if connection.in_atomic_block:
            raise CommandError("A test cannot run inside a transaction: its thread does not see it.")
        self._quiet = json
        done = [self._test(row, recipient, timeout) for row in rows]
        if json:
            self.stdout.write(_as_json(done))
        elif len(done) > 1:
            self._say("", *(f"{test.name}: {test.shown_label}" for test in done))
        if code := _exit_code(done):
            raise SystemExit(code)

    def _test(self, row: Row, recipient: str, seconds: float) -> ConnectionTest:
        """Test `row`, printing each step as it ends, and return what came out."""
        test = testruns.start(_subject(row), user=None, recipient=recipient)
        self._say(f"{test.name} ({test.target})")
        try:
            self._follow(test, seconds)
        finally:
            _stop(test)  # also when somebody presses Ctrl-C
        if test.state == State.CANCELLED or test.running:
            test.state, test.verdict = State.FAILED, f"It did not end within {seconds:g} seconds, so it was stopped."
        self._say(test.verdict or test.shown_label)
        return test

    def _follow(self, test: ConnectionTest, seconds: float) -> None:
        """Print the steps of `test` as they end, until the last one or until its time is over."""
        until, told = time.monotonic() + seconds, 0
        while True:
            test.refresh_from_db()
            running = test.running  # asked before the steps are read, so that none of them is missed
            told = self._tell(testruns.steps_of(test), told)
            if not running or time.monotonic() > until:
                return
            time.sleep(_POLL_SECONDS)

    def _tell(self, steps: Sequence[Step], told: int) -> int:
        """Print those steps that have ended and were not printed yet; return how many are printed."""
        for step in steps[told:]:
            if not step.state.done:
                break
            told += 1
            self._say(*_lines(step))
        return told

    def _say(self, *lines: str) -> None:
        if not self._quiet:
            for line in lines:
                self.stdout.write(line)
            self.stdout.flush()


def _chosen(names: Sequence[str], every: bool) -> list[Row]:
    """Return what to test. Raises CommandError."""
    if bool(names) == every:
        raise CommandError("Name what to test, or say --all.", returncode=BAD_QUESTION)
    if not every:
        return [_named(name) for name in names]
    if rows := testruns.rows_to_test():
        return rows
    raise CommandError("There is nothing to test: no connection is switched on.", returncode=BAD_QUESTION)


def _named(name: str) -> Row:
    """Return the row called `name` (case is ignored; "smtp:", "oauth:" or "service:" before it says which kind)."""
    kind, colon, rest = name.partition(":")
    models = {kind: KINDS[kind]} if colon and kind in KINDS else KINDS
    wanted = rest if models is not KINDS else name
    found = [(kind, row) for kind, model in models.items() if (row := _row(model, wanted))]
    if len(found) == 1:
        return found[0][1]
    if found:
        ways = " or ".join(f"“{kind}:{row.name}”" for kind, row in found)
        raise CommandError(f"“{wanted}” is the name of more than one; say {ways}.", returncode=BAD_QUESTION)
    known = sorted(f"“{row.name}”" for model in models.values() for row in model._default_manager.all()[:20])
    raise CommandError(
        f"Nothing is called “{wanted}”. There {'are' if known else 'is'}: {', '.join(known) or 'nothing yet'}.",
        returncode=BAD_QUESTION,
    )


def _row(model: type[Row], name: str) -> Row | None:
    row: Row | None = model._default_manager.filter(name__iexact=name).first()
    return row


def _subject(row: Row) -> testruns.Subject:
    try:
        return testruns.subject_of_row(row)
    except ValueError as error:
        raise CommandError(f"The settings of “{row.name}” cannot be used: {error}", returncode=FAILED) from None


def _recipient(address: str) -> str:
    try:
        return parse(address).spec if address else ""
    except AddressError as error:
        raise CommandError(str(error), returncode=BAD_QUESTION) from None


def _stop(test: ConnectionTest) -> None:
    """See that the test has ended before we do: its thread ends with us, and it would show as interrupted."""
    until = time.monotonic() + limits.TEST_END_SECONDS
    while test.running and time.monotonic() < until:
        ConnectionTest.objects.filter(pk=test.pk).update(cancel_requested=True)
        time.sleep(_POLL_SECONDS)
        test.refresh_from_db()


def _exit_code(done: Sequence[ConnectionTest]) -> int:
    states = {test.shown_state for test in done}
    if states <= {State.OK}:
        return 0
    return UNPROVEN if states <= {State.OK, State.WARNING, State.NOT_PROVEN} else FAILED


def _lines(step: Step) -> list[str]:
    """Return one step as it is printed."""
    lines = [f"  {step.state.label:<11} {step.title}{f': {step.fact}' if step.fact else ''}"]
    lines += [f"{'':14}{note}" for note in step.notes]
    if step.problem:
        lines.append(f"{'':14}{step.problem} {step.cause}".rstrip())
        lines += [f"{'':14}{number}. {text}" for number, text in enumerate(step.remedy, 1)]
        lines += [f"{'':14}Who: {step.owner}"] if step.owner else []
    return lines


def _as_json(done: Sequence[ConnectionTest]) -> str:
    return json.dumps(
        [
            {
                "name": test.name,
                "kind": test.kind,
                "target": test.target,
                "state": str(test.shown_state),
                "verdict": test.verdict,
                "duration_ms": test.duration_ms,
                "steps": [_step(step) for step in testruns.steps_of(test)],
            }
            for test in done
        ],
        indent=2,
        ensure_ascii=False,
    )


def _step(step: Step) -> dict[str, Any]:
    return {
        "key": step.key,
        "title": step.title,
        "state": str(step.state),
        "fact": step.fact,
        "notes": step.notes,
        "seconds": round(step.seconds, 3),
        "code": step.code,
        "problem": step.problem,
        "cause": step.cause,
        "remedy": step.remedy,
        "owner": step.owner,
    }

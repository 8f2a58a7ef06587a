"""Why this route? What would become of a message, without sending it."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mailadmin import conf
from mailadmin.core import limits, sizes
from mailadmin.core.errors import MailError
from mailadmin.delivery.explain import Answer, Question, explain
from mailadmin.delivery.options import DIRECT, QUEUED

NOT_SENT, BAD_QUESTION = 1, 2


def _size(text: str) -> int:
    try:
        return sizes.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


class Command(BaseCommand):
    """Exit codes: 0 a route would be tried now, 1 the message would wait or not be sent, 2 a wrong option or an address
    that no message could have."""

    help = (
        "Tell which routes a message would take, in which order, and why. Nothing is sent, and nothing is changed. "
        "Exit code 0 when a route would be tried now, 1 when the message would wait or not be sent, 2 for a question "
        "that cannot be answered."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the message."""
        parser.add_argument("--from", dest="sender", default="", metavar="ADDRESS", help="as the application writes it")
        parser.add_argument("--to", action="append", default=[], metavar="ADDRESS", help="a recipient; may be repeated")
        parser.add_argument(
            "--size",
            type=_size,
            default=limits.WHY_BYTES,
            help=f"such as 300kB or 25MB, as it leaves (default {sizes.in_words(limits.WHY_BYTES)})",
        )
        parser.add_argument("--label", default="", help="the endpoint label")
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument("--direct", action="store_const", dest="mode", const=DIRECT, help="as if sent directly")
        mode.add_argument("--queued", action="store_const", dest="mode", const=QUEUED, help="as if queued")
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the answer. Raises CommandError with the exit code."""
        question = Question(
            sender=options["sender"],
            recipients=tuple(options["to"]),
            size=options["size"],
            label=options["label"],
            queued=(options["mode"] or conf.delivery()) == QUEUED,
        )
        try:
            answer = explain(question)
        except MailError as error:
            raise CommandError(str(error), returncode=BAD_QUESTION) from None
        self.stdout.write(as_json(answer) if options["json"] else as_text(answer))
        if not answer.leaves:
            raise SystemExit(NOT_SENT)


def as_json(answer: Answer) -> str:
    """Return the answer as JSON."""
    return json.dumps(asdict(answer), indent=2, ensure_ascii=False)


def as_text(answer: Answer) -> str:
    """Return the answer in lines."""
    lines = [answer.summary, *answer.notes]
    for line in answer.lines:
        place = f"{line.place}." if line.place else "-"
        lines += ["", f"{place} {line.name} ({line.key.kind}): {line.verdict.label}", f"   {line.reason}"]
        lines += [f"   {fact}" for fact in line.facts]
    return "\n".join(lines)

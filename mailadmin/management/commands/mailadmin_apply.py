"""Apply a settings file."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from mailadmin.management.settings_file import FAULTS, add_choices, plan_lines, read_file, tell_faults, who
from mailadmin.settings_file.apply import Choices, Moved, Refused, apply, plan_of, release
from mailadmin.settings_file.document import Document
from mailadmin.settings_file.plan import Plan

NOT_DONE = 3


class Command(BaseCommand):
    """Exit codes: 0 it is as the file says, 1 something is wrong with the file, 2 a wrong option, 3 it was not
    confirmed, or something was changed meanwhile. With any but 0 nothing is changed."""

    help = (
        "Make the installation as a settings file says: all of it or nothing, with an entry in the audit trail for "
        "each row. Asks first, unless told not to. A second time there is nothing to change. Exit code 0 when it is as "
        "the file says, 1 when something is wrong with the file, 3 when it was not confirmed or something changed "
        "meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file and what may be done."""
        parser.add_argument("file", help="the settings file")
        add_choices(parser)
        parser.add_argument(
            *("--yes", "--no-input", "--non-interactive"), action="store_true", dest="yes", help="do not ask"
        )
        parser.add_argument(
            "--plan-digest", default="", metavar="DIGEST", help="apply only the plan with this digest (mailadmin_plan)"
        )
        parser.add_argument(
            "--release",
            action="store_true",
            help="change no value: give everything that came from this file back to the console",
        )

    @no_translations
    def handle(self, *args: Any, file: str, **options: Any) -> None:
        """Apply it. Raises CommandError with the exit code."""
        if options["release"]:
            self._release(file)
            return
        document = read_file(file)
        choices = Choices(prune=options["prune"], adopt=options["adopt"], digest=options["plan_digest"])
        plan = plan_of(document, choices)
        if plan.faults:
            self._refuse(file, plan)
        self.stdout.write("\n".join(plan_lines(plan)))
        if choices.digest and choices.digest != plan.digest:
            raise CommandError(str(Moved(plan)), returncode=NOT_DONE)
        if plan.empty:
            return
        if not options["yes"] and not self._agreed():
            raise CommandError("Nothing was applied.", returncode=NOT_DONE)
        self._apply(file, document, replace(choices, digest=plan.digest))

    def _apply(self, file: str, document: Document, choices: Choices) -> None:
        try:
            apply(document, choices, who(f"mailadmin_apply {document.name}"))
        except Refused as error:
            self._refuse(file, error.plan)
        except Moved as error:
            raise CommandError(str(error), returncode=NOT_DONE) from None
        self.stdout.write("Applied.")

    def _refuse(self, file: str, plan: Plan) -> None:
        tell_faults(self.stderr, file, plan.faults)
        raise SystemExit(FAULTS)

    def _agreed(self) -> bool:
        """Ask; without somebody to answer the answer is no."""
        try:
            return input("Apply this? [y/N] ").strip().lower() in ("y", "yes")
        except EOFError:
            return False

    def _release(self, file: str) -> None:
        name = read_file(file).name if Path(file).exists() else file
        count = release(name, who(f"mailadmin_apply {name} --release"))
        if not count:
            raise CommandError(f"Nothing here came from {name}.", returncode=FAULTS)
        self.stdout.write(f"{count} given back to the console, as they stand.")

"""Show what applying a settings file would change."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, no_translations

from mailadmin.management.settings_file import FAULTS, add_choices, as_json, plan_lines, read_file, tell_faults
from mailadmin.settings_file.apply import Choices, plan_of

CHANGES = 2


class Command(BaseCommand):
    """Exit codes: 0 there is nothing to change, 1 something is wrong, 2 there are changes (and a wrong option)."""

    help = (
        "Show exactly what applying a settings file would change, and change nothing. A secret shows as its reference, "
        "or that one is stored. Exit code 0 when there is nothing to change, 2 when there are changes, 1 when "
        "something is wrong with the file."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file."""
        parser.add_argument("file", help="the settings file")
        add_choices(parser)
        parser.add_argument("--json", action="store_true", help="as JSON")

    @no_translations
    def handle(self, *args: Any, file: str, prune: bool, adopt: bool, json: bool, **options: Any) -> None:
        """Print the plan. Raises CommandError for a file that cannot be read, else SystemExit with the exit code."""
        plan = plan_of(read_file(file), Choices(prune=prune, adopt=adopt))
        if json:
            self.stdout.write(as_json(plan.as_data()))
        elif plan.faults:
            tell_faults(self.stderr, file, plan.faults)
        else:
            self.stdout.write("\n".join(plan_lines(plan)))
        if plan.faults or not plan.empty:
            raise SystemExit(FAULTS if plan.faults else CHANGES)

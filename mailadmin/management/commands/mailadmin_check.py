"""Look over a settings file: everything that is wrong with it, at once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, no_translations

from mailadmin.management.settings_file import FAULTS, as_json, read_file, tell_faults
from mailadmin.settings_file.apply import Choices, plan_of


class Command(BaseCommand):
    """Exit codes: 0 the file could be applied, 1 something is wrong with it, 2 a wrong option."""

    help = (
        "Tell everything that is wrong with a settings file, beside what is installed here. Nothing is changed. Exit "
        "code 0 when it could be applied, 1 when something is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file."""
        parser.add_argument("file", help="the settings file")
        parser.add_argument("--json", action="store_true", help="as JSON")

    @no_translations
    def handle(self, *args: Any, file: str, json: bool, **options: Any) -> None:
        """Print what is wrong. Raises CommandError for a file that cannot be read, and SystemExit for faults."""
        # What belongs to others is for plan and apply to ask about: the file itself may be right.
        faults = plan_of(read_file(file), Choices(adopt=True)).faults
        if json:
            self.stdout.write(as_json({"faults": [fault.as_data() for fault in faults]}))
        elif faults:
            tell_faults(self.stderr, file, faults)
        else:
            self.stdout.write(f"{file} is right.")
        if faults:
            raise SystemExit(FAULTS)

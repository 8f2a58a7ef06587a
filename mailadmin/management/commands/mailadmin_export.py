"""Write the whole installation as a settings file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from mailadmin.settings_file.export import export

FAILED = 1


class Command(BaseCommand):
    """Exit codes: 0 written, 1 the file exists already or cannot be written, 2 a wrong option."""

    help = (
        "Write settings, integrated services, OAuth services, SMTP connections, alert channels, sender domains and API "
        "clients as one TOML file, without any secret. Exit code 0 when it is written, 1 when the file exists already "
        "or cannot be written."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file."""
        parser.add_argument("file", nargs="?", default="-", help="where to write; “-”, or nothing, for the screen")
        parser.add_argument("--force", action="store_true", help="write over a file that exists")

    @no_translations
    def handle(self, *args: Any, file: str, force: bool, **options: Any) -> None:
        """Write it. Raises CommandError with the exit code."""
        text = export()
        if file == "-":
            self.stdout.write(text, ending="")
            return
        try:
            with Path(file).open("w" if force else "x", encoding="utf-8") as target:
                target.write(text)
        except FileExistsError:
            raise CommandError(
                f"{file} exists already. Write over it with --force, or choose another name.", returncode=FAILED
            ) from None
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.", returncode=FAILED) from None
        self.stdout.write(f"Written to {file}, without any secret.")

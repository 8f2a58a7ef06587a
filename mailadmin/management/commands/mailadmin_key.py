"""Make an encryption key, or add one to a key file."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mailadmin.core.keyring import key_id, new_key


class Command(BaseCommand):
    """`mailadmin_key` prints a new key; `mailadmin_key PATH` writes a new key file, readable by its owner only."""

    help = "Make an encryption key for the secrets in the database: printed, or written into a new key file."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the path of the key file."""
        parser.add_argument("path", nargs="?", help="the key file to make; without it the key is printed")

    def handle(self, *args: Any, path: str | None = None, **options: Any) -> None:
        """Print or write the key. Raises CommandError when the file exists or cannot be written."""
        key = new_key()
        if not path:
            self.stdout.write(key)
            return
        try:
            write_key_file(Path(path), key)
        except FileExistsError:
            raise CommandError(
                f"{path} exists already; a key file is never overwritten, as its keys may be in use."
            ) from None
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
        self.stdout.write(f'Wrote key {key_id(key)} to {path}. Name it in MAILADMIN["KEY_FILE"] and keep a copy apart.')


def write_key_file(path: Path, key: str) -> None:
    """Write `key` to the new file `path` with mode 0600. Raises FileExistsError, OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key + "\n")

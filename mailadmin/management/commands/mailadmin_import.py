"""Take over the mail server that Django's own settings name."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations
from django.db import transaction

from mailadmin import conf
from mailadmin.management.settings_file import who
from mailadmin.models import SmtpConnection
from mailadmin.settings_file import mailer
from mailadmin.settings_file.apply import record

NOT_TAKEN = 1


class Command(BaseCommand):
    """Exit codes: 0 it is an SMTP connection now, 1 there is nothing to take over, or it is there already, 2 a wrong
    option."""

    help = (
        "Make an SMTP connection of the mail server that Django's own settings name: another alias of MAILERS, or "
        "EMAIL_HOST and so on. Its password is encrypted and not shown. Exit code 0 when it is made, 1 when there is "
        "nothing to take over or it is there already."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where to look."""
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--alias", default="", metavar="NAME", help="an alias of MAILERS; without it the first one")
        where.add_argument("--from-settings", action="store_true", help="EMAIL_HOST and so on, and nothing else")

    @no_translations
    def handle(self, *args: Any, alias: str, from_settings: bool, **options: Any) -> None:
        """Make the connection. Raises CommandError with the exit code."""
        try:
            with transaction.atomic():
                row, source = self._take_over(alias, from_settings)
        except (mailer.NotTaken, conf.ConfigurationError) as error:
            raise CommandError(str(error), returncode=NOT_TAKEN) from None
        self.stdout.write(
            f"{source} is the SMTP connection “{row.name}” now. Test it: "
            f'python manage.py mailadmin_test "smtp:{row.name}"'
        )

    def _take_over(self, alias: str, from_settings: bool) -> tuple[SmtpConnection, str]:
        anything = mailer.from_settings if from_settings else mailer.first
        found = mailer.from_alias(alias) if alias else anything()
        row = mailer.take_over(found)
        record(who("mailadmin_import"), "created", row, detail=f"Taken over from {found.source}.")
        return row, found.source

"""Confirm, on this machine, that a copied or restored database belongs here."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mailadmin.delivery import confirmation, guard
from mailadmin.models import AuditEntry, Settings

TO_CONFIRM, FAILED = 1, 3


class Command(BaseCommand):
    """Without an option it only looks. Exit codes: 0 mail may leave, 1 there is something to confirm, 2 a wrong
    option, 3 the confirmation failed."""

    help = (
        "Tell whether the guard holds the mail because this database was copied or restored, and confirm with --send "
        "or --cancel that it belongs here. Needed once for each machine that keeps a generation file of its own."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what becomes of the messages that wait."""
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--send", action="store_true", help="confirm, and send what waits in the outbox")
        group.add_argument("--cancel", action="store_true", help="confirm, after cancelling what waits in the outbox")

    def handle(self, *args: Any, send: bool, cancel: bool, **options: Any) -> None:
        """Look, or confirm. Raises CommandError with the exit code."""
        objection = guard.objection(Settings.load())
        if not objection:
            self.stdout.write("Nothing is to be confirmed: this database belongs here.")
            return
        if not (send or cancel):
            waits = confirmation.backlog()
            count = f"{'more than ' if waits.more else ''}{waits.count}"
            raise CommandError(
                f"All mail is held. {objection} Messages that wait: {count}. Confirm with --send or --cancel.",
                returncode=TO_CONFIRM,
            )
        self._confirm(cancel)

    def _confirm(self, cancel: bool) -> None:
        try:
            done = confirmation.confirm(cancel=cancel)
        except OSError as error:
            raise CommandError(
                f"Nothing is confirmed: the generation file cannot be written ({error.strerror}).", returncode=FAILED
            ) from None
        if done.busy:
            raise CommandError(
                f"Cancelled {done.cancelled}; others are in the hands of a worker. Run it again in a minute.",
                returncode=FAILED,
            )
        told = f"{done.objection} {f'Cancelled {done.cancelled}.' if cancel else 'What waited is sent.'}"
        AuditEntry.objects.create(
            user_name=f"{_user()} (shell)"[:150], action="confirmed", object_type="settings", detail=told
        )
        self.stdout.write(f"Confirmed: mail leaves again. {told}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in containers
        return "somebody"

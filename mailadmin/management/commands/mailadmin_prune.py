"""Forget what is older than the retention in the settings; for cron."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from mailadmin.delivery import guard
from mailadmin.delivery.retention import prune


class Command(BaseCommand):
    """Prints how many deliveries and connection tests were deleted."""

    help = (
        "Delete deliveries and connection tests that are older than the retention set in the console, and kept content "
        "whose time is over; bring the index of the search up to date. Run it daily."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Prune once, and let the guard count on, for those who run no worker."""
        guard.advance()
        deleted = prune(seconds=None)
        self.stdout.write(f"Deleted {deleted} old {'entry' if deleted == 1 else 'entries'}.")

"""The banner of connections that sign in to Microsoft with a password."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from mailadmin.core import microsoft
from mailadmin.models import SmtpConnection
from mailadmin.watch.radar import signs_in_with_password

from .overview import Banner, RouteLine


def radar_banner(lines: Iterable[RouteLine], today: date) -> list[Banner]:
    """Return the dashboard's banner when an enabled route is on the radar. No statement."""
    named = [
        line.row.name for line in lines if isinstance(line.row, SmtpConnection) and signs_in_with_password(line.row)
    ]
    if not named:
        return []
    title = f"{_several(named)} to Microsoft with a password."
    return [Banner("warning", title, microsoft.countdown(today), kind="radar")]


def _several(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"“{names[0]}” signs in"
    return f"{len(names)} SMTP connections sign in"

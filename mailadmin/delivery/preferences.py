"""The row of preferences as the frozen value that sending reads."""

from __future__ import annotations

from mailadmin.core import validation
from mailadmin.core.preferences import Keep, Preferences, Sending
from mailadmin.models import Settings

from . import guard


def preferences(row: Settings | None) -> Preferences:
    """Return what `row` says, and what the guard says of its database; None (settings that were never saved) means the
    defaults. Raises ConfigurationError."""
    if row is None:
        return Preferences()
    return Preferences(
        sending=Sending(row.sending),
        redirect_to=row.redirect_to.strip(),
        spared=validation.sender_list(row.spared),
        objection=guard.objection(row),
        paused_labels=tuple(row.paused_labels),
        lifetime_hours=row.queue_lifetime_hours,
        keep=Keep(row.keep_content),
        keep_days=row.keep_content_days,
        hide_codes=row.hide_codes,
    )

"""The preferences of the installation that sending must know, as a frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from . import limits


class Sending(StrEnum):
    """What happens to all mail."""

    ON = "on"
    HELD = "held"  # queued messages wait; in direct mode SendingHeld is raised
    REDIRECTED = "redirected"  # it goes to one address instead


class Keep(StrEnum):
    """Whose content is kept when a message is over."""

    NONE = "none"
    FAILED = "failed"
    ALL = "all"


@dataclass(frozen=True)
class Preferences:
    """What the Settings page says about sending.

    `spared` are addresses and domains that get their mail although sending is held or redirected; `objection` says in
    a sentence why nothing may leave although sending is on (this database belongs to another environment, or is older
    than it should be), "" when nothing speaks against it. `lifetime_hours` is how long a queued message is tried.
    """

    sending: Sending = Sending.ON
    redirect_to: str = ""
    spared: tuple[str, ...] = ()
    objection: str = ""
    paused_labels: tuple[str, ...] = ()
    lifetime_hours: int = limits.QUEUE_LIFETIME_HOURS
    keep: Keep = Keep.NONE
    keep_days: int = limits.KEEP_CONTENT_DAYS
    hide_codes: bool = True

    @property
    def held(self) -> bool:
        """Tell whether mail is held, by the switch or by the guard."""
        return bool(self.objection) or self.sending is Sending.HELD

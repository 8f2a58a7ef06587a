"""What Microsoft announced about SMTP with a password, and which hosts it concerns (pure).

Source: Message Center MC786329 in its update of 2026-01-27, read in a public copy; learn.microsoft.com,
"Authenticated client SMTP submission".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from .clouds import CLOUDS
from .texts import _

# From the end of this day a password is off by default in tenants that exist; an administrator can switch it on again.
OFF_BY_DEFAULT = date(2026, 12, 31)
# The half-year in which Microsoft will name the final date begins here.
FINAL_DATE_NAMED = date(2027, 7, 1)
REFUSAL = "550 5.7.30 Basic authentication is not supported for Client Submission"
SOURCE = "Microsoft Message Center, MC786329"

# Where clients hand mail over with AUTH. A tenant's own MX (*.mail.protection.outlook.com) takes mail without any
# sign-in: direct send and relay are not concerned.
_SUBMISSION = frozenset(
    {host for cloud in CLOUDS.values() for host in cloud.mail_hosts}
    | {"outlook.office.com", "smtp.outlook.com", "smtp-legacy.office365.com"}
)


@dataclass(frozen=True)
class Announcement:
    """One step of Microsoft's plan: when, and what happens."""

    when: str
    what: str


def announcements() -> tuple[Announcement, ...]:
    """Return the steps of the plan, in order."""
    return (
        Announcement(_("Until December 2026"), _("A password works as before where the tenant allows SMTP AUTH.")),
        Announcement(
            _("End of December 2026"),
            _(
                "A password is switched off by default in tenants that exist; their administrator can switch it on "
                "again. Tenants made later cannot use one by default."
            ),
        ),
        Announcement(_("Second half of 2027"), _("Microsoft names the date on which it ends for good.")),
    )


def takes_password(host: str) -> bool:
    """Tell whether `host` is one of Microsoft's at which clients sign in to submit mail."""
    return host.strip().rstrip(".").lower() in _SUBMISSION


def days_left(today: date) -> int:
    """Return the days until a password is off by default; negative afterwards."""
    return (OFF_BY_DEFAULT - today).days


def countdown(today: date) -> str:
    """Return in a sentence how much time is left."""
    days = days_left(today)
    if days > 1:
        return _("In {days} days Microsoft switches sign-in by password off by default.").format(days=days)
    if days >= 0:
        if days:
            return _("Microsoft switches sign-in by password off by default tomorrow.")
        return _("Microsoft switches sign-in by password off by default today.")
    if today < FINAL_DATE_NAMED:
        return _(
            "Microsoft has switched sign-in by password off by default; the tenant's administrator may have it on."
        )
    return _("Sign-in by password is off by default; look up the date that Microsoft names for its end.")

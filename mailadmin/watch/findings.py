"""What is wrong now, the worst first: one list for the dashboard's banners, for monitors and for alerts."""

from __future__ import annotations

from collections.abc import Iterable

from mailadmin.core.alerts import Event

from .finding import ERROR, Finding
from .finding import Link as Link
from .of_installation import held_finding, key_finding, late_watch, log_finding, radar_finding
from .of_mail import mail_findings
from .of_routes import route_findings
from .of_secrets import endings, secret_findings
from .reading import Reading, read


def findings(found: Reading | None = None) -> list[Finding]:
    """Return what is wrong now, errors before warnings; of equals that first of which more depends.

    `found` is what was read already (None: it is read now). Raises what the database raises, MailError and
    ConfigurationError.
    """
    found = found or read()
    return _sorted(
        [
            *key_finding(),
            *held_finding(found.snapshot.preferences),
            *mail_findings(found),
            *route_findings(found),
            *secret_findings(endings(found)),
            *late_watch(found),
            *radar_finding(found),
            *log_finding(),
        ]
    )


def shown(every: Iterable[Finding]) -> list[Finding]:
    """Return those that are worth a banner, and a word of a monitor: not those that are only told once, early."""
    return [finding for finding in every if not finding.early]


def _sorted(every: list[Finding]) -> list[Finding]:
    """Return what fails before what will fail, and that before what is only worth knowing."""

    def place(one: Finding) -> tuple[bool, ...]:
        fails = one.tone == ERROR
        return not fails, one.early, one.event is None and not fails, one.event is Event.EXPIRY

    return sorted(every, key=place)

"""What a test tells of a server's certificate and of those of its issuers: the facts of each, and warnings."""

from __future__ import annotations

from datetime import UTC, datetime

from mailadmin.core import limits
from mailadmin.core.dates import day
from mailadmin.core.fault import Fault, Kind
from mailadmin.core.report import Step, StepState
from mailadmin.net.certificate import Certificate
from mailadmin.net.chain import missing

_NAMES = 20  # of one certificate; a content network's may carry a hundred


def describe(step: Step, shown: Certificate, asked_for: str, refused: Fault | None = None) -> None:
    """Add the facts of `shown` and its chain to the details of `step`; `asked_for` is the name that was dialled, and
    `refused` why the certificate was not accepted."""
    step.details += [["Protocol", shown.tls_version], ["Cipher", shown.cipher], ["Name asked for", asked_for]]
    if refused:
        step.details.append(["Certificate refused", refused.text.partition("; the certificate was")[0]])
        fits = "yes" if shown.carries(asked_for) else "no"
        step.details.append(["Does a name of it fit?", f"{fits}; it is for {shown.shown_names()}"])
    now, chain = datetime.now(UTC), shown.chain or (shown,)
    for place, one in enumerate(chain, 1):
        step.details += _rows(f"Certificate {place} of {len(chain)}", one, now)
    if refused and refused.kind is Kind.CERT_UNKNOWN_ISSUER and len(chain) == 1 and not shown.self_issued:
        step.notes.append(
            f"The server sent its own certificate alone. Unless “{shown.issuer}” is a root, the server must send the "
            "certificate of that issuer too: whoever runs it should install the whole chain."
        )
    elif issuer := "" if refused else missing(chain):
        warn(
            step,
            f"The server did not send the certificate of the issuer “{issuer}”, which is known here. Senders that do "
            "not have it refuse this server: whoever runs it should install the whole chain.",
        )


def warn_of_end(step: Step, shown: Certificate, whose: str, advice: str) -> None:
    """Warn when `shown` ends soon, or a certificate above it in its chain that the server sent."""
    now = datetime.now(UTC)
    if shown.days_left(now) < limits.CERTIFICATE_WARNING_DAYS:
        warn(step, f"{whose} ends in {days(shown)}. {advice}")
    for one in shown.chain[1:]:
        if one.sent and one.days_left(now) < limits.CERTIFICATE_WARNING_DAYS:
            ends = f"ends in {days(one)}" if one.days_left(now) >= 0 else f"ended on {day(one.not_after)}"
            warn(step, f"The certificate of the issuer “{one.subject}”, which the server sends too, {ends}. {advice}")


def warn(step: Step, text: str) -> None:
    """Add a warning to `step`."""
    step.state = StepState.WARNING
    step.notes.append(text)


def days(shown: Certificate) -> str:
    """Return how many days are left."""
    left = shown.days_left(datetime.now(UTC))
    return "1 day" if left == 1 else f"{left} days"


def _rows(label: str, one: Certificate, now: datetime) -> list[list[str]]:
    """Return the facts of one certificate."""
    whose = f"{one.subject}, issued by {'itself' if one.self_issued else one.issuer}"
    left = f"{days(one)} left" if now <= one.not_after else "ended"
    names = ", ".join(one.names[:_NAMES]) + (f" and {len(one.names) - _NAMES} more" if len(one.names) > _NAMES else "")
    rows = [
        [label, whose if one.sent else f"{whose}; known here, not sent by the server"],
        [f"{label}: valid", f"{day(one.not_before)} to {day(one.not_after)}, {left}"],
        [f"{label}: key", f"{one.key}; signed by {one.signature}"],
        [f"{label}: SHA-256", one.fingerprint],
    ]
    return [rows[0], [f"{label}: names", names], *rows[1:]] if names else rows

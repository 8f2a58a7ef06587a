"""What a test tells of a server's certificate and of those of its issuers: the facts of each, and warnings."""

from __future__ import annotations

from datetime import UTC, datetime

from mailadmin.core import durations, limits
from mailadmin.core.dates import day
from mailadmin.core.fault import Fault, Kind
from mailadmin.core.report import Step, StepState
from mailadmin.core.texts import _
from mailadmin.net.certificate import Certificate
from mailadmin.net.chain import missing
from mailadmin.transports.smtp.second_look import told

_NAMES = 20  # of one certificate; a content network's may carry a hundred


def describe(step: Step, shown: Certificate, asked_for: str, refused: Fault | None = None) -> None:
    """Add the facts of `shown` and its chain to the details of `step`; `asked_for` is the name that was dialled, and
    `refused` why the certificate was not accepted."""
    step.details += [
        [_("Protocol"), shown.tls_version],
        [_("Cipher"), shown.cipher],
        [_("Name asked for"), asked_for],
    ]
    step.certificate_ends_on = shown.not_after.date()
    if refused:
        step.details.append([_("Certificate refused"), refused.text.removesuffix(told("", shown))])
        fits = _("yes; it is for {names}") if shown.carries(asked_for) else _("no; it is for {names}")
        step.details.append([_("Does a name of it fit?"), fits.format(names=shown.shown_names())])
    now, chain = datetime.now(UTC), shown.chain or (shown,)
    for place, one in enumerate(chain, 1):
        step.details += _rows(_("Certificate {place} of {number}").format(place=place, number=len(chain)), one, now)
    if refused and refused.kind is Kind.CERT_UNKNOWN_ISSUER and len(chain) == 1 and not shown.self_issued:
        alone = _(
            "The server sent its own certificate alone. Unless “{issuer}” is a root, the server must send the "
            "certificate of that issuer too: whoever runs it should install the whole chain."
        )
        step.notes.append(alone.format(issuer=shown.issuer))
    elif issuer := "" if refused else missing(chain):
        unsent = _(
            "The server did not send the certificate of the issuer “{issuer}”, which is known here. Senders that do "
            "not have it refuse this server: whoever runs it should install the whole chain."
        )
        warn(step, unsent.format(issuer=issuer))


def warn_of_end(step: Step, shown: Certificate, sentence: str, advice: str) -> None:
    """Warn with `sentence` ("It ends in {days}.") when `shown` ends soon, and of a certificate above it in its chain
    that the server sent."""
    now = datetime.now(UTC)
    if shown.days_left(now) < limits.CERTIFICATE_WARNING_DAYS:
        warn(step, f"{sentence.format(days=days(shown))} {advice}")
    for one in shown.chain[1:]:
        if not one.sent or one.days_left(now) >= limits.CERTIFICATE_WARNING_DAYS:
            continue
        text = _("The certificate of the issuer “{issuer}”, which the server sends too, ended on {day}.")
        if one.days_left(now) >= 0:
            text = _("The certificate of the issuer “{issuer}”, which the server sends too, ends in {days}.")
        warn(step, f"{text.format(issuer=one.subject, days=days(one), day=day(one.not_after))} {advice}")


def warn(step: Step, text: str) -> None:
    """Add a warning to `step`."""
    step.state = StepState.WARNING
    step.notes.append(text)


def days(shown: Certificate) -> str:
    """Return how many days are left."""
    return durations.days(shown.days_left(datetime.now(UTC)))


def _rows(label: str, one: Certificate, now: datetime) -> list[list[str]]:
    """Return the facts of one certificate."""
    whose = _("{subject}, issued by itself") if one.self_issued else _("{subject}, issued by {issuer}")
    whose = whose.format(subject=one.subject, issuer=one.issuer)
    if not one.sent:
        whose = _("{whose}; known here, not sent by the server").format(whose=whose)
    valid = _("{first} to {last}, {days} left") if now <= one.not_after else _("{first} to {last}, ended")
    valid = valid.format(first=day(one.not_before), last=day(one.not_after), days=days(one))
    names, more = ", ".join(one.names[:_NAMES]), len(one.names) - _NAMES
    if more > 0:
        names = _("{names} and {number} more").format(names=names, number=more)
    rows = [
        [label, whose],
        [_("{certificate}: valid").format(certificate=label), valid],
        [
            _("{certificate}: key").format(certificate=label),
            _("{key}; signed by {signature}").format(key=one.key, signature=one.signature),
        ],
        [f"{label}: SHA-256", one.fingerprint],
    ]
    return [rows[0], [_("{certificate}: names").format(certificate=label), names], *rows[1:]] if names else rows

"""What follows from the DMARC record that holds for a sender domain, for each route (RFC 7489 and 9989, pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .dkim_key import tags
from .dns_finding import Finding, Publish, SendsAs, State, Topic
from .dns_reading import Reading
from .spf_advice import named
from .texts import N_, _

_POLICIES = {
    "reject": (State.OK, N_("Receivers are asked to refuse mail that fails both SPF and DKIM.")),
    "quarantine": (State.OK, N_("Receivers are asked to put mail that fails both SPF and DKIM into the junk folder.")),
    "none": (
        State.WARNING,
        N_(
            "Receivers only report; mail in your name by anybody is delivered. Once the reports show that all of your "
            "own mail passes, ask for p=quarantine."
        ),
    ),
}
_DKIM = N_(
    "DKIM by this domain counts, too, but only a message shows it: dkim=pass with header.d= in the "
    "Authentication-Results of one that arrived."
)
_YOU = N_("you, on the form of the connection")


def dmarc_findings(reading: Reading, routes: Sequence[SendsAs]) -> list[Finding]:
    """Return what is to be said about the policy, then whether the mail of each of `routes` passes."""
    lines, at = reading.dmarc, reading.dmarc_at
    if lines.problem:
        return [_about(reading, State.NOT_PROVEN, _("The DMARC record could not be read."), lines.problem)]
    if not lines.values:
        return [_missing(reading)]
    if len(lines.values) > 1:
        text = _("Receivers then take it that there is none (RFC 7489 section 6.6.3). Delete all but one.")
        return [
            _about(
                reading,
                State.ERROR,
                _("There are {number} DMARC records.").format(number=len(lines.values)),
                text,
                lines.values,
            )
        ]
    if reading.dmarc_parsed.error:
        text = _("Receivers ignore it. The parser says: {error}").format(error=reading.dmarc_parsed.error)
        return [_about(reading, State.ERROR, _("The DMARC record is broken."), text, lines.values)]
    judged = (_alignment(reading, route) for route in routes if route.in_from)
    found = [*_policy(reading, lines.values[0]), *judged]
    if at != reading.domain:
        text = _("{domain} has no record of its own; the one of {at} holds (RFC 7489 section 6.6.3).").format(
            domain=reading.domain, at=at
        )
        found.insert(0, _about(reading, State.OK, _("The record of the organisation holds."), text))
    return found


def policy(reading: Reading) -> str:
    """Return what receivers are asked to do with mail of this domain: "none", "quarantine" or "reject"."""
    found = reading.dmarc_parsed.tags
    return found.get("p" if reading.dmarc_at == reading.domain else "sp", found.get("p", "none"))


def aligned(reading: Reading, envelope: str) -> bool:
    """Tell whether SPF for `envelope` counts for mail from this domain (RFC 7489 section 3.1.2)."""
    if reading.dmarc_parsed.tags.get("aspf") == "s":
        return envelope == reading.domain
    return reading.organisations.get(envelope, envelope) == reading.organisation


def _missing(reading: Reading) -> Finding:
    return Finding(
        Topic.DMARC,
        State.WARNING,
        _("There is no DMARC record."),
        _(
            "Anybody can send in your name without a trace, and the large mail providers ask for a record from those "
            "who send much. Start with one that only asks for reports; the address must be a mailbox that somebody "
            "reads."
        ),
        publish=Publish(f"_dmarc.{reading.organisation}", f"v=DMARC1; p=none; rua=mailto:dmarc@{reading.organisation}"),
        owner=_dns(reading.organisation),
    )


def _policy(reading: Reading, record: str) -> Iterator[Finding]:
    chosen, raw = policy(reading), tags(record)
    state, text = _POLICIES.get(chosen, _POLICIES["none"])
    yield _about(reading, state, _("The policy is “{policy}”.").format(policy=chosen), _(text), (record,))
    if raw.get("pct", "100") != "100":
        text = _(
            "Only this part of the mail falls under the policy; newer receivers (RFC 9989) ignore it. Take it out."
        )
        yield _about(
            reading, State.WARNING, _("The policy is limited: pct={percent}.").format(percent=raw["pct"]), text
        )
    if reading.dmarc_parsed.tags.get("t") == "y":
        text = _("Receivers are asked not to apply the policy (t=y). Take it out when the test is over.")
        yield _about(reading, State.WARNING, _("The policy is only being tested."), text)
    if "rua" not in raw:
        text = _("Without reports (rua=) nobody learns whose mail fails.")
        yield _about(reading, State.WARNING, _("Nobody gets the reports."), text)
    if remarks := [text for text in reading.dmarc_parsed.remarks if "accepts DMARC reports" in text or "MX" in text]:
        yield _about(reading, State.WARNING, _("Reports may not arrive."), " ".join(remarks))


def _alignment(reading: Reading, route: SendsAs) -> Finding:
    envelope = route.envelope or reading.domain
    if not aligned(reading, envelope):
        title = _("“{name}”: SPF does not count, the envelope sender is of {envelope}.").format(
            name=route.name, envelope=envelope
        )
        text = _("DMARC wants SPF to pass for {domain} itself. Change the envelope sender. {dkim}").format(
            domain=reading.domain, dkim=_(_DKIM)
        )
        return Finding(Topic.DMARC, State.WARNING, title, text, owner=_(_YOU))
    if envelope != reading.domain:
        title = _("“{name}”: SPF of {envelope} counts for this domain.").format(name=route.name, envelope=envelope)
        text = _("Whether it passes is said on the page of {envelope}. {dkim}").format(envelope=envelope, dkim=_(_DKIM))
        return Finding(Topic.DMARC, State.NOT_PROVEN, title, text)
    if named(reading, route):
        text = _(
            "So it is as long as the server keeps the envelope sender; some providers use their own. {dkim}"
        ).format(dkim=_(_DKIM))
        return Finding(
            Topic.DMARC, State.OK, _("“{name}”: SPF passes and counts for this domain.").format(name=route.name), text
        )
    title = _("“{name}”: SPF is not seen to pass, so DMARC rests on DKIM alone.").format(name=route.name)
    state = State.WARNING if policy(reading) != "none" else State.NOT_PROVEN
    return Finding(Topic.DMARC, state, title, _(_DKIM), owner=_dns(reading.domain))


def _about(reading: Reading, state: State, title: str, text: str, records: tuple[str, ...] = ()) -> Finding:
    owner = _dns(reading.dmarc_at or reading.domain) if state in (State.ERROR, State.WARNING) else ""
    return Finding(Topic.DMARC, state, title, text, records, owner=owner)


def _dns(domain: str) -> str:
    return _("whoever runs the DNS of {domain}").format(domain=domain)

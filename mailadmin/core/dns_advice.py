"""Advice on the DNS of a sender domain, from what was read and from the routes that send as it (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import limits
from .dkim_key import DkimKey
from .dkim_key import read as read_key
from .dmarc_advice import dmarc_findings
from .dns_finding import Finding, SendsAs, State, Topic
from .dns_reading import Lines, Reading
from .spf_advice import spf_findings


def advise(reading: Reading, routes: Sequence[SendsAs], named: Sequence[str] = ()) -> list[Finding]:
    """Return everything that is to be said about the domain, by topic; `named` are the DKIM selectors that a person
    typed."""
    if reading.mx.missing:  # nothing can stand below a name that does not exist (RFC 8020)
        return [*_mx(reading), *_nothing()]
    return [
        *_mx(reading),
        *spf_findings(reading, routes),
        *_dkim(reading, routes, named),
        *dmarc_findings(reading, routes),
        *_transport(reading),
    ]


def _mx(reading: Reading) -> list[Finding]:
    lines = reading.mx
    if lines.problem:
        return [Finding(Topic.MX, State.NOT_PROVEN, "The mail servers could not be read.", lines.problem)]
    if lines.missing:
        text = "Receivers refuse mail from a domain that does not exist. Check the spelling."
        return [_about(reading, Topic.MX, State.ERROR, "The DNS does not know this domain.", text)]
    if lines.values == ("0 .",):
        text = (
            "It says so itself (RFC 7505). Answers and reports of failed mail are lost, and some receivers refuse mail "
            "that nobody can answer."
        )
        return [_about(reading, Topic.MX, State.WARNING, "The domain takes no mail.", text, lines.values)]
    if not lines.values:
        return [_no_mx(reading)]
    return [_exchangers(reading)]


def _nothing() -> Iterator[Finding]:
    for topic, state in ((Topic.SPF, State.ERROR), (Topic.DKIM, State.NONE), (Topic.DMARC, State.NONE)):
        yield Finding(topic, state, f"There can be no {topic} record.", "The domain has to exist first.")


def _no_mx(reading: Reading) -> Finding:
    if reading.mx.alias:
        text = f"Its address {reading.mx.alias} serves instead (RFC 5321 section 5.1). Better publish an MX record."
        return _about(reading, Topic.MX, State.WARNING, "There is no MX record.", text)
    text = "Answers and reports of failed mail are lost, and some receivers refuse mail that nobody can answer."
    return _about(reading, Topic.MX, State.WARNING, "No server takes mail for this domain.", text)


def _exchangers(reading: Reading) -> Finding:
    hosts = [line.partition(" ")[2] for line in reading.mx.values]
    gone = [host for host in hosts if _is_gone(reading.hosts.get(host))]
    if not gone:
        title = f"Mail for the domain goes to {hosts[0]}."
        return Finding(Topic.MX, State.OK, title, "", reading.mx.values)
    state = State.ERROR if len(gone) == len(hosts) else State.WARNING
    text = "A mail server without an address gets no mail. Put its address into the DNS, or take the MX record out."
    title = f"The DNS knows no address of {', '.join(gone)}."
    return _about(reading, Topic.MX, state, title, text, reading.mx.values)


def _is_gone(lines: Lines | None) -> bool:
    return lines is not None and not lines.problem and not lines.values


def _dkim(reading: Reading, routes: Sequence[SendsAs], named: Sequence[str]) -> Iterator[Finding]:
    for name, lines in reading.dkim.items():
        if lines.values or name in named:  # a usual selector that is not there means nothing
            yield _key(reading, name, lines)
    found = {name for name, lines in reading.dkim.items() if lines.values}
    for route in {route.provider: route for route in routes if route.selectors}.values():
        if not found.intersection(route.selectors):
            title = f"{route.provider}: no key under its usual names ({', '.join(route.selectors)})."
            text = (
                f"Either signing as {reading.domain} is not switched on there, or the keys have other names; name them "
                "here then. A message that arrived shows the selector as s= in its DKIM-Signature."
            )
            yield _about(reading, Topic.DKIM, State.NOT_PROVEN, title, text)
    in_from = not routes or any(route.in_from for route in routes)  # DKIM signs for the From, not for the envelope
    if not reading.dkim and in_from:
        text = (
            "A key can only be found by the name of its selector. A message that arrived shows it as s= in its "
            "DKIM-Signature; name it here. Without a signature ask who runs the mail server to switch DKIM on."
        )
        yield _about(reading, Topic.DKIM, State.NOT_PROVEN, "No selector is known.", text)


def _key(reading: Reading, name: str, lines: Lines) -> Finding:
    if lines.problem:
        return _about(reading, Topic.DKIM, State.NOT_PROVEN, f"{name}: could not be read.", lines.problem)
    led = f" It stands at {lines.alias} (CNAME)." if lines.alias else ""
    if not lines.values:
        text = f"There is no key at {name}._domainkey.{reading.domain}; signatures with this selector fail.{led}"
        return _about(reading, Topic.DKIM, State.WARNING, f"{name}: no key.", text)
    state, title, text = _judged(read_key(lines.values[0]), len(lines.values))
    return _about(reading, Topic.DKIM, state, f"{name}: {title}", f"{text}{led}".strip(), lines.values)


def _judged(key: DkimKey, records: int) -> tuple[State, str, str]:
    """Return state, title and text for a key that was found in so many records."""
    kind = f"{key.algorithm.upper()} {key.bits}" if key.algorithm == "rsa" else key.algorithm.capitalize()
    short = key.algorithm == "rsa" and key.bits < limits.DKIM_GOOD_BITS
    if records > 1:
        return State.ERROR, "several records.", "Which one receivers take is not defined; leave one."
    if key.problem:
        return State.ERROR, "no usable key.", key.problem
    if key.revoked:
        text = "An empty p= says that signatures with this selector no longer count. Sign with another one."
        return State.WARNING, "the key was taken back.", text
    if short and key.bits < limits.DKIM_BITS:
        text = f"Receivers do not accept less than {limits.DKIM_BITS} bits (RFC 8301). Make a new key."
        return State.ERROR, f"the key is too short ({kind}).", text
    if key.testing:
        text = "The flag t=y asks receivers not to judge by it. Take it out when the test is over."
        return State.WARNING, f"{kind}, only for testing.", text
    if short:
        return State.WARNING, f"the key is short ({kind}).", "Change to 2048 bits (RFC 8301)."
    return State.OK, f"{kind} key.", ""


def _transport(reading: Reading) -> Iterator[Finding]:
    for lines, name, there, absent in (
        (
            reading.mta_sts,
            "MTA-STS",
            "Servers that send to you are told to insist on encryption.",
            "It would make servers that send to you insist on encryption; it changes nothing for the mail you send.",
        ),
        (
            reading.tls_rpt,
            "TLS-RPT",
            "Servers that send to you report when encryption fails.",
            "It would bring reports of failed encryption on the way to you; it changes nothing for the mail you send.",
        ),
    ):
        if lines.problem:
            yield Finding(Topic.TRANSPORT, State.NOT_PROVEN, f"{name} could not be read.", lines.problem)
        elif lines.values:
            yield Finding(Topic.TRANSPORT, State.OK, f"{name} is announced.", there, lines.values)
        else:
            yield Finding(Topic.TRANSPORT, State.NONE, f"There is no {name} record.", absent)


def _about(
    reading: Reading, topic: Topic, state: State, title: str, text: str, records: tuple[str, ...] = ()
) -> Finding:
    owner = f"whoever runs the DNS of {reading.domain}" if state in (State.ERROR, State.WARNING) else ""
    return Finding(topic, state, title, text, records, owner=owner)

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
from .texts import _


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
        return [Finding(Topic.MX, State.NOT_PROVEN, _("The mail servers could not be read."), lines.problem)]
    if lines.missing:
        text = _("Receivers refuse mail from a domain that does not exist. Check the spelling.")
        return [_about(reading, Topic.MX, State.ERROR, _("The DNS does not know this domain."), text)]
    if lines.values == ("0 .",):
        text = _(
            "It says so itself (RFC 7505). Answers and reports of failed mail are lost, and some receivers refuse mail "
            "that nobody can answer."
        )
        return [_about(reading, Topic.MX, State.WARNING, _("The domain takes no mail."), text, lines.values)]
    if not lines.values:
        return [_no_mx(reading)]
    return [_exchangers(reading)]


def _nothing() -> Iterator[Finding]:
    for topic, state in ((Topic.SPF, State.ERROR), (Topic.DKIM, State.NONE), (Topic.DMARC, State.NONE)):
        yield Finding(
            topic, state, _("There can be no {topic} record.").format(topic=topic), _("The domain has to exist first.")
        )


def _no_mx(reading: Reading) -> Finding:
    if reading.mx.alias:
        text = _("Its address {alias} serves instead (RFC 5321 section 5.1). Better publish an MX record.").format(
            alias=reading.mx.alias
        )
        return _about(reading, Topic.MX, State.WARNING, _("There is no MX record."), text)
    text = _("Answers and reports of failed mail are lost, and some receivers refuse mail that nobody can answer.")
    return _about(reading, Topic.MX, State.WARNING, _("No server takes mail for this domain."), text)


def _exchangers(reading: Reading) -> Finding:
    hosts = [line.partition(" ")[2] for line in reading.mx.values]
    gone = [host for host in hosts if _is_gone(reading.hosts.get(host))]
    if not gone:
        title = _("Mail for the domain goes to {host}.").format(host=hosts[0])
        return Finding(Topic.MX, State.OK, title, "", reading.mx.values)
    state = State.ERROR if len(gone) == len(hosts) else State.WARNING
    text = _("A mail server without an address gets no mail. Put its address into the DNS, or take the MX record out.")
    title = _("The DNS knows no address of {host}.").format(host=", ".join(gone))
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
            title = _("{provider}: no key under its usual names ({selectors}).").format(
                provider=route.provider, selectors=", ".join(route.selectors)
            )
            text = _(
                "Either signing as {domain} is not switched on there, or the keys have other names; name them "
                "here then. A message that arrived shows the selector as s= in its DKIM-Signature."
            ).format(domain=reading.domain)
            yield _about(reading, Topic.DKIM, State.NOT_PROVEN, title, text)
    in_from = not routes or any(route.in_from for route in routes)  # DKIM signs for the From, not for the envelope
    if not reading.dkim and in_from:
        text = _(
            "A key can only be found by the name of its selector. A message that arrived shows it as s= in its "
            "DKIM-Signature; name it here. Without a signature ask who runs the mail server to switch DKIM on."
        )
        yield _about(reading, Topic.DKIM, State.NOT_PROVEN, _("No selector is known."), text)


def _key(reading: Reading, name: str, lines: Lines) -> Finding:
    if lines.problem:
        return _about(
            reading, Topic.DKIM, State.NOT_PROVEN, _("{name}: could not be read.").format(name=name), lines.problem
        )
    led = _(" It stands at {alias} (CNAME).").format(alias=lines.alias) if lines.alias else ""
    if not lines.values:
        text = _("There is no key at {name}._domainkey.{domain}; signatures with this selector fail.{led}").format(
            name=name, domain=reading.domain, led=led
        )
        return _about(reading, Topic.DKIM, State.WARNING, _("{name}: no key.").format(name=name), text)
    state, title, text = _judged(read_key(lines.values[0]), len(lines.values))
    return _about(reading, Topic.DKIM, state, f"{name}: {title}", f"{text}{led}".strip(), lines.values)


def _judged(key: DkimKey, records: int) -> tuple[State, str, str]:
    """Return state, title and text for a key that was found in so many records."""
    kind = f"{key.algorithm.upper()} {key.bits}" if key.algorithm == "rsa" else key.algorithm.capitalize()
    short = key.algorithm == "rsa" and key.bits < limits.DKIM_GOOD_BITS
    if records > 1:
        return State.ERROR, _("several records."), _("Which one receivers take is not defined; leave one.")
    if key.problem:
        return State.ERROR, _("no usable key."), key.problem
    if key.revoked:
        text = _("An empty p= says that signatures with this selector no longer count. Sign with another one.")
        return State.WARNING, _("the key was taken back."), text
    if short and key.bits < limits.DKIM_BITS:
        text = _("Receivers do not accept less than {dkim_bits} bits (RFC 8301). Make a new key.").format(
            dkim_bits=limits.DKIM_BITS
        )
        return State.ERROR, _("the key is too short ({kind}).").format(kind=kind), text
    if key.testing:
        text = _("The flag t=y asks receivers not to judge by it. Take it out when the test is over.")
        return State.WARNING, _("{kind}, only for testing.").format(kind=kind), text
    if short:
        return State.WARNING, _("the key is short ({kind}).").format(kind=kind), _("Change to 2048 bits (RFC 8301).")
    return State.OK, _("{kind} key.").format(kind=kind), ""


def _transport(reading: Reading) -> Iterator[Finding]:
    for lines, name, there, absent in (
        (
            reading.mta_sts,
            "MTA-STS",
            _("Servers that send to you are told to insist on encryption."),
            _("It would make servers that send to you insist on encryption; it changes nothing for the mail you send."),
        ),
        (
            reading.tls_rpt,
            "TLS-RPT",
            _("Servers that send to you report when encryption fails."),
            _(
                "It would bring reports of failed encryption on the way to you; it changes nothing for the mail you "
                "send."
            ),
        ),
    ):
        if lines.problem:
            yield Finding(
                Topic.TRANSPORT, State.NOT_PROVEN, _("{name} could not be read.").format(name=name), lines.problem
            )
        elif lines.values:
            yield Finding(Topic.TRANSPORT, State.OK, _("{name} is announced.").format(name=name), there, lines.values)
        else:
            yield Finding(Topic.TRANSPORT, State.NONE, _("There is no {name} record.").format(name=name), absent)


def _about(
    reading: Reading, topic: Topic, state: State, title: str, text: str, records: tuple[str, ...] = ()
) -> Finding:
    owner = (
        _("whoever runs the DNS of {domain}").format(domain=reading.domain)
        if state in (State.ERROR, State.WARNING)
        else ""
    )
    return Finding(topic, state, title, text, records, owner=owner)

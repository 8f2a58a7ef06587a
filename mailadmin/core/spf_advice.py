"""What follows from the SPF record of a sender domain, and whether it names the servers in use (RFC 7208, pure)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

from . import limits
from .dns_finding import Finding, Publish, SendsAs, State, Topic
from .dns_reading import Reading
from .spf import VERSION, Node, Result, broken, evaluate, gone, includes, merged, terms, tree, with_term

_SAID = re.compile("ptr mechanism|Error when processing")  # remarks of the parser that have findings of their own
_ENDS = {
    Result.FAIL: (State.OK, "Receivers are asked to refuse mail from any other server (-all)."),
    Result.SOFTFAIL: (State.OK, "Receivers are asked to be wary of mail from any other server (~all)."),
    Result.NEUTRAL: (
        State.WARNING,
        "The record ends in ?all and so says nothing about other servers: anybody's mail is as good as yours. End it "
        "in ~all, and later in -all.",
    ),
    Result.PASS: (
        State.ERROR,
        "The record ends in +all: every server in the world may send in your name. End it in ~all or -all.",
    ),
}


def spf_findings(reading: Reading, routes: Sequence[SendsAs]) -> list[Finding]:
    """Return what is to be said about the record, then whether it names the server of each of `routes` whose envelope
    sender is of this domain."""
    domain, records = reading.domain, reading.spf.records.get(reading.domain)
    used = [route for route in routes if route.envelope in ("", domain)]
    if records is None:
        text = reading.spf_silent.get(domain, "") or reading.cut
        return [Finding(Topic.SPF, State.NOT_PROVEN, "The SPF record could not be read.", text)]
    if not records:
        return [_missing(reading, used)]
    if len(records) > 1:
        return [_several(reading, records)]
    judged = [_route(reading, records[0], route) for route in used]
    if _faults(reading):  # to be named in a record that receivers throw away is nothing to tell
        judged = [finding for finding in judged if finding.state is not State.OK]
    return [*_record(reading, records[0]), *judged]


def named(reading: Reading, route: SendsAs) -> bool:
    """Tell whether SPF passes for mail by `route`, as far as the DNS shows it."""
    found = bool(_by_include(reading, route)) or _by_address(reading, route) is Result.PASS
    return found and not _faults(reading)


def _missing(reading: Reading, routes: Sequence[SendsAs]) -> Finding:
    parts = dict.fromkeys(_term(route) for route in routes if route.includes or _seen(reading, route))
    value = " ".join((VERSION, *parts, "~all"))
    return Finding(
        Topic.SPF,
        State.ERROR if routes else State.WARNING,
        "There is no SPF record.",
        "SPF names the servers that may send for a domain. Without it many receivers put mail into the junk folder or "
        "refuse it. Publish a record that names every server that sends for this domain, not only those known here.",
        publish=Publish(reading.domain, value) if parts else None,
        owner=_dns(reading.domain),
    )


def _several(reading: Reading, records: tuple[str, ...]) -> Finding:
    return Finding(
        Topic.SPF,
        State.ERROR,
        f"There are {len(records)} SPF records.",
        "Only one is allowed; with more of them receivers treat SPF as broken (RFC 7208 section 4.5). Delete them and "
        "publish one that holds the terms of all.",
        records,
        Publish(reading.domain, merged(records)),
        _dns(reading.domain),
    )


def _record(reading: Reading, record: str) -> Iterator[Finding]:
    top = tree(reading.domain, reading.spf)
    if faults := _faults(reading):
        yield _about(reading, State.ERROR, "The SPF record is broken.", faults, record)
    else:
        unread = _unread(reading)
        title = f"There is one SPF record; it needs {top.lookups} of {limits.SPF_LOOKUPS} lookups."
        yield _about(reading, State.NOT_PROVEN if unread else State.OK, title, unread, record)
        if top.lookups >= limits.SPF_LOOKUPS - 1:
            text = "Another include may break it. Take out services that are not used any more."
            yield _about(reading, State.WARNING, "The record has hardly any lookup left.", text)
    yield _ending(reading, record)
    if any(term.name == "ptr" for term in terms(record)):
        text = "It is slow, and some receivers ignore it (RFC 7208 section 5.5). Name the servers instead."
        yield _about(reading, State.WARNING, "The record uses ptr.", text)
    if names := gone(top):
        text = f"Receivers put up with {limits.SPF_VOID_LOOKUPS} of these, with more the record is broken. Take it out."
        yield _about(reading, State.WARNING, f"The DNS does not know what it names: {', '.join(names)}.", text)
    if remarks := [text for text in reading.spf_parsed.remarks if reading.domain in text and not _SAID.search(text)]:
        yield _about(reading, State.WARNING, "The parser has remarks.", " ".join(remarks))


def _faults(reading: Reading) -> str:
    """Return why receivers throw the record away, in sentences; "" when they do not."""
    top = tree(reading.domain, reading.spf)
    if faults := [*_too_many(top), *broken(top)]:
        return " ".join(faults)
    # The parser takes a name that nobody could read for one that is not there.
    error = "" if _unread(reading) else reading.spf_parsed.error
    return f"The parser says: {error}" if error else ""


def _unread(reading: Reading) -> str:
    return reading.cut or " ".join(f"{name}: {why}" for name, why in reading.spf_silent.items())


def _too_many(top: Node) -> Iterator[str]:
    if top.lookups > limits.SPF_LOOKUPS:
        yield (
            f"It needs {top.lookups} lookups; receivers stop at {limits.SPF_LOOKUPS} and treat SPF as broken (RFC 7208 "
            "section 4.6.4). Take out services that are not used any more, or name networks (ip4, ip6) instead."
        )
    if top.voids > limits.SPF_VOID_LOOKUPS:
        yield (
            f"{top.voids} of its names have no record; receivers stop at more than {limits.SPF_VOID_LOOKUPS}. Take out "
            "the names that are gone."
        )


def _ending(reading: Reading, record: str) -> Finding:
    last = next(iter(reversed(terms(record))), None)
    if last and last.name == "all":
        state, text = _ENDS[last.result]
        return _about(reading, state, f"It ends in {last.text}.", text)
    if last and last.name == "redirect":
        return _about(reading, State.OK, f"The rest is said by {last.value} (redirect).", "")
    text = "It says nothing about servers that are not named. End it in ~all, and later in -all."
    publish = Publish(reading.domain, with_term(record, "~all"))
    return Finding(Topic.SPF, State.WARNING, "It has no “all” at its end.", text, (), publish, _dns(reading.domain))


def _route(reading: Reading, record: str, route: SendsAs) -> Finding:
    """Return whether the record names the server of `route`."""
    if include := _by_include(reading, route):
        title = f"“{route.name}”: {route.provider} is named (include:{include})."
        return _about(reading, State.OK, title, "")
    result = _by_address(reading, route)
    if result is Result.PASS:
        text = "So it is as long as this server also hands the mail on by itself; not all do."
        return _about(reading, State.OK, f"“{route.name}”: the address of {route.host} is named.", text)
    if result is None:
        return _about(reading, State.NOT_PROVEN, f"“{route.name}”: not to be seen from here.", _unseen(reading, route))
    if result in (Result.UNKNOWN, Result.PERMERROR):
        text = "The record decides in a way that only receivers can follow (a macro, or a name that was not read)."
        return _about(reading, State.NOT_PROVEN, f"“{route.name}”: not to be seen from here.", text)
    return _not_named(reading, record, route)


def _not_named(reading: Reading, record: str, route: SendsAs) -> Finding:
    who = route.provider or route.host
    strict = any(term.name == "all" and term.result is Result.FAIL for term in terms(record))
    after = "Receivers are told to refuse its mail." if strict else "Receivers may put its mail into the junk folder."
    more = _which(route)
    return Finding(
        Topic.SPF,
        State.ERROR if strict and route.includes else State.WARNING,
        f"“{route.name}”: {who} is not named.",
        f"This route sends as {reading.domain}, and the SPF record does not allow it. {after}{more}",
        publish=Publish(reading.domain, with_term(record, _term(route))),
        owner=_dns(reading.domain),
    )


def _by_include(reading: Reading, route: SendsAs) -> str:
    """Return which domain of the route's provider is part of the record, "" for none."""
    found = includes(tree(reading.domain, reading.spf))
    return next((include for include in route.includes if include in found), "")


def _by_address(reading: Reading, route: SendsAs) -> Result | None:
    """Return what the record says of the addresses of the route's server, the best of them; None when none is known
    that receivers could see."""
    found = [evaluate(address, reading.domain, reading.spf) for address in _seen(reading, route)]
    if not found:
        return Result.FAIL if route.includes else None
    return next((one for one in (Result.PASS, Result.UNKNOWN) if one in found), found[0])


def _seen(reading: Reading, route: SendsAs) -> list[str]:
    """Return the addresses of the route's server that the world can see."""
    lines = reading.hosts.get(route.host)
    return [one for one in lines.values if ipaddress.ip_address(one).is_global] if lines else []


def _unseen(reading: Reading, route: SendsAs) -> str:
    if not route.host:
        return "The servers of this cloud are not known here. Ask who runs it what the record must include."
    lines = reading.hosts.get(route.host)
    if lines is None:
        return "This route was not known at the last reading; read again."
    if lines.problem:
        return lines.problem
    if not lines.values:
        return f"The DNS knows no address of {route.host}."
    return (
        f"{route.host} has an address of an inner network. Receivers see another one: make sure that the record names "
        "the address by which its mail goes out."
    )


def _term(route: SendsAs) -> str:
    return f"include:{route.includes[0]}" if route.includes else f"a:{route.host}"


def _which(route: SendsAs) -> str:
    if not route.includes:
        return " If it hands the mail on by other servers, ask who runs it what to include instead."
    if len(route.includes) > 1:
        return f" Your account there says which of these to include: {', '.join(route.includes)}."
    return ""


def _about(reading: Reading, state: State, title: str, text: str, record: str = "") -> Finding:
    owner = _dns(reading.domain) if state in (State.ERROR, State.WARNING) else ""
    return Finding(Topic.SPF, state, title, text, (record,) if record else (), owner=owner)


def _dns(domain: str) -> str:
    return f"whoever runs the DNS of {domain}"

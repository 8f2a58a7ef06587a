"""What follows from the SPF record of a sender domain, and whether it names the servers in use (RFC 7208, pure)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

from . import limits
from .dns_finding import Finding, Publish, SendsAs, State, Topic
from .dns_reading import Reading
from .spf import VERSION, Node, Result, broken, evaluate, gone, includes, merged, terms, tree, with_term
from .texts import N_, _

_SAID = re.compile("ptr mechanism|Error when processing")  # remarks of the parser that have findings of their own
_ENDS = {
    Result.FAIL: (State.OK, N_("Receivers are asked to refuse mail from any other server (-all).")),
    Result.SOFTFAIL: (State.OK, N_("Receivers are asked to be wary of mail from any other server (~all).")),
    Result.NEUTRAL: (
        State.WARNING,
        N_(
            "The record ends in ?all and so says nothing about other servers: anybody's mail is as good as yours. End "
            "it in ~all, and later in -all."
        ),
    ),
    Result.PASS: (
        State.ERROR,
        N_("The record ends in +all: every server in the world may send in your name. End it in ~all or -all."),
    ),
}


def spf_findings(reading: Reading, routes: Sequence[SendsAs]) -> list[Finding]:
    """Return what is to be said about the record, then whether it names the server of each of `routes` whose envelope
    sender is of this domain."""
    domain, records = reading.domain, reading.spf.records.get(reading.domain)
    used = [route for route in routes if route.envelope in ("", domain)]
    if records is None:
        text = reading.spf_silent.get(domain, "") or reading.cut
        return [Finding(Topic.SPF, State.NOT_PROVEN, _("The SPF record could not be read."), text)]
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
        _("There is no SPF record."),
        _(
            "SPF names the servers that may send for a domain. Without it many receivers put mail into the junk folder "
            "or refuse it. Publish a record that names every server that sends for this domain, not only those known "
            "here."
        ),
        publish=Publish(reading.domain, value) if parts else None,
        owner=_dns(reading.domain),
    )


def _several(reading: Reading, records: tuple[str, ...]) -> Finding:
    return Finding(
        Topic.SPF,
        State.ERROR,
        _("There are {number} SPF records.").format(number=len(records)),
        _(
            "Only one is allowed; with more of them receivers treat SPF as broken (RFC 7208 section 4.5). Delete them "
            "and publish one that holds the terms of all."
        ),
        records,
        Publish(reading.domain, merged(records)),
        _dns(reading.domain),
    )


def _record(reading: Reading, record: str) -> Iterator[Finding]:
    top = tree(reading.domain, reading.spf)
    if faults := _faults(reading):
        yield _about(reading, State.ERROR, _("The SPF record is broken."), faults, record)
    else:
        unread = _unread(reading)
        title = _("There is one SPF record; it needs {lookups} of {limit} lookups.").format(
            lookups=top.lookups, limit=limits.SPF_LOOKUPS
        )
        yield _about(reading, State.NOT_PROVEN if unread else State.OK, title, unread, record)
        if top.lookups >= limits.SPF_LOOKUPS - 1:
            text = _("Another include may break it. Take out services that are not used any more.")
            yield _about(reading, State.WARNING, _("The record has hardly any lookup left."), text)
    yield _ending(reading, record)
    if any(term.name == "ptr" for term in terms(record)):
        text = _("It is slow, and some receivers ignore it (RFC 7208 section 5.5). Name the servers instead.")
        yield _about(reading, State.WARNING, _("The record uses ptr."), text)
    if names := gone(top):
        text = _("Receivers put up with {limit} of these, with more the record is broken. Take it out.").format(
            limit=limits.SPF_VOID_LOOKUPS
        )
        yield _about(
            reading,
            State.WARNING,
            _("The DNS does not know what it names: {names}.").format(names=", ".join(names)),
            text,
        )
    if remarks := [text for text in reading.spf_parsed.remarks if reading.domain in text and not _SAID.search(text)]:
        yield _about(reading, State.WARNING, _("The parser has remarks."), " ".join(remarks))


def _faults(reading: Reading) -> str:
    """Return why receivers throw the record away, in sentences; "" when they do not."""
    top = tree(reading.domain, reading.spf)
    if faults := [*_too_many(top), *broken(top)]:
        return " ".join(faults)
    # The parser takes a name that nobody could read for one that is not there.
    error = "" if _unread(reading) else reading.spf_parsed.error
    return _("The parser says: {error}").format(error=error) if error else ""


def _unread(reading: Reading) -> str:
    return reading.cut or " ".join(f"{name}: {why}" for name, why in reading.spf_silent.items())


def _too_many(top: Node) -> Iterator[str]:
    if top.lookups > limits.SPF_LOOKUPS:
        yield (
            _(
                "It needs {lookups} lookups; receivers stop at {limit} and treat SPF as broken (RFC 7208 "
                "section 4.6.4). Take out services that are not used any more, or name networks (ip4, ip6) "
                "instead."
            ).format(lookups=top.lookups, limit=limits.SPF_LOOKUPS)
        )
    if top.voids > limits.SPF_VOID_LOOKUPS:
        yield (
            _(
                "{voids} of its names have no record; receivers stop at more than {limit}. Take out "
                "the names that are gone."
            ).format(voids=top.voids, limit=limits.SPF_VOID_LOOKUPS)
        )


def _ending(reading: Reading, record: str) -> Finding:
    last = next(iter(reversed(terms(record))), None)
    if last and last.name == "all":
        state, text = _ENDS[last.result]
        return _about(reading, state, _("It ends in {term}.").format(term=last.text), _(text))
    if last and last.name == "redirect":
        return _about(reading, State.OK, _("The rest is said by {domain} (redirect).").format(domain=last.value), "")
    text = _("It says nothing about servers that are not named. End it in ~all, and later in -all.")
    publish = Publish(reading.domain, with_term(record, "~all"))
    return Finding(Topic.SPF, State.WARNING, _("It has no “all” at its end."), text, (), publish, _dns(reading.domain))


def _route(reading: Reading, record: str, route: SendsAs) -> Finding:
    """Return whether the record names the server of `route`."""
    if include := _by_include(reading, route):
        title = _("“{name}”: {provider} is named (include:{include}).").format(
            name=route.name, provider=route.provider, include=include
        )
        return _about(reading, State.OK, title, "")
    result = _by_address(reading, route)
    if result is Result.PASS:
        text = _("So it is as long as this server also hands the mail on by itself; not all do.")
        return _about(
            reading,
            State.OK,
            _("“{name}”: the address of {host} is named.").format(name=route.name, host=route.host),
            text,
        )
    if result is None:
        return _about(
            reading,
            State.NOT_PROVEN,
            _("“{name}”: not to be seen from here.").format(name=route.name),
            _unseen(reading, route),
        )
    if result in (Result.UNKNOWN, Result.PERMERROR):
        text = _("The record decides in a way that only receivers can follow (a macro, or a name that was not read).")
        return _about(reading, State.NOT_PROVEN, _("“{name}”: not to be seen from here.").format(name=route.name), text)
    return _not_named(reading, record, route)


def _not_named(reading: Reading, record: str, route: SendsAs) -> Finding:
    who = route.provider or route.host
    strict = any(term.name == "all" and term.result is Result.FAIL for term in terms(record))
    after = (
        _("Receivers are told to refuse its mail.") if strict else _("Receivers may put its mail into the junk folder.")
    )
    more = _which(route)
    return Finding(
        Topic.SPF,
        State.ERROR if strict and route.includes else State.WARNING,
        _("“{name}”: {who} is not named.").format(name=route.name, who=who),
        _("This route sends as {domain}, and the SPF record does not allow it. {consequence}{more}").format(
            domain=reading.domain, consequence=after, more=more
        ),
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
        return _("The servers of this cloud are not known here. Ask who runs it what the record must include.")
    lines = reading.hosts.get(route.host)
    if lines is None:
        return _("This route was not known at the last reading; read again.")
    if lines.problem:
        return lines.problem
    if not lines.values:
        return _("The DNS knows no address of {host}.").format(host=route.host)
    return _(
        "{host} has an address of an inner network. Receivers see another one: make sure that the "
        "record names the address by which its mail goes out."
    ).format(host=route.host)


def _term(route: SendsAs) -> str:
    return f"include:{route.includes[0]}" if route.includes else f"a:{route.host}"


def _which(route: SendsAs) -> str:
    if not route.includes:
        return " " + _("If it hands the mail on by other servers, ask who runs it what to include instead.")
    if len(route.includes) > 1:
        return " " + _("Your account there says which of these to include: {includes}.").format(
            includes=", ".join(route.includes)
        )
    return ""


def _about(reading: Reading, state: State, title: str, text: str, record: str = "") -> Finding:
    owner = _dns(reading.domain) if state in (State.ERROR, State.WARNING) else ""
    return Finding(Topic.SPF, state, title, text, (record,) if record else (), owner=owner)


def _dns(domain: str) -> str:
    return _("whoever runs the DNS of {domain}").format(domain=domain)

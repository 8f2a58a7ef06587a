"""From an e-mail address to the servers that may take its mail: which candidates there are, in which order (pure).

Nothing here is asked or dialled; `probes.discovery` does that. A configuration file of the provider ("autoconfig") is
not fetched: it would be a page of a stranger that says where a password goes, often by plain HTTP, or one of a third
party who would learn the address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from . import addresses, limits, providers, validation
from .providers import Provider
from .settings import Security
from .srv import NOT_OFFERED, Srv
from .texts import _

# Service records: TLS from the start is preferred (RFC 8314 section 3.3), then STARTTLS (RFC 6186 section 3.1).
SERVICES: tuple[tuple[str, Security], ...] = (
    ("_submissions._tcp", Security.TLS),
    ("_submission._tcp", Security.STARTTLS),
)
SUBMISSION_PORTS: tuple[tuple[int, Security], ...] = (
    (limits.SMTP_PORT_TLS, Security.TLS),
    (limits.SMTP_PORT_STARTTLS, Security.STARTTLS),
)
_SPF = re.compile(r"(?:^|\s)[+~?-]?(?:include:|redirect=)(\S+)", re.IGNORECASE)


class Source(StrEnum):
    """How a candidate was come by, the most telling first."""

    DOMAIN = "domain"
    MX = "mx"
    SRV = "srv"
    SPF = "spf"
    GUESS = "guess"


class Standing(StrEnum):
    """What is known of a candidate."""

    GOOD = "good"  # it answered with a valid certificate for its name, and offers a sign-in
    BAD = "bad"  # it was tried, and something was wrong
    UNTRIED = "untried"  # nothing was dialled


@dataclass(frozen=True)
class Mailbox:
    """The address that was asked about: in full, and its domain in ASCII and lower case."""

    address: str
    domain: str


@dataclass(frozen=True)
class Candidate:
    """One server. `user` is the user name as far as it is known; `why` says in a sentence where it comes from; `seen`
    what it answered; `mechanisms` are the sign-in methods that it offers."""

    host: str
    port: int
    security: Security
    source: Source
    why: str
    user: str = ""
    provider: Provider | None = None
    label: str = ""
    standing: Standing = Standing.UNTRIED
    seen: str = ""
    mechanisms: tuple[str, ...] = ()

    @property
    def worth_a_try(self) -> bool:
        """Tell whether dialling it says something: a sending service that an SPF record names surely runs, and one that
        takes OAuth only cannot be used by SMTP anyway."""
        return self.source is not Source.SPF and (self.provider is None or self.provider.by_smtp)

    @property
    def good(self) -> bool:
        """Tell whether it answered as a submission server does."""
        return self.standing is Standing.GOOD

    def foreign_to(self, mailbox: Mailbox) -> bool:
        """Tell whether a person has to say that this is their provider: the name comes from the unsigned DNS and lies
        outside the domain of the address (RFC 6186 section 6). One of a known provider needs no asking."""
        inside = self.host == mailbox.domain or self.host.endswith(f".{mailbox.domain}")
        return self.source in (Source.SRV, Source.GUESS) and not inside and self.provider is None


def read_address(text: str) -> Mailbox:
    """Return the address in `text`. Raises ValueError with a sentence for a person."""
    found = addresses.parse(text)  # its error is a ValueError
    return Mailbox(found.spec, validation.domain(found.domain))


def of_providers(mailbox: Mailbox, mx: Sequence[str], includes: Iterable[str]) -> list[Candidate]:
    """Return the servers of providers that are known by the domain itself, else by its mail exchangers; and of services
    that its SPF record names in `includes`."""
    found: list[Candidate] = []
    if owner := providers.of_domain(mailbox.domain):
        found += _servers(
            owner,
            mailbox,
            Source.DOMAIN,
            _("Addresses at {domain} are at {name}.").format(domain=mailbox.domain, name=owner.name),
        )
    else:
        for host in mx:
            if taker := providers.of_mx(host):
                why = _("Mail for {domain} goes to {host}, which is {name}.").format(
                    domain=mailbox.domain, host=host, name=taker.name
                )
                found += _servers(taker, mailbox, Source.MX, why)
                break
    for sender in providers.of_spf(includes):
        if sender not in [candidate.provider for candidate in found]:
            why = _("The SPF record of {domain} lets {name} send.").format(domain=mailbox.domain, name=sender.name)
            found += _servers(sender, mailbox, Source.SPF, why)
    return found


def of_services(mailbox: Mailbox, answers: Iterable[tuple[str, Security, Sequence[Srv]]]) -> list[Candidate]:
    """Return the servers that the domain itself names; `answers` are (name of the record, security, records in their
    order of use)."""
    found = []
    for name, security, records in answers:
        why = _("The DNS record {name}.{domain} names it.").format(name=name, domain=mailbox.domain)
        usable = [record for record in records if _is_name(record.host) and record.port]
        for record in usable[: limits.DISCOVERY_NAMED]:
            owner = providers.of_host(record.host)
            user = owner.user_for(mailbox.address) if owner and owner.user else mailbox.address
            found.append(Candidate(record.host, record.port, security, Source.SRV, why, user, owner))
    return found


def guesses(
    mailbox: Mailbox, mx: Sequence[str], ports: Sequence[tuple[int, Security]] = SUBMISSION_PORTS
) -> list[Candidate]:
    """Return servers that usually have such names, none of them good before it was tried."""
    hosts = [f"smtp.{mailbox.domain}", f"mail.{mailbox.domain}", *mx[:1], mailbox.domain]
    why = _("Guessed from the name and the usual ports; no record names it.")
    return [
        Candidate(host, port, security, Source.GUESS, why, mailbox.address)
        for host in dict.fromkeys(hosts)
        if _is_name(host)
        for port, security in ports
    ]


def spf_targets(texts: Iterable[str]) -> list[str]:
    """Return what the SPF record among `texts` includes or redirects to (RFC 7208 sections 5.2 and 6.1)."""
    records = [text for text in texts if text.lower().split(" ")[0] == "v=spf1"]
    return [target.lower().rstrip(".") for record in records for target in _SPF.findall(record)]


def best_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return one candidate for each host, the best of those: good ones first, then as they were come by. A guess that
    is not good is left out."""
    kept: dict[tuple[str, str], Candidate] = {}
    for candidate in sorted(candidates, key=lambda one: not one.good):
        if candidate.good or candidate.source is not Source.GUESS:
            kept.setdefault((candidate.host, candidate.label), candidate)
    order = list(Source)
    return sorted(kept.values(), key=lambda one: (not one.good, order.index(one.source)))


def told(candidate: Candidate, standing: Standing, seen: str, mechanisms: Sequence[str] = ()) -> Candidate:
    """Return `candidate` with what was found out about it."""
    return replace(candidate, standing=standing, seen=seen, mechanisms=tuple(mechanisms))


def _is_name(host: str) -> bool:
    """Tell whether `host` is a name that a connection could have; an address stands in no record (RFC 2782)."""
    try:
        return host != NOT_OFFERED and not validation.is_ip(host) and bool(validation.host(host))
    except ValueError:
        return False


def _servers(provider: Provider, mailbox: Mailbox, source: Source, why: str) -> list[Candidate]:
    return [
        Candidate(
            host=server.host,
            port=server.port,
            security=server.security,
            source=source,
            why=why,
            user=provider.user_for(mailbox.address),
            provider=provider,
            label=server.label,
        )
        for server in provider.servers
    ]

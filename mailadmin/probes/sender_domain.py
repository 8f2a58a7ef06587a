"""Reads what the DNS says about a domain that mail is sent from: MX, DKIM, DMARC, SPF and what it includes.

Nothing but the DNS is asked. Who controls a domain may publish anything, so the reader counts the questions and the
resolver holds one time limit for all of them; SPF, which can lead anywhere, comes last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mailadmin.core import limits
from mailadmin.core.dkim_key import is_record as is_dkim
from mailadmin.core.dns_reading import Lines, Parsed, Reading
from mailadmin.core.spf import Known, is_record, terms
from mailadmin.core.texts import _
from mailadmin.net.resolver import DnsUnavailable, Resolver

from .dns_parsers import organisation, parse_dmarc, parse_spf
from .dns_reader import Reader

_DMARC, _MTA_STS, _TLS_RPT = "v=dmarc1", "v=stsv1", "v=tlsrptv1"  # RFC 7489 6.3, RFC 8461 3.1, RFC 8460 3


def read(
    domain: str,
    resolver: Resolver,
    *,
    selectors: Iterable[str] = (),
    hosts: Iterable[str] = (),
    envelopes: Iterable[str] = (),
) -> Reading:
    """Return what the DNS says about `domain`: the keys of these DKIM `selectors`, the addresses of these `hosts` (the
    servers that take its mail from us) and the organisation behind these `envelopes` (domains of envelope senders).
    Raises DnsUnavailable when nothing at all was answered."""
    reader = Reader(resolver)
    mx, texts = _mx(domain, reader), reader.txt(domain)
    if mx.problem and texts.problem:
        raise DnsUnavailable(texts.problem)
    dmarc_at, dmarc = _dmarc(domain, reader)
    found = Reading(
        domain,
        mx=mx,
        organisations={name: organisation(name) for name in {domain, *envelopes}},
        dkim={selector: _key(f"{selector}._domainkey.{domain}", reader) for selector in selectors},
        dmarc=dmarc,
        dmarc_at=dmarc_at,
        dmarc_parsed=parse_dmarc(dmarc.values[0], dmarc_at, reader) if len(dmarc.values) == 1 else Parsed(),
        mta_sts=_texts(f"_mta-sts.{domain}", _MTA_STS, reader),
        tls_rpt=_texts(f"_smtp._tls.{domain}", _TLS_RPT, reader),
        hosts={host: reader.addresses(host) for host in {*hosts, *_exchangers(mx)}},
    )
    walk = _SpfWalk(reader)
    walk.go(domain)
    one = len(walk.known.records.get(domain, ())) == 1
    parsed = parse_spf(domain, reader) if one else Parsed()
    return replace(found, spf=walk.known, spf_silent=walk.silent, spf_parsed=parsed, cut=reader.cut or walk.cut)


def _mx(domain: str, reader: Reader) -> Lines:
    """Return the mail exchangers; where there are none, whether the domain has an address that serves as one (RFC 5321
    section 5.1) can be seen in `alias`."""
    found = reader.mx(domain)
    if found.values or found.missing or found.problem:
        return found
    return replace(found, alias=next(iter(reader.addresses(domain).values), ""))


def _exchangers(mx: Lines) -> list[str]:
    hosts = [line.partition(" ")[2] for line in mx.values[: limits.SPF_LOOKUPS]]
    return [host for host in hosts if host != "."]


def _key(name: str, reader: Reader) -> Lines:
    """Return the DKIM key at `name`, with the name that it is an alias for."""
    found = reader.txt(name)
    keys = tuple(text for text in found.values if is_dkim(text))
    return replace(found, values=keys, alias="" if found.problem else reader.alias(name))


def _dmarc(domain: str, reader: Reader) -> tuple[str, Lines]:
    """Return the DMARC records that hold, and for which name they are published: the domain's own, or those of the
    organisation that it belongs to (RFC 7489 section 6.6.3)."""
    own = _texts(f"_dmarc.{domain}", _DMARC, reader)
    parent = organisation(domain)
    if own.values or own.problem or parent == domain:
        return domain, own
    return parent, _texts(f"_dmarc.{parent}", _DMARC, reader)


def _texts(name: str, version: str, reader: Reader) -> Lines:
    """Return the texts at `name` that begin with `version`, whatever the blanks."""
    found = reader.txt(name)
    kept = tuple(text for text in found.values if "".join(text.lower().split()).startswith(version))
    return replace(found, values=kept)


@dataclass
class _SpfWalk:
    """Follows an SPF record to everything that it includes."""

    reader: Reader
    silent: dict[str, str] = field(default_factory=dict)
    cut: str = ""

    def __post_init__(self) -> None:
        self._records: dict[str, tuple[str, ...]] = {}
        self._addresses: dict[str, tuple[str, ...]] = {}
        self._exchangers: dict[str, tuple[str, ...]] = {}

    @property
    def known(self) -> Known:
        """Return what was found so far."""
        return Known(self._records, self._addresses, self._exchangers)

    def go(self, domain: str) -> None:
        """Read the record of `domain` and all that it leads to, the nearest first."""
        waiting = [domain]
        for name in waiting:  # grows while it is read
            if name in self._records or name in self.silent:
                continue
            if len(self._records) >= limits.SPF_NAMES:
                text = _("The SPF record leads to more than {number} names; the rest was left.")
                self.cut = text.format(number=limits.SPF_NAMES)
                return
            waiting += self._record(name)

    def _record(self, name: str) -> list[str]:
        """Read one record; return the names that it leads to."""
        found = self.reader.txt(name)
        if found.problem:
            self.silent[name] = found.problem
            return []
        self._records[name] = tuple(text for text in found.values if is_record(text))
        if len(self._records[name]) != 1:
            return []
        used = [term for term in terms(self._records[name][0]) if "%" not in term.value]
        for term in used:
            target = term.value or name
            if term.name in ("a", "ptr"):
                self._note(self._addresses, target, self.reader.addresses(target))
            elif term.name == "mx":
                self._mail_servers(target)
        return [term.value for term in used if term.follows]

    def _mail_servers(self, name: str) -> None:
        found = self.reader.mx(name)
        self._note(self._exchangers, name, replace(found, values=tuple(_exchangers(found))))
        for host in self._exchangers.get(name, ()):
            self._note(self._addresses, host, self.reader.addresses(host))

    @staticmethod
    def _note(known: dict[str, tuple[str, ...]], name: str, found: Lines) -> None:
        if not found.problem:
            known[name] = found.values

"""The domains that mail is sent from: which they are, by which routes, and reading their DNS."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from mailadmin.core import clouds, limits, providers, validation
from mailadmin.core.addresses import AddressError, parse_list
from mailadmin.core.dns_advice import advise
from mailadmin.core.dns_finding import Finding, SendsAs
from mailadmin.core.dns_reading import Reading
from mailadmin.core.settings import RouteKey, SenderPolicy
from mailadmin.core.texts import _
from mailadmin.models import OAuthService, SenderDomain, Settings, SmtpConnection
from mailadmin.net.resolver import DnsUnavailable, Resolver, available
from mailadmin.probes import sender_domain as probe

_MICROSOFT = "microsoft365"
_rests: dict[str, float] = {}  # until when (time.monotonic()) this process does not read a domain by itself


@dataclass(frozen=True)
class DomainInUse:
    """A sender domain: where it is named, in words, the routes that send as it, and what is kept of its DNS."""

    domain: str
    sources: tuple[str, ...]
    routes: tuple[tuple[RouteKey, SendsAs], ...]
    row: SenderDomain

    @property
    def named_selectors(self) -> list[str]:
        """Return the DKIM selectors that a person typed."""
        return validation.selectors(self.row.selectors)

    @property
    def reading(self) -> Reading | None:
        """Return what the DNS said when it was last read, None when it was not yet."""
        return Reading.from_data(self.row.reading)

    @property
    def provider(self) -> str:
        """Return whose domain it is when it is one of a mail provider, in which everybody has addresses."""
        provider = providers.of_domain(self.domain)
        return provider.name if provider else ""

    def findings(self) -> list[Finding]:
        """Return what is to be said about it; nothing while it was not read."""
        reading = self.reading
        return advise(reading, [sends for _, sends in self.routes], self.named_selectors) if reading else []


def sender_domains(others: Iterable[str] = ()) -> list[DomainInUse]:
    """Return every domain that a route or Django's settings name, those that somebody added and `others`, by name."""
    rows = {row.domain: row for row in SenderDomain.objects.all()}
    found = _Names()
    senders = [*map(_by_graph, OAuthService.objects.filter(enabled=True).select_related("integrated_service"))]
    senders += map(_by_smtp, SmtpConnection.objects.filter(enabled=True))
    for name in ("DEFAULT_FROM_EMAIL", "SERVER_EMAIL"):
        found.add(_domains_of(str(getattr(settings, name, ""))), _("{name} in Django's settings").format(name=name))
    for sender in senders:
        for domains, words in sender.named:
            found.add(domains, words)
        words = _("the envelope sender of “{name}”").format(name=sender.sends.name)
        found.add([sender.envelope] if sender.envelope else [], words, False)
    names = sorted({*found.sources, *rows, *others})
    return [
        DomainInUse(
            name,
            tuple(found.sources.get(name, ())),
            tuple(
                (sender.key, sends)
                for sender in senders
                if (sends := sender.sends_as(name, only_envelope=name in found.sources and name not in found.in_from))
            ),
            rows.get(name) or SenderDomain(domain=name),
        )
        for name in names
    ]


def sender_domain(name: str) -> DomainInUse | None:
    """Return one of them, None for a domain that nobody uses or added."""
    return next((found for found in sender_domains() if found.domain == name), None)


def read(found: DomainInUse) -> DomainInUse:
    """Return the domain with what its DNS says now; nothing is kept. Raises DnsUnavailable when nothing at all was
    answered."""
    servers = validation.resolvers(Settings.load().resolvers)
    sends = [one for _, one in found.routes]
    usual = [name for one in sends for name in one.selectors]
    reading = probe.read(
        found.domain,
        Resolver(servers, total=limits.DNS_ADVICE_SECONDS),
        selectors=list(dict.fromkeys([*found.named_selectors, *usual])),
        hosts=[one.host for one in sends if one.host],
        envelopes=[one.envelope for one in sends if one.envelope],
    )
    row = SenderDomain(
        pk=found.row.pk,
        domain=found.domain,
        selectors=found.row.selectors,
        reading=reading.as_data(),
        read_at=timezone.now(),
    )
    return replace(found, row=row)


def refresh(found: DomainInUse) -> DomainInUse:
    """Read the DNS of a domain and keep what it said. Raises DnsUnavailable, and keeps what was there."""
    fresh = read(found)
    values = {"reading": fresh.row.reading, "read_at": fresh.row.read_at}
    row, _ = SenderDomain.objects.update_or_create(domain=found.domain, defaults=values)
    return replace(fresh, row=row)


def refresh_due() -> str:
    """Read one domain again whose reading is older than a day, and return its name; "" when none is due. For the
    schedule: only what a person read once is read by itself, it never raises because of the DNS, and leaves a domain of
    which nothing is answered alone for an hour, in which the others have their turn."""
    now = time.monotonic()
    resting = [domain for domain, until in _rests.items() if now < until]
    old = timezone.now() - timedelta(hours=limits.DNS_READING_HOURS)
    due = SenderDomain.objects.filter(read_at__lt=old).exclude(domain__in=resting).order_by("read_at")
    row = due.first() if available() else None
    found = sender_domain(row.domain) if row else None
    if found is None:
        return ""
    _rests[found.domain] = now + limits.DNS_REST_SECONDS
    with suppress(DnsUnavailable):
        refresh(found)
    return found.domain


class _Names:
    """Collects the domains with where each is named; `in_from` are those that do not stand in envelopes alone."""

    def __init__(self) -> None:
        self.sources: dict[str, list[str]] = {}
        self.in_from: set[str] = set()

    def add(self, domains: Iterable[str], words: str, in_from: bool = True) -> None:
        for domain in dict.fromkeys(domains):
            self.sources.setdefault(domain, []).append(words)
            if in_from:
                self.in_from.add(domain)


@dataclass(frozen=True)
class _Sender:
    """A route as its senders see it: `named` are domains with the words for where; it sends as `own`, and as any domain
    when it takes `any`; `envelope` is the domain of a fixed envelope sender."""

    key: RouteKey
    sends: SendsAs
    named: tuple[tuple[list[str], str], ...]
    own: frozenset[str]
    any: bool = False
    envelope: str = ""

    def sends_as(self, domain: str, only_envelope: bool) -> SendsAs | None:
        """Return how the route sends as `domain`, None when it does not. Nobody writes a domain that stands `only` in
        envelopes into a From."""
        in_from = domain in self.own or (self.any and not only_envelope)
        if not in_from and domain != self.envelope:
            return None
        return replace(self.sends, envelope=self.envelope or domain, in_from=in_from)


def _by_graph(row: OAuthService) -> _Sender:
    mailboxes = _domains_of(row.service_identity, *validation.mailbox_list(row.mailboxes))
    send_as = _domains_of(*validation.sender_list(row.send_as))
    spf = clouds.SPF.get(row.integrated_service.cloud, "")
    return _Sender(
        row.key,
        _of_provider(row.name, "", providers.named(_MICROSOFT), (spf,) if spf else ()),
        (
            (mailboxes, _("a mailbox of “{name}”").format(name=row.name)),
            (send_as, _("a Send-As address of “{name}”").format(name=row.name)),
        ),
        frozenset((*mailboxes, *send_as)),
    )


def _by_smtp(row: SmtpConnection) -> _Sender:
    """A connection that neither sets the From nor is only for some senders takes every sender, as a fallback, too."""
    own, listed = _domains_of(row.from_address), _domains_of(*validation.sender_list(row.only_for_senders))
    envelope = _domains_of(row.envelope_sender)
    spf = clouds.SPF.get(clouds.of_mail_host(row.host), "")
    provider = providers.of_host(row.host)
    return _Sender(
        row.key,
        _of_provider(row.name, row.host.lower(), provider, (spf,) if spf else provider.spf if provider else ()),
        (
            (own, _("the From address of “{name}”").format(name=row.name)),
            (listed, _("a sender that “{name}” is for").format(name=row.name)),
        ),
        frozenset(own if row.sender_policy == SenderPolicy.FORCE else (*own, *listed)),
        any=row.sender_policy != SenderPolicy.FORCE and not listed,
        envelope=next(iter(envelope), ""),
    )


def _of_provider(name: str, host: str, provider: providers.Provider | None, includes: tuple[str, ...]) -> SendsAs:
    if provider is None:
        return SendsAs(name, host)
    return SendsAs(name, host, provider=provider.name, includes=includes, selectors=provider.dkim_selectors)


def _domains_of(*texts: str) -> list[str]:
    """Return the domains of addresses, or domains themselves, that the DNS can know (not "localhost")."""
    return [domain for text in texts for domain in _domain_of(text)]


def _domain_of(text: str) -> Iterator[str]:
    try:
        bare = parse_list([text])[0].domain if "@" in text else text
        yield validation.domain(bare)
    except (AddressError, ValueError):
        return

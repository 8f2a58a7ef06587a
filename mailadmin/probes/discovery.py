"""Looking for the server of an e-mail address: the DNS is asked, and each candidate is dialled as sending would, as far
as the sign-in that it offers. Nobody signs in, no password is anywhere near, and nothing is sent."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from mailadmin.core import discovery, limits
from mailadmin.core.discovery import SERVICES, SUBMISSION_PORTS, Candidate, Mailbox, Source, Standing, told
from mailadmin.core.errors import MailError
from mailadmin.core.settings import RouteKey, RouteKind, Security, SmtpRoute, Timeouts, TlsSettings
from mailadmin.core.srv import NOT_OFFERED, Srv, in_order, not_offered
from mailadmin.core.texts import N_, _, carried
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.net.resolver import DnsUnavailable, NameUnknown, Resolver
from mailadmin.transports.smtp.session import SmtpSession

_LATE = N_("It did not answer in time.")
_Record = TypeVar("_Record")


@dataclass(frozen=True)
class Asked:
    """One question to the DNS, and the answer in words; not `answered` tells that no resolver said anything."""

    question: str
    answer: str
    answered: bool = True


@dataclass(frozen=True)
class Records:
    """What the DNS says of a domain: hosts of its mail exchangers in their order, its texts, and for each kind of
    submission service (name, security) its records."""

    mx: tuple[str, ...]
    texts: tuple[str, ...]
    services: tuple[tuple[str, Security, tuple[Srv, ...]], ...]
    asked: tuple[Asked, ...]


@dataclass(frozen=True)
class Found:
    """What came out: the candidates, the best first, what the DNS was asked, and guesses that were tried in vain."""

    mailbox: Mailbox
    candidates: tuple[Candidate, ...]
    asked: tuple[Asked, ...]
    in_vain: tuple[Candidate, ...] = ()

    @property
    def good(self) -> bool:
        """Tell whether a server answered as it should."""
        return any(candidate.good for candidate in self.candidates)

    @property
    def silent(self) -> bool:
        """Tell whether no question to the DNS was answered."""
        return bool(self.asked) and not any(one.answered for one in self.asked)

    @property
    def summary(self) -> str:
        """Return in a sentence what came out."""
        provider = self.candidates[0].provider if self.candidates else None
        if self.good:
            return _("A server for {address} answers as it should.").format(address=self.mailbox.address)
        if provider and not provider.by_smtp:
            return self.candidates[0].why
        if self.candidates:
            text = _("It is known who takes mail for {domain}, but no server answered as it should.")
            return text.format(domain=self.mailbox.domain)
        if self.silent:
            return _("The DNS does not answer, so no server could be looked for.")
        return _("No server for {domain} was found.").format(domain=self.mailbox.domain)

    @property
    def advice(self) -> str:
        """Return in a sentence what to do now."""
        provider = self.candidates[0].provider if self.candidates else None
        if self.good:
            return _("It has a valid certificate and takes a sign-in. Test Connection tells whether it takes yours.")
        if provider and not provider.by_smtp:
            return _("No server was tried: SMTP with a password is refused there, or will be.")
        if self.candidates:
            return _(
                "What each one answered stands below its name. It can be used all the same, and tested in the form."
            )
        if self.silent:
            return _(
                "Check the network of this server, or name other DNS resolvers on the Settings page. Without the DNS "
                "start from a provider, or type the server by hand."
            )
        return _(
            "Ask whoever runs its mail for the name and port of the server that takes mail from applications, or start "
            "from a provider."
        )


def discover(
    mailbox: Mailbox,
    resolver: Resolver,
    policy: NetworkPolicy,
    *,
    seconds: float = limits.DISCOVERY_SECONDS,
    tls: TlsSettings | None = None,
    ports: Sequence[tuple[int, Security]] = SUBMISSION_PORTS,
) -> Found:
    """Return the servers that may take the mail of `mailbox`, looked for and tried within `seconds`.

    Names are guessed only when the provider is not known and no server that the domain names is good. `tls` says whom
    to trust, usually the system's authorities; `ports` are those of guesses. Raises nothing: what went wrong is told.
    """
    deadline = time.monotonic() + seconds
    records = ask(mailbox.domain, resolver)
    known = discovery.of_providers(mailbox, records.mx, discovery.spf_targets(records.texts))
    named = discovery.of_services(mailbox, _drawn(records))
    tried = _try_all([*known, *named], policy, tls or TlsSettings(), deadline)
    guessed: list[Candidate] = []
    if not any(one.good or one.source in (Source.DOMAIN, Source.MX) for one in tried):
        guesses = discovery.guesses(mailbox, records.mx, _offered(records, ports))
        guessed = _try_all(guesses, policy, tls or TlsSettings(), deadline)
    in_vain = tuple(candidate for candidate in guessed if not candidate.good)
    return Found(mailbox, tuple(discovery.best_first([*tried, *guessed])), records.asked, in_vain)


# -- Asking the DNS -----------------------------------------------------------------------------------------


def ask(domain: str, resolver: Resolver) -> Records:
    """Ask for everything at the same time, each question within the resolver's own time. Raises nothing."""
    names = [f"{name}.{domain}" for name, _security in SERVICES]
    with ThreadPoolExecutor(max_workers=2 + len(names), thread_name_prefix="mailadmin-dns") as pool:
        mx = pool.submit(carried(_answer), resolver.mx, domain, _("MX of {name}").format(name=domain), _mx_words)
        services = [
            pool.submit(carried(_answer), resolver.srv, name, _("SRV of {name}").format(name=name), _srv_words)
            for name in names
        ]
        texts = pool.submit(carried(_answer), resolver.txt, domain, _("SPF of {name}").format(name=domain), _spf_words)
    found = [future.result()[0] for future in services]
    return Records(
        mx=tuple(host for _rank, host in mx.result()[0]),
        texts=tuple(texts.result()[0]),
        services=tuple((*kind, tuple(records)) for kind, records in zip(SERVICES, found, strict=True)),
        asked=(mx.result()[1], *(future.result()[1] for future in services), texts.result()[1]),
    )


def _answer(
    ask: Callable[[str], list[_Record]], name: str, question: str, words: Callable[[list[_Record]], str]
) -> tuple[list[_Record], Asked]:
    """Return the records and the question with its answer in words."""
    try:
        records = ask(name)
    except NameUnknown:
        return [], Asked(question, _("there is no such name"))
    except DnsUnavailable as error:
        return [], Asked(question, str(error), answered=False)
    return records, Asked(question, words(records) or _("none"))


def _mx_words(records: list[tuple[int, str]]) -> str:
    return ", ".join(host if host != NOT_OFFERED else _("the domain takes no mail") for _rank, host in records)


def _srv_words(records: list[Srv]) -> str:
    return (
        _("the domain says that it has none")
        if not_offered(records)
        else ", ".join(f"{r.host}:{r.port}" for r in records)
    )


def _spf_words(texts: list[str]) -> str:
    return ", ".join(discovery.spf_targets(texts))


def _drawn(records: Records) -> list[tuple[str, Security, list[Srv]]]:
    """Return the service records in the order in which this search uses them."""
    return [(name, security, in_order(found, _lot)) for name, security, found in records.services]


def _lot(most: int) -> int:
    return secrets.randbelow(most + 1)


def _offered(records: Records, ports: Iterable[tuple[int, Security]]) -> list[tuple[int, Security]]:
    """Return those of `ports` whose kind of service the domain does not deny."""
    denied = {security for _name, security, found in records.services if not_offered(found)}
    return [(port, security) for port, security in ports if security not in denied]


# -- Trying the servers ---------------------------------------------------------------------------------------


def _try_all(
    candidates: Sequence[Candidate], policy: NetworkPolicy, tls: TlsSettings, deadline: float
) -> list[Candidate]:
    """Return `candidates` with what each one answered, tried at the same time until `deadline` (monotonic seconds)."""
    if not candidates:
        return []
    pool = ThreadPoolExecutor(max_workers=limits.DISCOVERY_AT_ONCE, thread_name_prefix="mailadmin-discovery")
    started = [pool.submit(carried(try_one), one, policy, tls) if one.worth_a_try else None for one in candidates]
    tried = []
    for candidate, future in zip(candidates, started, strict=True):
        try:
            tried.append(future.result(max(deadline - time.monotonic(), 0)) if future else candidate)
        except TimeoutError:
            tried.append(told(candidate, Standing.BAD, _(_LATE)))
    pool.shutdown(wait=False, cancel_futures=True)  # whatever still runs ends within its own time
    return tried


def try_one(candidate: Candidate, policy: NetworkPolicy, tls: TlsSettings) -> Candidate:
    """Return `candidate` with what it answered: good is one with a valid certificate for its very name that offers a
    sign-in under encryption. Raises nothing."""
    session = SmtpSession(_route(candidate, tls), policy, keep_dialogue=False)
    try:
        session.start()
        mechanisms = session.features.get("auth", "").split()
    except MailError as error:
        return told(candidate, Standing.BAD, error.explanation.title)
    finally:
        session.quit()
    if not mechanisms:
        return told(candidate, Standing.BAD, _("It answers, but offers no sign-in: a server that only takes mail in."))
    seen = _("It answers with a valid certificate for {host} and takes a sign-in.").format(host=candidate.host)
    return told(candidate, Standing.GOOD, seen, mechanisms)


def _route(candidate: Candidate, tls: TlsSettings) -> SmtpRoute:
    """Return the connection that only looks: without any sign-in, and with little patience."""
    patience = limits.DISCOVERY_GUESS_SECONDS
    return SmtpRoute(
        RouteKey(RouteKind.SMTP, ""),
        candidate.host,
        host=candidate.host,
        port=candidate.port,
        security=candidate.security,
        tls=tls,
        timeouts=Timeouts(connect=patience, command=patience, message=2 * patience),
    )

"""Asks each question about one domain once, and not too many, whatever the records lead to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailadmin.core import limits
from mailadmin.core.dns_reading import Lines
from mailadmin.core.texts import N_, _
from mailadmin.net.resolver import DnsUnavailable, NameUnknown, Resolver

_ENOUGH = N_("More than {number} questions would be needed; the rest was left.")


class Reader:
    """Answers from what it knows, else by `resolver`, which also holds the time limit for all. `cut` says why the last
    questions were not asked any more."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._known: dict[tuple[str, str], Lines] = {}
        self.cut = ""

    def txt(self, name: str) -> Lines:
        """Return the texts at `name`."""
        return self._ask("TXT", name, self._resolver.txt)

    def mx(self, name: str) -> Lines:
        """Return the mail exchangers as "10 mx.example.org", "0 ." where the domain takes no mail."""
        return self._ask("MX", name, lambda name: [f"{rank} {host}" for rank, host in self._resolver.mx(name)])

    def addresses(self, name: str) -> Lines:
        """Return the IP addresses."""
        return self._ask("A", name, self._resolver.addresses)

    def alias(self, name: str) -> str:
        """Return the name that `name` stands for, "" when it is no alias or nobody answered."""
        found = self._ask("CNAME", name, lambda name: [self._resolver.cname(name)])
        return next(iter(found.values), "")

    def _ask(self, kind: str, name: str, ask: Callable[[str], Sequence[str]]) -> Lines:
        key = (kind, name.lower())
        if key not in self._known:
            self._known[key] = self._answer(name, ask)
        return self._known[key]

    def _answer(self, name: str, ask: Callable[[str], Sequence[str]]) -> Lines:
        if len(self._known) >= limits.DNS_ADVICE_QUESTIONS:
            self.cut = _(_ENOUGH).format(number=limits.DNS_ADVICE_QUESTIONS)
            return Lines(problem=self.cut)
        try:
            return Lines(tuple(found for found in ask(name) if found))
        except NameUnknown:
            return Lines(missing=True)
        except DnsUnavailable as error:
            return Lines(problem=str(error))

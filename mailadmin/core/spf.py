"""SPF records (RFC 7208): their terms, the tree of everything they include, and what follows for one address (pure).

What the DNS said was read before (`probes.sender_domain`); nothing is asked here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from . import limits
from .texts import _

VERSION = "v=spf1"
_TERM = re.compile(r"([+\-~?]?)([a-z][a-z0-9_.-]*)(?:([:=/])(.*))?", re.IGNORECASE)
_PREFIXES = re.compile(r"(?:/(\d{1,2}))?(?://(\d{1,3}))?")
_LOOKUPS = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})  # RFC 7208 section 4.6.4
_ADDRESSES = frozenset({"a", "mx"})


class Result(StrEnum):
    """What SPF says of an address (RFC 7208 section 2.6); UNKNOWN where only a receiver could tell, because a macro, a
    `ptr` or an `exists` decides, or a name was not read."""

    PASS = "pass"  # noqa: S105 -- the word of the RFC
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    PERMERROR = "permerror"
    UNKNOWN = "unknown"


_QUALIFIERS = {"": Result.PASS, "+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}


@dataclass(frozen=True)
class Term:
    """One word of a record: `text` as it stands there, `value` a name or a network ("" for the record's own domain),
    `prefixes` the lengths of the IPv4 and the IPv6 network of `a` and `mx`."""

    text: str
    result: Result
    name: str
    value: str = ""
    prefixes: tuple[int, int] = (32, 128)

    @property
    def looks_up(self) -> bool:
        """Tell whether it counts as a lookup."""
        return self.name in _LOOKUPS

    @property
    def follows(self) -> bool:
        """Tell whether it leads to another record, under a name that is known (no macro)."""
        return self.name in ("include", "redirect") and bool(self.value) and "%" not in self.value


@dataclass(frozen=True)
class Known:
    """What the DNS said about every name that the records led to. `records` holds the SPF records at a name (none: it
    has none); a name that is not in there was not read, or could not be."""

    records: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exchangers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Node:
    """One record of the tree, and the term that led to it. `lookups` and `voids` count all below it; `problem` is a
    sentence, or empty, and `broken` tells that receivers take it as an error of the whole."""

    term: str
    domain: str
    record: str = ""
    lookups: int = 0
    voids: int = 0
    problem: str = ""
    broken: bool = False
    children: tuple[Node, ...] = ()


def is_record(text: str) -> bool:
    """Tell whether a TXT record is an SPF record (RFC 7208 section 4.5)."""
    return text.lower() == VERSION or text.lower().startswith(f"{VERSION} ")


def terms(record: str) -> list[Term]:
    """Return the terms that count: nothing after `all` is ever reached (RFC 7208 section 5.1), and a `redirect` beside
    `all` is ignored (section 6.1)."""
    found = [term for word in record.split()[1:] if (term := _term(word))]
    ends = next((place for place, term in enumerate(found) if term.name == "all"), None)
    if ends is not None:
        return [term for term in found[: ends + 1] if term.name != "redirect"]
    # `redirect` comes into play after all mechanisms, wherever it stands (RFC 7208 section 6.1).
    return sorted(found, key=lambda term: term.name == "redirect")


def _term(word: str) -> Term | None:
    match = _TERM.fullmatch(word)
    if not match:
        return None
    sign, name, mark, rest = match[1], match[2].lower(), match[3] or "", (match[4] or "").lower()
    if name in _ADDRESSES:
        target, slash, lengths = (f"/{rest}" if mark == "/" else rest).partition("/")
        sizes = _PREFIXES.fullmatch(slash + lengths)
        four, six = sizes.groups() if sizes else (None, None)
        prefixes = (min(int(four or 32), 32), min(int(six or 128), 128))
        return Term(word, _QUALIFIERS[sign], name, target.rstrip("."), prefixes)
    value = rest.rstrip(".") if name in ("include", "redirect", "ptr", "exists") else rest
    return Term(word, _QUALIFIERS[sign], name, value)


def tree(domain: str, known: Known) -> Node:
    """Return the record of `domain` with everything it includes. A name that is included twice counts twice."""
    return _node(VERSION, domain, known, (), {})


def _node(term: str, domain: str, known: Known, path: tuple[str, ...], seen: dict[str, Node]) -> Node:
    if domain in path:
        text = _("{domain} includes itself, directly or by others: an error for receivers.").format(domain=domain)
        return Node(term, domain, problem=text, broken=True)
    if domain in seen:
        return replace(seen[domain], term=term)
    records = known.records.get(domain)
    if records is None:
        return Node(term, domain, problem=_("The record of {domain} was not read.").format(domain=domain))
    if len(records) != 1:
        wrong = _(
            "{domain} has no SPF record where one is wanted: an error of the whole record (RFC 7208 section 5.2)."
        )
        if records:
            wrong = _(
                "{domain} has {number} SPF records where one is wanted: an error of the whole record (RFC 7208 "
                "section 5.2)."
            )
        text = wrong.format(domain=domain, number=len(records))
        return Node(term, domain, problem=text, broken=True)
    children = tuple(
        _node(one.text, one.value, known, (*path, domain), seen) if one.follows else _leaf(one, domain, known)
        for one in terms(records[0])
        if one.looks_up
    )
    seen[domain] = Node(
        term,
        domain,
        records[0],
        lookups=len(children) + sum(child.lookups for child in children),
        voids=sum(child.voids for child in children),
        children=children,
    )
    return seen[domain]


def _leaf(term: Term, domain: str, known: Known) -> Node:
    name = term.value or domain
    asked = known.addresses if term.name == "a" else known.exchangers
    if term.name in _ADDRESSES and asked.get(name) == ():
        return Node(term.text, name, voids=1, problem=_("{name} has no such record.").format(name=name))
    return Node(term.text, name)


def rows(node: Node, depth: int = 0, limit: int = limits.SPF_TREE_ROWS) -> Iterator[tuple[int, Node]]:
    """Yield depth and node, from the top, at most `limit`."""
    left = limit
    waiting = [(depth, node)]
    while waiting and left:
        level, one = waiting.pop()
        yield level, one
        left -= 1
        waiting += [(level + 1, child) for child in reversed(one.children)]


def includes(node: Node) -> set[str]:
    """Return every domain whose record is part of the tree."""
    return {child.domain for child in _below(node) if child.record}


def broken(node: Node) -> list[str]:
    """Return what receivers take as an error of the whole record, in sentences."""
    return list(dict.fromkeys(child.problem for child in _below(node) if child.broken))


def gone(node: Node) -> list[str]:
    """Return the names that the record asks for in vain."""
    return list(dict.fromkeys(child.domain for child in _below(node) if child.voids and not child.record))


def _below(node: Node) -> Iterator[Node]:
    """Yield every node below, the records of each name once: the branches of a record made to hurt are countless."""
    seen, waiting = {node.domain}, [node]
    while waiting:
        for child in waiting.pop(0).children:
            yield child
            if child.record and child.domain not in seen:
                seen.add(child.domain)
                waiting.append(child)


def evaluate(address: str, domain: str, known: Known) -> Result:
    """Return what the record of `domain` says of mail from the IP `address` (RFC 7208 section 4)."""
    return _Check(ipaddress.ip_address(address), known).result(domain, ())


class _Check:
    """One evaluation; the result of each name is kept, since a record may include one name many times."""

    def __init__(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address, known: Known) -> None:
        self._address, self._known = address, known
        self._results: dict[str, Result] = {}

    def result(self, domain: str, path: tuple[str, ...]) -> Result:
        if domain in path:
            return Result.PERMERROR
        if domain not in self._results:
            self._results[domain] = self._of_record(domain, (*path, domain))
        return self._results[domain]

    def _of_record(self, domain: str, path: tuple[str, ...]) -> Result:
        records = self._known.records.get(domain)
        if records is None:
            return Result.UNKNOWN
        if len(records) != 1:
            return Result.PERMERROR if records else Result.NONE
        doubtful: list[Result] = []
        for term in terms(records[0]):
            matches = self._matches(term, domain, path)
            if matches is Result.PERMERROR:
                return Result.PERMERROR
            if matches is Result.UNKNOWN:
                doubtful.append(term.result)
            elif matches is not None:
                return matches if all(one is matches for one in doubtful) else Result.UNKNOWN
        return Result.UNKNOWN if doubtful else Result.NEUTRAL  # RFC 7208 section 4.7

    def _matches(self, term: Term, domain: str, path: tuple[str, ...]) -> Result | None:
        """Return the result that the term gives, None when it does not match."""
        if term.name == "all":
            return term.result
        if term.name in ("ip4", "ip6"):
            return term.result if self._within([term.value]) else None
        if term.name in _ADDRESSES:
            return self._by_address(term, domain)
        if term.name in ("include", "redirect") and not term.follows:
            return Result.UNKNOWN
        if term.name == "include":
            # RFC 7208 section 5.2: only a pass matches; a record that is not there is an error.
            found = self.result(term.value, path)
            if found in (Result.PASS, Result.UNKNOWN):
                return term.result if found is Result.PASS else found
            return Result.PERMERROR if found in (Result.NONE, Result.PERMERROR) else None
        if term.name == "redirect":
            found = self.result(term.value, path)
            return Result.PERMERROR if found is Result.NONE else found
        return Result.UNKNOWN if term.looks_up else None  # an unknown modifier is ignored

    def _by_address(self, term: Term, domain: str) -> Result | None:
        name = term.value or domain
        hosts = (name,) if term.name == "a" else self._known.exchangers.get(name)
        if "%" in name or hosts is None:
            return Result.UNKNOWN
        found = [self._known.addresses.get(host) for host in hosts]
        six = self._address.version == 6
        ours = [one for ones in found for one in ones or () if (":" in one) == six]
        if self._within(f"{one}/{term.prefixes[six]}" for one in ours):
            return term.result
        return Result.UNKNOWN if None in found else None

    def _within(self, networks: Iterable[str]) -> bool:
        for text in networks:
            try:
                if self._address in ipaddress.ip_network(text, strict=False):
                    return True
            except ValueError:
                continue  # the parser has said that it is no network
        return False


def with_term(record: str, term: str) -> str:
    """Return `record` with `term` added where it is reached: before `all` and `redirect`."""
    words = record.split()
    place = next((place for place, word in enumerate(words) if _is_all(word) or _is_redirect(word)), len(words))
    return " ".join((*words[:place], term, *words[place:]))


def merged(records: Iterable[str]) -> str:
    """Return one record with the terms of several, each once, in their order; the strictest `all` ends it."""
    found = [word for record in records for word in record.split()[1:]]
    ends = [word for word in found if _is_all(word)]
    rest = list(dict.fromkeys(word for word in found if word not in ends))
    order = ("-", "~", "?", "")
    last = min(ends, key=lambda word: order.index(word[0] if word[0] in "-~?" else ""), default="~all")
    return " ".join((VERSION, *rest, last))


def _is_all(word: str) -> bool:
    return word.lower().lstrip("+-~?") == "all"


def _is_redirect(word: str) -> bool:
    return word.lower().startswith("redirect=")

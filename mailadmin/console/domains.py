"""What the pages of sender domains show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailadmin.core import spf
from mailadmin.core.dns_finding import Finding, SendsAs, State, Topic, worst
from mailadmin.core.settings import RouteKey
from mailadmin.watch.sender_domains import DomainInUse

from .sections import ROUTES

_SHOWN = (Topic.SPF, Topic.DKIM, Topic.DMARC)  # in the table; MX only where it is not in order
_DEEPEST = 5  # of the tree's indentation; what lies deeper stands there, too
_ICONS = {
    State.ERROR: "x",
    State.WARNING: "triangle-alert",
    State.NOT_PROVEN: "circle-question-mark",
    State.OK: "check",
    State.NONE: "minus",
}


@dataclass(frozen=True)
class Route:
    """A route that sends as a domain, with the address of its form ("" for those who may not open it)."""

    sends: SendsAs
    address: str


@dataclass(frozen=True)
class DomainRow:
    """One line of the table: the state of each record (None while nothing was read)."""

    found: DomainInUse
    routes: tuple[Route, ...]
    states: tuple[tuple[Topic, State | None], ...]


@dataclass(frozen=True)
class Part:
    """The findings about one record, with the most urgent state of them."""

    topic: Topic
    state: State
    findings: tuple[tuple[Finding, str], ...]  # each with its icon


@dataclass(frozen=True)
class Branch:
    """One line of the SPF tree; `level` says how far it is set in."""

    level: int
    node: spf.Node


def row_of(found: DomainInUse, may_change: Iterable[str]) -> DomainRow:
    """Return the line of a domain; `may_change` are the kinds of routes whose forms the person may open."""
    findings = found.findings()
    read = found.reading is not None
    states = ((topic, worst(_about(findings, topic)) if read else None) for topic in _SHOWN)
    return DomainRow(found, routes_of(found.routes, may_change), tuple(states))


def routes_of(routes: Iterable[tuple[RouteKey, SendsAs]], may_change: Iterable[str]) -> tuple[Route, ...]:
    """Return the routes with the addresses of their forms."""
    allowed = set(may_change)
    return tuple(Route(sends, _form(key) if key.kind in allowed else "") for key, sends in routes)


def parts_of(findings: Sequence[Finding]) -> list[Part]:
    """Return the findings by topic, in the order of the topics."""
    groups = ((topic, _about(findings, topic)) for topic in Topic)
    return [
        Part(topic, worst(found), tuple((one, _ICONS[one.state]) for one in found)) for topic, found in groups if found
    ]


def tree_of(found: DomainInUse) -> list[Branch]:
    """Return the lines of the SPF tree; none when there is no single record to show."""
    reading = found.reading
    if reading is None or len(reading.spf.records.get(found.domain, ())) != 1:
        return []
    lines = spf.rows(spf.tree(found.domain, reading.spf))
    return [Branch(min(depth, _DEEPEST), node) for depth, node in lines]


def in_words(findings: Sequence[Finding]) -> str:
    """Return how many errors and warnings there are."""
    errors, warnings = (sum(one.state is state for one in findings) for state in (State.ERROR, State.WARNING))
    bad = ngettext("{number} error", "{number} errors", errors).format(number=errors)
    doubtful = ngettext("{number} warning", "{number} warnings", warnings).format(number=warnings)
    if errors and warnings:
        return _("{errors} and {warnings}").format(errors=bad, warnings=doubtful)
    return bad if errors else doubtful if warnings else _("nothing to mend")


def _about(findings: Iterable[Finding], topic: Topic) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.topic is topic)


def _form(key: RouteKey) -> str:
    section = ROUTES[key.kind]
    return section.address("edit", section.model(pk=key.id))

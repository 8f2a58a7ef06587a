"""The knowledge base as its pages show it: groups of entries, and one entry with what it matches in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from django.utils import timezone
from django.utils.translation import gettext as _

from mailadmin.core import limits
from mailadmin.core.fault import Phase
from mailadmin.core.knowledge import Entry, Explanation, Match, entries
from mailadmin.core.terms import Area, Owner
from mailadmin.core.texts import N_
from mailadmin.models import ConnectionTestStep, Delivery

from .sections import OAUTH, SERVICE, SMTP

_PHASES = {
    Phase.SETTINGS: N_("checking the settings"),
    Phase.MESSAGE: N_("building the message"),
    Phase.DNS: N_("looking up the name"),
    Phase.TCP: N_("connecting"),
    Phase.PROXY: N_("reaching the server through the proxy"),
    Phase.GREETING: N_("the greeting"),
    Phase.TLS: N_("starting the encryption"),
    Phase.AUTH: N_("signing in"),
    Phase.SENDER: N_("naming the sender"),
    Phase.RECIPIENT: N_("naming a recipient"),
    Phase.DATA: N_("handing over the message"),
    Phase.TOKEN: N_("asking Microsoft Entra for a token"),
    Phase.GRAPH: N_("asking Microsoft Graph"),
}
# Fields that get their label with the values of a row; "password" is the secret of an SMTP connection.
_BOUND_LABELS = {
    "port": N_("Port"),
    "password": N_("Password"),
    "secret": N_("Client secret"),
}


@dataclass(frozen=True)
class Line:
    """One entry in a list."""

    id: str
    known: Explanation


@dataclass(frozen=True)
class Way:
    """One way for an entry to apply: what must hold, in words, and the patterns that are searched for."""

    facts: Sequence[str]
    patterns: Sequence[str]


def lines(chosen: Iterable[Entry]) -> list[Line]:
    """Return the lines of a list for `chosen`."""
    return [Line(entry.id, entry.explained()) for entry in chosen]


def groups(owner: Owner | None) -> list[tuple[str, list[Line]]]:
    """Return all entries (those of `owner` alone, if there is one) by what they are about."""
    order = list(Area)
    chosen = sorted(
        (entry for entry in entries() if owner in (None, entry.owner)), key=lambda entry: order.index(entry.area)
    )
    return [(area.label, lines(group)) for area, group in groupby(chosen, key=lambda entry: entry.area)]


def ways(entry: Entry) -> list[Way]:
    """Return when `entry` applies, in words."""
    return [
        Way(list(_facts(match)), [found.pattern for found in (match.text, match.host) if found])
        for match in entry.matches
    ]


def setting_label(name: str) -> str:
    """Return what the form field `name` is called, "" when there is none."""
    if name in _BOUND_LABELS:
        return _(_BOUND_LABELS[name])
    fields = (section.form.base_fields.get(name) for section in (SMTP, OAUTH, SERVICE))
    return next((str(field.label) for field in fields if field is not None and field.label), "")


def recent_deliveries(code: str) -> list[Delivery]:
    """Return the latest messages that failed for this reason."""
    return list(Delivery.objects.filter(code=code).order_by("-created_at")[: limits.LATEST_ROWS])


def recent_steps(code: str) -> list[ConnectionTestStep]:
    """Return the latest steps of the last days' tests that ended for this reason, with their tests."""
    since = timezone.now() - timedelta(days=limits.RECENT_DAYS)  # the index of the tests' times serves
    steps = ConnectionTestStep.objects.filter(test__started_at__gte=since, code=code)
    return list(steps.select_related("test").order_by("-test__started_at")[: limits.LATEST_ROWS])


def _facts(match: Match) -> Iterator[str]:
    if match.phase:
        yield _("while {phases}").format(phases=_either(_(_PHASES[phase]) for phase in match.phase))
    if match.kind:
        kinds = _either(kind.value.replace("-", " ") for kind in match.kind)
        yield _("what happened is {kinds}").format(kinds=kinds)
    for text, codes in (
        (_("the reply code is {codes}"), match.smtp),
        (_("the enhanced code is {codes}"), match.enhanced),
        (_("HTTP is {codes}"), match.http),
    ):
        if codes:
            yield text.format(codes=_either(map(_code, codes)))
    if match.aadsts:
        yield _("the code is {codes}").format(codes=_either(f"AADSTS{number}" for number in match.aadsts))
    if match.graph and "*" in match.graph:
        yield _("Graph names any error code")
    elif match.graph:
        yield _("Graph's error code is {codes}").format(codes=_either(match.graph))
    if match.retry_after is not None:
        yield _("the answer names a time to wait") if match.retry_after else _("the answer names no time to wait")
    if match.maybe_sent is not None:
        yield _("the message may have been taken") if match.maybe_sent else _("the message was surely not taken")
    if match.text:
        yield _("the answer holds these words")
    if match.host:
        yield _("the host is one of these")


def _code(code: str) -> str:
    """Return a code of a match as people write it: "5xx" and "5.7." stand for many."""
    return code.replace("x.", _("any") + ".", 1) + "…" if code.endswith(".") else code


def _either(words: Iterable[str]) -> str:
    *first, last = words
    return _("{words} or {last}").format(words=", ".join(first), last=last) if first else last

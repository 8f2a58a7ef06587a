"""The knowledge base: from the facts of a failure to cause, remedy, owner and what to do next.

The entries are data, in `knowledge.toml` beside this file; `docs/errors.md` explains its columns. The
same entry drives the test page, the delivery log, failover and retry.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from operator import itemgetter
from typing import Any

from .fault import Fault, Kind, Phase
from .terms import Area, Failover, Health, Owner
from .texts import N_, gettext

__all__ = [
    "Area",
    "Entry",
    "Explanation",
    "Failover",
    "Health",
    "Match",
    "Owner",
    "best",
    "entries",
    "entry_of",
    "explain",
    "filled",
    "stand_ins",
]

ANY = ("*",)  # any code at all, but one


@dataclass(frozen=True)
class Match:
    """One way for an entry to apply: every condition that is given must hold; a list means "one of these".

    `smtp` and `http` hold whole codes ("535") or classes ("5xx"); `enhanced` whole codes ("5.7.139") or
    beginnings ("5.7."), with an x for any class ("x.1."); `graph` error codes, or "*" for any; `text` is a
    regular expression, searched without regard to case; `host` likewise; `retry_after` tells whether the
    answer names a time; `field` holds what says which of our own faults it is (see `Fault`); `issuer` is searched in
    who issued a refused certificate, or in what an error says about "by" whom.
    """

    phase: tuple[Phase, ...] = ()
    kind: tuple[Kind, ...] = ()
    smtp: tuple[str, ...] = ()
    enhanced: tuple[str, ...] = ()
    http: tuple[str, ...] = ()
    graph: tuple[str, ...] = ()
    aadsts: tuple[str, ...] = ()
    text: re.Pattern[str] | None = None
    host: re.Pattern[str] | None = None
    field: tuple[str, ...] = ()
    issuer: re.Pattern[str] | None = None
    retry_after: bool | None = None
    maybe_sent: bool | None = None

    def fits(self, fault: Fault) -> bool:
        """Tell whether this entry applies to `fault`."""
        return (
            (not self.phase or fault.phase in self.phase)
            and (not self.kind or fault.kind in self.kind)
            and (not self.smtp or _code_in(fault.smtp_code, self.smtp))
            and (not self.enhanced or any(_enhanced_fits(fault.enhanced, code) for code in self.enhanced))
            and (not self.http or _code_in(fault.http_status, self.http))
            and (not self.graph or _graph_fits(fault.graph_code, self.graph))
            and (not self.aadsts or fault.aadsts in self.aadsts)
            and (self.text is None or bool(self.text.search(fault.text)))
            and (self.host is None or bool(self.host.search(fault.host)))
            and (not self.field or fault.field in self.field)
            and (self.issuer is None or bool(self.issuer.search(fault.issuer or fault.text.partition("by ")[2])))
            and (self.retry_after is None or self.retry_after == (fault.retry_after is not None))
            and (self.maybe_sent is None or self.maybe_sent == fault.maybe_sent)
        )

    @property
    def weight(self) -> int:
        """Return how special this match is; the heaviest fitting entry wins."""
        return (
            32 * bool(self.field)
            + 16 * (self.text is not None or self.issuer is not None)
            + 8 * bool(self.aadsts or (self.graph and self.graph != ANY))
            + 4 * (self.graph == ANY)
            + 8 * any(not code.endswith(".") for code in self.enhanced)
            + 4 * any(code.endswith(".") for code in self.enhanced)
            + 4 * any(not code.endswith("xx") for code in (*self.smtp, *self.http))
            + 2 * any(code.endswith("xx") for code in (*self.smtp, *self.http))
            + 4 * (self.host is not None)
            + 2 * bool(self.kind)
            + 2 * (self.maybe_sent is True)
            + 2 * (self.retry_after is not None)
            + bool(self.phase)
        )


@dataclass(frozen=True)
class Entry:
    """One piece of knowledge. Texts are those of the file, in English, and may hold {host}, {where} (host:port),
    {code}, {text} and {recipient}; `setting` names the form field whose change is the cure, if there is one; `matches`
    are the ways for it to apply."""

    id: str
    area: Area
    title: str
    cause: str
    remedy: tuple[str, ...]
    owner: Owner
    failover: Failover
    health: Health
    retry: bool
    setting: str = ""
    matches: tuple[Match, ...] = (Match(),)

    def weight(self, fault: Fault) -> int | None:
        """Return how special this entry is for `fault`, or None when it does not apply."""
        return max((match.weight for match in self.matches if match.fits(fault)), default=None)

    def explained(self, fault: Fault | None = None) -> Explanation:
        """Return the entry in the language of whoever asks, with its texts filled in from `fault`; without one, as it
        is told of any failure."""
        words = _words_of(fault) if fault else {}
        return Explanation(
            id=self.id,
            title=filled(gettext(self.title), words),
            cause=filled(gettext(self.cause), words),
            remedy=tuple(filled(gettext(step), words) for step in self.remedy),
            owner=self.owner,
            failover=self.failover,
            health=self.health,
            retry=self.retry,
            setting=self.setting,
        )


@dataclass(frozen=True)
class Explanation:
    """An entry applied to one failure: its texts filled in."""

    id: str
    title: str
    cause: str
    remedy: tuple[str, ...]
    owner: Owner
    failover: Failover
    health: Health
    retry: bool
    setting: str

    @property
    def problem(self) -> str:
        """Return what is wrong and why, in one text."""
        return f"{self.title} {self.cause}"


def explain(fault: Fault) -> Explanation:
    """Return what is known about `fault`: the most special entry that fits, the first of equals.

    A fault that may have been sent is explained only by an entry that says so: whatever the details
    are, the message must not go by another route.
    """
    return best(fault)[1].explained(fault)


def best(fault: Fault) -> tuple[int, Entry]:
    """Return the entry that explains `fault`, with its weight."""
    fitting = [(weight, entry) for entry in entries() if (weight := entry.weight(fault)) is not None]
    if fault.maybe_sent:
        fitting = [pair for pair in fitting if pair[1].failover is Failover.UNSURE]
    return max(fitting, key=itemgetter(0))


@cache
def entries() -> tuple[Entry, ...]:
    """Return every entry of `knowledge.toml`, checked. Raises ValueError that names a bad entry."""
    text = resources.files(__package__).joinpath("knowledge.toml").read_text("utf-8")
    found = tuple(_entry(raw) for raw in tomllib.loads(text)["entry"])
    if len({entry.id for entry in found}) != len(found):
        raise ValueError("knowledge.toml: two entries have the same id.")
    return found


def entry_of(name: str) -> Entry | None:
    """Return the entry with this id, None when there is none (any more)."""
    return next((one for one in entries() if one.id == name), None)


def _entry(table: dict[str, Any]) -> Entry:
    raw = dict(table)
    try:
        match = raw.pop("match", {})
        return Entry(
            area=Area(raw.pop("area")),
            remedy=tuple(raw.pop("remedy")),
            owner=Owner(raw.pop("owner")),
            failover=Failover(raw.pop("failover")),
            health=Health(raw.pop("health")),
            matches=tuple(_match(dict(way)) for way in (match if isinstance(match, list) else [match])),
            **raw,
        )
    except (KeyError, ValueError, TypeError, re.error) as error:
        raise ValueError(f"knowledge.toml: entry {table.get('id', '?')!r}: {error}") from error


def _match(raw: dict[str, Any]) -> Match:
    def many(key: str) -> tuple[str, ...]:
        value = raw.pop(key, ())
        return (str(value),) if isinstance(value, (str, int)) else tuple(str(item) for item in value)

    def pattern(key: str) -> re.Pattern[str] | None:
        value = raw.pop(key, None)
        return re.compile(value, re.IGNORECASE) if value else None

    return Match(
        phase=tuple(Phase(value) for value in many("phase")),
        kind=tuple(Kind(value) for value in many("kind")),
        smtp=many("smtp"),
        enhanced=many("enhanced"),
        http=many("http"),
        graph=many("graph"),
        aadsts=many("aadsts"),
        text=pattern("text"),
        host=pattern("host"),
        field=many("field"),
        issuer=pattern("issuer"),
        **raw,
    )


def _code_in(code: int | None, wanted: tuple[str, ...]) -> bool:
    return code is not None and any(
        str(code) == want or (want.endswith("xx") and str(code)[:1] == want[:1]) for want in wanted
    )


def _graph_fits(code: str, wanted: tuple[str, ...]) -> bool:
    return bool(code) if wanted == ANY else code in wanted


def _enhanced_fits(code: str, wanted: str) -> bool:
    """`wanted` may use a letter x for any class ("x.1." fits 5.1.1 and 4.1.8)."""
    if wanted.startswith("x."):
        code, wanted = code.partition(".")[2], wanted[2:]
    return bool(code) and (code.startswith(wanted) if wanted.endswith(".") else code == wanted)


class _Words(dict[str, str]):
    """Leaves a brace that is no placeholder as it stands (server texts may hold braces)."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


# What stands for a name that is not known.
_SERVER, _RECIPIENT = N_("the server"), N_("the recipient")


def stand_ins() -> dict[str, str]:
    """Return what stands for the names that are not known, in the language of whoever asks."""
    return {"host": gettext(_SERVER), "where": gettext(_SERVER), "recipient": gettext(_RECIPIENT)}


def filled(text: str, words: Mapping[str, str]) -> str:
    """Return `text`, a sentence of an entry, with its words; a code that is not known leaves no empty brackets."""
    standing = stand_ins()
    told = text if "code" in words else text.replace(" ({code})", "")
    told = told.format_map(_Words(standing | dict(words)))
    # A host's name is not spelled with a capital.
    return told[0].upper() + told[1:] if told.startswith(tuple(standing.values())) else told


def _words_of(fault: Fault) -> dict[str, str]:
    known = {"host": fault.host, "where": fault.where, "recipient": fault.recipient}
    return {name: word for name, word in known.items() if word} | {"code": fault.code, "text": fault.text}

"""What is said about one record of a sender domain, and whom it is about (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from .texts import N_, _

_WORDS = {
    "failed": N_("error"),
    "warning": N_("warning"),
    "not-proven": N_("not proven"),
    "ok": N_("ok"),
    "not-run": N_("none"),
}


class Topic(StrEnum):
    """Which record a finding is about."""

    MX = "MX"
    SPF = "SPF"
    DKIM = "DKIM"
    DMARC = "DMARC"
    TRANSPORT = "MTA-STS and TLS-RPT"

    @property
    def label(self) -> str:
        """Return it as a person reads it."""
        return _("MTA-STS and TLS-RPT") if self is Topic.TRANSPORT else str(self)


class State(StrEnum):
    """How it stands, in the order of urgency; the values are the names of the console's pills."""

    ERROR = "failed"
    WARNING = "warning"
    NOT_PROVEN = "not-proven"
    OK = "ok"
    NONE = "not-run"  # not there, and not needed

    @property
    def label(self) -> str:
        """Return the word for people."""
        return _(self.word)

    @property
    def word(self) -> str:
        """Return the word for programs, in English."""
        return _WORDS[self.value]


@dataclass(frozen=True)
class Publish:
    """A record to put into the DNS."""

    name: str
    value: str
    kind: str = "TXT"


@dataclass(frozen=True)
class Finding:
    """One thing about a domain: `title` says it in a sentence, `text` why it matters and what to do, `records` what was
    found; `publish` is the record that would cure it and `owner` who can."""

    topic: Topic
    state: State
    title: str
    text: str = ""
    records: tuple[str, ...] = ()
    publish: Publish | None = None
    owner: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return it as a mapping for JSON, its state as a word."""
        return asdict(self) | {"topic": str(self.topic), "state": self.state.word}


@dataclass(frozen=True)
class SendsAs:
    """That a route sends as the domain: `host` is the server that takes the mail ("" for Microsoft Graph), `envelope`
    the domain of the envelope sender ("" when only the message says it); of a known `provider` the domains of which its
    customers include one into their SPF record, and the usual DKIM selectors. Not `in_from`: the domain stands in the
    envelope only."""

    name: str
    host: str = ""
    envelope: str = ""
    provider: str = ""
    includes: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    in_from: bool = True


def worst(findings: Iterable[Finding]) -> State:
    """Return the most urgent state, NONE for no finding."""
    order = list(State)
    return min((finding.state for finding in findings), key=order.index, default=State.NONE)

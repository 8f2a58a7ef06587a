"""What the DNS said about one sender domain, as it is kept: facts without a judgement (pure).

`core.dns_advice` says what follows from them, so that advice follows a changed route without a new question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .spf import Known


@dataclass(frozen=True)
class Lines:
    """The answer to one question: the records as text; or `missing`, there is no such name; or `problem`, nothing is
    known, said in a sentence. `alias` is the name that the question was led on to (CNAME)."""

    values: tuple[str, ...] = ()
    missing: bool = False
    problem: str = ""
    alias: str = ""


@dataclass(frozen=True)
class Parsed:
    """What the parser said about a record: an error, or tags and remarks."""

    error: str = ""
    remarks: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """All of it. `organisations` maps this and the envelope domains to the name that somebody registered (RFC 7489
    section 3.2); `dmarc_at` is the domain whose DMARC record holds; `spf_silent` holds a sentence for each name whose
    SPF record could not be read; `hosts` the addresses of servers; `cut` says why not everything was read."""

    domain: str
    organisations: Mapping[str, str] = field(default_factory=dict)
    mx: Lines = field(default_factory=Lines)
    spf: Known = field(default_factory=Known)
    spf_silent: Mapping[str, str] = field(default_factory=dict)
    spf_parsed: Parsed = field(default_factory=Parsed)
    dkim: Mapping[str, Lines] = field(default_factory=dict)
    dmarc: Lines = field(default_factory=Lines)
    dmarc_at: str = ""
    dmarc_parsed: Parsed = field(default_factory=Parsed)
    mta_sts: Lines = field(default_factory=Lines)
    tls_rpt: Lines = field(default_factory=Lines)
    hosts: Mapping[str, Lines] = field(default_factory=dict)
    cut: str = ""

    @property
    def organisation(self) -> str:
        """Return the name that somebody registered, of which this domain is a part."""
        return self.organisations.get(self.domain, self.domain)

    def as_data(self) -> dict[str, Any]:
        """Return it as a mapping for JSON."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Reading | None:
        """Return the reading that `as_data` gave, None for anything else (nothing was read yet, or an older version
        wrote it)."""
        try:
            values: dict[str, Any] = {name: _MAKE.get(name, _same)(value) for name, value in data.items()}
            return cls(**values)
        except (TypeError, AttributeError, ValueError, KeyError):
            return None


def _same(value: Any) -> Any:
    return value


def _lines(data: Mapping[str, Any]) -> Lines:
    return Lines(**(dict(data) | {"values": tuple(data["values"])}))


def _many(data: Mapping[str, Any]) -> dict[str, Lines]:
    return {name: _lines(value) for name, value in data.items()}


def _parsed(data: Mapping[str, Any]) -> Parsed:
    return Parsed(**(dict(data) | {"remarks": tuple(data["remarks"])}))


def _known(data: Mapping[str, Any]) -> Known:
    return Known(**{part: {name: tuple(found) for name, found in names.items()} for part, names in data.items()})


_MAKE: dict[str, Callable[[Any], Any]] = {
    "mx": _lines,
    "spf": _known,
    "spf_parsed": _parsed,
    "dkim": _many,
    "dmarc": _lines,
    "dmarc_parsed": _parsed,
    "mta_sts": _lines,
    "tls_rpt": _lines,
    "hosts": _many,
}

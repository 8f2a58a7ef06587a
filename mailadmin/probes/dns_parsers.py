"""checkdmarc's parsers for SPF and DMARC records, on what our own resolver read: no socket, no HTTP, no memory.

The library asks the DNS while it parses; it is given a stand-in for dnspython's resolver that answers from a `Reader`.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable
from typing import Any

from mailadmin.core import limits
from mailadmin.core.dns_reading import Lines, Parsed
from mailadmin.core.redact import clean
from mailadmin.core.spf import is_record
from mailadmin.core.texts import _

from .dns_reader import Reader

# The library remembers answers for the whole process; a reading must neither see nor leave any.
_alone = threading.Lock()


def organisation(domain: str) -> str:
    """Return the name that somebody registered, of which `domain` is a part, by the public suffix list."""
    from checkdmarc.utils import get_base_domain

    return str(get_base_domain(domain))


def parse_spf(domain: str, reader: Reader) -> Parsed:
    """Return what the parser says about the SPF record of `domain` with everything it includes; `tags` count the
    lookups where it came to an end."""
    from checkdmarc.spf import check_spf

    def parse() -> Parsed:
        found = check_spf(domain, resolver=_Answers(reader))
        counts = {name: str(found[name]) for name in ("dns_lookups", "void_dns_lookups") if found.get(name) is not None}
        return Parsed(_text(found.get("error", "")), _texts(found.get("warnings", ())), counts)

    return _safely(parse)


def parse_dmarc(record: str, domain: str, reader: Reader) -> Parsed:
    """Return what the parser says about the DMARC `record` that was found for `domain`, and its tags as text, with
    those that have a default."""
    from checkdmarc.dmarc import DMARCError, parse_dmarc_record

    def parse() -> Parsed:
        try:
            found = parse_dmarc_record(record, domain, resolver=_Answers(reader))
        except DMARCError as error:
            return Parsed(_text(error))
        tags = {name: _value(tag["value"]) for name, tag in found["tags"].items()}
        return Parsed(remarks=_texts(found["warnings"]), tags=tags)

    return _safely(parse)


def _safely(parse: Callable[[], Parsed]) -> Parsed:
    """Return what `parse` says; a record is written by a stranger, so that a parser may fail in any way."""
    from checkdmarc.utils import DNS_CACHE

    with _alone:
        DNS_CACHE.clear()
        try:
            return parse()
        except Exception as error:
            return Parsed(
                _("The parser could not make sense of the record ({error}).").format(error=type(error).__name__)
            )
        finally:
            DNS_CACHE.clear()


def _value(value: Any) -> str:
    """Return a tag as text; the library gives the addresses of reports as mappings."""
    return ", ".join(str(one["address"]) for one in value) if isinstance(value, list) else str(value)


def _texts(found: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_text, found)))


def _text(found: object) -> str:
    return clean(str(found), limit=limits.SERVER_TEXT_CHARS)


class _Answers:
    """In the place of `dns.resolver.Resolver`: `resolve` and `lifetime` are all that the library uses of it."""

    lifetime = 0.0  # the reader has its own limits

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def resolve(self, name: Any, kind: str, **options: Any) -> Any:
        """Return the records as dnspython does, or raise as it does."""
        import dns.resolver
        import dns.rrset

        library: Any = dns.resolver  # its exceptions are not typed
        lines = self._lines(str(name), kind)
        if lines.problem:
            raise library.LifetimeTimeout(timeout=0.0, errors=[])
        if lines.missing:
            raise library.NXDOMAIN
        if not lines.values:
            raise library.NoAnswer
        values = [_zone_file(kind, text) for text in lines.values]
        return dns.rrset.from_text_list(f"{name}.".replace("..", "."), 0, "IN", kind, values)

    def _lines(self, name: str, kind: str) -> Lines:
        if kind == "TXT":
            found = self._reader.txt(name)
            return Lines(tuple(map(_plain, found.values)), found.missing, found.problem)
        if kind == "MX":
            return self._reader.mx(name)
        if kind in ("A", "AAAA"):
            found = self._reader.addresses(name)
            version = 4 if kind == "A" else 6
            ours = tuple(one for one in found.values if ipaddress.ip_address(one).version == version)
            return Lines(ours, found.missing, found.problem)
        return Lines()  # the record type SPF, which nobody uses any more, and aliases, which we show ourselves


def _plain(text: str) -> str:
    """Return an SPF record without its `exp=`: the library would ask for that text by a resolver of its own."""
    if not is_record(text):
        return text
    return " ".join(word for word in text.split() if not word.lower().startswith("exp="))


def _zone_file(kind: str, text: str) -> str:
    """Return a record as a zone file writes it: a text in quoted parts of at most 255 bytes (RFC 1035 section 5.1),
    a host name with its final dot."""
    if kind == "MX":
        return f"{text.removesuffix('.')}."
    if kind != "TXT":
        return text
    raw = text.encode()
    parts = [raw[start : start + 255] for start in range(0, len(raw), 255)]
    return " ".join('"' + "".join(f"\\{byte:03d}" for byte in part) + '"' for part in parts)

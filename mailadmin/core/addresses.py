"""One parser for e-mail addresses, used to check what a person typed and to send (RFC 5322, 6532).

Two parsers that disagree send mail to the wrong mailbox, so everything that is doubtful is refused: what
this module returns, it also writes, and reads back as the same address.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.errors import NonASCIILocalPartDefect
from email.header import Header
from email.headerregistry import AddressHeader
from functools import cached_property, lru_cache

import idna

from .limits import ADDRESS_ENTRY_CHARS, ADDRESSES_KEPT, DISPLAY_NAME_CHARS
from .texts import _

# A local part without quotes (RFC 5322 dot-atom, with the letters of RFC 6532). Said by what may not stand in it: a
# range up to the end of Unicode takes milliseconds to compile, in every process.
_ATOM = r"[^\x00-\x20\x7f\"(),.:;<>@\[\]\\]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_BARE = re.compile(rf"({_DOT_ATOM.pattern})@([^\s@]+)")
# `Name <local@domain>`, the name without any sign that has a meaning of its own.
_NAMED = re.compile(rf"([^\"(),:;<>@\[\]\\]+)<({_DOT_ATOM.pattern})@([^\s@<>]+)>")
_LOCAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_SPECIAL = re.compile(r"[\"(:;<>\[\]\\]")  # without these, commas separate bare addresses and nothing else
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ENCODED_WORD = "=?"  # RFC 2047: some later parser could decode it, and so find another address
_PERIOD = "period in 'phrase'"  # what the standard library says of the harmless `J. Doe <j@example.org>`
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_LITERAL = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f:.]+)\]")  # RFC 5321 4.1.3
_MAX_ADDRESS = 254  # RFC 5321 4.5.3.1.3: a path is at most 256 with its angle brackets
_MAX_DOMAIN = 253  # RFC 1035 2.3.4
_MAX_PLAIN_NAME = 60  # longer names go as encoded words, which may be folded


class AddressError(ValueError):
    """An address that cannot be used; the text is a sentence for the person who typed it."""


@dataclass(frozen=True)
class Address:
    """One mailbox: display name (clear text, may be empty), local part and domain (as typed; empty for a name
    of the server's own, such as "root")."""

    name: str
    local: str
    domain: str

    @cached_property
    def spec(self) -> str:
        """Return `local@domain` with the domain in ASCII (IDNA 2008), as SMTP and Graph want it."""
        local = self.local if _DOT_ATOM.fullmatch(self.local) else _quote(self.local)
        return f"{local}@{ascii_domain(self.domain)}" if self.domain else local

    @property
    def full(self) -> str:
        """Return the address with its name, in a form that `parse` reads back as the same."""
        return format_address(self.name, self.spec)

    @property
    def needs_utf8(self) -> bool:
        """Tell whether the local part has characters that only SMTPUTF8 (RFC 6531) can carry."""
        return not self.local.isascii()

    @cached_property
    def key(self) -> str:
        """Return the form in which two spellings of one address are equal (case is ignored)."""
        return self.spec.lower()


def parse(text: str, *, local_names: bool = False) -> Address:
    """Return the one address in `text` ("a@b.org" or "Name <a@b.org>"), as `parse_list` does.

    Raises AddressError with a sentence when there is none, more than one, or a bad one.
    """
    return _parse_one(str(text), local_names)


@lru_cache(maxsize=ADDRESSES_KEPT)
def _parse_one(text: str, local_names: bool) -> Address:
    found = parse_list([text], local_names=local_names)
    if len(found) > 1:
        raise AddressError(
            _("“{text}” holds {number} addresses; one is wanted.").format(text=show(text), number=len(found))
        )
    return found[0]


def parse_list(texts: Iterable[str], *, local_names: bool = False) -> list[Address]:
    """Return every address in `texts`; each text may hold several, separated by commas. `local_names` lets
    through names without a domain, which a server completes (RFC 6409 section 8): Django sends to them.

    Raises AddressError that names the first bad entry, an empty one by its place (from 1).
    """
    return [address for place, text in enumerate(texts, 1) for address in _parse_entry(text, place, local_names)]


def _parse_entry(text: str, place: int, local_names: bool) -> Iterator[Address]:
    if not isinstance(text, str) or not text.strip():
        raise AddressError(_("Entry {place} is empty; remove it or type an address.").format(place=place))
    if _HIDDEN.search(text):
        raise AddressError(
            _("“{text}” holds a line break or control character, which no address may.").format(text=show(text))
        )
    text = text.strip()
    if not _SPECIAL.search(text):
        for piece in text.removesuffix(",").split(","):
            if not piece.strip():
                raise AddressError(
                    _("“{text}” has an empty entry beside a comma; remove the comma.").format(text=show(text))
                )
            yield _bare(piece.strip(), local_names)
    elif (named := _NAMED.fullmatch(text)) and _ENCODED_WORD not in named[1]:
        yield _checked(named[1].strip(), named[2], named[3], text)
    else:
        yield from _full_syntax(text)


def _bare(text: str, local_names: bool) -> Address:
    if local_names and _LOCAL_NAME.fullmatch(text) and _DOT_ATOM.fullmatch(text):
        return Address("", text, "")
    found = _BARE.fullmatch(text)
    if not found:
        raise _no_address(text)
    return _checked("", found[1], found[2], text)


def _full_syntax(text: str) -> Iterator[Address]:
    """Read quotes, comments, groups and encoded words with the standard library's parser."""
    if len(text) > ADDRESS_ENTRY_CHARS:
        raise AddressError(_("“{text}” is too long; give the addresses one by one.").format(text=show(text)))
    value: dict[str, object] = {"defects": []}
    try:
        AddressHeader.parse(text, value)
    except Exception:  # the standard library's parser fails on some malformed input with errors of its own
        raise _no_address(text) from None
    groups, defects = value["groups"], value["defects"]
    mailboxes = [mailbox for group in groups for mailbox in group.addresses]  # type: ignore[attr-defined] # a dict of objects
    if not mailboxes or not all(_harmless(defect) for defect in defects):  # type: ignore[attr-defined] # likewise
        raise _no_address(text)
    for mailbox in mailboxes:
        yield _checked(mailbox.display_name or "", mailbox.username, mailbox.domain, text)


def _harmless(defect: Exception) -> bool:
    return isinstance(defect, NonASCIILocalPartDefect) or str(defect) == _PERIOD


def _checked(name: str, local: str, domain: str, text: str) -> Address:
    if not local or not domain:
        lacking = _("“{text}” lacks the part after the @.") if local else _("“{text}” lacks the part before the @.")
        raise AddressError(lacking.format(text=show(text)))
    if _HIDDEN.search(name) or _invisible(local.replace(" ", "")) or _invisible(domain):
        raise AddressError(_("“{text}” holds an invisible character, which no address may.").format(text=show(text)))
    if len(name) > DISPLAY_NAME_CHARS:
        raise AddressError(
            _("“{text}” has a name of more than {limit} characters.").format(text=show(text), limit=DISPLAY_NAME_CHARS)
        )
    if _ENCODED_WORD in local:
        raise AddressError(
            _("“{text}” has an encoded part before the @; type the address itself.").format(text=show(text))
        )
    address = Address(name, local, domain)
    if len(address.spec) > _MAX_ADDRESS:
        raise AddressError(
            _("“{text}” is longer than {limit} characters, the limit for an address.").format(
                text=show(text), limit=_MAX_ADDRESS
            )
        )
    return address


def ascii_domain(domain: str) -> str:
    """Return `domain` in its ASCII form (IDNA 2008, with the UTS 46 mapping). Raises AddressError."""
    if len(domain) > _MAX_DOMAIN:
        raise AddressError(
            _("“{domain}” is longer than {limit} characters, the limit for a domain.").format(
                domain=show(domain), limit=_MAX_DOMAIN
            )
        )
    try:
        if literal := _LITERAL.fullmatch(domain):
            ipaddress.ip_address(literal[1])
            return domain
        ascii_form = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except ValueError:  # also what idna raises
        raise AddressError(_("“{domain}” is not a domain name.").format(domain=show(domain))) from None
    if not all(_LABEL.fullmatch(label) for label in ascii_form.replace("_", "-").split(".")):
        raise AddressError(_("“{domain}” is not a domain name.").format(domain=show(domain)))
    return ascii_form


def format_address(name: str, spec: str) -> str:
    """Return `Name <spec>`, the name in quotes where it needs them, or the bare address without a name."""
    if not name:
        return spec
    plain = re.fullmatch(r"[^\"(),:;<>@\[\]\\.]+", name) and name == name.strip() and _ENCODED_WORD not in name
    return f"{name if plain else _quote(name)} <{spec}>"


def fold_address_header(header: str, addresses: Iterable[tuple[str, str]]) -> bytes:
    """Return a header (`From: ...`, folded, with CRLF) for (display name, address) pairs.

    Names go as encoded words (RFC 2047) where they must; an address is never cut or encoded: the standard
    library drops the quotes of a long quoted local part when it folds it, and so names another mailbox.
    Raises AddressError for a control character.
    """
    mailboxes = []
    for name, spec in addresses:
        if _HIDDEN.search(name + spec):
            raise AddressError(_("“{name}” holds a line break or control character.").format(name=show(name + spec)))
        mailboxes.append(f"{_header_name(name)} <{spec}>" if name else spec)
    return f"{header}: {(',' + chr(13) + chr(10) + ' ').join(mailboxes)}\r\n".encode()


def _header_name(name: str) -> str:
    if name.isascii() and len(name) <= _MAX_PLAIN_NAME and _ENCODED_WORD not in name:
        return _quote(name)
    return Header(name, "utf-8", maxlinelen=74).encode(linesep="\r\n")


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _invisible(text: str) -> bool:
    """Tell whether `text` holds a control, format, unassigned or space character (Unicode C and Z)."""
    if text.isascii():
        return " " in text or not text.isprintable()
    return any(unicodedata.category(character)[0] in "CZ" for character in text)


def _no_address(text: str) -> AddressError:
    return AddressError(_("“{text}” is not an e-mail address, such as name@example.org.").format(text=show(text)))


def show(text: str) -> str:
    """Return `text` short and on one line, fit to stand in a sentence; what nobody could see is named."""
    cut = text if len(text) <= 80 else text[:77] + "…"
    return "".join(character if character.isprintable() else f"‹U+{ord(character):04X}›" for character in cut)

"""One parser for e-mail addresses, used to check what a person typed and to send (RFC 5322, 6532)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.headerregistry import AddressHeader
from email.policy import SMTP

import idna

# The plain form `local@domain` that nearly every address has; anything else goes to the full parser.
_PLAIN = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([A-Za-z0-9-]+\.)*[A-Za-z0-9-]+"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_MAX_ADDRESS = 254  # RFC 5321 4.5.3.1.3: a path is at most 256 with its angle brackets


class AddressError(ValueError):
    """An address that cannot be used; the text is a sentence for the person who typed it."""


@dataclass(frozen=True)
class Address:
    """One mailbox: display name (clear text, may be empty), local part and domain (as typed)."""

    name: str
    local: str
    domain: str

    @property
    def spec(self) -> str:
        """Return `local@domain` with the domain in ASCII (IDNA 2008), as SMTP and Graph want it."""
        local = self.local if re.fullmatch(r"[^\s\"(),:;<>@\[\]\\]+", self.local) else _quote(self.local)
        return f"{local}@{ascii_domain(self.domain)}" if self.domain else local

    @property
    def needs_utf8(self) -> bool:
        """Tell whether the local part has characters that only SMTPUTF8 (RFC 6531) can carry."""
        return not self.local.isascii()

    @property
    def key(self) -> str:
        """Return the form in which two spellings of one address are equal (domains ignore case)."""
        return self.spec.lower()


def parse(text: str) -> Address:
    """Return the one address in `text` ("a@b.org" or "Name <a@b.org>").

    Raises AddressError with a sentence when there is none, more than one, or a bad one.
    """
    found = parse_list([text])
    if not found:
        raise AddressError("The address is empty.")
    if len(found) > 1:
        raise AddressError(f"“{_show(text)}” holds {len(found)} addresses; one is wanted.")
    return found[0]


def parse_list(texts: Iterable[str]) -> list[Address]:
    """Return every address in `texts`; each text may hold several, separated by commas.

    Raises AddressError that names the first bad entry by its place (from 1).
    """
    return [address for place, text in enumerate(texts, 1) for address in _parse_entry(text, place)]


def _parse_entry(text: str, place: int) -> Iterator[Address]:
    if not isinstance(text, str) or not text.strip():
        raise AddressError(f"Entry {place} is empty; remove it or type an address.")
    if _CONTROL.search(text):
        raise AddressError(f"“{_show(text)}” holds a line break or control character, which no address may.")
    text = text.strip()
    if _PLAIN.fullmatch(text):
        local, _, domain = text.rpartition("@")
        yield _checked("", local, domain, text)
        return
    value: dict[str, object] = {"defects": []}
    try:
        AddressHeader.parse(text, value)
    except Exception:  # the standard library's parser fails on some malformed input with errors of its own
        raise AddressError(f"“{_show(text)}” is not an e-mail address, such as name@example.org.") from None
    groups = value["groups"]
    mailboxes = [mailbox for group in groups for mailbox in group.addresses]  # type: ignore[attr-defined]
    if value["defects"] or not mailboxes:
        raise AddressError(f"“{_show(text)}” is not an e-mail address, such as name@example.org.")
    for mailbox in mailboxes:
        yield _checked(mailbox.display_name, mailbox.username, mailbox.domain, text)


def _checked(name: str, local: str, domain: str, text: str) -> Address:
    if not local or not domain:
        raise AddressError(f"“{_show(text)}” lacks the part {'before' if not local else 'after'} the @.")
    address = Address(name, local, domain)
    ascii_domain(domain)
    if len(address.spec) > _MAX_ADDRESS:
        raise AddressError(
            f"“{_show(text)}” is longer than {_MAX_ADDRESS} characters, the limit for an address."
        )
    return address


def ascii_domain(domain: str) -> str:
    """Return `domain` in its ASCII form (IDNA 2008, with the UTS 46 mapping). Raises AddressError."""
    if domain.startswith("[") and domain.endswith("]"):
        return domain  # an address literal, RFC 5321 4.1.3
    try:
        ascii_form = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise AddressError(f"“{_show(domain)}” is not a domain name.") from None
    if not all(_LABEL.fullmatch(label) for label in ascii_form.replace("_", "-").split(".")):
        raise AddressError(f"“{_show(domain)}” is not a domain name.")
    return ascii_form


def format_address(name: str, spec: str) -> str:
    """Return `"Name" <spec>` for a person to read, or the bare address when there is no name."""
    return f"{name} <{spec}>" if name else spec


def fold_address_header(header: str, addresses: Iterable[tuple[str, str]]) -> bytes:
    """Return a folded header line block (`From: ...` with CRLF) for (display name, address) pairs."""
    from email.headerregistry import Address as HeaderAddress

    value = ", ".join(str(HeaderAddress(display_name=name, addr_spec=spec)) for name, spec in addresses)
    folded: str = SMTP.header_factory(header, value).fold(policy=SMTP)
    return folded.encode("utf-8", "surrogateescape")


def _quote(local: str) -> str:
    return '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _show(text: str) -> str:
    """Return `text` short and on one line, fit to stand in a sentence."""
    flat = _CONTROL.sub(" ", str(text))
    return flat if len(flat) <= 80 else flat[:77] + "…"

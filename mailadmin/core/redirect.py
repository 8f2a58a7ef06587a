"""Sending a message to one address instead of its recipients (pure): envelope and headers.

Graph sends to whom the headers name, so whoever is replaced may remain neither in the envelope nor in To or Cc. The
original headers stay readable as X-Original-To and X-Original-Cc. X-Original-Bcc names who was blind, and is left out
where a spared recipient would read it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from email.header import Header

from . import headers, sender
from .addresses import Address, fold_address_header

Recipients = tuple[tuple[Address, str], ...]


@dataclass(frozen=True)
class Redirected:
    """What changes in a message: its header block, its (address, "to" | "cc" | "bcc") pairs, and the addresses (lower
    case) that To and Cc name."""

    head: bytes
    recipients: Recipients
    named: frozenset[str]


def redirect(
    head: bytes, recipients: Recipients, named: Collection[str], to: Address, spared: Collection[str]
) -> Redirected | None:
    """Return a message as it goes to `to` instead of every recipient that is not spared; None when all of them are
    spared, or are `to` itself.

    `spared` holds addresses and domains as `validation.sender_list` returns them. Spared recipients keep their place;
    who of them was blind stays so. What is redirected once is not redirected again.
    """
    if not any(stand_in(address, to, spared) is not address for address, _ in recipients):
        return None
    kept = tuple((a, kind) for a, kind in recipients if a.key != to.key and stand_in(a, to, spared) is a)
    seen = [(address, kind) for address, kind in kept if address.key in named]
    blind = [] if kept else [address for address, _ in recipients if address.key not in named]
    changes = _originals(head, blind) | {
        "to": fold_address_header("To", _pairs([to, *_in(seen, "to")])),
        "cc": fold_address_header("Cc", _pairs(cc)) if (cc := _in(seen, "cc")) else None,
        "resent-to": None,  # nobody knows which servers send to these (RFC 5322 section 3.6.6)
        "resent-cc": None,
    }
    return Redirected(
        head=headers.replace(head, changes),
        recipients=((to, "to"), *kept),
        named=frozenset({to.key, *(address.key for address, _ in seen)}),
    )


def stand_in(address: Address, to: Address, spared: Collection[str]) -> Address:
    """Return who gets what is meant for `address`: itself when it is spared or is `to`, else `to`."""
    return address if address.key == to.key or sender.listed(address, spared) else to


def _originals(head: bytes, blind: Sequence[Address]) -> dict[str, bytes | None]:
    """Return the headers that tell whom the message was for; what an application put into them itself stays in."""
    texts = {
        "X-Original-To": [*headers.values(head, "to")],
        "X-Original-Cc": [*headers.values(head, "cc")],
        "X-Original-Bcc": [address.full for address in blind],
    }
    return {
        name.lower(): _fold(name, ", ".join([*headers.values(head, name.lower()), *found]))
        for name, found in texts.items()
        if any(found)
    }


def _fold(name: str, text: str) -> bytes:
    """Return an unstructured header, in encoded words (RFC 2047) where a name or mailbox is not ASCII: a header with
    other letters would need a server that knows SMTPUTF8."""
    charset = "us-ascii" if text.isascii() else "utf-8"
    value = Header(text, charset, header_name=name, maxlinelen=76).encode(linesep="\r\n")
    return f"{name}: {value}\r\n".encode("ascii")


def _in(pairs: Sequence[tuple[Address, str]], kind: str) -> list[Address]:
    # One that is named and yet in neither field was put into a header of the application's own: it stays in To.
    return [address for address, field in pairs if field == kind or (kind == "to" and field == "bcc")]


def _pairs(addresses: Sequence[Address]) -> list[tuple[str, str]]:
    return [(address.name, address.spec) for address in addresses]

"""The addresses of a message as a program gives them: checked at once, each fault with the place of its entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.functional import Promise

from mailadmin.core import limits
from mailadmin.core.addresses import Address, AddressError, parse, parse_list
from mailadmin.core.errors import bad_message
from mailadmin.core.fault import Kind
from mailadmin.core.texts import _

Addresses = str | Iterable[str] | None

NAMES = {"to": "To", "cc": "Cc", "bcc": "Bcc", "reply_to": "Reply-To"}


def several(given: Addresses, field: str) -> list[str]:
    """Return the addresses in `given`, each in a text of its own: one text, which may hold several separated by commas,
    or a sequence of such texts. Nothing, and an empty text, name nobody. `field` is "to", "cc", "bcc" or "reply_to".

    Raises BadMessage for an empty entry and for a bad address, with the place of the entry ("to.2").
    """
    given = str(given) if isinstance(given, Promise) else given  # a text that is translated late
    if given is None or (isinstance(given, str) and not given.strip()):
        return []
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        text = _("{field} must be a text or a list of texts.").format(field=NAMES[field])
        raise bad_message(Kind.BAD_ADDRESS, text, field)
    if isinstance(given, str):
        return [address.full for address in _read(given, field, field)]
    return [
        address.full
        for place, entry in enumerate(given, 1)
        for address in _read(filled(entry, field, place), field, f"{field}.{place}")
    ]


def sender(given: str | None) -> str | None:
    """Return the one address in `given`, None when nothing was given. Raises BadMessage (field "from_email")."""
    if given is None:
        return None
    if not str(given).strip():
        raise bad_message(Kind.FROM_EMPTY, field="from_email")
    try:
        return parse(str(given), local_names=True).full
    except AddressError as error:
        raise bad_message(Kind.BAD_ADDRESS, f"From: {error}", "from_email") from None


def filled(entry: Any, field: str, place: int) -> str:
    """Return the entry at `place` (from 1) as a text. Raises BadMessage for one that names nobody."""
    if entry is None or not str(entry).strip():
        text = _("{field}: Entry {place} is empty; remove it or name an address.")
        raise bad_message(Kind.ENTRY_EMPTY, text.format(field=NAMES[field], place=place), f"{field}.{place}")
    return str(entry)


def check_number(recipients: int) -> None:
    """Raise BadMessage for more recipients than one message from a program may have."""
    if recipients > limits.MESSAGE_RECIPIENTS:
        text = _("It has {number} recipients; at most {most} are taken.")
        raise bad_message(
            Kind.RECIPIENTS_TOO_MANY, text.format(number=recipients, most=limits.MESSAGE_RECIPIENTS), "to"
        )


def _read(text: str, field: str, named: str) -> list[Address]:
    try:
        return parse_list([text], local_names=True)
    except AddressError as error:
        raise bad_message(Kind.BAD_ADDRESS, f"{NAMES[field]}: {error}", named) from None

"""The header block of a message that a person sends again (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime

from . import headers
from .addresses import Address, fold_address_header

RESEND_OF = "X-Resend-Of"
Recipients = Sequence[tuple[Address, str]]


def again(head: bytes, message_id: str, date: datetime) -> bytes:
    """Return `head` with a Message-ID and a Date of its own, and the Message-ID of the first message in X-Resend-Of.

    With the old Message-ID many servers would take the copy for one that they have, and drop it without a word, which
    is not what somebody wants who presses “Send again”. The Resent- fields (RFC 5322 section 3.6.6) keep the old one,
    so they do not serve here.
    """
    first = headers.value(head, "message-id")
    return headers.replace(
        head,
        {
            "message-id": f"Message-ID: {message_id}\r\n".encode(),
            "date": f"Date: {format_datetime(date)}\r\n".encode(),
            RESEND_OF.lower(): f"{RESEND_OF}: {first}\r\n".encode() if first else None,
        },
    )


def addressed(head: bytes, recipients: Recipients) -> bytes:
    """Return `head` with To and Cc naming exactly those of `recipients` (address, "to" | "cc" | "bcc") that are meant
    to be seen: Graph sends to whom the headers name, and nobody must learn of the others, whose addresses may have been
    the mistake. Without anybody to name, To is an empty group (RFC 6854)."""
    seen = {kind: [(a.name, a.spec) for a, its in recipients if its == kind] for kind in ("to", "cc")}
    nobody = b"To: undisclosed-recipients:;\r\n"
    return headers.replace(
        head,
        {
            "to": fold_address_header("To", seen["to"]) if seen["to"] else None if seen["cc"] else nobody,
            "cc": fold_address_header("Cc", seen["cc"]) if seen["cc"] else None,
            "resent-to": None,  # of a message that the application forwarded (RFC 5322 section 3.6.6)
            "resent-cc": None,
        },
    )

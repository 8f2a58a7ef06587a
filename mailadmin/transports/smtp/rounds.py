"""What one transaction brought, each recipient with its own fate. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from mailadmin.core.errors import DeliveryUnsure, MailError, RecipientsRefused, mail_error
from mailadmin.core.fault import Fault, Kind

from .wire import SERVICE_CLOSING

# "Too many recipients": 452, or 552 from servers of the old school (RFC 5321 4.5.3.1.10); with another
# enhanced code the same numbers mean a full mailbox.
_TOO_MANY_CODES, _TOO_MANY_ENHANCED = (452, 552), ("", "4.5.3", "5.5.3")
_LOST = (Kind.CLOSED, Kind.TIMEOUT, Kind.OUT_OF_STEP, Kind.TLS_EXPECTED, Kind.CLIENT_CERTIFICATE_REFUSED)


@dataclass(frozen=True)
class Round:
    """What one transaction brought: who was taken, who was refused, who must wait for another transaction because
    the server takes only so many at a time, and the server's answer (cleaned)."""

    taken: tuple[str, ...]
    refused: dict[str, MailError]
    waiting: tuple[str, ...] = ()
    answer: str = ""

    @classmethod
    def of(
        cls, taken: Sequence[str], refused: Mapping[str, MailError], answer: str, *, unsaid: Sequence[str] = ()
    ) -> Round:
        """Return the round of an accepted message: those who were too many wait, and so do the `unsaid`."""
        waiting = tuple(address for address, error in refused.items() if too_many(error.fault))
        final = {address: error for address, error in refused.items() if address not in waiting}
        return cls(tuple(taken), final, (*waiting, *unsaid), answer)


def too_many(fault: Fault) -> bool:
    """Tell whether a recipient was refused only because the server takes no more at a time."""
    return fault.smtp_code in _TOO_MANY_CODES and fault.enhanced in _TOO_MANY_ENHANCED


def all_refused(refused: Mapping[str, MailError]) -> RecipientsRefused:
    """Return the error for a message of which nobody was taken."""
    first = next(iter(refused.values()))
    return RecipientsRefused(first.fault, refused)


def shared(error: MailError, recipients: Sequence[str]) -> dict[str, MailError]:
    """Return `error` as the fate of each of `recipients`."""
    return {
        address: error.recipients.get(address) or mail_error(replace(error.fault, recipient=address))
        for address in recipients
    }


@contextmanager
def remembering(refused: Mapping[str, MailError]) -> Iterator[None]:
    """Let the error of a message without an answer, raised in the block, keep who was refused before it left."""
    try:
        yield
    except DeliveryUnsure as error:
        raise DeliveryUnsure(error.fault, refused) from None


def session_lost(error: MailError) -> bool:
    """Tell whether `error` is about the session and not about the message: the line failed, or the server ended it
    (421)."""
    return error.fault.kind in _LOST or error.fault.smtp_code == SERVICE_CLOSING

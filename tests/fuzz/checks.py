"""What must hold: the rules of the wire, and that the client never says more than the server did."""

from __future__ import annotations

import email
import email.message
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mailadmin.core.errors import DeliveryUnsure, MailError, RecipientsRefused
from mailadmin.core.limits import SERVER_TEXT_CHARS
from mailadmin.transports.base import Mail

if TYPE_CHECKING:
    from .server import Delivery

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]")
_LINE_OCTETS = 998  # RFC 5322 section 2.1.1, without CRLF
_OWN_WORDS = 700  # what we say ourselves about a failure may be longer than what is kept of a server's text


class Violation(Exception):
    """Something that must never happen has happened."""


def wire_rules(content: bytes, raw: bytes) -> None:
    """Check a message as it arrived: un-stuffed `content`, and the `raw` bytes before that."""
    if b"\0" in raw:
        raise Violation("A NUL byte went over the wire.")
    if bare := _BARE.search(raw):
        raise Violation(f"A bare line end went over the wire: {raw[max(bare.start() - 30, 0) : bare.end() + 30]!r}.")
    if not raw.endswith(b"\r\n"):
        raise Violation("The message does not end with CRLF.")
    longest = max(map(len, content.split(b"\r\n")))
    if longest > _LINE_OCTETS:
        raise Violation(f"A line has {longest} octets.")


def judge(mail: Mail, outcome: Outcome, deliveries: Iterable[Delivery], *, strong: bool) -> str:
    """Hold the client's word about `mail` against what the server knows; return the word for the statistics.

    Without `strong` the server gave more or fewer replies than it got commands in a group, so that nobody could match
    them: then only the bytes that arrived and the form of errors are judged.
    """
    arrived = list(deliveries)
    for delivery in arrived:
        _same_message(mail, delivery)
    maybe = [recipient for delivery in arrived if not delivery.said.refused for recipient in delivery.recipients]
    if strong and len(maybe) != len(set(maybe)):
        raise Violation(f"A message was perhaps delivered twice: {maybe}.")
    if isinstance(outcome, MailError):
        return _judge_error(outcome, maybe, strong=strong)
    for address, error in outcome.items():
        well_formed(error)
        if strong and address in maybe and not _unsure(error):
            raise Violation(f"{address} is said to be refused, and was perhaps served: {error.fault}.")
    good = [delivery for delivery in arrived if 200 <= delivery.said.code < 300]
    answered = {recipient for delivery in good for recipient in delivery.recipients}
    missing = [address for address in mail.recipients if address not in outcome and address not in answered]
    if strong and missing:
        raise Violation(f"Accepted, but the server did not say so for {missing}.")
    return "accepted in part" if outcome else "accepted"


Outcome = MailError | Mapping[str, MailError]
"""The error, or the refused recipients of a message that was accepted."""


def well_formed(error: MailError, secrets: Iterable[str] = ()) -> None:
    """Check that an error can be told to a person: a sentence, one printable line of the server's, no secret."""
    fault = error.fault
    if UNPRINTABLE.search(fault.text) or len(fault.text) > max(SERVER_TEXT_CHARS, _OWN_WORDS):
        raise Violation(f"A text of the server is not cleaned: {fault.text!r}.")
    told = f"{error} {error.summary} {fault!r}"
    for secret in secrets:
        if secret in told:
            raise Violation("A secret stands in an error.")
    if isinstance(error, RecipientsRefused):
        for single in error.recipients.values():
            well_formed(single, secrets)


def _judge_error(error: MailError, maybe: list[str], *, strong: bool) -> str:
    well_formed(error)
    if _unsure(error):
        return "unsure"
    if strong and maybe:
        raise Violation(f"Surely not sent, it is said, but the server may have taken it: {error.fault}.")
    return f"not sent: {error.fault.kind}"


def _unsure(error: MailError) -> bool:
    unsure = isinstance(error, DeliveryUnsure)
    if unsure is not error.fault.maybe_sent:
        raise Violation(f"The error and its fault disagree about being unsure: {error.fault}.")
    return unsure


def _same_message(mail: Mail, delivery: Delivery) -> None:
    if delivery.sender != mail.sender:
        raise Violation(f"The sender arrived as {delivery.sender!r}.")
    if foreign := set(delivery.recipients) - set(mail.recipients):
        raise Violation(f"It arrived for somebody else: {foreign}.")
    if delivery.utf8 is not mail.needs_utf8:
        raise Violation("SMTPUTF8 was asked for without need, or not asked for.")
    sent = bytes(mail.content)
    if not sent.endswith(b"\r\n"):
        sent += b"\r\n"
    if delivery.content != sent and not _same_in_seven_bit(delivery.content, sent):
        raise Violation(f"Other bytes arrived: {delivery.content[:300]!r} for {sent[:300]!r}.")


def _same_in_seven_bit(arrived: bytes, sent: bytes) -> bool:
    """Tell whether `arrived` is `sent`, whose text has 8-bit letters, as a server without 8BITMIME had to get it."""
    if sent.isascii() or not arrived.isascii():
        return False
    return _texts(arrived) == _texts(sent)


def _texts(content: bytes) -> list[tuple[str, bytes]]:
    parts = email.message_from_bytes(content).walk()
    return [(part.get_content_type(), _decoded(part)) for part in parts if not part.is_multipart()]


def _decoded(part: email.message.Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload.rstrip(b"\r\n") if isinstance(payload, bytes) else b""

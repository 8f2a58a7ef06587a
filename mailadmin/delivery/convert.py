"""From a Django message to envelope and bytes: built once, then dressed for each route that tries it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage

from mailadmin.core import headers, sender
from mailadmin.core.addresses import Address, AddressError, fold_address_header, format_address, parse, parse_list
from mailadmin.core.content import Content
from mailadmin.core.errors import BadMessage, MailError, bad_message
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import clean
from mailadmin.core.settings import Route
from mailadmin.core.texts import _
from mailadmin.core.wire_addresses import plainly_named
from mailadmin.language import callers_language
from mailadmin.transports.base import Mail

from . import addressing
from .building import build
from .message import Message

_BLIND = {"bcc": None, "resent-bcc": None}  # named by the application as headers, they would show who is blind
_NOBODY = re.compile(r"[^:;@<>]*:\s*;")  # an empty group, such as "undisclosed-recipients:;" (RFC 5322 3.4)
_HEADER_NAME = re.compile(r"[!-9;-~]+")  # RFC 5322 section 2.2
# What every program reads in the same way: letters, digits and a few signs, without quotes or comments.
_PLAIN_SPEC = r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
_PLAIN_MAILBOX = re.compile(rf"{_PLAIN_SPEC}|[A-Za-z0-9]+(?: [A-Za-z0-9]+)* <{_PLAIN_SPEC}>")
_UNFIT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")  # what no subject may hold


@dataclass(frozen=True)
class Draft:
    """A message as built: content without Bcc, and what its headers say.

    `recipients` are (address, "to" | "cc" | "bcc") in order, each address once; `named` are the addresses
    (lower case) that To and Cc name, or the text of a header when nobody can say whom it names; `envelope` is the
    message's own envelope sender.
    """

    content: Content
    message_id: str
    subject: str  # whole, on one line
    sender: Address | None
    envelope: str
    recipients: tuple[tuple[Address, str], ...]
    named: frozenset[str]
    has_reply_to: bool
    attachments: int
    label: str

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return the recipients as SMTP wants them."""
        return tuple(address.spec for address, _ in self.recipients)

    @property
    def foreign(self) -> frozenset[str]:
        """Return the addresses that To or Cc name although the message is not for them."""
        return self.named - {address.key for address, _ in self.recipients}


@dataclass(frozen=True)
class Dressed:
    """A message as it leaves on one route, and the From on the wire where the route changed it."""

    mail: Mail
    sent_as: str = ""


def convert(message: EmailMessage) -> Draft:
    """Return `message` as a draft.

    Raises BadMessage (also a ValueError) for a bad address, header or body, before anything is sent.
    """
    extra = message.extra_headers
    _check_names(extra)
    given = _sender(extra.get("From", message.from_email))
    envelope = _sender(message.from_email) or given
    to, cc, bcc = _addresses(message.to, "to"), _addresses(message.cc, "cc"), _addresses(message.bcc, "bcc")
    content = build(message)
    head = content.head
    if any(headers.holds(head, name) for name in _BLIND):
        head = headers.replace(head, _BLIND)
    head = _with_own_addresses(head, message, {"to": to, "cc": cc, "from": [given] if given else []})
    fields = {address.key: kind for kind, some in (("bcc", bcc), ("cc", cc), ("to", to)) for address in some}
    recipients: dict[str, tuple[Address, str]] = {}
    for address in _addresses(message.recipients(), "to"):
        recipients.setdefault(address.key, (address, fields.get(address.key, "bcc")))
    return Draft(
        content=content if head is content.head else content.with_head(head),
        message_id=headers.value(head, "message-id"),
        subject=_subject(message),
        sender=given,
        envelope=envelope.spec if envelope else "",
        recipients=tuple(recipients.values()),
        named=_named(message, head, [*to, *cc]),
        has_reply_to=bool(headers.value(head, "reply-to")),
        attachments=len(message.attachments),
        label=str(getattr(message, "mailadmin_label", "") or ""),
    )


def dress(draft: Draft, route: Route, recipients: tuple[str, ...]) -> Dressed:
    """Return `draft` as it leaves on `route` for `recipients`: sender, subject prefix, envelope.

    Raises BadMessage when there is no sender anywhere, MailError when the route's own sender cannot be written.
    """
    chosen = sender.choose(route, draft.sender, draft.envelope, _filled_in(), _default_sender())
    if chosen is None:
        raise bad_message(Kind.NO_SENDER, field="from_email")
    try:
        changes = _changes(draft, route, chosen)
    except ValueError as error:
        raise MailError(Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, text=clean(str(error)))) from error
    wanted = set(recipients)
    return Dressed(
        Mail(
            sender=chosen.envelope,
            recipients=recipients,
            content=draft.content.with_head(headers.replace(draft.content.head, changes)) if changes else draft.content,
            message_id=draft.message_id,
            blind=tuple(a.spec for a, _ in draft.recipients if a.spec in wanted and a.key not in draft.named),
            needs_utf8=not chosen.envelope.isascii() or not all(spec.isascii() for spec in recipients),
            complete=len(recipients) == len(draft.recipients) and not draft.foreign,
        ),
        sent_as=format_address(*chosen.header) if chosen.header else "",
    )


def _subject(message: EmailMessage) -> str:
    """Return the subject on one line; it may be a text that is looked up in the language of whoever sends."""
    with callers_language():
        return _UNFIT.sub(" ", str(message.extra_headers.get("Subject", message.subject)))


def has_sender(draft: Draft, route: Route) -> bool:
    """Tell whether `draft` would have a sender on `route`; without one anywhere it cannot be sent."""
    return sender.choose(route, draft.sender, draft.envelope, _filled_in(), _default_sender()) is not None


def _changes(draft: Draft, route: Route, chosen: sender.Sender) -> dict[str, bytes | None]:
    """Return the headers that `route` changes, as folded lines."""
    changes: dict[str, bytes | None] = {}
    if chosen.header:
        changes["from"] = fold_address_header("From", [chosen.header])
    if chosen.reply_to and not draft.has_reply_to:
        changes["reply-to"] = fold_address_header("Reply-To", [(chosen.reply_to.name, chosen.reply_to.spec)])
    if prefix := route.sender.subject_prefix.strip():  # forms cut the blank at its end, people expect it
        changes["subject"] = headers.fold("Subject", f"{prefix} {draft.subject}".rstrip())
    return changes


def test_mail(route: Route, recipient: str, subject: str, text: str) -> Mail:
    """Return a small message to `recipient`, as `route` would send it. Raises BadMessage."""
    message = EmailMessage(subject, text, route.sender.address or None, [recipient])
    message.extra_headers["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
    draft = convert(message)
    return dress(draft, route, draft.addresses).mail


def _addresses(texts: Any, field: str) -> list[Address]:
    """Return the address in each of `texts`; two in one string are refused, as Django does."""
    found = []
    for place, text in enumerate(texts, 1):
        try:
            found.append(parse(addressing.filled(text, field, place), local_names=True))
        except AddressError as error:
            text = _("{field}, entry {place}: {error}").format(field=addressing.NAMES[field], place=place, error=error)
            raise bad_message(Kind.BAD_ADDRESS, text, f"{field}.{place}") from None
    return found


def _check_names(extra: Iterable[Any]) -> None:
    """Refuse what is no name of a header: Django looks at values only, and a line break in a name would slip a header
    in."""
    for name in extra:
        if not _HEADER_NAME.fullmatch(str(name)):
            text = _("“{name}” cannot be the name of a header: letters, digits and hyphens can.")
            raise bad_message(Kind.BAD_HEADER, text.format(name=clean(str(name))), "headers")


def _with_own_addresses(head: bytes, message: EmailMessage, fields: dict[str, list[Address]]) -> bytes:
    """Write those headers again, from what we read, that others could read in another way: Python's e-mail package
    drops the quotes of names that it decodes, and makes an encoded word of a local part beyond ASCII (CPython issue
    122476; RFC 6532 has it in UTF-8), and Django writes some domains in the older IDNA: all of them other mailboxes."""
    extra = message.extra_headers
    fields = fields | {"reply-to": _readable(message.reply_to)}
    written = {
        "to": message.to,
        "cc": message.cc,
        "reply-to": message.reply_to,
        "from": [extra.get("From", message.from_email)],
    }
    changes: dict[str, bytes | None] = {
        name: fold_address_header(name.title(), [(address.name, address.spec) for address in some])
        for name, some in fields.items()
        if some
        and (name == "from" or name.title() not in extra)
        and not all(_PLAIN_MAILBOX.fullmatch(str(text)) for text in written[name])
        and plainly_named(headers.value(head, name)) != [address.key for address in some]
    }
    return headers.replace(head, changes) if changes else head


def _readable(texts: Iterable[Any]) -> list[Address]:
    """Return whom an answer goes to, nobody where nobody can tell: then Django's header must do."""
    try:
        return parse_list([str(text) for text in texts], local_names=True)
    except AddressError:
        return []


def _sender(text: Any) -> Address | None:
    if not text or not str(text).strip():
        return None
    try:
        return parse(str(text), local_names=True)
    except AddressError as error:
        raise bad_message(Kind.BAD_ADDRESS, f"From: {error}", "from_email") from None


def _named(message: EmailMessage, head: bytes, own: list[Address]) -> frozenset[str]:
    """Return whom To and Cc name on the wire. That is not always `own`: the application may have set the headers
    itself, or build the message by code of its own."""
    djangos = getattr(message.message, "__func__", None) in (EmailMessage.message, Message.message)
    if djangos and "To" not in message.extra_headers and "Cc" not in message.extra_headers:
        return frozenset(address.key for address in own)
    found = set()
    for text in (*headers.values(head, "to"), *headers.values(head, "cc")):
        if _NOBODY.fullmatch(text):
            continue
        try:
            found |= {address.key for address in parse_list([text], local_names=True)}
        except AddressError:
            found.add(text)
    return frozenset(found)


def _default_sender() -> Address | None:
    """Return DEFAULT_FROM_EMAIL, None when it names nobody: a message with a sender of its own does not need it."""
    try:
        return _sender(settings.DEFAULT_FROM_EMAIL)
    except BadMessage:
        return None


def _filled_in() -> frozenset[str]:
    """Return the addresses that Django puts into From when the application named none."""
    found = set()
    for text in (settings.DEFAULT_FROM_EMAIL, settings.SERVER_EMAIL):
        try:
            found.add(parse(text, local_names=True).key)
        except AddressError:
            continue
    return frozenset(found)

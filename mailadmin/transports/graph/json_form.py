"""A message as Microsoft Graph takes it in JSON form, the only one that can do without a copy in Sent Items (pure).

Source: learn.microsoft.com, "user: sendMail" and "message resource type". JSON has one body, files, and few headers;
whatever else a message says would be lost, so `json_message` refuses it with the reason.
"""

from __future__ import annotations

import base64
import re
from email.policy import SMTP
from typing import Any

from mailadmin.core import headers, limits
from mailadmin.core.addresses import Address, AddressError, parse_list
from mailadmin.core.content import Content
from mailadmin.core.texts import N_, _
from mailadmin.transports.base import Mail

from .parts import Attachment, CannotTravelError, Part, attachment, opened

_ADDRESSES = {"to": "toRecipients", "cc": "ccRecipients", "reply-to": "replyTo"}
# Said in another place of the JSON, or by Exchange itself.
_TAKEN_CARE_OF = {"from", "subject", "message-id", "date", "mime-version", "content-type", "content-transfer-encoding"}
_IMPORTANCE = {
    "importance": {"high": "high", "normal": "normal", "low": "low"},
    "x-msmail-priority": {"high": "high", "normal": "normal", "low": "low"},
    "priority": {"urgent": "high", "normal": "normal", "non-urgent": "low"},  # RFC 4021 section 2.1.54
    "x-priority": {"1": "high", "2": "high", "3": "normal", "4": "low", "5": "low"},
}
_BODIES = {"text/plain": "text", "text/html": "html"}
_BODY_HEADERS = {"content-type", "content-transfer-encoding", "mime-version"}
_OWN_HEADER = re.compile(r"x-[!-9;-~]+")
_PLAIN_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")
_WORDS = re.compile(r"=\?([^?\s]+)\?([qQbB])\?[^?\s]*\?=(?:\s+=\?\1\?\2\?[^?\s]*\?=)+")
_WORD_TEXTS = re.compile(r"=\?[^?\s]+\?[qQbB]\?([^?\s]*)\?=")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ENCODED_WORD = "=?"  # RFC 2047
_SEVERAL = N_("the message has its text in several forms, such as text and HTML")


def json_message(mail: Mail, mailbox: str) -> dict[str, Any]:
    """Return `mail` as a message of Graph, sent by `mailbox`.

    Raises CannotTravelError that says what would be lost. Message-ID goes along; Date is Exchange's own.
    """
    fields = _fields(mail.content.head)
    body, files = _body_and_files(mail.content)
    message: dict[str, Any] = {"subject": _subject(mail.content.head), "body": body}
    for name, key in _ADDRESSES.items():
        if name in fields:
            message[key] = [_recipient(address) for address in _addresses(name, fields[name])]
    if mail.blind:
        message["bccRecipients"] = [_recipient(address) for address in _addresses("bcc", ", ".join(mail.blind))]
    message |= _from(fields, mailbox) | _importance(fields) | _own_headers(mail.content.head, fields)
    if "message-id" in fields:
        message["internetMessageId"] = _message_id(fields["message-id"])
    if files:
        message["attachments"] = [file_attachment(file) for file in files]
    return message


def file_attachment(file: Attachment) -> dict[str, Any]:
    """Return `file` as Graph takes it, with its content in base64."""
    return about_file(file) | {"contentBytes": base64.b64encode(file.data).decode("ascii")}


def about_file(file: Attachment) -> dict[str, Any]:
    """Return `file` as Graph takes it, without its content."""
    said = {"@odata.type": "#microsoft.graph.fileAttachment", "name": file.name, "contentType": file.content_type}
    more: dict[str, Any] = {"isInline": file.inline} | ({"contentId": file.content_id} if file.content_id else {})
    return said | more


def _fields(head: bytes) -> dict[str, str]:
    """Return the value of each header (lower-case name). Raises CannotTravelError for one that JSON cannot say."""
    found: dict[str, str] = {}
    for name, _value in headers.fields(head):
        known = name in _TAKEN_CARE_OF or name in _ADDRESSES or name in _IMPORTANCE or _OWN_HEADER.fullmatch(name)
        if not known:
            text = _("the message has the header {name}") if name else _("the message has the header without a name")
            raise CannotTravelError(text.format(name=name.title()[:60]))
        if name in found:
            raise CannotTravelError(_("the message has the header {name} twice").format(name=name.title()[:60]))
        found[name] = headers.value(head, name)
    return found


def _message_id(value: str) -> str:
    """Return `value`, without which Exchange would give another one. Raises CannotTravelError for what is no Message-ID
    (RFC 5322 section 3.6.4)."""
    if not _MESSAGE_ID.fullmatch(value):
        raise CannotTravelError(_("its Message-ID has not the usual form"))
    return value


def _subject(head: bytes) -> str:
    try:
        subject = str(SMTP.header_factory("Subject", headers.value(head, "subject")))
    except Exception:  # Python's own code, which fails in many ways where a text is odd enough
        raise CannotTravelError(_("its subject cannot be read")) from None
    if _CONTROL.search(subject):
        raise CannotTravelError(_("its subject holds a control character"))
    return subject


def _addresses(name: str, value: str) -> list[Address]:
    value = _WORDS.sub(_in_one_word, value)
    try:
        groups = SMTP.header_factory("To", value).groups
        if any(group.display_name is not None for group in groups):
            raise CannotTravelError(_("the header {name} names a group").format(name=name.title()))
        return parse_list([value], local_names=True)
    except AddressError:
        raise CannotTravelError(_("the header {name} cannot be read").format(name=name.title())) from None
    except CannotTravelError:
        raise
    except Exception:  # Python's own code, as above
        raise CannotTravelError(_("the header {name} cannot be read").format(name=name.title())) from None


def _in_one_word(found: re.Match[str]) -> str:
    """Return encoded words that follow one another as one: in a name Python's parser would put blanks between them,
    which RFC 2047 section 6.2 forbids."""
    charset, encoding = found[1], found[2].lower()
    texts = [text for text in _WORD_TEXTS.findall(found[0]) if text]
    if encoding == "q":
        return f"=?{charset}?q?{''.join(texts)}?="
    try:
        octets = b"".join(base64.b64decode(text) for text in texts)
    except ValueError:
        return found[0]
    return f"=?{charset}?b?{base64.b64encode(octets).decode('ascii')}?="


def _recipient(address: Address) -> dict[str, Any]:
    """Return an address as Graph has it, which knows none without a domain, nor one that needs SMTPUTF8 (RFC 6531).
    Raises CannotTravelError."""
    if "@" not in address.spec or not address.spec.isascii():
        raise CannotTravelError(_("“{address}” is no address for JSON").format(address=address.spec[:60]))
    name = {"name": address.name} if address.name else {}
    return {"emailAddress": {"address": address.spec} | name}


def _from(fields: dict[str, str], mailbox: str) -> dict[str, Any]:
    """Return the sender where it says more than the mailbox does by itself."""
    if not fields.get("from"):
        return {}
    senders = _addresses("from", fields["from"])
    if len(senders) > 1:
        raise CannotTravelError(_("the header From names several senders"))
    own = senders[0].key == mailbox.strip().lower() and not senders[0].name
    return {} if own else {"from": _recipient(senders[0])}


def _importance(fields: dict[str, str]) -> dict[str, str]:
    words = {known.get(fields[name].lower().split(" (")[0]) for name, known in _IMPORTANCE.items() if name in fields}
    if None in words or len(words) > 1:
        raise CannotTravelError(_("its headers about priority do not agree"))
    return {"importance": str(words.pop())} if words else {}


def _own_headers(head: bytes, fields: dict[str, str]) -> dict[str, Any]:
    """Return the headers that begin with X-; an empty list is an error for Graph."""
    spelt = {name: raw.split(b":")[0].decode("ascii", "replace").strip() for name, raw in headers.fields(head)}
    own = {name: value for name, value in fields.items() if name.startswith("x-") and name not in _IMPORTANCE}
    if len(own) > limits.GRAPH_HEADERS:
        raise CannotTravelError(
            _("the message has more than {number} headers of its own").format(number=limits.GRAPH_HEADERS)
        )
    for name, value in own.items():
        if not _PLAIN_VALUE.fullmatch(value) or _ENCODED_WORD in value:
            raise CannotTravelError(_("the header {name} is not plain text").format(name=spelt[name][:60]))
    listed = [{"name": spelt[name], "value": value} for name, value in own.items()]
    return {"internetMessageHeaders": listed} if listed else {}


def _body_and_files(content: Content) -> tuple[dict[str, str], list[Attachment]]:
    """Return the one body and the files. Raises CannotTravelError when there is more than that."""
    whole = Part(content.head, tuple(p if not isinstance(p, bytes) else memoryview(p) for p in content.body))
    kind = _kind(whole)
    if not kind.startswith("multipart/"):
        return _body(whole), []
    if kind == "multipart/alternative":
        raise CannotTravelError(_(_SEVERAL))
    kind, (first, *others) = opened(content)
    related = kind == "multipart/related"
    try:
        files = [_exact(first, body=True, related=related)]
        body = {"contentType": "text", "content": ""}
    except CannotTravelError:
        files, body = [], _body(first)
        if {name for name, _ in headers.fields(first.head)} - _BODY_HEADERS:
            raise CannotTravelError(_("its text has headers of its own")) from None
    files += [_exact(part, body=False, related=related) for part in others]
    if related and (body["contentType"] != "html" or not all(file.inline for file in files)):
        raise CannotTravelError(_("its parts belong together in a way that JSON cannot say"))
    return body, files


def _exact(part: Part, body: bool, related: bool) -> Attachment:
    """Return the file that `part` is, and refuse one that would arrive in another way."""
    file = attachment(part, body, related)
    if file.changed:
        raise CannotTravelError(_("in JSON {changed}").format(changed=file.changed))
    if ";" in file.content_type and not file.content_type.endswith("charset=us-ascii"):
        raise CannotTravelError(_("the text file “{name}” has a character set of its own").format(name=file.name))
    return file


def _body(part: Part) -> dict[str, str]:
    kind = _kind(part)
    if kind == "multipart/alternative":
        raise CannotTravelError(_(_SEVERAL))
    if kind not in _BODIES:
        raise CannotTravelError(_("the message has a part of the type {kind}").format(kind=kind[:60]))
    about = part.about
    type_header = about["content-type"]
    if {*(type_header.params if type_header else ())} - {"charset"}:
        raise CannotTravelError(_("its text says more about its form than JSON can"))
    data = bytes(part.data)
    try:
        text = data.decode(str(about.get_param("charset") or "us-ascii"))
    except (LookupError, ValueError):
        raise CannotTravelError(_("its text is not in the character set that it names")) from None
    return {"contentType": _BODIES[kind], "content": text}


def _kind(part: Part) -> str:
    try:
        return part.about.get_content_type()
    except Exception:  # Python's own code, as above
        raise CannotTravelError(_("its headers cannot be read")) from None

"""A message in Graph's JSON form, read strictly and turned into MIME.

Shapes: learn.microsoft.com, "message resource type", "fileAttachment resource type"; which headers and properties are
taken, by reports from the field.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.utils import format_datetime
from typing import Any
from uuid import uuid4

from .mime import Attached, encoded_words
from .refusal import Refused

MAX_HEADERS = 5
FILE_TYPE = "#microsoft.graph.fileAttachment"
_RECIPIENTS = {"toRecipients": "To", "ccRecipients": "Cc", "bccRecipients": "Bcc", "replyTo": "Reply-To"}
_EXTENDED = {"String 0x1045": "List-Unsubscribe"}  # the one that mail programs use
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")
_HEADER_NAME = re.compile(r"x-[!-9;-~]*", re.IGNORECASE)
_ATOMS = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+( [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)


class Fields:
    """The properties of a JSON object, taken out one by one; what is left in the end is not known."""

    def __init__(self, value: Any, what: str) -> None:
        """Raises Refused when `value` is no object."""
        if not isinstance(value, dict):
            raise unreadable(f"'{what}' must be an object.")
        self._left, self._what = dict(value), what

    def take(self, name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        """Return the property `name`, `default` when it is absent or null. Raises Refused for another type."""
        value = self._left.pop(name, None)
        if value is None:
            return default
        if not isinstance(value, kind):
            raise unreadable(f"The property '{name}' of '{self._what}' has the wrong type.")
        return value

    def has(self, name: str) -> bool:
        """Tell whether the property is there still."""
        return name in self._left

    def done(self) -> None:
        """Raises Refused when a property is left."""
        for name in self._left:
            text = f"The property '{name}' does not exist on '{self._what}', or the sandbox does not know it."
            raise unreadable(text)


def unreadable(text: str) -> Refused:
    """Return the refusal of JSON that cannot be understood."""
    return Refused(400, "RequestBodyRead", text)


def read_json(body: bytes) -> Any:
    """Return the JSON value of a request. Raises Refused."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise unreadable("The JSON of the request cannot be read.") from None


def read_send_mail(body: bytes, mailbox: str) -> tuple[bytes, list[Attached], bool]:
    """Return message, files, and whether it shall be saved, of a sendMail request in JSON. Raises Refused."""
    fields = Fields(read_json(body), "sendMail")
    # The metadata spells both names with a capital letter, the documentation without.
    message = fields.take("message", dict) or fields.take("Message", dict)
    save = "SaveToSentItems" if fields.has("SaveToSentItems") else "saveToSentItems"
    saved = fields.take(save, (bool, str), True)
    if str(saved).lower() not in ("true", "false"):
        raise unreadable("'saveToSentItems' is true or false.")
    fields.done()
    if message is None:
        raise unreadable("The request has no message.")
    return *read_message(message, mailbox), str(saved).lower() == "true"


def read_message(value: Any, mailbox: str) -> tuple[bytes, list[Attached]]:
    """Return the MIME form, without files, and the files of a message in JSON. Raises Refused."""
    fields = Fields(value, "message")
    try:
        head = _head(fields, mailbox)
        files = [read_file(one) for one in fields.take("attachments", list, [])]
        body = Fields(fields.take("body", dict, {}), "body")
        kind, text = body.take("contentType", str, "text").lower(), body.take("content", str, "")
        body.done()
        fields.done()
        if kind not in ("text", "html"):
            raise unreadable("'contentType' is text or html.")
        lines = [f"Content-Type: text/{'html' if kind == 'html' else 'plain'}; charset=utf-8"]
        lines.append("Content-Transfer-Encoding: base64")
        content = base64.encodebytes(text.encode()).replace(b"\n", b"\r\n")
        return "\r\n".join((*head, "MIME-Version: 1.0", *lines, "", "")).encode("ascii") + content, files
    except UnicodeEncodeError:
        raise unreadable("A text of the message cannot be encoded.") from None


def read_file(value: Any) -> Attached:
    """Return an attachment in JSON. Raises Refused."""
    fields = Fields(value, "attachment")
    kind = fields.take("@odata.type", str, "")
    if kind != FILE_TYPE:
        raise unreadable(f"The sandbox takes attachments of the type '{FILE_TYPE}' only, not '{kind[:60]}'.")
    try:
        content = base64.b64decode(fields.take("contentBytes", str, ""), validate=True)
    except (binascii.Error, ValueError):
        raise unreadable("'contentBytes' is not base64.") from None
    file = describe_file(fields, content)
    fields.done()
    return file


def describe_file(fields: Fields, content: bytes) -> Attached:
    """Return the file with `content` that `fields` describe, as an attachment or an upload session has them."""
    name = fields.take("name", str, "")
    if not name:
        raise Refused(400, "ErrorRequiredPropertyMissing", "The attachment has no name.")
    content_id = fields.take("contentId", str, "")
    if re.search(r"[^!-~]", content_id):
        raise unreadable("'contentId' has characters that no identifier has.")
    kind = fields.take("contentType", str, "")
    return Attached(name, kind, content, fields.take("isInline", bool, False), content_id.strip("<>"))


def _head(fields: Fields, mailbox: str) -> list[str]:
    """Return the header lines of a message."""
    sender = _mailbox(fields.take("from", dict), "from") if fields.has("from") else mailbox
    lines = [f"From: {sender}", f"Date: {format_datetime(datetime.now(UTC))}"]
    if fields.has("sender") and (other := _mailbox(fields.take("sender", dict), "sender")) != sender:
        lines.append(f"Sender: {other}")
    for name, header in _RECIPIENTS.items():
        if people := [_mailbox(one, name) for one in fields.take(name, list, [])]:
            lines.append(f"{header}: " + ",\r\n ".join(people))
    lines.append(f"Subject: {encoded_words(_one_line(fields.take('subject', str, '')))}")
    lines.append(f"Message-ID: {_message_id(fields)}")
    importance = fields.take("importance", str, "normal").lower()
    if importance not in ("low", "normal", "high"):
        raise unreadable("'importance' is low, normal or high.")
    if importance != "normal":
        lines.append(f"Importance: {importance}")
    if fields.take("isReadReceiptRequested", bool, False):
        lines.append(f"Disposition-Notification-To: {sender}")
    if fields.take("isDeliveryReceiptRequested", bool, False):
        lines.append(f"Return-Receipt-To: {sender}")
    if categories := fields.take("categories", list, []):
        lines.append(f"Keywords: {encoded_words(_one_line(', '.join(map(str, categories))))}")
    return lines + _own_headers(fields) + _extended(fields)


def _own_headers(fields: Fields) -> list[str]:
    if not fields.has("internetMessageHeaders"):
        return []
    given = fields.take("internetMessageHeaders", list, [])
    code = "InvalidInternetMessageHeader"
    if not given or len(given) > MAX_HEADERS:
        text = f"A message has one to {MAX_HEADERS} internet message headers, or none and no such property."
        raise Refused(400, f"{code}Collection", text)
    lines = []
    for one in given:
        pair = Fields(one, "internetMessageHeader")
        name, value = pair.take("name", str, ""), pair.take("value", str, "")
        pair.done()
        if not _HEADER_NAME.fullmatch(name):
            raise Refused(400, code, f"The internet message header '{name[:60]}' does not begin with 'x-'.")
        if re.search(r"[\r\n\0]", value):
            raise Refused(400, code, f"The internet message header '{name[:60]}' has a line break.")
        lines.append(f"{name}: {encoded_words(value)}")
    return lines


def _extended(fields: Fields) -> list[str]:
    lines = []
    for one in fields.take("singleValueExtendedProperties", list, []):
        pair = Fields(one, "singleValueLegacyExtendedProperty")
        name, value = pair.take("id", str, ""), pair.take("value", str, "")
        pair.done()
        if name not in _EXTENDED:
            raise unreadable(f"The sandbox does not know the extended property '{name[:60]}'.")
        lines.append(f"{_EXTENDED[name]}: {_one_line(value)}")
    return lines


def _message_id(fields: Fields) -> str:
    found: str = fields.take("internetMessageId", str, "") or f"<{uuid4()}@sandbox.invalid>"
    if not _MESSAGE_ID.fullmatch(found):
        raise Refused(400, "ErrorInvalidArgument", "'internetMessageId' must look like <left@right>.")
    return found


def _mailbox(recipient: Mapping[str, Any], what: str) -> str:
    """Return name and address as a header has them. Raises Refused."""
    outer = Fields(recipient, what)
    inner = Fields(outer.take("emailAddress", dict, {}), "emailAddress")
    name, address = _one_line(inner.take("name", str, "")), inner.take("address", str, "")
    inner.done()
    outer.done()
    try:
        spec = Address(addr_spec=address).addr_spec
    except Exception:  # the standard library's parser has many ways to fail
        raise Refused(400, "ErrorInvalidRecipients", f"At least one recipient is not valid: {address!r}") from None
    if "@" not in spec or not spec.isascii() or re.search(r"[\r\n\0]", spec):
        raise Refused(400, "ErrorInvalidRecipients", f"At least one recipient is not valid: {address!r}")
    if not name:
        return spec
    # Encoded words need no quotes, whatever the name holds.
    return f"{encoded_words(name, always=not _ATOMS.fullmatch(name))} <{spec}>"


def _one_line(text: str) -> str:
    """Return `text`, in which a line break would begin a header of its own. Raises Refused."""
    if re.search(r"[\r\n\0]", text):
        raise unreadable("A text of the header has a line break.")
    return text

"""A message that is written already, as `sendmail -t` takes it: its bytes stay as they are, within the rules of the
wire (RFC 5322)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import Any

from django.core.mail.utils import DNS_NAME

from mailadmin.core import headers
from mailadmin.core.content import Content
from mailadmin.core.errors import bad_message
from mailadmin.core.fault import Kind
from mailadmin.core.texts import _

from .message import Message

_MBOX_LINE = re.compile(rb"\AFrom [^\r\n]*(?:\r\n|\r|\n)")  # as it stands before each message of a mailbox file
_NOBODY = re.compile(r"[^:;@<>]*:\s*;")  # an empty group (RFC 5322 section 3.4)
_OPTIONS = (
    "label",
    "route",
    "priority",
    "delivery",
    "send_at",
    "expires_at",
    "idempotency_key",
    "metadata",
    "on_unsure",
)


class RawMessage(Message):
    """A whole message in bytes. Its recipients are `recipients`, or those whom To, Cc and Bcc name; Bcc never leaves.
    `sender` is its envelope sender, which is From without it. Message-ID and Date are added where they are missing.

    The other options are those of a Message with the same names. Raises BadMessage for what is no message, for
    addresses that cannot be read, and for one that somebody has resent (RFC 5322 section 3.6.6) without `recipients`:
    there nobody can say for whom it is.
    """

    def __init__(self, raw: bytes, *, recipients: Iterable[str] = (), sender: str = "", **options: Any) -> None:
        content = Content.of(headers.canonical(_MBOX_LINE.sub(b"", raw.lstrip(b"\r\n"))))
        head = _complete(_checked(content.head))
        own = {name: options[name] for name in _OPTIONS if name in options}
        from_header = headers.value(head, "from")
        super().__init__(
            _subject(head), "", sender or from_header or None, **_recipients(head, list(recipients)), **own
        )
        self.extra_headers = {"From": from_header} if from_header else {}
        if not (sender or from_header):
            self.from_email = ""  # not what Django puts there: the route is asked, whose sender stands in a header then
        self.raw = bytes(content.with_head(head))

    def message(self, *args: Any, **kwargs: Any) -> Any:
        """Return what has the bytes of the message, whatever policy is asked for."""
        return _Verbatim(self.raw)


class _Verbatim:
    """The one thing that is asked of a built message: its bytes."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def as_bytes(self, *args: Any, **kwargs: Any) -> bytes:
        return self._raw


def _checked(head: bytes) -> bytes:
    """Return `head` when it is one. Raises BadMessage with the first line that is no header."""
    lines = headers.fields(head)
    if not lines:
        raise bad_message(Kind.BAD_MESSAGE, _("It has no header: a message begins with lines such as “To: …”."), "raw")
    for name, line in lines:
        if not name:
            shown = line[:60].decode("utf-8", "replace").strip()
            text = _("“{line}” is no line of a header; an empty line ends the header.").format(line=shown)
            raise bad_message(Kind.BAD_MESSAGE, text, "raw")
    return head if head.endswith(b"\r\n\r\n") else head.rstrip(b"\r\n") + b"\r\n\r\n"


def _complete(head: bytes) -> bytes:
    """Return `head` with what every message must have, and with what lets one be found again."""
    missing = {}
    if not headers.holds(head, "date"):
        missing["date"] = headers.fold("Date", formatdate(localtime=True))
    if not headers.holds(head, "message-id"):
        missing["message-id"] = f"Message-ID: {make_msgid(domain=str(DNS_NAME))}\r\n".encode()
    return headers.replace(head, missing) if missing else head


def _recipients(head: bytes, given: list[str]) -> dict[str, Any]:
    """Return the recipients by field: those that are `given`, else those whom the header names."""
    if given:
        return {"to": given}
    if any(name.startswith("resent-") for name, _line in headers.fields(head)):
        text = _("The message was resent before, so its header does not tell for whom it is; name the recipients.")
        raise bad_message(Kind.BAD_MESSAGE, text, "raw")
    named = {name: headers.values(head, name) for name in ("to", "cc", "bcc")}
    return {name: [text for text in texts if text and not _NOBODY.fullmatch(text)] for name, texts in named.items()}


def _subject(head: bytes) -> str:
    """Return the subject for the log; the header stays as it is."""
    try:
        text = str(SMTP.header_factory("Subject", headers.value(head, "subject")))
    except Exception:  # Python's own code, which fails in many ways where a text is odd enough
        text = headers.value(head, "subject")
    return " ".join(text.split())

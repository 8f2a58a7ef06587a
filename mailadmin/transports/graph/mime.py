"""A message as Microsoft Graph takes it in MIME form (pure).

Source: learn.microsoft.com, "user: sendMail" and "Send Outlook messages in MIME format".
"""

from __future__ import annotations

import base64

from mailadmin.core import limits
from mailadmin.core.content import Content
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.sizes import base64_size
from mailadmin.core.texts import _
from mailadmin.transports.base import Mail

_MEGABYTE = 1_000_000


def graph_content(mail: Mail) -> Content:
    """Return the content of `mail` with a Bcc header for its blind recipients.

    Graph has no envelope: who is in no header gets nothing. Exchange takes the header away before it
    delivers. The header goes to the top, so that every other byte stays as it is; one address a line
    keeps lines short (RFC 5322 section 2.1.1).
    """
    if not mail.blind:
        return mail.content
    named = b"Bcc: " + b",\r\n ".join(spec.encode("ascii") for spec in mail.blind) + b"\r\n"
    return mail.content.with_head(named + mail.content.head)


def graph_mime(mail: Mail) -> bytes:
    """Return the message as bytes, see `graph_content`. Raises MailError (TOO_LARGE) before anything is put together
    when one request cannot take it."""
    content = graph_content(mail)
    _check(content.size, limits.GRAPH_REQUEST_BYTES)
    return bytes(content)


def encoded(mime: bytes, limit: int = limits.GRAPH_REQUEST_BYTES) -> bytes:
    """Return `mime` in standard base64, as the body of a request.

    Raises MailError (TOO_LARGE) with the size and the limit when it is more than one request takes.
    """
    _check(len(mime), limit)
    return base64.b64encode(mime)


def _check(content_size: int, limit: int) -> None:
    size = base64_size(content_size)
    if size > limit:
        text = _(
            "Encoded for Microsoft Graph the message has {size:.1f} MB; one request takes at most {limit:.1f} MB."
        ).format(size=size / _MEGABYTE, limit=limit / _MEGABYTE)
        raise MailError(Fault(Phase.MESSAGE, Kind.TOO_LARGE, text))

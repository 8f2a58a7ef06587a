"""What goes over the line: commands with their parameters, and the bytes of the content, made without any I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from mailadmin.core import limits
from mailadmin.core.content import Content
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import Notices
from mailadmin.core.seven_bit import seven_bit
from mailadmin.core.texts import _
from mailadmin.transports.base import Mail

Features = Mapping[str, str]
"""What EHLO offered: names in lower case, with their parameters."""

_BARE_END = re.compile(rb"\r\n|\r|\n")
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NUMBER = re.compile(r"[0-9]{1,18}")  # RFC 1870 section 3 allows 20 digits; that much is no limit
_UNQUOTED_BAD = re.compile(r"[\s<>]")
_NOT_XTEXT = re.compile(r"[^!-*,-<>-~]")  # RFC 3461 section 4
_ENVID_CHARS = 100  # RFC 3461 section 4.4

END_OF_DATA = b".\r\n"


# -- the content ------------------------------------------------------------------------------------------


def fitted(content: Content, features: Features) -> Content:
    """Return `content` as a server with `features` can take it: every line ends with CRLF, the last one too, so that
    no other server can find an end of the data where we wrote none (SMTP smuggling).

    Without 8BITMIME, 8-bit parts are recoded (RFC 6152). Raises MailError where that cannot be, and for a NUL byte,
    which has no place in a message (RFC 5322 section 2.3).
    """
    if any(b"\0" in text for text in content.texts()):
        text = _("The message holds a NUL byte, which e-mail cannot carry.")
        raise MailError(Fault(Phase.MESSAGE, Kind.BAD_MESSAGE, text))
    if not all(map(_is_clean, content.texts())):
        body = tuple(_with_crlf(piece) if isinstance(piece, bytes) else piece for piece in content.body)
        content = replace(content, head=_with_crlf(content.head), body=body)
    last = next((piece for piece in (*reversed(content.body), content.head) if piece != b""), b"")
    if isinstance(last, bytes) and not last.endswith(b"\r\n"):
        content = replace(content, body=(*content.body, b"\r\n"))
    return content if "8bitmime" in features or not content.eight_bit else seven_bit(content)


def data_blocks(content: Content) -> Iterator[bytes]:
    """Return what follows DATA, in blocks: fitted `content` with its dots doubled (RFC 5321 section 4.5.2) and the
    final dot. The last block holds the end."""
    return _gathered(_dotted(content))


def chunk_blocks(content: Content) -> Iterator[bytes]:
    """Return BDAT and fitted `content` as it is, in blocks, as one last chunk (RFC 3030)."""
    return _gathered(_chunk(content))


def _is_clean(text: bytes) -> bool:
    return text.count(b"\r\n") == text.count(b"\n") == text.count(b"\r")


def _with_crlf(text: bytes) -> bytes:
    return text if _is_clean(text) else _BARE_END.sub(b"\r\n", text)


def _dotted(content: Content) -> Iterator[bytes]:
    for piece in (content.head, *content.body):
        if isinstance(piece, bytes):
            for part in _cut(piece):
                yield _LEADING_DOT.sub(b"..", part) if part.startswith(b".") or b"\n." in part else part
        else:
            yield from piece.blocks()  # no letter of base64 is a dot
    yield END_OF_DATA


def _chunk(content: Content) -> Iterator[bytes]:
    yield b"BDAT %d LAST\r\n" % content.size
    for piece in (content.head, *content.body):
        yield from _cut(piece) if isinstance(piece, bytes) else piece.blocks()


def _cut(text: bytes) -> Iterator[bytes]:
    """Cut a long text into parts of whole lines, so that it is not copied as a whole."""
    start = 0
    while len(text) - start > limits.CONTENT_BLOCK_BYTES:
        near = text.rfind(b"\n", start, start + limits.CONTENT_BLOCK_BYTES)
        end = (near if near >= 0 else text.find(b"\n", start)) + 1 or len(text)
        yield text[start:end]
        start = end
    yield text[start:]


def _gathered(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Join small parts, so that a small message leaves in one write."""
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        if size + len(part) > limits.CONTENT_BLOCK_BYTES and waiting:
            yield b"".join(waiting)
            waiting, size = [], 0
        waiting.append(part)
        size += len(part)
    yield b"".join(waiting)


# -- the commands -----------------------------------------------------------------------------------------


def mail_line(mail: Mail, features: Features, notices: Notices) -> str:
    """Return MAIL with its parameters, see `mail_parameters`."""
    sender = path(mail.sender, mail.needs_utf8) if mail.sender else "<>"
    return f"MAIL FROM:{sender}{mail_parameters(mail, features, notices)}"


def rcpt_line(recipient: str, utf8: bool, features: Features, notices: Notices) -> str:
    """Return RCPT; `notices` are asked for (NOTIFY, RFC 3461 section 4.1) where the server offers DSN."""
    asked = f" NOTIFY={notices.upper()}" if notices and "dsn" in features else ""
    return f"RCPT TO:{path(recipient, utf8)}{asked}"


def path(address: str, utf8: bool) -> str:
    """Return `<address>` for MAIL or RCPT. Raises MailError for what would break the command."""
    local = address.rpartition("@")[0]
    bad = _CONTROL.search(address) or (not local.startswith('"') and _UNQUOTED_BAD.search(address))
    if bad or (not utf8 and not address.isascii()):
        shown = _CONTROL.sub(" ", address)[:100]
        text = _("“{address}” cannot be written into an SMTP command.").format(address=shown)
        raise MailError(Fault(Phase.MESSAGE, Kind.BAD_ADDRESS, text))
    return f"<{address}>"


def mail_parameters(mail: Mail, features: Features, notices: Notices = Notices.SERVER) -> str:
    """Return the parameters of MAIL FROM for what the server offers in `features`.

    SIZE is declared (RFC 1870), BODY=8BITMIME only for 8-bit content (RFC 6152), SMTPUTF8 only for an address that
    needs it (RFC 6531), RET and ENVID only where `notices` are asked for (RFC 3461). Raises MailError when the message
    is over the server's size, or needs SMTPUTF8 and the server lacks it.
    """
    parameters = []
    if "size" in features:
        limit = size_limit(features)
        if limit and mail.content.size > limit:
            text = _("The message has {size} bytes; the server takes at most {limit}.").format(
                size=mail.content.size, limit=limit
            )
            raise MailError(Fault(Phase.MESSAGE, Kind.TOO_LARGE, text, size_limit=limit))
        parameters.append(f"SIZE={mail.content.size}")
    if "8bitmime" in features and mail.content.eight_bit:
        parameters.append("BODY=8BITMIME")
    if mail.needs_utf8:
        if "smtputf8" not in features:
            text = _("An address has letters beyond ASCII before its @, and the server lacks SMTPUTF8.")
            raise MailError(Fault(Phase.MESSAGE, Kind.UTF8_UNSUPPORTED, text))
        parameters.append("SMTPUTF8")
    if notices and "dsn" in features:
        parameters.append("RET=HDRS")
        if envid := _xtext(mail.message_id):
            parameters.append(f"ENVID={envid}")
    return "".join(f" {parameter}" for parameter in parameters)


def size_limit(features: Features) -> int:
    """Return the largest message (bytes) that the server says it takes, 0 when it sets no limit (RFC 1870)."""
    said = features.get("size", "")
    return int(said) if _NUMBER.fullmatch(said) else 0


def _xtext(text: str) -> str:
    """Return `text` as xtext (RFC 3461 section 4), "" when it cannot be an ENVID."""
    if not (text.isascii() and text.isprintable()):
        return ""
    made = _NOT_XTEXT.sub(lambda letter: f"+{ord(letter[0]):02X}", text)
    return made if len(made) <= _ENVID_CHARS else ""

"""What goes over the line: paths, MAIL parameters and the content of DATA, made without any I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.transports.base import Mail

_BARE_END = re.compile(rb"\r\n|\r|\n")
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NUMBER = re.compile(r"[0-9]{1,20}")  # RFC 1870 section 3
_UNQUOTED_BAD = re.compile(r"[\s<>]")

END_OF_DATA = b".\r\n"


def data_bytes(content: bytes) -> bytes:
    """Return `content` as DATA wants it, up to but not including the final dot.

    Line ends are made CRLF first and dots doubled after (RFC 5321 4.5.2), so that no other server can
    find an end of the data where we wrote none (SMTP smuggling).
    """
    clean = content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r")
    whole = content if clean else _BARE_END.sub(b"\r\n", content)
    if not whole.endswith(b"\r\n"):
        whole += b"\r\n"
    dotted = whole.startswith(b".") or b"\n." in whole
    return _LEADING_DOT.sub(b"..", whole) if dotted else whole


def path(address: str, utf8: bool) -> str:
    """Return `<address>` for MAIL or RCPT. Raises MailError for what would break the command."""
    local = address.rpartition("@")[0]
    bad = _CONTROL.search(address) or (not local.startswith('"') and _UNQUOTED_BAD.search(address))
    if bad or (not utf8 and not address.isascii()):
        shown = _CONTROL.sub(" ", address)[:100]
        text = f"“{shown}” cannot be written into an SMTP command."
        raise MailError(Fault(Phase.MESSAGE, Kind.BAD_ADDRESS, text))
    return f"<{address}>"


def mail_parameters(mail: Mail, features: Mapping[str, str]) -> str:
    """Return the parameters of MAIL FROM for what the server offers in `features` (keys in lower case).

    SIZE is declared (RFC 1870), BODY=8BITMIME only for 8-bit content (RFC 6152), SMTPUTF8 only for an
    address that needs it (RFC 6531). Raises MailError when the message is over the server's size, or
    needs SMTPUTF8 and the server lacks it.
    """
    parameters = []
    if "size" in features:
        limit = int(features["size"]) if _NUMBER.fullmatch(features["size"]) else 0  # 0: no fixed limit
        if limit and mail.content.size > limit:
            text = f"The message has {mail.content.size} bytes; the server takes at most {limit}."
            raise MailError(Fault(Phase.MESSAGE, Kind.TOO_LARGE, text))
        parameters.append(f"SIZE={mail.content.size}")
    if "8bitmime" in features and mail.content.eight_bit:
        parameters.append("BODY=8BITMIME")
    if mail.needs_utf8:
        if "smtputf8" not in features:
            text = "An address has letters beyond ASCII before its @, and the server lacks SMTPUTF8."
            raise MailError(Fault(Phase.MESSAGE, Kind.UTF8_UNSUPPORTED, text))
        parameters.append("SMTPUTF8")
    return "".join(f" {parameter}" for parameter in parameters)

"""The bytes of a message within the rules of the wire: 7-bit where the server wants it, and never a line too long
or a NUL (RFC 5321 section 4.5.3.1.6, RFC 5322 section 2.1.1; pure)."""

from __future__ import annotations

from .content import Content
from .errors import BadMessage, MailError
from .fault import Fault, Kind, Phase
from .headers import canonical, fold
from .recoding import CannotRecodeError, Recoder
from .texts import _

_LINE_OCTETS = 998  # RFC 5322 section 2.1.1, without CRLF


def seven_bit(content: Content) -> Content:
    """Return `content` for a server without 8BITMIME (RFC 6152): 8-bit parts in quoted-printable or base64; the same
    object when there are none.

    Raises MailError (EIGHT_BIT_UNSUPPORTED) when a signature or a header forbids it; another route may do it.
    """
    try:
        return _TO_SEVEN_BIT.recode(content)
    except CannotRecodeError as reason:
        raise MailError(Fault(Phase.MESSAGE, Kind.EIGHT_BIT_UNSUPPORTED, text=str(reason))) from None


def wire_safe(content: Content) -> Content:
    """Return `content`, whose line ends are CRLF, without NUL and without lines over 998 octets: parts that hold
    one are recoded, header lines folded; the same object when there are none.

    Raises BadMessage when a signature forbids it.
    """
    try:
        return _TO_RULES.recode(content)
    except CannotRecodeError as reason:
        text = _("A line has more than {number} octets, or a NUL character. {reason}").format(
            number=_LINE_OCTETS, reason=reason
        )
        raise BadMessage(Fault(Phase.MESSAGE, Kind.BAD_MESSAGE, text=text)) from None


def _not_ascii(text: bytes) -> bool:
    return not text.isascii()


def _breaks_rules(text: bytes) -> bool:
    """Tell whether `text` holds a NUL or a line over the limit, by leaps from line end to line end."""
    if b"\0" in text:
        return True
    place, size = 0, len(text)
    while size - place > _LINE_OCTETS:
        end = text.rfind(b"\r\n", place, place + _LINE_OCTETS + 2)
        if end < 0:
            return True
        place = end + 2
    return False


def _keep(name: str, raw: bytes) -> bytes:
    raise CannotRecodeError(_("Its header {name} holds characters beyond ASCII.").format(name=name.title()))


def _refold(name: str, raw: bytes) -> bytes:
    label, _colon, text = raw.replace(b"\0", b" ").replace(b"\r\n", b"").partition(b":")
    try:
        folded = canonical(fold(label.decode("ascii", "replace"), text.strip().decode("utf-8", "replace")))
    except Exception:  # Python's own code, which fails in many ways where a text is odd enough
        folded = raw
    if not name or _breaks_rules(folded):
        raise CannotRecodeError(_("Its header {name} cannot be folded.").format(name=name.title()[:40]))
    return folded


_TO_SEVEN_BIT = Recoder(_not_ascii, _keep)
_TO_RULES = Recoder(_breaks_rules, _refold)

"""What an SMTP server offers in its answer to EHLO, in words (pure). The names are those of IANA's registry "SMTP
Service Extensions"; RFC 5321 section 4.1.1.1 has the form of the answer."""

from __future__ import annotations

from collections.abc import Mapping

from .redact import clean
from .sizes import in_words
from .texts import N_, _

_PARAMETER_CHARS = 200  # a server may say anything; AUTH with a dozen methods fits

_MEANINGS = {
    "8BITMIME": N_("letters beyond ASCII may stand in a message as they are (RFC 6152)"),
    "ATRN": N_("a dial-up site may fetch its mail (RFC 2645)"),
    "AUTH": N_("methods to sign in (RFC 4954)"),
    "BINARYMIME": N_("a message may be any bytes (RFC 3030)"),
    "BURL": N_("content may be fetched from an IMAP server (RFC 4468)"),
    "CHUNKING": N_("content goes in one piece with its size, which saves a round trip (RFC 3030)"),
    "DELIVERBY": N_("a sender may say by when a message must be delivered (RFC 2852)"),
    "DSN": N_("a sender may choose which delivery notices come back (RFC 3461)"),
    "ENHANCEDSTATUSCODES": N_("refusals carry a precise code such as 5.7.1 (RFC 2034)"),
    "ETRN": N_("a site may ask for its waiting mail (RFC 1985)"),
    "EXPN": N_("lists of addresses may be looked up (RFC 5321)"),
    "FUTURERELEASE": N_("a message may be held until a time (RFC 4865)"),
    "HELP": N_("the server explains its commands (RFC 5321)"),
    "LIMITS": N_("how much one session may do (RFC 9422)"),
    "MT-PRIORITY": N_("messages may carry a priority (RFC 6710)"),
    "PIPELINING": N_("commands may leave in groups, which saves waiting (RFC 2920)"),
    "REQUIRETLS": N_("a sender may forbid that a message goes on without encryption (RFC 8689)"),
    "RRVS": N_("a recipient may be named with the time since which the address is theirs (RFC 7293)"),
    "SIZE": N_("the server says how large a message may be (RFC 1870)"),
    "SMTPUTF8": N_("addresses may have letters beyond ASCII before the @ (RFC 6531)"),
    "STARTTLS": N_("the connection can be encrypted (RFC 3207)"),
    "VRFY": N_("addresses may be looked up (RFC 5321)"),
    "X-ANONYMOUSTLS": N_("Exchange servers encrypt among themselves"),
    "X-EXPS": N_("Exchange servers sign in among themselves"),
    "XCLIENT": N_("a trusted proxy may name the real client (Postfix)"),
    "XFORWARD": N_("a trusted filter may name the real client (Postfix)"),
    "XRDST": N_("Exchange servers pass recipients on among themselves"),
}


def rows(features: Mapping[str, str], used: Mapping[str, str]) -> list[list[str]]:
    """Return name and meaning of each extension of `features` (names in any case, with their parameters), in order
    of the names; `used` says of some, by the name in capitals, whether and why we use them."""
    return [_row(name.upper(), features[name], used) for name in sorted(features, key=str.upper)]


def _row(name: str, parameters: str, used: Mapping[str, str]) -> list[str]:
    meaning = (
        _("up to {size}").format(size=_size(parameters))
        if name == "SIZE" and _size(parameters)
        else _(_MEANINGS.get(name, ""))
    )
    said = "" if name == "SIZE" else clean(parameters, limit=_PARAMETER_CHARS)
    ours = used.get(name, _("not used") if meaning else _("nothing is known of it here"))
    sentences = [said, *(part[0].upper() + part[1:] for part in (meaning, ours) if part)]
    return [clean(name, limit=_PARAMETER_CHARS), ". ".join(filter(None, sentences)) + "."]


def _size(parameters: str) -> str:
    """Return the largest message in words, "" where none is named (0 means no limit, RFC 1870 section 3)."""
    said = parameters.strip()
    return in_words(int(said)) if said.isascii() and said.isdigit() and len(said) < 20 and int(said) else ""

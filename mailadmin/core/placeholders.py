"""Reports without names (pure): hosts, addresses and users become host-1, ip-1, user-1, the same ones throughout.

What is public anyway stays readable: the hosts that a provider has for everybody.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from .clouds import CLOUDS

# Names that say nothing about who runs this installation. Exactly these: "contoso.mail.protection.outlook.com" does.
_PUBLIC = frozenset(
    {
        *("localhost", "entra.microsoft.com", "admin.exchange.microsoft.com", "learn.microsoft.com", "aka.ms"),
        *(host for cloud in CLOUDS.values() for host in (cloud.authority_host, cloud.graph_host, *cloud.mail_hosts)),
    }
)
_ADDRESS = r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+\w"
_GUID = r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
_IPV6 = r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?:%\w+)?(?![\w:])"
_IPV4 = r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]|\.\d)"
# A name with a top-level domain in one case, so that Mail.Send and smtplib.SMTPException are none.
_LABEL = r"[A-Za-z0-9_](?:[\w-]*[A-Za-z0-9])?"
_TOP = r"(?:[a-z]{2,}|[A-Z]{2,}|xn--[a-z0-9-]+)"
_HOST = rf"(?<![\w.@-])(?:\*\.)?(?:{_LABEL}\.)+{_TOP}(?![\w-]|\.\w)"
_FOUND = re.compile(f"(?P<id>{_GUID})|(?P<ip4>{_IPV4})|(?P<ip6>{_IPV6})|(?P<host>{_HOST})")


class Placeholders:
    """Replaces names by placeholders, the same name by the same one in every text that goes through.

    Takes the `hosts` and `users` that are known from the settings, which are found wherever they stand as a word; any
    other host, address and number of an account is recognized by its form. `public` are further hosts that stay.
    """

    def __init__(self, hosts: Iterable[str] = (), users: Iterable[str] = (), public: Iterable[str] = ()) -> None:
        self._public = _PUBLIC.union(name.casefold() for name in public)
        self._given: dict[tuple[str, str], str] = {}
        known = [("host", name) for name in hosts] + [("user", name) for name in users]
        # The longest first, so that "anna.smith" is not left as "user-1.smith".
        self._known = sorted({(kind, name.strip()) for kind, name in known if len(name.strip()) > 1}, key=_by_length)

    def apply(self, text: str) -> str:
        """Return `text` with placeholders in place of names."""
        # What stands in the text already must not be taken for a name: each piece is replaced once.
        pieces = self._split([(text, False)], re.compile(_ADDRESS), "address")  # they hold hosts and users
        for kind, name in self._known:
            if name.casefold() not in self._public:
                pieces = self._split(pieces, re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])", re.IGNORECASE), kind)
        return "".join(piece if done else _FOUND.sub(self._found, piece) for piece, done in pieces)

    def _split(self, pieces: list[tuple[str, bool]], pattern: re.Pattern[str], kind: str) -> list[tuple[str, bool]]:
        """Return `pieces` (a text, and whether it is a placeholder) with what fits `pattern` replaced."""
        found: list[tuple[str, bool]] = []
        for piece, done in pieces:
            if done:
                found.append((piece, True))
                continue
            start = 0
            for match in pattern.finditer(piece):
                found += [(piece[start : match.start()], False), (self._name(kind, match[0]), True)]
                start = match.end()
            found.append((piece[start:], False))
        return found

    def _found(self, match: re.Match[str]) -> str:
        kind, text = str(match.lastgroup), match[0]
        if kind.startswith("ip"):
            return self._name("ip", text) if _is_ip(text) else text
        if kind == "host" and text.casefold() in self._public:
            return text
        return self._name(kind, text)

    def _name(self, kind: str, text: str) -> str:
        key = (kind, text.casefold())
        if key not in self._given:
            number = sum(known == kind for known, _ in self._given) + 1
            self._given[key] = f"{kind}-{number}"
        return self._given[key]


def without_addresses(text: str) -> str:
    """Return `text` with each e-mail address replaced: who gets mail is nobody else's business."""
    return re.sub(_ADDRESS, "(address)", text)


def _by_length(known: tuple[str, str]) -> tuple[int, str, str]:
    return -len(known[1]), known[1], known[0]


def _is_ip(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)

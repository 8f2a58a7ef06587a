"""Questions to the DNS that the operating system does not ask: MX, TXT, SRV and CNAME records, by resolvers that may be
named. The library (dnspython, the extra `dns`) is loaded with the first question."""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mailadmin.core import limits
from mailadmin.core.addresses import AddressError, ascii_domain
from mailadmin.core.redact import clean
from mailadmin.core.srv import Srv
from mailadmin.core.texts import N_, _

if TYPE_CHECKING:  # the extra may be missing, and most processes never ask
    import dns.resolver

__all__ = ["MISSING", "DnsUnavailable", "NameUnknown", "Resolver", "Srv", "available"]

# Looked up when it is shown.
MISSING = N_(
    "Questions to the DNS need two more Python packages on the server; install them with: pip install 'mailadmin[dns]'"
)

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
_MAX_NAME = 253  # RFC 1035 section 2.3.4, as text


class NameUnknown(Exception):
    """The DNS says that there is no such name (NXDOMAIN); `str()` is a sentence."""


class DnsUnavailable(Exception):
    """No resolver gave a usable answer, so nothing is known; `str()` is a sentence."""


def available() -> bool:
    """Tell whether the extra is installed; `MISSING` says in a sentence what to do where it is not."""
    return importlib.util.find_spec("dns") is not None


class Resolver:
    """Asks `servers` (address and port of each, tried in this order), or those of the system when none is named.

    One question takes at most `seconds`, all questions together at most `total` where that is given. They are asked as
    they are: no search list, no hosts file, nothing remembered. A resolver is the administrator's own choice, so the
    network policy, which is about mail servers, does not judge it.

    Each question returns what was found, host names in lower case without a final dot and texts fit to be shown;
    nothing found is an empty answer. Raises NameUnknown when the name itself does not exist, and DnsUnavailable.
    """

    def __init__(
        self,
        servers: Sequence[tuple[str, int]] = (),
        seconds: float = limits.DNS_QUESTION_SECONDS,
        *,
        total: float | None = None,
    ) -> None:
        self._servers, self._seconds = tuple(servers), seconds
        self._deadline = None if total is None else time.monotonic() + total
        self._made: dns.resolver.Resolver | None = None

    def mx(self, name: str) -> list[tuple[int, str]]:
        """Return preference and host of each mail exchanger, the most preferred first; the host is "." where the domain
        takes no mail (RFC 7505)."""
        return sorted((found.preference, _host(found.exchange)) for found in self._ask(name, "MX"))

    def txt(self, name: str) -> list[str]:
        """Return each text, its parts joined without a gap (RFC 7208 section 3.3)."""
        return [clean(b"".join(found.strings), limit=limits.DNS_TEXT_CHARS) for found in self._ask(name, "TXT")]

    def srv(self, name: str) -> list[Srv]:
        """Return the service records in no useful order: who dials draws lots by weight (RFC 2782)."""
        return [Srv(found.priority, found.weight, found.port, _host(found.target)) for found in self._ask(name, "SRV")]

    def addresses(self, name: str) -> list[str]:
        """Return the IPv4 and then the IPv6 addresses; both questions share the time of one."""
        deadline = time.monotonic() + self._seconds
        found = self._ask(name, "A")
        found += self._ask(name, "AAAA", deadline - time.monotonic())
        return [str(one.address) for one in found]

    def cname(self, name: str) -> str:
        """Return the name that `name` is another one for, "" when it is none."""
        return next((_host(found.target) for found in self._ask(name, "CNAME")), "")

    @property
    def dnspython(self) -> dns.resolver.Resolver:
        """Return the library's own resolver with these servers and time limits, for parsers that ask by themselves.
        Raises DnsUnavailable."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> dns.resolver.Resolver:
        if not available():
            raise DnsUnavailable(_(MISSING))
        import dns.exception
        import dns.nameserver
        import dns.resolver

        try:
            made = dns.resolver.Resolver(configure=not self._servers)
        except (dns.exception.DNSException, OSError, ValueError):
            text = _("This machine has no configured DNS resolver; name one under Settings, “DNS resolvers”.")
            raise DnsUnavailable(text) from None
        if self._servers:
            made.nameservers = [dns.nameserver.Do53Nameserver(address, port) for address, port in self._servers]
        made.cache = None
        made.lifetime = self._seconds
        # So that each server is asked, and a single one twice: a packet may get lost.
        made.timeout = self._seconds / max(len(made.nameservers), 2)
        return made

    def _ask(self, name: str, kind: str, seconds: float | None = None) -> list[Any]:
        """Return at most `limits.DNS_RECORDS` records of one kind."""
        resolver = self.dnspython
        import dns.exception
        import dns.resolver

        shown = clean(name)
        if not (asked := _asked(name)):
            raise NameUnknown(_("“{name}” is not a name that the DNS could know.").format(name=shown))
        late = _("No DNS resolver answered in time when asked for {kind} of “{name}”.").format(kind=kind, name=shown)
        seconds = min(self._seconds if seconds is None else seconds, self._left())
        if seconds <= 0:
            raise DnsUnavailable(late)
        try:
            answer = resolver.resolve(f"{asked}.", kind, lifetime=seconds, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            raise NameUnknown(_("The DNS has no name “{name}”.").format(name=shown)) from None
        except dns.resolver.LifetimeTimeout:
            raise DnsUnavailable(late) from None
        except dns.resolver.NoNameservers as error:
            raise DnsUnavailable(_told(error, kind, shown)) from None
        except (dns.exception.DNSException, OSError) as error:
            text = _("The DNS gave no usable answer when asked for {kind} of “{name}” ({reason}).")
            raise DnsUnavailable(text.format(kind=kind, name=shown, reason=clean(str(error)))) from None
        return list(answer.rrset or ())[: limits.DNS_RECORDS]

    def _left(self) -> float:
        return self._seconds if self._deadline is None else self._deadline - time.monotonic()


def _host(name: Any) -> str:
    """Return a name of the library's as text; the root stays "."."""
    return clean(name.to_text(omit_final_dot=True)).lower()


def _told(error: dns.resolver.NoNameservers, kind: str, shown: str) -> str:
    """Return in a sentence what the servers answered instead: "SERVFAIL", or what went wrong with the line."""
    answers = [entry[3] for entry in error.kwargs.get("errors", ())]
    words = dict.fromkeys(clean(answer if isinstance(answer, str) else _fault(answer)) for answer in answers)
    text = _("The DNS could not answer when asked for {kind} of “{name}” ({answers}).")
    return text.format(kind=kind, name=shown, answers=", ".join(words) or _("no server is left"))


def _fault(error: Exception) -> str:
    return _("the resolver could not be reached") if isinstance(error, OSError) else _("the answer could not be read")


def _asked(name: str) -> str:
    """Return `name` as a question carries it, labels beyond ASCII as A-labels; "" when it cannot be a name. Unlike a
    host's, its labels may begin with an underscore (RFC 8552)."""
    try:
        labels = [label if label.isascii() else ascii_domain(label) for label in name.removesuffix(".").split(".")]
    except AddressError:
        return ""
    found = ".".join(labels)
    return found if len(found) <= _MAX_NAME and all(map(_LABEL.fullmatch, labels)) else ""

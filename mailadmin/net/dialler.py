"""The guarded dialler, the only place that opens a connection: resolve once, check every address, and
connect to the address that was checked, so that no second look-up can change it (DNS re-binding)."""

from __future__ import annotations

import errno
import ipaddress
import socket
import threading
import time
from collections.abc import Sequence

from mailadmin.core import limits
from mailadmin.core.addresses import AddressError, ascii_domain
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import AddressFamily
from mailadmin.core.texts import _, carried

from . import race, stopping
from .policy import NetworkPolicy, address_refusal, port_refusal

__all__ = ["NetworkPolicy", "ascii_host", "connect", "dial", "own_name", "resolve"]

# No such name, no address, and no address of the wanted family (the last two are not known everywhere).
_NO_SUCH_NAME = {getattr(socket, name, socket.EAI_NONAME) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")}
_ONLY = {AddressFamily.IPV4: (socket.AF_INET, "IPv4"), AddressFamily.IPV6: (socket.AF_INET6, "IPv6")}
_LOCAL = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# When several addresses fail in different ways, the one that says most is told.
_TELLING = (Kind.TCP_LOCAL, Kind.TCP_REFUSED, Kind.TCP_TIMEOUT, Kind.TCP_UNREACHABLE)


def dial(
    host: str,
    port: int,
    policy: NetworkPolicy,
    seconds: float,
    family: AddressFamily = AddressFamily.RACE,
) -> socket.socket:
    """Return a connected socket to `host`, found, checked and dialled within `seconds` in all.

    Raises MailError with phase DNS or TCP.
    """
    deadline = time.monotonic() + seconds
    addresses = resolve(host, port, policy, min(seconds, limits.DNS_SECONDS), family)
    return connect(addresses, port, deadline - time.monotonic(), host, family)


def resolve(
    host: str,
    port: int,
    policy: NetworkPolicy,
    seconds: float = limits.DNS_SECONDS,
    family: AddressFamily = AddressFamily.RACE,
) -> tuple[str, ...]:
    """Return the addresses of `host`, in the resolver's order, each one checked against `policy`; only those
    of one family where `family` says so.

    One forbidden address refuses the whole name. Literals in any spelling (0x7f.1, 2130706433) are
    judged by what they resolve to. Raises MailError with phase DNS.
    """

    def failed(kind: Kind, text: str, field: str = "") -> MailError:
        return MailError(Fault(Phase.DNS, kind, text, host=host, port=port, field=field))

    if reason := port_refusal(port, policy):
        raise failed(Kind.PORT_REFUSED, reason)
    name = ascii_host(host)
    if not name:
        raise failed(Kind.DNS_NOT_FOUND, _("This is not a host name."))
    found = _look_up(name, port, seconds, family)
    if found is None:
        raise failed(Kind.DNS_FAILED, _("The resolver gave no answer within {seconds:.0f} s.").format(seconds=seconds))
    if isinstance(found, socket.gaierror):
        if found.errno not in _NO_SUCH_NAME:
            raise failed(Kind.DNS_FAILED, str(found.strerror or found))
        if family not in _ONLY:
            raise failed(Kind.DNS_NOT_FOUND, str(found.strerror or found))
        only = _("The name has no {family} address, and no other is to be used.")
        raise failed(Kind.DNS_NOT_FOUND, only.format(family=_ONLY[family][1]), "family")
    for address in found:
        if reason := address_refusal(address, policy):
            raise failed(Kind.ADDRESS_REFUSED, reason)
    return found


def connect(
    addresses: Sequence[str],
    port: int,
    seconds: float,
    host: str = "",
    family: AddressFamily = AddressFamily.RACE,
) -> socket.socket:
    """Return a socket connected to one of the checked `addresses` within `seconds`: the first that answers of
    those that race, or one after the other, each with its share of the time.

    Raises MailError with phase TCP; `host` is only named in it.
    """
    alone = family is AddressFamily.IN_TURN or len(addresses) == 1
    outcome = race.in_turn(addresses, port, seconds) if alone else race.first(addresses, port, seconds)
    if isinstance(outcome, socket.socket):
        return outcome
    kind = min((_kind_of(error) for _address, error in outcome), key=_TELLING.index)
    text = "; ".join(f"{address}: {error.strerror or _('the connection failed')}" for address, error in outcome)
    raise MailError(Fault(Phase.TCP, kind, text, host=host or addresses[0], port=port))


def own_name(sock: socket.socket) -> str:
    """Return what to call ourselves in EHLO: this machine's name when it is a full one, or else the address
    of our end of `sock` as a literal (RFC 5321 sections 4.1.3 and 4.1.4). No DNS is asked."""
    name = socket.gethostname()
    try:
        if "." in name:
            return ascii_domain(name)
    except AddressError:
        pass
    address = str(sock.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def ascii_host(host: str) -> str:
    """Return `host` as the resolver wants it: a literal as it is, a name in ASCII; "" when it is neither."""
    bare = host.strip("[]")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        return ascii_domain(host.removesuffix("."))
    except AddressError:
        return ""


def _look_up(name: str, port: int, seconds: float, family: AddressFamily) -> tuple[str, ...] | socket.gaierror | None:
    """Return the addresses, the resolver's error, or None when it did not answer in time."""
    answer: list[tuple[str, ...] | socket.gaierror] = []
    answered = threading.Event()
    wanted = _ONLY[family][0] if family in _ONLY else socket.AF_UNSPEC

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(name, port, wanted, socket.SOCK_STREAM)
        except socket.gaierror as error:
            answer.append(error)
        except (UnicodeError, ValueError):
            answer.append(socket.gaierror(socket.EAI_NONAME, _("This is not a host name.")))
        else:
            found = tuple(dict.fromkeys(str(row[4][0]) for row in rows))
            answer.append(found or socket.gaierror(socket.EAI_NONAME, _("The name has no address.")))
        finally:
            answered.set()

    # getaddrinfo has no time-out of its own; a daemon thread may be left behind.
    asking = threading.Thread(target=carried(ask), name="mailadmin-dns", daemon=True)
    try:
        asking.start()
    except RuntimeError:  # the interpreter ends and starts no thread; a farewell may still be sent
        ask()
    else:
        stopping.wait(answered, seconds)
    return answer[0] if answer else None


def _kind_of(error: OSError) -> Kind:
    if error.errno in _LOCAL:
        return Kind.TCP_LOCAL
    if isinstance(error, TimeoutError):
        return Kind.TCP_TIMEOUT
    return Kind.TCP_REFUSED if isinstance(error, ConnectionError) else Kind.TCP_UNREACHABLE

"""Connections through a proxy: dialled by the guarded dialler, the server's name resolved by the proxy, and every
way to fail told apart from a failure of the server.

The handshakes are our own, in `net.tunnels`: the library for this (python-socks) reads as much as has come, and so
swallows the greeting of a server that speaks first; it counts its time-out anew for every read, takes ASCII
passwords only, and tells most failures in words alone.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from dataclasses import replace

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import AddressFamily, Proxy, ProxyKind
from mailadmin.core.texts import _

from . import tunnels
from .dialler import ascii_host, dial
from .policy import NetworkPolicy, address_refusal, port_refusal

_HANDSHAKES = {ProxyKind.HTTP: tunnels.http_connect, ProxyKind.SOCKS5: tunnels.socks5}
# Failures of the way to the proxy that are not the proxy's: our own sockets, and what our policy forbids.
_OURS = (Kind.TCP_LOCAL, Kind.ADDRESS_REFUSED, Kind.PORT_REFUSED)
# The old spellings of an IPv4 address that a proxy's resolver may still take: 0x7f.1, 2130706433, 127.1.
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}", re.IGNORECASE)


def connect_through(
    proxy: Proxy,
    host: str,
    port: int,
    policy: NetworkPolicy,
    seconds: float,
    family: AddressFamily = AddressFamily.RACE,
    *,
    proxy_policy: NetworkPolicy | None = None,
) -> socket.socket:
    """Return a socket that reaches `host` through `proxy`, opened within `seconds` in all; the first byte that is
    read from it is the server's.

    `policy` judges the port and a literal address of `host` (its name is looked up on the other side), and the
    address of the proxy, unless `proxy_policy` does; `family` is for the way to the proxy. The ports of a policy
    are those of servers, so the proxy's own may be any.

    Raises MailError: phase DNS when the policy forbids the host, else phase PROXY; and whatever revealing the
    password raises.
    """
    deadline = time.monotonic() + seconds
    judged(host, port, policy)
    sock = reach(proxy, host, port, proxy_policy or policy, seconds, family)
    open_tunnel(sock, proxy, host, port, policy, deadline - time.monotonic())
    return sock


def open_tunnel(sock: socket.socket, proxy: Proxy, host: str, port: int, policy: NetworkPolicy, seconds: float) -> None:
    """Ask `proxy`, to which `sock` leads, for `host` within `seconds`; what is read from it then is the server's.

    `sock` is closed on failure. Raises as `connect_through` does.
    """
    line = tunnels.Line(sock, time.monotonic() + seconds)
    try:
        # The handshake returns its failure: an error raised in its frames would carry the password along.
        refusal = _HANDSHAKES[proxy.kind](line, proxy, judged(host, port, policy), port)
    except BaseException:  # the policy forbids it, or the password could not be had
        sock.close()
        raise
    if refusal:
        sock.close()
        raise MailError(Fault(Phase.PROXY, refusal.kind, refusal.text(proxy), host=host, port=port))


def judged(host: str, port: int, policy: NetworkPolicy) -> str:
    """Return `host` as a proxy is asked for it: its name in ASCII, or its literal address, which must be one that
    `policy` allows. Raises MailError with phase DNS."""
    name = ascii_host(host)
    if not name:
        raise MailError(Fault(Phase.DNS, Kind.DNS_NOT_FOUND, _("This is not a host name."), host=host, port=port))
    if reason := port_refusal(port, policy):
        raise MailError(Fault(Phase.DNS, Kind.PORT_REFUSED, reason, host=host, port=port))
    address = _literal(name)
    if address and (reason := address_refusal(address, policy)):
        raise MailError(Fault(Phase.DNS, Kind.ADDRESS_REFUSED, reason, host=host, port=port))
    return name.partition("%")[0]  # a zone ("fe80::1%eth0") is this machine's own word


def _literal(name: str) -> str:
    """Return the address that `name` spells, "" for a real name."""
    if name == "localhost" or name.endswith(".localhost"):  # loopback wherever it is resolved (RFC 6761)
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(name)) if _NUMERIC.fullmatch(name) else ""
    except OSError:
        return ""


def reach(
    proxy: Proxy, host: str, port: int, policy: NetworkPolicy, seconds: float, family: AddressFamily
) -> socket.socket:
    """Return a connection to the proxy itself; `host` and `port` are only named in the error. Raises MailError with
    phase PROXY."""
    try:
        return dial(proxy.host, proxy.port, replace(policy, ports=()), seconds, family)
    except MailError as error:
        fault = error.fault
        if fault.kind in _OURS:
            raise MailError(replace(fault, phase=Phase.PROXY)) from None
        text = _("The proxy {proxy} cannot be reached: {reason}").format(proxy=proxy, reason=fault.text)
        raise MailError(Fault(Phase.PROXY, Kind.PROXY_UNREACHABLE, text, host=host, port=port)) from None

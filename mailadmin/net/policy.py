"""Which network addresses and ports may be dialled at all: pure rules, judged on the resolved address.

Ranges are those of the IANA special-purpose registries (RFC 6890); the metadata addresses are those
that cloud providers document for their machines.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from mailadmin.core.texts import _

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Credentials of the machine can be read at these, so no setting opens them.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google, OpenStack
        "169.254.170.2",  # AWS containers
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "168.63.129.16",  # Azure's wire server
        "fd00:ec2::254",  # AWS over IPv6
        "fd20:ce::254",  # Google over IPv6
    )
)
_SHARED = ipaddress.ip_network("100.64.0.0/10")  # carrier-grade NAT, RFC 6598
_SITE_LOCAL = ipaddress.ip_network("fec0::/10")  # deprecated by RFC 3879, still routed by some
_BROADCAST = ipaddress.ip_address("255.255.255.255")
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))  # RFC 6052, 8215
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")  # RFC 4291 section 2.5.5.1, deprecated


@dataclass(frozen=True)
class NetworkPolicy:
    """What a deployment lets the dialler reach. `ports` empty means every port; link-local, metadata,
    multicast, unspecified, broadcast and reserved addresses stay closed whatever is set here.

    `managed_identity` allows asking the machine that we run on for a token of its own; it opens nothing else.
    `own_machine` is set by `net.machine` for that one request, by nobody else: the environment of the process names
    where it goes, so any address may be dialled, and never by a proxy.
    """

    allow_private: bool = True
    allow_loopback: bool = True
    ports: tuple[int, ...] = ()
    managed_identity: bool = False
    own_machine: bool = False


def port_refusal(port: int, policy: NetworkPolicy) -> str:
    """Return why `port` may not be dialled, as a sentence, or an empty string."""
    if policy.ports and port not in policy.ports:
        allowed = ", ".join(map(str, policy.ports))
        return _("Port {port} is not among the ports that this deployment allows: {allowed}.").format(
            port=port, allowed=allowed
        )
    return ""


def address_refusal(text: str, policy: NetworkPolicy) -> str:
    """Return why the IP address `text` may not be dialled, as a sentence, or an empty string.

    An IPv6 form that carries an IPv4 address is judged by both. `text` may have a zone ("fe80::1%eth0").
    """
    if policy.own_machine:
        return ""
    address = ipaddress.ip_address(text.partition("%")[0])
    for judged in (address, *_embedded(address)):
        if kind := _closed_kind(judged, policy):
            return _("{address} is {kind}, which may not be dialled.").format(address=text, kind=kind)
    return ""


def _embedded(address: IPAddress) -> tuple[ipaddress.IPv4Address, ...]:
    """Return the IPv4 addresses inside an IPv6 one: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address.sixtofour:
        return (address.sixtofour,)
    if address.teredo:
        return address.teredo
    if any(address in network for network in _NAT64) or (
        address in _IPV4_COMPATIBLE and not address.is_loopback and not address.is_unspecified
    ):
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return ()


def _closed_kind(address: IPAddress, policy: NetworkPolicy) -> str:
    """Return what kind of closed address this is, or an empty string when it is open."""
    if address in _METADATA:
        return _("a cloud provider's metadata address")
    if address.is_unspecified:
        return _("the unspecified address")
    if address.is_loopback:
        return "" if policy.allow_loopback else _("a loopback address (this machine)")
    if address.is_link_local:
        return _("a link-local address")
    if address.is_multicast:
        return _("a multicast address")
    if address == _BROADCAST:
        return _("the broadcast address")
    if _embedded(address):
        return ""  # what it carries is judged instead
    if address.version == 4 and address in ipaddress.ip_network("0.0.0.0/8"):
        return _("a reserved address")
    if address in _SHARED or address in _SITE_LOCAL or (address.is_private and not address.is_reserved):
        return "" if policy.allow_private else _("a private address")
    return _("a reserved address") if address.is_reserved else ""

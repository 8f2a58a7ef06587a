"""A look at a host that is spoken to by HTTPS: dialled leg by leg as a request would be, and nothing asked."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.settings import AddressFamily, Proxy, TlsSettings

from . import dialler, tls
from . import proxy as proxies
from .certificate import Certificate
from .guarded import open_line, way_to
from .http import split_host, trusted
from .policy import NetworkPolicy


@dataclass
class Peer:
    """What a look has seen so far, also when it failed: the addresses of the host and the one that answered (none
    behind a proxy), the `proxy`, the certificate with its chain, which may have been `refused`, and the seconds of each
    leg by its name (dns, tcp, proxy, tunnel, tls)."""

    host: str
    port: int
    proxy: Proxy | None = None
    addresses: tuple[str, ...] = ()
    address: str = ""
    certificate: Certificate | None = None
    refused: bool = False
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, leg: str) -> Iterator[None]:
        """Note how long the block takes."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[leg] = time.monotonic() - started


def peer_of(host: str) -> Peer:
    """Return an empty look at `host` ("name" or "name:port"). Raises MailError when it is no host."""
    return Peer(*split_host(host))


def look_at(peer: Peer, policy: NetworkPolicy, ca_pem: str = "", proxy: Proxy | None = None) -> None:
    """Connect to the host of `peer` as a request would, by `proxy` or else by the environment's, and note there what is
    seen. A certificate that is refused is looked at a second time.

    Raises MailError with phase DNS, TCP, PROXY or TLS.
    """
    deadline = time.monotonic() + limits.HTTP_CONNECT_SECONDS
    trust = trusted(ca_pem)
    sock = _line(peer, policy, proxy, deadline)
    with peer.timed("tls"):
        try:
            secured = tls.secure(sock, peer.host, trust, deadline - time.monotonic(), peer.port)
        except MailError as error:
            if error.fault.kind in tls.CERTIFICATE_KINDS:
                _look_again(peer, policy, proxy, trust, deadline)
            raise
    with secured:
        peer.certificate = tls.certificate(secured, whole=True)


def _line(peer: Peer, policy: NetworkPolicy, proxy: Proxy | None, deadline: float) -> socket.socket:
    """Return a connection without TLS."""
    host, port = peer.host, peer.port
    if way := way_to(host, port, policy, proxy):
        peer.proxy, proxy_policy = way
        proxies.judged(host, port, policy)
        with peer.timed("proxy"):
            left = deadline - time.monotonic()
            sock = proxies.reach(peer.proxy, host, port, proxy_policy, left, AddressFamily.RACE)
        with peer.timed("tunnel"):
            proxies.open_tunnel(sock, peer.proxy, host, port, policy, deadline - time.monotonic())
        return sock
    with peer.timed("dns"):
        peer.addresses = dialler.resolve(host, port, policy)
    with peer.timed("tcp"):
        sock = dialler.connect(peer.addresses, port, deadline - time.monotonic(), host)
    with suppress(OSError):  # reset already; the handshake will tell
        peer.address = str(sock.getpeername()[0])
    return sock


def _look_again(peer: Peer, policy: NetworkPolicy, proxy: Proxy | None, trust: TlsSettings, deadline: float) -> None:
    seconds = max(deadline - time.monotonic(), limits.SECOND_LOOK_SECONDS)
    try:
        sock = open_line(peer.host, peer.port, policy, seconds, proxy)
    except MailError:
        return  # the first error stands as it is
    peer.certificate = tls.inspect_certificate(sock, peer.host, seconds)
    peer.refused = peer.certificate is not None

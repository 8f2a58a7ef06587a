"""The HTTPS connection under our HTTP client: dialled by the guarded dialler, verified by `net.tls`, kept
inside a total time, and able to say whether the whole request had left when it broke."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any, ClassVar

from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind
from mailadmin.core.settings import Proxy, TlsSettings
from mailadmin.core.texts import _

from . import stopping
from . import tls as net_tls
from .dialler import dial
from .environment import proxy_for
from .policy import NetworkPolicy
from .proxy import connect_through


@dataclass(frozen=True)
class HttpTimeouts:
    """Seconds: to open a connection, between two pieces of an answer, and for the request in all."""

    connect: float = limits.HTTP_CONNECT_SECONDS
    read: float = limits.HTTP_READ_SECONDS
    total: float = limits.HTTP_TOTAL_SECONDS


class NotConnected(Exception):
    """No connection came about, so nothing was sent. No OSError, so that urllib3 lets it pass as it is."""

    def __init__(self, error: MailError) -> None:
        super().__init__()
        self.error = error


class Broken(Exception):
    """The exchange broke after the connection stood; `request_left` tells whether all of the request had
    been handed over (only then can the peer have acted on it)."""

    def __init__(self, kind: Kind, text: str, request_left: bool) -> None:
        super().__init__()
        self.kind, self.text, self.request_left = kind, text, request_left


class GuardedConnection(HTTPSConnection):
    """One connection. A subclass made by `guarded_pool` carries the settings."""

    policy: ClassVar[NetworkPolicy] = NetworkPolicy()
    tls: ClassVar[TlsSettings] = TlsSettings()
    timeouts: ClassVar[HttpTimeouts] = HttpTimeouts()
    through: ClassVar[Proxy | None] = None
    encrypted: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.debuglevel = 0  # http.client would print the headers, and with them the token
        self.response_class = self._timed_answer  # type: ignore[assignment]  # a factory does as well
        self.request_left = False
        self._used = time.monotonic()
        self._deadline = self._used + self.timeouts.total

    @property
    def is_connected(self) -> bool:
        """Tell whether the connection may be used again: open, not idle for too long, and nothing left of an answer
        that was longer than it said, which would be read as the next one."""
        fresh = time.monotonic() - self._used < limits.HTTP_IDLE_SECONDS
        left_over = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()
        return fresh and not left_over and super().is_connected

    def connect(self) -> None:
        """Open the connection, by a proxy if there is one, and verify the peer.

        Raises NotConnected.
        """
        seconds, port = self.timeouts.connect, self.port or self.default_port
        try:
            if self.encrypted:
                self.sock = open_connection(self.host, port, self.policy, self.tls, seconds, self.through)
            else:
                self.sock = open_line(self.host, port, self.policy, seconds, self.through)
        except MailError as error:
            raise NotConnected(error) from None
        self.is_verified = self.encrypted

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request. Raises Broken; a pipe that broke is left to urllib3, which then reads the answer
        that a server may have given early (413)."""
        self.request_left = False
        self._deadline = time.monotonic() + self.timeouts.total
        try:
            if self.sock is not None:  # kept from an earlier request, and made for somebody else
                stopping.guard(self.sock)
            super().request(*args, **kwargs)
        except (BrokenPipeError, ConnectionResetError):
            raise
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise BrokenPipeError from None
        except OSError as error:
            raise Broken(*explain_break(error), False) from None
        self.request_left = True

    def send(self, data: Any) -> None:
        """Send `data` piece by piece, so that a peer that reads slowly cannot hold us past the total."""
        if not isinstance(data, bytes):
            super().send(data)
            return
        for start in range(0, len(data), limits.HTTP_CHUNK_BYTES):
            if self.sock is not None:
                self.sock.settimeout(_share(self._deadline, self.timeouts.read))
            super().send(data[start : start + limits.HTTP_CHUNK_BYTES])

    def getresponse(self) -> Any:
        """Return the answer, its status and headers read. Raises Broken."""
        try:
            return super().getresponse()
        except (OSError, http.client.HTTPException, HTTPError, ValueError) as error:
            raise Broken(*explain_break(error), self.request_left) from None
        finally:
            self._used = time.monotonic()

    def _timed_answer(self, sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
        answer = _FinalAnswer(sock, *args, **kwargs)
        answer.fp.close()
        answer.fp = io.BufferedReader(_TimedReader(sock, self._deadline, self.timeouts.read))
        return answer


def open_connection(
    host: str, port: int, policy: NetworkPolicy, tls: TlsSettings, seconds: float, proxy: Proxy | None = None
) -> ssl.SSLSocket:
    """Return a verified connection to `host` within `seconds`: by `proxy`, else by the environment's, else direct.

    Raises MailError with phase DNS, TCP, PROXY or TLS.
    """
    deadline = time.monotonic() + seconds
    sock = open_line(host, port, policy, seconds, proxy)
    return net_tls.secure(sock, host, tls, deadline - time.monotonic(), port)


def open_line(host: str, port: int, policy: NetworkPolicy, seconds: float, proxy: Proxy | None = None) -> socket.socket:
    """Return a connection without TLS, as `open_connection`; raises as that does."""
    way = way_to(host, port, policy, proxy)
    if way is None:
        return dial(host, port, policy, seconds)
    return connect_through(way[0], host, port, policy, seconds, proxy_policy=way[1])


def way_to(
    host: str, port: int, policy: NetworkPolicy, proxy: Proxy | None = None
) -> tuple[Proxy, NetworkPolicy] | None:
    """Return the proxy by which `host` is reached, and the policy that judges its address; None for none. Raises
    MailError when the environment names one that cannot be used."""
    if policy.own_machine:
        return None
    if proxy:
        return proxy, policy
    named = proxy_for(host, port)
    # Whoever runs this process chose it, so it may be a private address whatever the policy says.
    return (named, NetworkPolicy()) if named else None


def guarded_pools(
    policy: NetworkPolicy, tls: TlsSettings, timeouts: HttpTimeouts, proxy: Proxy | None
) -> dict[str, type[HTTPConnectionPool]]:
    """Return, for each scheme, the class of connection pool whose connections have these settings."""
    settings = {"policy": policy, "tls": tls, "timeouts": timeouts, "through": proxy}
    safe = type("Connection", (GuardedConnection,), settings)
    plain = type("PlainConnection", (safe,), {"encrypted": False, "default_port": 80})
    return {
        "https": type("Pool", (HTTPSConnectionPool,), {"ConnectionCls": safe}),
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
    }


class _FinalAnswer(http.client.HTTPResponse):
    """The answer of the peer, without what it may say before it (RFC 9110 section 15.2). Python's own code passes over
    100 only and takes any other of them for the answer: the real one would then be read as that to the next request."""

    def begin(self) -> None:
        """Read status and headers."""
        super().begin()
        while 100 <= self.status < 200:
            self.headers = self.msg = None  # type: ignore[assignment]  # so it is before the first one
            super().begin()


class _TimedReader(io.RawIOBase):
    """Reads from a socket; each read has what is left of the total time, at most `seconds`."""

    def __init__(self, sock: socket.socket, deadline: float, seconds: float) -> None:
        self._sock, self._raw = sock, sock.makefile("rb", buffering=0)
        self._deadline, self._seconds = deadline, seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_share(self._deadline, self._seconds))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _share(deadline: float, seconds: float) -> float:
    """Return how long to wait now. Raises TimeoutError when the total time is over."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(left, seconds)


def explain_break(error: Exception) -> tuple[Kind, str]:
    """Return the kind and words of an exchange that broke; the error's own words may hold a header."""
    if isinstance(error, TimeoutError):
        return Kind.TIMEOUT, _("No whole answer came within the time.")
    if isinstance(error, ConnectionError | ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Kind.CLOSED, _("The connection was closed before an answer came.")
    if isinstance(error, ssl.SSLError):
        return Kind.TLS_BROKEN, _("The encrypted connection broke before an answer came.")
    if isinstance(error, OSError):
        return Kind.CLOSED, _("The connection was lost before an answer came.")
    return Kind.HTTP_ANSWER, _("The answer was not HTTP.")

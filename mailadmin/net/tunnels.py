"""How a proxy is asked for a tunnel: HTTP CONNECT (RFC 9110 section 9.3.6) and SOCKS5 (RFC 1928, RFC 1929). Not one
byte beyond the proxy's answer is read."""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
import time
from dataclasses import dataclass

from mailadmin.core import limits
from mailadmin.core.fault import Kind
from mailadmin.core.redact import clean
from mailadmin.core.settings import Proxy
from mailadmin.core.texts import N_, _

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b[^\r\n]*")
# What a proxy adds in a machine's words: Squid, and RFC 9209.
_DETAIL = re.compile(rb"^(?:X-Squid-Error|Proxy-Status):[ \t]*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_SIGN_IN = frozenset({401, 407})  # the first is a web server's, but what tinyproxy says to a wrong password
# A web server that is no proxy, a page that wants a sign-in first, a proxy without CONNECT.
_NO_PROXY = frozenset({400, 404, 405, 501, 505})

_VERSION, _LOGIN_VERSION = 5, 1
_NO_LOGIN, _PASSWORD, _NONE_FITS = 0, 2, 0xFF
_CONNECT, _IPV4, _NAME, _IPV6 = 1, 1, 3, 4
_ADDRESS_BYTES = {_IPV4: 4, _IPV6: 16}
_MAX_LOGIN = 255  # bytes of a user name or password, RFC 1929 section 2
_SOCKS_REPLIES = {  # RFC 1928 section 6
    1: (Kind.PROXY_TARGET, N_("The proxy {proxy} failed for a reason that it does not name.")),
    2: (Kind.PROXY_REFUSED, N_("The proxy {proxy} does not allow this connection by its rules.")),
    3: (Kind.PROXY_TARGET, N_("The proxy {proxy} finds the server's network unreachable.")),
    4: (Kind.PROXY_TARGET, N_("The proxy {proxy} finds no such host, or finds it unreachable.")),
    5: (Kind.PROXY_TARGET, N_("The proxy {proxy} was refused by the server: nothing listens on this port.")),
    6: (Kind.PROXY_TARGET, N_("The proxy {proxy} got no answer from the server in time (TTL expired).")),
    7: (Kind.PROXY_ANSWER, N_("The proxy {proxy} does not open connections (command not supported).")),
    8: (Kind.PROXY_ANSWER, N_("The proxy {proxy} does not take this kind of address.")),
}


@dataclass(frozen=True)
class Refusal:
    """Why there is no tunnel: a `sentence`, to be translated, about {proxy}, and what the proxy {said} itself."""

    kind: Kind
    sentence: str
    said: object = ""

    def text(self, proxy: Proxy) -> str:
        """Return the sentence, about `proxy`."""
        return _(self.sentence).format(proxy=proxy, said=self.said)


_FOREIGN = Refusal(Kind.PROXY_ANSWER, N_("The proxy {proxy} did not answer as a SOCKS5 proxy does."))


class Lost(Exception):
    """The proxy closed the connection, or let the time pass (`late`). No OSError, as what revealing a password may
    raise is one."""

    def __init__(self, late: bool) -> None:
        super().__init__()
        self.late = late

    @property
    def refusal(self) -> Refusal:
        """Return what this means where nothing is known of the proxy yet."""
        if self.late:
            return Refusal(Kind.PROXY_UNREACHABLE, N_("The proxy {proxy} did not answer in time."))
        return Refusal(Kind.PROXY_UNREACHABLE, N_("The proxy {proxy} closed the connection without an answer."))


class Line:
    """A connection to a proxy with one deadline (on the monotonic clock) for everything. Raises Lost."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._arm()
            self._sock.sendall(data)
        except OSError as error:
            raise Lost(isinstance(error, TimeoutError)) from None

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        data = b""
        while len(data) < count:
            try:
                self._arm()
                piece = self._sock.recv(count - len(data))
            except OSError as error:
                raise Lost(isinstance(error, TimeoutError)) from None
            if not piece:
                raise Lost(late=False)
            data += piece
        return data

    def _arm(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)


def http_connect(line: Line, proxy: Proxy, host: str, port: int) -> Refusal | None:
    """Ask an HTTP proxy for a tunnel to `host`; return None when it stands. An error from here would carry the
    password in its frames, so there is none."""
    head = b""
    try:
        line.send(_connect_request(proxy, host, port))
        while not head.endswith((b"\r\n\r\n", b"\n\n")) and len(head) < limits.PROXY_ANSWER_BYTES:
            head += line.read(1)
            if head.endswith(b"\n") and not _STATUS.match(head):
                break  # whatever this is, its end may never come
    except Lost as lost:
        return _http_refusal(head, proxy) if head else lost.refusal
    status = _STATUS.match(head)
    return None if status and status[1][:1] == b"2" and head.endswith(b"\n") else _http_refusal(head, proxy)


def _connect_request(proxy: Proxy, host: str, port: int) -> bytes:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.user:
        login = f"{proxy.user}:{proxy.password.reveal() if proxy.password else ''}"
        lines.append(
            "Proxy-Authorization: Basic " + base64.b64encode(login.encode("utf-8", "replace")).decode()
        )  # RFC 7617
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _http_refusal(head: bytes, proxy: Proxy) -> Refusal:
    """Return what an answer means that opens no tunnel, without the password that it may repeat."""
    status = _STATUS.match(head)
    if not status:
        return Refusal(Kind.PROXY_ANSWER, N_("The proxy {proxy} did not answer as an HTTP proxy does."))
    code = int(status[1])
    if code // 100 == 2:
        return Refusal(Kind.PROXY_UNREACHABLE, N_("The proxy {proxy} did not finish its answer."))
    secrets = [proxy.password.reveal()] if proxy.password else []
    detail = _DETAIL.search(head)
    said = clean(status[0], secrets) + (f" ({clean(detail[1], secrets)})" if detail else "")
    if code in _SIGN_IN:
        kind = Kind.PROXY_SIGN_IN
    elif code in _NO_PROXY or code < 400:
        kind = Kind.PROXY_ANSWER
    else:
        kind = Kind.PROXY_REFUSED if code < 500 else Kind.PROXY_TARGET
    return Refusal(kind, N_("The proxy {proxy} answered: {said}"), said)


def socks5(line: Line, proxy: Proxy, host: str, port: int) -> Refusal | None:
    """Ask a SOCKS5 proxy for a tunnel to `host`; return None when it stands. An error from here would carry the
    password in its frames, so there is none."""
    asked = False
    try:
        if refusal := _socks_sign_in(line, proxy):
            return refusal
        line.send(bytes([_VERSION, _CONNECT, 0]) + _socks_address(host) + port.to_bytes(2, "big"))
        asked = True
        return _socks_reply(line)
    except Lost as lost:
        # It has spoken before, so what it waits for now is the server.
        late = asked and lost.late
        return (
            Refusal(Kind.PROXY_TARGET, N_("The proxy {proxy} did not reach the server in time."))
            if late
            else lost.refusal
        )


def _socks_sign_in(line: Line, proxy: Proxy) -> Refusal | None:
    """Agree on a method and sign in by it; RFC 1928 section 3, RFC 1929."""
    offered = bytes([_NO_LOGIN, _PASSWORD] if proxy.user else [_NO_LOGIN])
    line.send(bytes([_VERSION, len(offered)]) + offered)
    version, method = line.read(2)
    if version != _VERSION:
        return _FOREIGN
    if method == _NONE_FITS:
        refused = N_("The proxy {proxy} takes neither this sign-in nor none.")
        return Refusal(
            Kind.PROXY_SIGN_IN, refused if proxy.user else N_("The proxy {proxy} wants a user name and a password.")
        )
    if method not in offered:
        return _FOREIGN
    if method == _NO_LOGIN:
        return None
    user = proxy.user.encode("utf-8", "replace")
    password = (proxy.password.reveal() if proxy.password else "").encode("utf-8", "replace")
    if not 0 < len(user) <= _MAX_LOGIN or not 0 < len(password) <= _MAX_LOGIN:
        return Refusal(
            Kind.PROXY_SIGN_IN,
            N_("The proxy {proxy} takes user names and passwords of 1 to {said} bytes only."),
            _MAX_LOGIN,
        )
    line.send(bytes([_LOGIN_VERSION, len(user)]) + user + bytes([len(password)]) + password)
    status = line.read(2)[1]
    return (
        Refusal(Kind.PROXY_SIGN_IN, N_("The proxy {proxy} refused the user name or the password.")) if status else None
    )


def _socks_address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bytes([_NAME, len(host)]) + host.encode("ascii")
    return bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed


def _socks_reply(line: Line) -> Refusal | None:
    """Read the answer to the request, with the address that it ends in and nobody needs."""
    version, reply = line.read(2)
    if version != _VERSION:
        return _FOREIGN
    if reply:
        unknown = (Kind.PROXY_ANSWER, N_("The proxy {proxy} answered with the unknown code {said}."))
        return Refusal(*_SOCKS_REPLIES.get(reply, unknown), reply)
    kind = line.read(2)[1]
    if kind != _NAME and kind not in _ADDRESS_BYTES:
        return _FOREIGN
    line.read((line.read(1)[0] if kind == _NAME else _ADDRESS_BYTES[kind]) + 2)
    return None

"""Proxies on loopback, for HTTP CONNECT and for SOCKS5: they know a few names, may want a sign-in, and can be told to
answer anything instead."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from collections.abc import Callable, Mapping

from mailadmin.core.secret import Secret
from mailadmin.core.settings import Proxy, ProxyKind

Act = Callable[["FakeProxy", socket.socket], None]
USER, PASSWORD = "anna", "pröxy-pass-9"


class FakeProxy:
    """Use as a context manager. `names` ("mail.example.org", or "mail.example.org:587" for one port of it) are known to
    this proxy alone, with the ports of this machine behind them; any other host is this machine. `act` answers a
    request instead of the good answer; `merged` sends the good answer and the server's first words in one piece."""

    def __init__(
        self,
        kind: ProxyKind,
        names: Mapping[str, int] | None = None,
        *,
        sign_in: bool = False,
        act: Act | None = None,
        merged: bool = False,
    ) -> None:
        self.asked: list[tuple[str, int]] = []
        self.signed_in: list[str] = []
        self.stopping = threading.Event()
        self._kind, self._names, self._sign_in, self._act, self._merged = kind, names or {}, sign_in, act, merged
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> FakeProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *details: object) -> None:
        self.stopping.set()
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def settings(self) -> Proxy:
        """Return how a route names this proxy, with its credentials."""
        return Proxy(self._kind, "127.0.0.1", self.port, USER, Secret(PASSWORD))

    @property
    def anonymous(self) -> Proxy:
        """Return how a route names this proxy, without credentials."""
        return Proxy(self._kind, "127.0.0.1", self.port)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(20)
        with contextlib.closing(sock), contextlib.suppress(OSError, ConnectionError):
            target = self._http(sock) if self._kind is ProxyKind.HTTP else self._socks(sock)
            if target is None:
                return
            self.asked.append(target)
            if self._act:
                self._act(self, sock)
                return
            host, port = target
            try:
                server = socket.create_connection(("127.0.0.1", self._behind(host, port)))
            except ConnectionRefusedError:
                sock.sendall(self._refusal)
                return
            with server:
                self._sockets.append(server)
                said = server.recv(65536) if self._merged else b""
                sock.sendall(self._good + said)
                threading.Thread(target=_copy, args=(sock, server), daemon=True).start()
                _copy(server, sock)

    def _behind(self, host: str, port: int) -> int:
        return self._names.get(f"{host}:{port}", self._names.get(host, port))

    @property
    def _refusal(self) -> bytes:
        if self._kind is ProxyKind.HTTP:
            return b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
        return b"\x05\x05\x00\x01\x7f\x00\x00\x01\x12\x34"

    @property
    def _good(self) -> bytes:
        if self._kind is ProxyKind.HTTP:
            return b"HTTP/1.1 200 Connection established\r\nVia: fake\r\n\r\n"
        return b"\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34"

    def _http(self, sock: socket.socket) -> tuple[str, int] | None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += _exactly(sock, 1)
        line, *headers = head.decode().split("\r\n")
        if self._sign_in:
            wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if f"Proxy-Authorization: {wanted}" not in headers:
                sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
                return None
            self.signed_in.append(USER)
        host, _, port = line.split(" ")[1].rpartition(":")
        return host.strip("[]"), int(port)

    def _socks(self, sock: socket.socket) -> tuple[str, int] | None:
        _, count = _exactly(sock, 2)
        offered = _exactly(sock, count)
        if self._sign_in and 2 not in offered:
            sock.sendall(b"\x05\xff")
            return None
        sock.sendall(b"\x05\x02" if self._sign_in else b"\x05\x00")
        if self._sign_in:
            user = _exactly(sock, _exactly(sock, 2)[1]).decode()
            password = _exactly(sock, _exactly(sock, 1)[0]).decode()
            fine = (user, password) == (USER, PASSWORD)
            sock.sendall(b"\x01\x00" if fine else b"\x01\x01")
            if not fine:
                return None
            self.signed_in.append(user)
        kind = _exactly(sock, 4)[3]
        if kind == 3:
            host = _exactly(sock, _exactly(sock, 1)[0]).decode()
        else:
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, _exactly(sock, size))
        return host, int.from_bytes(_exactly(sock, 2), "big")


def says(answer: bytes) -> Act:
    """Return an act that says exactly this and closes."""
    return lambda proxy, sock: sock.sendall(answer)


def drips(answer: bytes, seconds: float) -> Act:
    """Return an act that says `answer` again and again, a byte at a time."""

    def act(proxy: FakeProxy, sock: socket.socket) -> None:
        while True:
            for byte in answer:
                sock.sendall(bytes([byte]))
                if proxy.stopping.wait(seconds):
                    return

    return act


def waits(proxy: FakeProxy, sock: socket.socket) -> None:
    """Say nothing."""
    proxy.stopping.wait(20)


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        finally:
            target.shutdown(socket.SHUT_WR)

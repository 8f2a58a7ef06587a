"""A scripted HTTPS server on loopback: it says what a test tells it to, also what no honest peer would."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from mailadmin.sandbox.certificates import Certificates, certificates

Script = Callable[["Exchange"], None]


@cache
def loopback_certificates() -> Certificates:
    """Return certificates for localhost, made once for each test process."""
    return certificates(Path(mkdtemp(prefix="mailadmin-test-")), datetime.now(UTC))


@dataclass
class Request:
    """One request as it was received."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]


@dataclass
class Exchange:
    """One accepted connection; a script reads from it and answers."""

    sock: socket.socket
    requests: list[Request] = field(default_factory=list)
    unread: Request | None = None  # a request that was looked at and is given to the next reader again

    def read_head(self) -> tuple[str, dict[str, str], bytes]:
        """Return the request line, the headers (lower case) and what was read of the body."""
        raw = b""
        while b"\r\n\r\n" not in raw:
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError("closed by the client")
            raw += more
        head, _, rest = raw.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        pairs = (text.partition(":") for text in lines)
        return line, {name.lower(): value.strip() for name, _, value in pairs}, rest

    def read(self) -> Request:
        """Return the next whole request, and keep it."""
        if self.unread:
            request, self.unread = self.unread, None
            return request
        line, headers, body = self.read_head()
        while len(body) < int(headers.get("content-length", 0)):
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError("closed by the client")
            body += more
        self.requests.append(Request(line, headers, body))
        return self.requests[-1]

    def answer(self, status: int, body: object = b"", **headers: str) -> None:
        """Answer; a body that is not bytes is sent as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(raw)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode() + raw)

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        linger = struct.pack("ii", 1, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        with contextlib.suppress(OSError):
            self.sock.close()


class ScriptedServer:
    """Plays one script for each connection, in order; the last one again for every further connection."""

    def __init__(self, *scripts: Script, tls: bool = True) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.failures: list[BaseException] = []
        self._scripts = scripts
        self._context: ssl.SSLContext | None = loopback_certificates().server_context() if tls else None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.host = f"localhost:{self.port}"
        self.ca_pem = loopback_certificates().ca_pem
        self.released = threading.Event()  # a slow script waits for it, so that no test waits for a script
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(self, *details: object) -> None:
        self.released.set()
        # Waking accept() needs more than a close on Linux.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts[min(self.connections, len(self._scripts) - 1)]
            self.connections += 1
            threading.Thread(target=self._play, args=(sock, script), daemon=True).start()

    def _play(self, sock: socket.socket, script: Script) -> None:
        sock.settimeout(20)
        try:
            if self._context:
                sock = self._context.wrap_socket(sock, server_side=True)
            script(Exchange(sock, self.requests))
        except (OSError, ValueError):
            pass  # the client went away, which is what many tests are about
        finally:
            sock.close()


def says(status: int, body: object = b"", **headers: str) -> Script:
    """Return a script that answers every request on the connection alike."""

    def script(exchange: Exchange) -> None:
        while True:
            exchange.read()
            exchange.answer(status, body, **headers)

    return script


def says_raw(raw: bytes) -> Script:
    """Return a script that reads a request and sends these very bytes."""

    def script(exchange: Exchange) -> None:
        exchange.read()
        exchange.sock.sendall(raw)

    return script


def closes_after_request(exchange: Exchange) -> None:
    exchange.read()


def resets_after_request(exchange: Exchange) -> None:
    exchange.read()
    exchange.reset()


def resets_before_body(exchange: Exchange) -> None:
    exchange.read_head()
    exchange.reset()


def drips(exchange: Exchange) -> None:
    """Answer with one header after another, for as long as somebody listens."""
    exchange.read()
    exchange.sock.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(2000):
        exchange.sock.sendall(f"X-Drip-{number}: x\r\n".encode())
        time.sleep(0.02)


def keeps_silent(server_released: threading.Event) -> Script:
    def script(exchange: Exchange) -> None:
        exchange.read()
        server_released.wait(20)

    return script


@contextlib.contextmanager
def silent_server(tls: bool = True) -> Iterator[ScriptedServer]:
    """A server that takes the request and never answers."""
    released = threading.Event()
    with ScriptedServer(keeps_silent(released), tls=tls) as server:
        try:
            yield server
        finally:
            released.set()


@dataclass(frozen=True)
class Says:
    """One answer of the fake Microsoft; `meanwhile` runs between request and answer."""

    status: int
    body: object = b""
    headers: dict[str, str] = field(default_factory=dict)
    meanwhile: Callable[[Request], object] = lambda request: None


class Microsoft(ScriptedServer):
    """Entra and Graph on one port. `tokens` and `graph` are answers or scripts, in order; the last one is
    given again. `config` replaces the OpenID configuration."""

    def __init__(
        self,
        *graph: Says | Script,
        tokens: tuple[Says | Script, ...] | None = None,
        config: Says | None = None,
    ) -> None:
        self._turns = threading.Lock()
        super().__init__(self._talk)
        self._config = config
        self._answers = {"token": list(tokens or (Says(200, token_body()),)), "graph": list(graph)}

    def asked(self, what: str) -> list[Request]:
        """Return the requests for "config", "token" or "graph"."""
        return [request for request in self.requests if _kind_of(request) == what]

    def _talk(self, exchange: Exchange) -> None:
        while True:
            request = exchange.read()
            kind = _kind_of(request)
            if kind == "config":
                base = f"https://{self.host}/{TENANT}"
                config = {"token_endpoint": f"{base}/token", "authorization_endpoint": f"{base}/authorize"}
                said: Says | Script = self._config or Says(200, config)
            else:
                with self._turns:
                    answers = self._answers[kind]
                    said = answers.pop(0) if len(answers) > 1 else answers[0]
            if not isinstance(said, Says):
                exchange.unread = request
                said(exchange)
                return
            said.meanwhile(request)
            exchange.answer(said.status, said.body, **said.headers)


TENANT = "11111111-2222-4333-8444-555555555555"


def _kind_of(request: Request) -> str:
    if request.path.endswith("openid-configuration"):
        return "config"
    return "token" if request.path.endswith("/token") else "graph"


def token_body(token: str = "", **changes: object) -> dict[str, object]:
    """Return a token answer; the token is a JWT with the role Mail.Send unless one is given."""
    return {"token_type": "Bearer", "expires_in": 3599, "access_token": token or jwt(), **changes}


def jwt(**claims: object) -> str:
    """Return a token that says `claims`, signed by nobody."""
    said = {"aud": "https://graph.microsoft.com", "roles": ["Mail.Send"], "tid": TENANT, **claims}
    packed = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    return f"eyJ0eXAiOiJKV1QifQ.{packed}.canary-signature-4417"


def graph_error(code: str, message: str = "Because.", **inner: object) -> dict[str, object]:
    return {"error": {"code": code, "message": message, "innerError": {"request-id": "r-1", **inner}}}


def entra_error(number: int, error: str = "invalid_client") -> dict[str, object]:
    text = f"AADSTS{number}: It is so. Trace ID: t-1 Correlation ID: c-1 Timestamp: 2026-11-02 10:00:00Z"
    return {"error": error, "error_description": text, "error_codes": [number], "trace_id": "t-1"}


class Crowd:
    """Counts how many are inside at once, each for `seconds`; `most` is the most there were."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.most = 0
        self._inside = 0
        self._seconds = seconds
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> None:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        time.sleep(self._seconds)
        with self._lock:
            self._inside -= 1


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port

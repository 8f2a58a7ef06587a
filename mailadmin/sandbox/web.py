"""The sandbox's HTTPS server: a request in, an answer out; what they mean is in `entra` and `graph`."""

from __future__ import annotations

import contextlib
import json
import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

logger = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10  # a client that opens a connection and says nothing
IDLE_SECONDS = 30  # between two requests on one connection
MAX_BODY_BYTES = 8_000_000  # twice what Graph takes, so that its own refusal can be seen


@dataclass(frozen=True)
class WebRequest:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """Return the media type in lower case, without parameters; "" when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class WebAnswer:
    """One answer; a body of text is sent as HTML, any other that is not None as JSON. Status 0 cuts the connection
    without an answer."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class WebServer(ThreadingHTTPServer):
    """Serves `answer` over TLS on the loopback address, each connection in a thread of its own."""

    daemon_threads = True
    request_queue_size = 128  # many clients may connect in the same moment

    def __init__(self, port: int, context: ssl.SSLContext, answer: Callable[[WebRequest], WebAnswer]) -> None:
        """Raises OSError when the port is taken; port 0 takes a free one."""
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer = answer
        self._context = context
        self._thread = threading.Thread(target=self.serve_forever, name="sandbox-https", daemon=True)

    def start(self) -> None:
        """Start to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop and free the port."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, in its own thread, so that a slow handshake stops nobody else."""
        request.settimeout(HANDSHAKE_SECONDS)
        with self._context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note that a client went away or spoke no TLS, which is no fault of ours."""
        logger.debug("A connection to the sandbox ended early.", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: WebServer
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body of an answer leave together

    def do_GET(self) -> None:
        self._serve(b"")

    def do_DELETE(self) -> None:
        self._serve(b"")

    def do_PUT(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self._send(WebAnswer(411))
        elif int(length) > MAX_BODY_BYTES:
            self._send(WebAnswer(413))
        else:
            self._serve(self.rfile.read(int(length)))

    def _serve(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.answer(WebRequest(self.command, self.path, headers, body)))

    def _send(self, answer: WebAnswer) -> None:
        if answer.status == 0:
            self.close_connection = True
            return
        kind, raw = _body(answer)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if raw:
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
        if answer.status != 204:  # RFC 9110 section 8.6
            self.send_header("Content-Length", str(len(raw)))
        if answer.status in (411, 413):
            self.send_header("Connection", "close")  # the body was perhaps not read
        with contextlib.suppress(OSError):
            self.end_headers()
            self.wfile.write(raw)
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name of the parent's
        logger.debug(format, *args)


def _body(answer: WebAnswer) -> tuple[str, bytes]:
    """Return the media type and the bytes of a body."""
    if answer.body is None:
        return "", b""
    if isinstance(answer.body, str):
        return "text/html", answer.body.encode()
    return "application/json", json.dumps(answer.body).encode()

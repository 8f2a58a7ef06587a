"""A small fast Entra and Graph that takes every message and keeps none.

Run as `python -m bench.graph_sink tls=CERT_AND_KEY [at-once=N] [per-minute=N] [took=MILLISECONDS]`; prints the port
it listens on, ends with its input, and prints how many messages it took and how many requests it refused with 429:
those beyond N at once, and the messages of a mailbox beyond N a minute. `took` is how long it works on a message.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, cast

from bench.work import GRAPH_BURST

_HEAD_END = b"\r\n\r\n"
_HEAD_BYTES = 64 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HOST = re.compile(rb"\r\nhost: *([^\r\n]+)", re.IGNORECASE)
_RANGE = re.compile(rb"\r\ncontent-range: *bytes \d+-(\d+)/(\d+)", re.IGNORECASE)
_MAILBOX = re.compile(r"/v1\.0/users/([^/]+)")
_SENT = re.compile(r"/v1\.0/users/[^/]+/(sendMail|messages/[^/]+/send)")
_REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 429: "Too Many Requests"}


@dataclass
class Graph:
    """The limits that are kept, and what was counted."""

    at_once: int = 0
    per_minute: int = 0
    took: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    running: int = 0
    due: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def refuses(self, mailbox: str, is_message: bool) -> bool:
        """Tell whether one more request is one too many; a message takes a turn of its mailbox."""
        if self.at_once and self.running > self.at_once:
            return True
        if not (is_message and self.per_minute):
            return False
        # The turns of a minute, even but for the burst and one for the clocks, which are not the same.
        interval, now = 60 / self.per_minute, time.monotonic()
        due = max(self.due[mailbox], now) + interval
        if due - now > (GRAPH_BURST + 1) * interval:
            return True
        self.due[mailbox] = due
        return False


class Session(asyncio.Protocol):
    """One connection; requests come one after the other. Bodies are counted and thrown away."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.buffer, self.head, self.left = graph, bytearray(), b"", 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the client, which speaks first."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer once a request is whole."""
        if self.head:
            self.left -= len(data)
        else:
            self.buffer += data
            end = self.buffer.find(_HEAD_END)
            if end < 0:
                if len(self.buffer) > _HEAD_BYTES:
                    self.transport.abort()
                return
            self.head = bytes(self.buffer[: end + 2])
            length = _LENGTH.search(self.head)
            self.left = (int(length[1]) if length else 0) - (len(self.buffer) - end - len(_HEAD_END))
            self.buffer.clear()
        if self.left <= 0:
            head, self.head = self.head, b""
            asyncio.get_running_loop().create_task(self._serve(head))

    async def _serve(self, head: bytes) -> None:
        method, path, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        mailbox = _MAILBOX.match(path)
        if not mailbox:
            self._say(*self._beside(head, path))
            return
        is_message = _SENT.match(path) is not None
        self.graph.running += 1
        try:
            if self.graph.refuses(mailbox[1], is_message):
                self.graph.counts["refused"] += 1
                self._say(429, {"error": {"code": "ApplicationThrottled", "message": "Too many."}}, "Retry-After: 1")
                return
            if is_message and self.graph.took:
                await asyncio.sleep(self.graph.took)
            self.graph.counts["messages"] += is_message
        finally:
            self.graph.running -= 1
        self._say(*_answer(method, path, _host(head)))

    def _beside(self, head: bytes, path: str) -> tuple[int, Any]:
        """Answer for Entra, and for an upload."""
        if path.endswith("openid-configuration"):
            base = f"https://{_host(head)}/bench"
            return 200, {"token_endpoint": f"{base}/token", "authorization_endpoint": f"{base}/authorize"}
        if path.endswith("/token"):
            self.graph.counts["tokens"] += 1
            return 200, {"token_type": "Bearer", "expires_in": 3599, "access_token": "e30.e30.bench"}
        if path.startswith("/upload/"):
            end, total = (int(number) for number in _RANGE.search(head).groups())  # type: ignore[union-attr] # we ask so
            return (201, None) if end + 1 == total else (200, {"nextExpectedRanges": [str(end + 1)]})
        return 404, {"error": {"code": "ResourceNotFound", "message": path}}

    def _say(self, status: int, body: Any = None, *headers: str) -> None:
        raw = b"" if body is None else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Said')}", *headers, f"Content-Length: {len(raw)}"]
        if raw:
            lines.append("Content-Type: application/json")
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + raw)


def _answer(method: str, path: str, host: str) -> tuple[int, Any]:
    """Return what Graph says when all is well."""
    if _SENT.match(path):
        return 202, None
    if path.endswith("/createUploadSession"):
        return 201, {"uploadUrl": f"https://{host}/upload/1", "nextExpectedRanges": ["0-"]}
    if path.endswith("/messages"):
        return 201, {"id": "draft-1", "isDraft": True}
    return (204, None) if method == "DELETE" else (201, {"id": "attachment-1"})


def _host(head: bytes) -> str:
    found = _HOST.search(head)
    return found[1].decode() if found else "localhost"


async def serve(options: dict[str, str]) -> None:
    """Serve until the input ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options["tls"])
    graph = Graph(
        int(options.get("at-once", 0)), int(options.get("per-minute", 0)), float(options.get("took", 0)) / 1000
    )
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Session(graph), "127.0.0.1", 0, ssl=context, backlog=128)
    print(server.sockets[0].getsockname()[1], flush=True)
    for _ in iter(lambda: True, False):
        line = await loop.run_in_executor(None, sys.stdin.readline)
        print(graph.counts["messages"], graph.counts["refused"], graph.counts["tokens"], flush=True)
        if not line:
            break


if __name__ == "__main__":
    asyncio.run(serve({name: value for name, _, value in (word.partition("=") for word in sys.argv[1:])}))

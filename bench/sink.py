"""A small fast SMTP server that takes every message and keeps none, for what smtp-sink does not offer.

Run as `python -m bench.sink [starttls=CERT_AND_KEY_FILE] [auth] [chunking] [pipelining]`; prints the port it
listens on, ends with its input, and prints how many messages and recipients it took.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
from dataclasses import dataclass
from typing import cast

_LINE_BYTES = 64 * 1024


@dataclass
class Taken:
    """What was taken so far."""

    messages: int = 0
    recipients: int = 0


class Session(asyncio.Protocol):
    """One connection. The replies to what came in one piece leave in one piece."""

    def __init__(self, options: dict[str, str], context: ssl.SSLContext | None, taken: Taken) -> None:
        self.options, self.context, self.taken = options, context, taken
        self.buffer = bytearray()
        self.replies: list[bytes] = []
        self.encrypted = False
        self.shaking_hands = False
        self.signed_in = "auth" not in options
        self.in_data = False
        self.chunk_left = 0
        self.last_chunk = False
        self.recipients = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet; after STARTTLS the client speaks first."""
        self.transport = cast("asyncio.Transport", transport)
        if not self.encrypted:
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.transport.write(b"220 sink.localhost ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Work off what is whole, and answer it in one write."""
        self.buffer += data
        self._work()

    def _work(self) -> None:
        while not self.shaking_hands and self._step():
            pass
        if self.replies:
            self.transport.write(b"".join(self.replies))
            self.replies.clear()

    def _step(self) -> bool:
        """Work off one line, or a piece of content; tell whether there may be more."""
        if self.chunk_left:
            return self._chunk()
        if self.in_data:
            return self._content()
        end = self.buffer.find(b"\r\n")
        if end < 0:
            if len(self.buffer) > _LINE_BYTES:
                self.transport.abort()
            return False
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        self._command(line.split(b" ", 1)[0].upper().decode("ascii", "replace"), line)
        return True

    def _content(self) -> bool:
        if self.buffer.startswith(b".\r\n"):
            del self.buffer[:3]
        elif (end := self.buffer.find(b"\r\n.\r\n")) >= 0:
            del self.buffer[: end + 5]
        else:
            del self.buffer[:-5]  # the end may still come in two pieces
            return False
        self.in_data = False
        self._took()
        return True

    def _chunk(self) -> bool:
        here = min(self.chunk_left, len(self.buffer))
        del self.buffer[:here]
        self.chunk_left -= here
        if self.chunk_left:
            return False
        self._chunk_done()
        return True

    def _chunk_done(self) -> None:
        if self.last_chunk:
            self._took()
        else:
            self.replies.append(b"250 2.0.0 OK\r\n")

    def _took(self) -> None:
        self.taken.messages += 1
        self.taken.recipients += self.recipients
        self.recipients = 0
        self.replies.append(b"250 2.0.0 Ok: taken\r\n")

    def _command(self, verb: str, line: bytes) -> None:
        if verb in ("EHLO", "HELO"):
            self._offer()
        elif verb == "STARTTLS" and self.context and not self.encrypted:
            self.shaking_hands = True
            asyncio.get_running_loop().create_task(self._encrypt())
        elif verb == "AUTH":
            self.signed_in = True
            self.replies.append(b"235 2.7.0 Authentication successful\r\n")
        elif verb == "RCPT":
            self.recipients += 1
            self.replies.append(b"250 2.1.5 Ok\r\n")
        elif verb == "DATA":
            self.in_data = True
            self.replies.append(b"354 End data with <CR><LF>.<CR><LF>\r\n")
        elif verb == "BDAT":
            words = line.split()
            self.chunk_left, self.last_chunk = int(words[1]), words[-1].upper() == b"LAST"
            if not self.chunk_left:
                self._chunk_done()
        elif verb == "QUIT":
            self.replies.append(b"221 2.0.0 Bye\r\n")
            self.transport.write(b"".join(self.replies))
            self.replies.clear()
            self.transport.close()
        elif verb == "MAIL" and not self.signed_in:
            self.replies.append(b"530 5.7.0 Authentication required\r\n")
        else:
            self.replies.append(b"250 2.0.0 Ok\r\n")

    def _offer(self) -> None:
        offered = [b"sink.localhost", b"SIZE 100000000", b"8BITMIME"]
        if "pipelining" in self.options:
            offered.append(b"PIPELINING")
        if "chunking" in self.options:
            offered.append(b"CHUNKING")
        if self.context and not self.encrypted:
            offered.append(b"STARTTLS")
        if "auth" in self.options:
            offered.append(b"AUTH PLAIN")
        self.replies.append(b"".join(b"250-%s\r\n" % word for word in offered[:-1]) + b"250 %s\r\n" % offered[-1])

    async def _encrypt(self) -> None:
        self.transport.write(b"220 2.0.0 Ready to start TLS\r\n")
        self.encrypted = True
        with contextlib.suppress(OSError, ssl.SSLError):
            secured = await asyncio.get_running_loop().start_tls(self.transport, self, self.context, server_side=True)
            if secured:
                self.transport = secured
        self.shaking_hands = False
        self._work()  # what came with the end of the handshake, before we had the new transport


async def serve(options: dict[str, str]) -> None:
    """Serve until the input ends."""
    context = None
    if "starttls" in options:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options["starttls"])
    taken = Taken()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Session(options, context, taken), "127.0.0.1", 0, backlog=128)
    print(server.sockets[0].getsockname()[1], flush=True)
    for _ in iter(lambda: True, False):
        line = await loop.run_in_executor(None, sys.stdin.readline)
        print(taken.messages, taken.recipients, flush=True)
        if not line:
            break


if __name__ == "__main__":
    asyncio.run(serve({name: value for name, _, value in (word.partition("=") for word in sys.argv[1:])}))

"""A mail server that fails as often as it is told, and writes down what it took before it says so.

Run as `python -m soak.server LEDGER SEED FAULTS [MILLISECONDS]`, the last one being how long it takes for a message.
Prints its ports: the first offers CHUNKING (RFC 3030), the second only PIPELINING. Each line on its input is a new set
of faults, and it ends with its input.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import socket
import struct
import sys
from pathlib import Path

from soak.ledger import Faults, Journal

SLOW_SECONDS = 0.3
LATE_SECONDS = 6.0  # longer than the client waits for the last answer (soak/prepare.py)
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>]*>)", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(rb"<([^>]*)>")
_HEAD_BYTES = 16 * 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset


class Book:
    """What all sessions share: the dice, the faults in force, the journal, and how long a message takes."""

    def __init__(self, path: Path, seed: int, faults: Faults, seconds: float) -> None:
        self.journal = Journal(path)
        self.dice = random.Random(seed)  # noqa: S311 -- no secret
        self.faults = faults
        self.seconds = seconds

    def strikes(self, name: str) -> bool:
        """Tell whether the fault `name` occurs now, and write it down."""
        if self.dice.random() >= getattr(self.faults, name):
            return False
        self.journal.write("fault", name=name)
        return True


class Gone(Exception):
    """The server ends the connection."""


class Session:
    """One connection, on the port `port` of the server."""

    def __init__(self, book: Book, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self.book, self.reader, self.writer, self.port = book, reader, writer, port
        self.begun = False
        self.recipients: list[str] = []
        self.chunks = bytearray()

    async def serve(self, chunking: bool) -> None:
        """Talk until one of both has enough."""
        if self.book.strikes("reset_at_connect"):
            self._reset()
            raise Gone
        if self.book.strikes("busy_greeting"):
            await self._say("421 4.3.2 soak.localhost Come back later")
            raise Gone
        await self._say("220 soak.localhost ESMTP")
        offered = ["soak.localhost", "SIZE 100000000", "8BITMIME", "ENHANCEDSTATUSCODES", "PIPELINING"]
        offered += ["CHUNKING"] if chunking else []
        while line := await self.reader.readline():
            verb = line.split()[0].upper().decode("ascii", "replace") if line.split() else ""
            if verb in ("EHLO", "HELO"):
                await self._say(*(f"250-{word}" for word in offered[:-1]), f"250 {offered[-1]}")
            elif verb == "MAIL":
                await self._mail()
            elif verb == "RCPT":
                await self._recipient(line)
            elif verb == "DATA":
                await self._data()
            elif verb == "BDAT":
                await self._chunk(line.split())
            elif verb == "QUIT":
                await self._say("221 2.0.0 Bye")
                raise Gone
            else:
                self._forget()
                await self._say("250 2.0.0 Ok")

    async def _mail(self) -> None:
        self._forget()
        if self.book.strikes("shut_at_mail"):
            await self._say("421 4.3.2 Closing")
            raise Gone
        self.begun = not self.book.strikes("mail_later")
        await self._say("250 2.1.0 Ok" if self.begun else "451 4.3.0 Not now")

    async def _recipient(self, line: bytes) -> None:
        found = _ADDRESS.search(line)
        address = found[1].decode() if found else ""
        if not self.begun:
            await self._say("503 5.5.1 MAIL first")
        elif self.recipients and self.book.strikes("too_many"):
            await self._say("452 4.5.3 Too many recipients")
        elif self.book.strikes("recipient_later"):
            await self._say("450 4.2.0 Mailbox busy")
        elif self.book.strikes("recipient_refused"):
            self.book.journal.write("refused", to=address)
            await self._say("550 5.1.1 No such user")
        else:
            self.recipients.append(address)
            await self._say("250 2.1.5 Ok")

    async def _data(self) -> None:
        if not self.recipients:
            await self._say("554 5.5.1 No valid recipients")
            return
        if self.book.strikes("data_later"):
            await self._say("451 4.3.0 Not now")
            return
        await self._say("354 Go on")
        content = bytearray()
        dropped = self.book.strikes("drop_before_end")
        while (line := await self.reader.readline()) != b".\r\n":
            if not line or dropped:
                self._reset()
                raise Gone
            if len(content) < _HEAD_BYTES:
                content += line
        await self._end(bytes(content))

    async def _chunk(self, words: list[bytes]) -> None:
        """Take one BDAT (RFC 3030): its octets come at once, whatever is answered."""
        last, left = words[-1].upper() == b"LAST", int(words[1])
        dropped = self.book.strikes("drop_before_end")
        while left:
            piece = await self.reader.read(min(left, 65536))
            if not piece or dropped:
                self._reset()
                raise Gone
            left -= len(piece)
            self.chunks += piece[: max(_HEAD_BYTES - len(self.chunks), 0)]
        if not self.recipients:
            await self._say("554 5.5.1 No valid recipients")
        elif last:
            await self._end(bytes(self.chunks))
        else:
            await self._say("250 2.0.0 Ok")

    async def _end(self, head: bytes) -> None:
        """Decide about a message that is here as a whole. What is taken is written down before it is told."""
        found, strikes = _MESSAGE_ID.search(head), self.book.strikes
        message_id = found[1].decode() if found else ""
        if self.book.seconds:
            await asyncio.sleep(self.book.seconds)
        if strikes("end_later"):
            answer = "451 4.3.0 Not now"
        elif strikes("end_shut"):
            await self._say("421 4.3.2 Closing")
            raise Gone
        elif strikes("end_refused"):
            self.book.journal.write("refused message", id=message_id)
            answer = "554 5.6.0 Content refused"
        elif strikes("drop_not_taken"):
            self._reset()
            raise Gone
        else:
            await self._take(message_id)
            answer = "250 2.0.0 Ok: taken"
        self._forget()
        await self._say(answer)

    async def _take(self, message_id: str) -> None:
        """Take the message, and tell so unless a fault prevents it (then it raises Gone)."""
        fault = next((name for name in ("drop_taken", "half_answer", "late") if self.book.strikes(name)), "")
        told = not fault
        self.book.journal.write("took", id=message_id, to=self.recipients, port=self.port, told=told)
        if fault == "late":
            await asyncio.sleep(LATE_SECONDS)
        elif fault == "half_answer":
            self.writer.write(b"25")
            await self.writer.drain()
            raise Gone
        elif fault:
            self._reset()
            raise Gone

    def _forget(self) -> None:
        self.begun, self.recipients, self.chunks = False, [], bytearray()

    async def _say(self, *lines: str) -> None:
        if self.book.strikes("slow"):
            await asyncio.sleep(SLOW_SECONDS)
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self.writer.drain()

    def _reset(self) -> None:
        with contextlib.suppress(OSError):
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


async def serve(path: Path, seed: int, faults: Faults, seconds: float) -> None:
    """Serve on two ports until the input ends."""
    book = Book(path, seed, faults, seconds)
    servers = []
    for chunking in (True, False):

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chunking: bool = chunking) -> None:
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            port = writer.get_extra_info("sockname")[1]
            with contextlib.suppress(Gone, OSError, ValueError):
                await Session(book, reader, writer, port).serve(chunking)
            writer.close()

        servers.append(await asyncio.start_server(talk, "127.0.0.1", 0, limit=1024 * 1024, backlog=256))
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        book.faults = Faults.from_json(line)
        print("ok", flush=True)


if __name__ == "__main__":
    took = float(sys.argv[4]) / 1000 if len(sys.argv) > 4 else 0.0
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), Faults.from_json(sys.argv[3]), took))

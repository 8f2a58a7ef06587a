"""The line below a session: commands out, replies in, on total deadlines.

`smtplib.SMTP` gives the commands and reads what EHLO offers; its own sending and reading are replaced,
because its time-out starts anew with every byte, so that a dripping server could hold a caller for ever.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import smtplib
import socket
import ssl
import time
from typing import TYPE_CHECKING, NoReturn

from mailadmin.core.fault import Kind
from mailadmin.core.secret import Secret
from mailadmin.net.dialler import own_name

from .dialogue import Dialogue
from .reply import BadReply, Reply, ReplyParser

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CHUNK = 64 * 1024  # the deadline is looked at between chunks
SERVICE_CLOSING = 421  # may come at any time, RFC 5321 3.8


class WireError(Exception):
    """The line failed: `kind` says how, `reply` is set when the server said goodbye in words, `silent` when
    it never said anything."""

    def __init__(self, kind: Kind, text: str = "", *, reply: Reply | None = None, silent: bool = False) -> None:
        super().__init__(text)
        self.kind, self.text, self.reply, self.silent = kind, text, reply, silent


class Wire(smtplib.SMTP):
    """One connection. Every method raises WireError, and then the connection is over."""

    sock: socket.socket | None
    ehlo_msg = "EHLO"  # as every other verb in the dialogue

    def __init__(self, dialogue: Dialogue) -> None:
        super().__init__(local_hostname="localhost")  # a name, or it would ask the DNS for one
        self.dialogue = dialogue
        self._parser = ReplyParser()
        self._shown: str | None = None
        self._deadline = self._total = math.inf
        self.peer = ""  # the address of the other end, once connected
        self.last = Reply(0, ())  # the reply read last

    # -- time -----------------------------------------------------------------------------------

    def allow_total(self, seconds: float) -> None:
        """Give everything that follows `seconds` in all."""
        self._total = time.monotonic() + seconds

    def allow(self, seconds: float, *, beyond_total: bool = False) -> None:
        """Give the next command and its reply `seconds`, and never more than the total leaves."""
        until = time.monotonic() + seconds
        self._deadline = until if beyond_total else min(until, self._total)

    @property
    def seconds_left(self) -> float:
        """Return what the total leaves, never negative."""
        return max(self._total - time.monotonic(), 0.0)

    def _remaining(self) -> float:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            self._fail(Kind.TIMEOUT, "The server did not answer in time.")
        return remaining

    # -- the connection ---------------------------------------------------------------------------

    def attach(self, sock: socket.socket) -> None:
        """Speak over `sock` from now on. Whatever was read before is forgotten, and so is what the server
        offered: before TLS it may have been anybody's (RFC 3207 section 4.2)."""
        self.sock = sock
        self.local_hostname = own_name(sock)
        with contextlib.suppress(OSError):  # reset already; the first command will tell
            self.peer = str(sock.getpeername()[0]).partition("%")[0]
        self._parser = ReplyParser()
        self.esmtp_features = {}

    def detach(self) -> socket.socket:
        """Give the connection away, for a handshake."""
        sock, self.sock = self.sock, None
        if sock is None:
            self._fail(Kind.CLOSED, "The connection is closed.")
        return sock

    @property
    def to_loopback(self) -> bool:
        """Tell whether the peer is this machine."""
        return bool(self.peer) and ipaddress.ip_address(self.peer).is_loopback

    @property
    def encrypted(self) -> bool:
        """Tell whether the line is under TLS."""
        return isinstance(self.sock, ssl.SSLSocket)

    # -- commands and replies ---------------------------------------------------------------------

    def command(self, line: str | Secret, shown: str = "") -> Reply:
        """Send one command line and return the reply. Of a secret line the dialogue holds only `shown`."""
        if isinstance(line, Secret):
            self._shown = shown
        self.putcmd(line.reveal() if isinstance(line, Secret) else line)
        return self.read_reply()

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Send a command (smtplib refuses line breaks in it), if the server owes and says nothing."""
        self.check_in_step()
        if self._shown is None:
            self.dialogue.client(f"{cmd} {args}".rstrip())
        else:
            self.dialogue.client_secret(self._shown)
        self._shown = None
        super().putcmd(cmd, args)

    def send(self, s: ReadableBuffer | str) -> None:
        """Send bytes within the deadline. A broken line is not an error here: the server may have said why
        before it closed, and reading the reply finds out."""
        data = memoryview(s.encode(self.command_encoding) if isinstance(s, str) else s)
        self._send_all(data)

    def send_content(self, content: bytes) -> int:
        """Send the content and return how many bytes of it left; fewer than all means a broken line."""
        self.dialogue.content(len(content))
        return self._send_all(memoryview(content))

    def send_end(self, end: bytes) -> bool:
        """Send the end of the content; tell whether it left."""
        return self._send_all(memoryview(end)) == len(end)

    def _send_all(self, data: memoryview) -> int:
        sent = 0
        while sent < len(data):
            if self.sock is None:
                self._fail(Kind.CLOSED, "The connection is closed.")
            self.sock.settimeout(self._remaining())
            try:
                self.sock.sendall(data[sent : sent + _CHUNK])
            except TimeoutError:
                self._fail(Kind.TIMEOUT, "The server did not take what was sent in time.")
            except OSError:
                return sent
            sent += len(data[sent : sent + _CHUNK])
        return sent

    def getreply(self) -> tuple[int, bytes]:
        """Return code and text as smtplib's own commands want them."""
        reply = self.read_reply()
        return reply.code, b"\n".join(reply.lines)

    def read_reply(self) -> Reply:
        """Return the next reply, waiting until the deadline."""
        try:
            while (reply := self._parser.take()) is None:
                self._receive()
        except BadReply as error:
            self._fail(Kind.TLS_EXPECTED if error.tls else Kind.OUT_OF_STEP, str(error))
        self.dialogue.server(reply)
        self.last = reply
        return reply

    def _receive(self) -> None:
        if self.sock is None:
            self._fail(Kind.CLOSED, "The connection is closed.")
        self.sock.settimeout(self._remaining())
        try:
            data = self.sock.recv(4096)
        except TimeoutError:
            self._fail(Kind.TIMEOUT, "The server did not answer in time.")
        except OSError:
            data = b""
        if not data:
            self._fail(Kind.CLOSED, "The server closed the connection.")
        self._parser.feed(data)

    def check_in_step(self) -> None:
        """Make sure that the server has said nothing that nobody asked for.

        Raises WireError: its goodbye (421) as a reply, a closed line, or an answer out of step.
        """
        if not self.said_more():
            return
        reply = self.read_reply()
        if reply.code == SERVICE_CLOSING:
            self.close()
            raise WireError(Kind.REPLY, reply=reply)
        self._fail(Kind.OUT_OF_STEP, "The server answered although nothing was asked.")

    def said_more(self) -> bool:
        """Tell whether something of the server waits to be read. Raises WireError when it has closed."""
        if self._parser.leftover:
            return True
        if self.sock is None:
            self._fail(Kind.CLOSED, "The connection is closed.")
        self.sock.settimeout(0)
        try:
            data = self.sock.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            data = b""
        if not data:
            self._fail(Kind.CLOSED, "The server closed the connection.")
        try:
            self._parser.feed(data)
        except BadReply as error:
            self._fail(Kind.TLS_EXPECTED, str(error))
        return True

    def quit_within(self, seconds: float) -> None:
        """Say goodbye and close, whatever the server makes of it; never raises, waits `seconds` at most."""
        if self.sock is None:
            return
        try:
            self.allow(seconds, beyond_total=True)
            self.command("QUIT")
        except WireError:
            pass  # nobody needs the answer
        finally:
            self.close()

    def _fail(self, kind: Kind, text: str) -> NoReturn:
        silent = not self._parser.started
        self.close()
        raise WireError(kind, text, silent=silent) from None

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
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from mailadmin.core.fault import Kind
from mailadmin.core.secret import Secret
from mailadmin.core.texts import _
from mailadmin.net import tls
from mailadmin.net.dialler import own_name

from .dialogue import Dialogue
from .reply import BadReply, Reply, ReplyParser

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CHUNK = 64 * 1024  # the deadline is looked at between chunks
_READ = 16 * 1024
# Without it Linux may wait 40 ms before it confirms a reply, and a server that writes reply by reply waits for that.
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)
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
        self.answered_at = -math.inf  # when that was, on the monotonic clock

    # -- time -----------------------------------------------------------------------------------

    def allow_total(self, seconds: float) -> None:
        """Give everything that follows `seconds` in all."""
        self._total = time.monotonic() + seconds

    def allow(self, seconds: float, *, beyond_total: float = 0) -> None:
        """Give the next command and its reply `seconds`, and never more than the total leaves and `beyond_total`
        seconds."""
        self._deadline = min(time.monotonic() + seconds, self._total + beyond_total)

    @property
    def seconds_left(self) -> float:
        """Return what the total leaves, never negative."""
        return max(self._total - time.monotonic(), 0.0)

    def check_time(self) -> float:
        """Return the seconds until the deadline. Raises WireError when it has passed."""
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            self._fail(Kind.TIMEOUT, _("The server did not answer in time."))
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
            self._fail(Kind.CLOSED, _("The connection is closed."))
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

    def group(self, lines: Iterable[str]) -> bytes:
        """Return command lines as the bytes of one write, for a server with PIPELINING (RFC 2920), and note them.
        Raises ValueError for a line break inside one."""
        lines = tuple(lines)
        for line in lines:
            if "\r" in line or "\n" in line:
                raise ValueError(_("A command holds a line break."))
            self.dialogue.client(line)
        return "\r\n".join((*lines, "")).encode()

    def send(self, s: ReadableBuffer | str) -> None:
        """Send bytes within the deadline. A broken line is not an error here: the server may have said why
        before it closed, and reading the reply finds out."""
        self.write(s.encode(self.command_encoding) if isinstance(s, str) else bytes(s))

    def write(self, data: bytes) -> int:
        """Send `data` within the deadline and return how many bytes of it surely left; fewer than all means a broken
        line, and that the last byte has not left. A reply may wait all the same."""
        view = memoryview(data)
        sent = 0
        while sent < len(view):
            if self.sock is None:
                self._fail(Kind.CLOSED, _("The connection is closed."))
            self.sock.settimeout(self.check_time())
            try:
                self.sock.sendall(view[sent : sent + _CHUNK])
            except TimeoutError:
                self._fail(Kind.TIMEOUT, _("The server did not take what was sent in time."))
            except OSError:
                return sent
            sent += len(view[sent : sent + _CHUNK])
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
        self.last, self.answered_at = reply, time.monotonic()
        return reply

    def _receive(self) -> None:
        if self.sock is None:
            self._fail(Kind.CLOSED, _("The connection is closed."))
        self.sock.settimeout(self.check_time())
        try:
            if _QUICK_ACK is not None:
                self.sock.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)  # holds for one reading only
            data = self.sock.recv(_READ)
        except TimeoutError:
            self._fail(Kind.TIMEOUT, _("The server did not answer in time."))
        except OSError as error:
            data = self._broken(error)
        if not data:
            self._fail(Kind.CLOSED, _("The server closed the connection."))
        self._parser.feed(data)

    def _broken(self, error: OSError) -> bytes:
        """Return nothing read. Raises WireError when the server closes because of our certificate, which TLS 1.3
        tells only after the handshake."""
        if tls.client_refused(error):
            self._fail(Kind.CLIENT_CERTIFICATE_REFUSED, _("The server does not accept our certificate, or wants one."))
        return b""

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
        self._fail(Kind.OUT_OF_STEP, _("The server answered although nothing was asked."))

    def said_more(self) -> bool:
        """Tell whether something of the server waits to be read. Raises WireError when it has closed."""
        if self._parser.leftover:
            return True
        if self.sock is None:
            self._fail(Kind.CLOSED, _("The connection is closed."))
        self.sock.settimeout(0)
        try:
            data = self.sock.recv(_READ)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError as error:
            data = self._broken(error)
        if not data:
            self._fail(Kind.CLOSED, _("The server closed the connection."))
        try:
            self._parser.feed(data)
        except BadReply as error:
            self._fail(Kind.TLS_EXPECTED, str(error))
        return True

    @property
    def out_of_step(self) -> bool:
        """Tell whether the server said more than it was asked, by what was read already; not its goodbye."""
        return self._parser.leftover and not self._parser.begins_with(SERVICE_CLOSING)

    def say_goodbye(self) -> None:
        """Send QUIT if that needs no waiting. Never raises."""
        if self.sock is None:
            return
        self.dialogue.client("QUIT")
        with contextlib.suppress(OSError):
            self.sock.settimeout(0)
            self.sock.send(b"QUIT\r\n")

    def await_goodbye(self, seconds: float) -> None:
        """Read whatever the server answers to QUIT, `seconds` at most, and close. Never raises."""
        self.allow(seconds, beyond_total=math.inf)
        with contextlib.suppress(WireError):
            self.read_reply()
        self.close()

    def _fail(self, kind: Kind, text: str) -> NoReturn:
        silent = not self._parser.started
        self.close()
        raise WireError(kind, text, silent=silent) from None

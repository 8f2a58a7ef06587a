"""A scripted SMTP server on loopback: well-behaved by default, and as bad as a test wants it."""

from __future__ import annotations

import base64
import contextlib
import hmac
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

import pytest

from tests.fakes.certificates import Identity
from tests.fakes.smtp_actions import Action, silent
from tests.fakes.smtp_transactions import Delivery, Transactions


@dataclass
class Session:
    """What one connection brought."""

    lines: list[str] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    encrypted: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def messages(self) -> list[bytes]:
        """Return the contents that came whole, taken or not."""
        return [delivery.content for delivery in self.deliveries]

    def verbs(self) -> list[str]:
        return [line.partition(" ")[0].upper() for line in self.lines]


class SmtpServer:
    """Use as a context manager.

    `script` maps a moment to what happens there instead of the good answer, one entry for each time the
    moment comes, whatever the connection; None in it means the good answer. Moments are GREETING, TLS, the
    verbs, RESPONSE (a line after a 334), BODY (the first bytes of the content) and DOT (its end, also BDAT's).
    It keeps transactions apart as a real server does.
    """

    def __init__(
        self,
        script: Mapping[str, Iterable[str | bytes | Action | None]] | None = None,
        *,
        features: Iterable[str] = ("SIZE 10000000", "8BITMIME", "AUTH PLAIN LOGIN"),
        users: Mapping[str, str] | None = None,
        identity: Identity | None = None,
        implicit: bool = False,
        maximum: ssl.TLSVersion | None = None,
        sign_in: Mapping[str, Callable[[Connection, str], bool]] | None = None,
    ) -> None:
        self.sign_in = dict(sign_in or {})  # more methods; each gets the initial response and answers it all
        self.script = {moment: list(actions) for moment, actions in (script or {}).items()}
        self.features = list(features)
        self.users = dict(users or {"anna": "geheim-1"})
        self.tokens = {"anna@example.org": "token-2"}
        self.implicit = implicit
        self.sessions: list[Session] = []
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.context = _server_context(identity, maximum) if identity else None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> SmtpServer:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    @property
    def messages(self) -> list[bytes]:
        return [message for session in self.sessions for message in session.messages]

    @property
    def deliveries(self) -> list[Delivery]:
        return [delivery for session in self.sessions for delivery in session.deliveries]

    @property
    def lines(self) -> list[str]:
        return [line for session in self.sessions for line in session.lines]

    def next(self, moment: str) -> str | bytes | Action | None:
        with self._lock:
            queued = self.script.get(moment)
            return queued.pop(0) if queued else None

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            # What is said leaves at once: closing with unread commands resets the line and drops what has not left.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = Session()
            self.sessions.append(session)
            self._sockets.append(sock)
            self._start(lambda sock=sock, session=session: Connection(self, sock, session).run())  # type: ignore[misc]


class Connection(Transactions):
    """One connection of the fake server."""

    def __init__(self, server: SmtpServer, sock: socket.socket, session: Session) -> None:
        super().__init__()
        self.server = server
        self.sock = sock
        self.session = session
        self._buffer = b""
        self._unsaid = b""
        self._in_auth: str = ""
        self._challenge = b""

    def run(self) -> None:
        try:
            self.sock.settimeout(20)
            if self.server.implicit:
                self._start_tls()
            if self._at("GREETING", "220 fake.example.org ESMTP"):
                while (line := self._line()) is not None and self._handle(line):
                    pass
        except (OSError, ValueError):
            pass  # the client went away, or could not shake hands: it will say why
        finally:
            with contextlib.suppress(OSError):
                self.flush()
            self.sock.close()
            self.session.ended.set()

    def say(self, text: str | bytes) -> None:
        """Answer, at the latest before more is read: answers to commands that came together leave in one write."""
        said = text.encode() if isinstance(text, str) else text
        self.positive = said.startswith(b"2")
        self._unsaid += said + b"\r\n"

    def flush(self) -> None:
        unsaid, self._unsaid = self._unsaid, b""
        if unsaid:
            self.sock.sendall(unsaid)

    def ask(self, challenge: str) -> str:
        """Say 334 with `challenge`, and return the line that answers it ("" when the client has gone)."""
        self.say(f"334 {challenge}")
        line = self._line() or ""
        self.session.lines.append(line)
        return line

    def _at(self, moment: str, good: str) -> bool:
        """Answer as the script says, else with `good`; tell whether the conversation goes on."""
        action = self.server.next(moment)
        if callable(action):
            self.flush()
            self.positive = False
            return action(self)
        said = action if action is not None else good
        self.say(said)
        return said[:3] not in ("421", b"421")

    def _line(self) -> str | None:
        while b"\r\n" not in self._buffer:
            if not self.read():
                return None
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line.decode()

    def read(self) -> bool:
        self.flush()
        data = self.sock.recv(65536)
        self._buffer += data
        return bool(data)

    def _handle(self, line: str) -> bool:
        self.session.lines.append(line)
        if self._in_auth:
            return self._auth_response(line)
        verb = line.partition(" ")[0].upper()
        handler = getattr(self, f"_do_{verb}", None)
        return handler(line) if handler else self._at(verb, "250 2.0.0 Ok")

    def _do_EHLO(self, line: str) -> bool:
        offered = [feature for feature in self.server.features if feature != "STARTTLS"]
        if self.server.context and not self.session.encrypted:
            offered.append("STARTTLS")
        lines = ["fake.example.org", *offered]
        return self._at("EHLO", "\r\n".join(f"250{'-' if more else ' '}{text}" for text, more in _with_more(lines)))

    def _do_STARTTLS(self, line: str) -> bool:
        if self._at("STARTTLS", "220 2.0.0 Ready"):
            self._start_tls()
            return True
        return False

    def _start_tls(self) -> None:
        self.flush()
        action = self.server.next("TLS")
        if callable(action):
            self.read()  # what is said before the handshake begins would be forgotten
            if action(self):
                silent(self)  # closing with unread bytes would reset the line and swallow what was said
            raise ConnectionError
        assert self.server.context is not None
        self._buffer = b""
        self.sock = self.server.context.wrap_socket(self.sock, server_side=True)
        self.session.encrypted = True

    def _do_AUTH(self, line: str) -> bool:
        _, method, *rest = line.split()
        if handler := self.server.sign_in.get(method):
            return handler(self, rest[0] if rest else "")
        if method == "CRAM-MD5":
            self._challenge = f"<{secrets.token_hex(8)}@fake>".encode()
            self._in_auth = method
            return self._at("AUTH", "334 " + base64.b64encode(self._challenge).decode())
        if method == "LOGIN":
            self._in_auth = "LOGIN-USER"
            return self._at("AUTH", "334 VXNlcm5hbWU6")
        if not rest:
            self._in_auth = method
            return self._at("AUTH", "334 ")
        return self._check(method, rest[0], "AUTH")

    def _auth_response(self, line: str) -> bool:
        method, self._in_auth = self._in_auth, ""
        if method == "LOGIN-USER":
            self._challenge, self._in_auth = base64.b64decode(line), "LOGIN"
            return self._at("RESPONSE", "334 UGFzc3dvcmQ6")
        return self._check(method, line, "RESPONSE")

    def _check(self, method: str, payload: str, moment: str) -> bool:
        raw = base64.b64decode(payload).decode()
        users = self.server.users
        if method == "PLAIN":
            _, user, password = raw.split("\0")
            fine = users.get(user) == password
        elif method == "LOGIN":
            fine = users.get(self._challenge.decode()) == raw
        elif method == "XOAUTH2" and raw:
            user, token = raw.removeprefix("user=").rstrip("\x01").split("\x01auth=Bearer ")
            fine = self.server.tokens.get(user) == token
        elif method == "XOAUTH2":
            fine = False
        else:
            user, _, digest = raw.rpartition(" ")
            key = users.get(user, "").encode()
            fine = hmac.new(key, self._challenge, "md5").hexdigest() == digest
        if moment == "AUTH" and method == "XOAUTH2" and not fine and self.server.script.get("XOAUTH2-JSON"):
            self._in_auth = method
            return self._at("XOAUTH2-JSON", "334 ")
        return self._at(moment, "235 2.7.0 Welcome" if fine else "535 5.7.8 Error: authentication failed")

    def _do_QUIT(self, line: str) -> bool:
        self._at("QUIT", "221 2.0.0 Bye")
        return False


def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the operating system say that every peer is on another machine (RFC 5737); they stay on loopback."""
    monkeypatch.setattr(socket.socket, "getpeername", lambda sock: ("192.0.2.7", 25), raising=False)


def _with_more(lines: list[str]) -> list[tuple[str, bool]]:
    return [(line, place < len(lines) - 1) for place, line in enumerate(lines)]


def _server_context(identity: Identity, maximum: ssl.TLSVersion | None) -> ssl.SSLContext:
    with TemporaryDirectory() as folder:
        context = identity.server_context(Path(folder))
    if maximum is not None:
        context.maximum_version = maximum
    return context

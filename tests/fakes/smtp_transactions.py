"""What the scripted SMTP server does with a message: envelope, DATA and BDAT, each transaction kept apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fakes.smtp_server import Session, SmtpServer


@dataclass(frozen=True)
class Delivery:
    """One message that came whole; `taken` tells whether it was answered with 2xx."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    taken: bool


class Transactions:
    """The half of a connection that takes messages."""

    server: SmtpServer
    session: Session
    _buffer: bytes

    def __init__(self) -> None:
        self.positive = True  # whether the last scripted or good answer was 2xx
        self._sender: str | None = None
        self._recipients: list[str] = []

    # the other half
    def say(self, text: str | bytes) -> None:
        raise NotImplementedError

    def flush(self) -> None:
        raise NotImplementedError

    def read(self) -> bool:
        raise NotImplementedError

    def _at(self, moment: str, good: str) -> bool:
        raise NotImplementedError

    # -- the envelope -----------------------------------------------------------------------------------

    def _do_RSET(self, line: str) -> bool:
        self._forget()
        return self._at("RSET", "250 2.0.0 Ok")

    def _do_MAIL(self, line: str) -> bool:
        if self._sender is not None:
            return self._at("MAIL", "503 5.5.1 Error: nested MAIL command")
        goes_on = self._at("MAIL", "250 2.0.0 Ok")
        self._sender = _address(line) if self.positive else None
        return goes_on

    def _do_RCPT(self, line: str) -> bool:
        if self._sender is None:
            return self._at("RCPT", "503 5.5.1 Error: need MAIL command")
        goes_on = self._at("RCPT", "250 2.0.0 Ok")
        if self.positive:
            self._recipients.append(_address(line))
        return goes_on

    # -- the content ------------------------------------------------------------------------------------

    def _do_DATA(self, line: str) -> bool:
        action = self.server.next("DATA")
        if callable(action):
            self.flush()
            return action(self)  # type: ignore[arg-type]  # the other half makes it a Connection
        if action is None and not self._recipients:
            action = "503 5.5.1 Error: need RCPT command" if self._sender is None else "554 5.5.1 no valid recipients"
        self.say(action if action is not None else "354 End data with <CR><LF>.<CR><LF>")
        wanted = action is None or str(action).startswith("354")
        return self._content() if wanted else True

    def _content(self) -> bool:
        if not self._body():
            return False
        looked_at = 0
        while not self._buffer.startswith(b".\r\n") and self._buffer.find(b"\r\n.\r\n", looked_at) < 0:
            looked_at = max(len(self._buffer) - 4, 0)
            if not self.read():
                return False
        raw, _, self._buffer = (b"\r\n" + self._buffer).partition(b"\r\n.\r\n")
        lines = (raw.removeprefix(b"\r\n") + b"\r\n" if raw else b"").split(b"\r\n")
        return self._take(b"\r\n".join(line.removeprefix(b".") for line in lines))

    def _do_BDAT(self, line: str) -> bool:
        """One chunk that is the whole message (RFC 3030); its bytes are read before anything is judged."""
        _, size, last = line.split()
        assert last == "LAST"
        if not self._body():
            return False
        while len(self._buffer) < int(size):
            if not self.read():
                return False
        content, self._buffer = self._buffer[: int(size)], self._buffer[int(size) :]
        if self._recipients:
            return self._take(content)
        return self._at("DOT", "503 5.5.1 Error: need RCPT command")

    def _body(self) -> bool:
        body = self.server.next("BODY")
        if body is None:
            return True
        self.read()
        if callable(body):
            return body(self)  # type: ignore[arg-type]  # the other half makes it a Connection
        self.say(body)
        self.flush()
        return True

    def _take(self, content: bytes) -> bool:
        sender, recipients = self._sender or "", tuple(self._recipients)
        place = len(self.session.deliveries)
        self.session.deliveries.append(Delivery(sender, recipients, content, taken=False))
        self._forget()
        goes_on = self._at("DOT", "250 2.0.0 Ok: queued as FAKE1")
        self.session.deliveries[place] = Delivery(sender, recipients, content, taken=self.positive)
        return goes_on

    def _forget(self) -> None:
        self._sender, self._recipients = None, []


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]

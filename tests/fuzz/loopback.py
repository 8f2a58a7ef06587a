"""Whole transports over real connections: `send`, `send_many` and the pool, against the same server on loopback."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType

from mailadmin.core.errors import MailError
from mailadmin.core.settings import Timeouts
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp.pool import POOL
from mailadmin.transports.smtp.transport import SmtpTransport

from . import mails, sessions
from .case import Case
from .checks import Outcome, Violation
from .server import Knowing

_TIMES = Timeouts(connect=10, command=0.3, message=5, final=0.3)  # a silent server costs this, and there are many
_LONGEST = 60  # seconds for one case, far more than all its time-outs together


def feed(case: Case) -> None:
    """Send messages one by one or as a list."""
    rng = case.rng
    offered, seed = sessions.features(rng), rng.getrandbits(64)

    def server(number: int) -> Knowing:
        of_its_own = random.Random(f"{seed}/{number}")
        return Knowing(of_its_own, offered, sessions.odd_replies(of_its_own))

    messages = [mails.mail(rng, number) for number in range(rng.choice((1, 2, 4, 12)))]
    started = time.monotonic()
    with _Loopback(server) as loopback:
        route = sessions.route(rng, loopback.port, _TIMES)
        transport = SmtpTransport(route, NetworkPolicy(), rng.choice(("", str(seed))), hold=rng.random() < 0.3)
        try:
            outcomes = _list(transport, messages) if rng.random() < 0.5 else _singles(transport, messages)
        finally:
            transport.close()
            POOL.clear()
    if time.monotonic() - started > _LONGEST:
        raise Violation("Sending took far longer than its limits allow.")
    servers = loopback.servers
    case.fed = [said for each in servers for said in (*each.told, b"-- end --")]
    case.replies += sum(each.count for each in servers)
    if loopback.violations:
        raise loopback.violations[0]
    sessions.judge_all(case, messages, outcomes, servers, strong=not any(each.unmatched for each in servers))


def _singles(transport: SmtpTransport, messages: list[Mail]) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    for number, mail in enumerate(messages):
        try:
            outcomes[number] = transport.send(mail).refused
        except MailError as error:
            outcomes[number] = error
    return outcomes


def _list(transport: SmtpTransport, messages: list[Mail]) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    for handed in transport.send_many(enumerate(messages)):
        if handed.ticket in outcomes or (handed.accepted is None) is (handed.error is None):
            raise Violation(f"Message {handed.ticket} has two fates, or none.")
        outcomes[handed.ticket] = handed.error or (handed.accepted.refused if handed.accepted else {})
    return outcomes


class _Loopback:
    """Listens, and lets a new server talk on each connection. At its end it waits until every client has gone."""

    def __init__(self, make: Callable[[int], Knowing]) -> None:
        self._make = make
        self.servers: list[Knowing] = []
        self.violations: list[Exception] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> _Loopback:
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(_LONGEST)
        for thread in self._threads:
            thread.join(_LONGEST)
        if any(thread.is_alive() for thread in self._threads) and value is None:
            raise Violation("A connection was left open.")

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                server = self._make(len(self.servers))
                self.servers.append(server)
                thread = threading.Thread(target=self._talk, args=(sock, server), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _talk(self, sock: socket.socket, server: Knowing) -> None:
        try:
            with sock, contextlib.suppress(OSError):
                sock.settimeout(_LONGEST)
                while True:
                    self._say(sock, server)
                    if server.over:
                        break
                    data = sock.recv(65536)
                    if not data:
                        break
                    server.take(data)
                if server.broken:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except Exception as error:
            self.violations.append(error)

    @staticmethod
    def _say(sock: socket.socket, server: Knowing) -> None:
        """Send what the server has to say, in one piece or two."""
        data = bytes(server.out)
        server.out.clear()
        cut = server.rng.randrange(len(data) + 1) if server.rng.random() < 0.3 else 0
        for piece in (data[:cut], data[cut:]):
            if piece:
                sock.sendall(piece)

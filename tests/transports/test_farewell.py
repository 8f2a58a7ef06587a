"""A message sent while the interpreter ends (atexit) leaves as any other."""

from __future__ import annotations

import subprocess
import sys

from tests.fakes.smtp_server import SmtpServer

FAREWELL = """
import atexit, sys
from mailadmin.core.content import Content
from mailadmin.core.settings import RouteKey, RouteKind, Security, SmtpRoute
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.registry import open_transport

def farewell():
    route = SmtpRoute(RouteKey(RouteKind.SMTP, "1"), "x", host="localhost", port=int(sys.argv[1]),
                      security=Security.NONE)
    transport = open_transport(route, NetworkPolicy(), "v1")
    for number, name in enumerate(("one", "two")):
        transport.send(Mail("a@example.org", ("b@example.net",), Content.of(b"Subject: x\\r\\n\\r\\n"), name))
    list(transport.send_many((n, Mail("a@example.org", ("b@example.net",), Content.of(b"Subject: y\\r\\n\\r\\n"), "3"))
                             for n in range(1)))
    transport.close()

atexit.register(farewell)
"""


def test_a_message_leaves_while_the_interpreter_ends() -> None:
    with SmtpServer() as server:
        done = subprocess.run(
            [sys.executable, "-c", FAREWELL, str(server.port)], capture_output=True, text=True, timeout=30
        )
    assert done.stderr == ""
    assert sum(len(session.messages) for session in server.sessions) == 3

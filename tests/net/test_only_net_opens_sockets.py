"""Every connection goes through the guarded dialler: nothing outside mailadmin/net opens a socket."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mailadmin
from tests.fakes import certificates
from tests.fakes.smtp_server import SmtpServer

ROOT = Path(mailadmin.__file__).parent
# Opens a connection or asks the DNS; listeners of the sandbox are made by its server library.
OPENERS = {
    ("socket", "socket"),
    ("socket", "create_connection"),
    ("socket", "getaddrinfo"),
    ("socket", "gethostbyname"),
    ("socket", "getfqdn"),
    ("ssl", "get_server_certificate"),
    ("smtplib", "SMTP"),
    ("smtplib", "SMTP_SSL"),
    ("smtplib", "LMTP"),
    ("client", "HTTPConnection"),
    ("client", "HTTPSConnection"),
    ("request", "urlopen"),
    ("requests", "get"),
    ("requests", "post"),
    ("requests", "request"),
    ("requests", "Session"),
    ("asyncio", "open_connection"),
    ("sync", "Proxy"),
    ("Proxy", "from_url"),
}


def openers(path: Path) -> list[str]:
    """Return the calls in a file that open a connection by themselves."""
    tree = ast.parse(path.read_text())
    imported = {
        alias.asname or alias.name: (node.module.rpartition(".")[2], alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
        for alias in node.names
    }
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Attribute):
            owner = called.value
            room = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            name = (room, called.attr)
        else:
            name = imported.get(getattr(called, "id", ""), ("", ""))
        if name in OPENERS:
            found.append(f"{path.relative_to(ROOT)}:{node.lineno} {'.'.join(name)}")
    return found


def test_no_file_outside_net_opens_a_connection() -> None:
    files = [path for path in ROOT.rglob("*.py") if ROOT / "net" not in path.parents]
    assert len(files) > 20
    assert [line for path in files for line in openers(path)] == []


@pytest.mark.parametrize("path", sorted((ROOT / "net").glob("*.py")), ids=lambda path: path.stem)
def test_in_net_only_the_dialler_its_race_and_the_check_of_a_port_open_a_socket(path: Path) -> None:
    """Proxies, TLS, revocation lists and the HTTP client all get their sockets from the dialler."""
    assert bool(openers(path)) == (path.stem in ("dialler", "race", "listening"))


def test_the_scan_sees_what_it_looks_for() -> None:
    assert [line.partition(" ")[2] for line in openers(ROOT / "net" / "dialler.py")] == ["socket.getaddrinfo"]
    assert [line.partition(" ")[2] for line in openers(ROOT / "net" / "race.py")] == ["socket.socket"] * 2


PROGRAM = """
import sys
from mailadmin.core.content import Content
from mailadmin.core.settings import RouteKey, RouteKind, Security, SmtpRoute, TlsSettings
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp.transport import SmtpTransport

def outside(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind", "smtplib.connect"):
        frame = sys._getframe(1)
        files = []
        while frame:
            files.append(frame.f_code.co_filename.replace("\\\\", "/"))
            frame = frame.f_back
        ours = next(name for name in files if "/mailadmin/" in name)
        print(event, ours.rpartition("/mailadmin/")[2])

sys.addaudithook(outside)
port, pem = int(sys.argv[1]), sys.stdin.read()
route = SmtpRoute(RouteKey(RouteKind.SMTP, ""), "x", host="localhost", port=port, security=Security.STARTTLS,
                  tls=TlsSettings(ca_pem=pem))
transport = SmtpTransport(route, NetworkPolicy())
transport.send(Mail("a@example.org", ("b@example.net",), Content.of(b"Subject: x\\r\\n\\r\\n"), "<1@x>"))
transport.close()
"""


@pytest.mark.parametrize("identity", [certificates.good])
def test_sending_opens_its_one_connection_in_the_dialler(identity: type[certificates.Identity]) -> None:
    """In a process of its own, because an audit hook cannot be taken back."""
    with SmtpServer(identity=identity()) as server:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(server.port)],
            input=certificates.authority().pem,
            capture_output=True,
            text=True,
            check=False,
        )
        assert len(server.messages) == 1, done.stderr
    assert done.stdout.splitlines() == ["socket.getaddrinfo net/dialler.py", "socket.connect net/race.py"]

"""Two real proxies of our own: tinyproxy (HTTP CONNECT) and Dante (SOCKS5)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mailadmin.core.secret import Secret
from mailadmin.core.settings import Proxy, ProxyKind
from tests.services.processes import free_ports, listens, named, program, running, short_folder

USER, PASSWORD = "proxyuser", "durchlass-1"
# A name that only the proxies know.
INSIDE = "mail.example.org"
_HOSTS = {"localhost": "127.0.0.1", INSIDE: "127.0.0.1"}

_TINYPROXY = """
Listen 127.0.0.1
Port {port}
Timeout 60
LogLevel Connect
MaxClients 50
Allow 127.0.0.1
{more}
"""
_DANTE = """
logoutput: stderr
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: {method}
user.privileged: root
user.unprivileged: nobody
timeout.connect: 5
client pass {{
  from: 127.0.0.0/8 to: 0.0.0.0/0
}}
{more}
socks pass {{
  from: 127.0.0.0/8 to: 0.0.0.0/0
  protocol: tcp
  command: connect
}}
"""
_BLOCK = """
socks block {{
  from: 127.0.0.0/8 to: 0.0.0.0/0 port = {port}
}}
"""


@dataclass(frozen=True)
class RunningProxy:
    """A running proxy and where it writes what it does."""

    kind: ProxyKind
    port: int
    output: Path
    password: str

    def value(self, password: str | None = None, user: str = USER) -> Proxy:
        """Return the proxy as a route names it, with the right password or with another one."""
        if not self.password:
            return Proxy(self.kind, "127.0.0.1", self.port)
        return Proxy(self.kind, "127.0.0.1", self.port, user, Secret(self.password if password is None else password))

    @property
    def log(self) -> str:
        """Return what it has written."""
        return self.output.read_text(errors="replace")


@contextlib.contextmanager
def running_tinyproxy(*, signed_in: bool = False, allowed: tuple[int, ...] = ()) -> Iterator[RunningProxy]:
    """Run tinyproxy until the block ends. `signed_in` makes it ask for the password; `allowed` are the only ports
    to which it connects (none: every port)."""
    lines = [f"ConnectPort {port}" for port in allowed]
    if signed_in:
        lines.append(f"BasicAuth {USER} {PASSWORD}")
    with short_folder() as folder:
        (port,) = free_ports(1)
        config = folder / "tinyproxy.conf"
        config.write_text(_TINYPROXY.format(port=port, more="\n".join(lines)))
        command = [program("tinyproxy"), "-d", "-c", str(config)]
        with running(command, lambda: listens(port), folder / "output", named(folder, hosts=_HOSTS)):
            yield RunningProxy(ProxyKind.HTTP, port, folder / "output", PASSWORD if signed_in else "")


@contextlib.contextmanager
def running_dante(*, signed_in: bool = False, blocked: tuple[int, ...] = ()) -> Iterator[RunningProxy]:
    """Run Dante until the block ends. `signed_in` makes it ask for the password; to the ports `blocked` it does not
    connect."""
    with short_folder() as folder:
        (port,) = free_ports(1)
        config = folder / "danted.conf"
        more = "".join(_BLOCK.format(port=number) for number in blocked)
        config.write_text(_DANTE.format(port=port, method="username" if signed_in else "none", more=more))
        # Its users are those of the system; nss_wrapper gives it one who exists for it alone.
        environment = named(folder, {USER: 65533}, _HOSTS, {USER: PASSWORD})
        command = [program("danted"), "-f", str(config)]
        with running(command, lambda: listens(port), folder / "output", environment):
            yield RunningProxy(ProxyKind.SOCKS5, port, folder / "output", PASSWORD if signed_in else "")

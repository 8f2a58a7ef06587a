"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.services.processes import free_ports, listens, running, short_folder, wait_for

# Tests throw the data away, so that nothing need reach the disk.
QUICK = {"fsync": "off"}
# As an installation has it: what is committed survives the end of the server.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_STOP_SECONDS = 60


def binary(name: str) -> str:
    """Return the newest installed PostgreSQL program called `name` (Debian keeps them out of the path), or ""."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(found[-1]) if found else ""


def require_postgresql() -> None:
    """Skip the test where PostgreSQL is not installed; fail it where the services must be there."""
    if not binary("postgres"):
        reason = "PostgreSQL is not installed (make services)"
        if os.environ.get("MAILADMIN_REQUIRE_SERVICES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


class Postgresql:
    """A server with its data in `folder` (one that other users may enter), on a port of loopback that stays the same
    over its starts. `settings` are those of postgresql.conf."""

    def __init__(self, folder: Path, settings: Mapping[str, str] = QUICK) -> None:
        self.folder, self.data = folder, folder / "data"
        (self.port,) = free_ports(1)
        self.settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(folder),
            **settings,
        }
        self._running: contextlib.ExitStack | None = None
        self._user = []
        self.data.mkdir(mode=0o700)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "postgres")
            shutil.chown(self.data, "postgres")
            self._user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        subprocess.run(
            [*self._user, binary("initdb"), "-D", str(self.data), "-A", "trust", "-U", "tester", "-N", "-E", "UTF8"],
            check=True,
            capture_output=True,
        )

    @property
    def address(self) -> str:
        """Return where it is, as a DATABASE_URL."""
        return f"postgres://tester@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start the server; it takes connections when this returns."""
        options = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        command = [*self._user, binary("postgres"), "-D", str(self.data), *options]
        self._running = contextlib.ExitStack()
        self._running.enter_context(running(command, self._answers, self.folder / "log"))

    def stop(self, number: int = signal.SIGINT) -> None:
        """End the server: SIGINT ends every session and then writes all down, SIGQUIT just ends, so that the next start
        recovers from the log, as after a crash."""
        if self._running is None:
            return
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # it ended by itself
            os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), number)
        wait_for(lambda: not (self.data / "postmaster.pid").exists(), seconds=_STOP_SECONDS)
        self._running.close()
        self._running = None

    def _answers(self) -> bool:
        """Tell whether it takes connections: it listens a little earlier, while it still recovers."""
        ready = [binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return listens(self.port) and subprocess.run(ready, check=False).returncode == 0


@contextlib.contextmanager
def running_postgresql(settings: Mapping[str, str] = QUICK) -> Iterator[str]:
    """Start a server on loopback and give its address as a DATABASE_URL."""
    with short_folder() as folder:
        server = Postgresql(folder, settings)
        server.start()
        try:
            yield server.address
        finally:
            server.stop()

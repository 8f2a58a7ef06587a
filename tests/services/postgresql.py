"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.processes import free_ports, listens, running, short_folder


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


@contextlib.contextmanager
def running_postgresql() -> Iterator[str]:
    """Start a server on loopback and give its address as a DATABASE_URL."""
    with short_folder() as folder:
        data = folder / "data"
        data.mkdir(mode=0o700)
        user: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "postgres")
            shutil.chown(data, "postgres")
            user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        subprocess.run(
            [*user, binary("initdb"), "-D", str(data), "-A", "trust", "-U", "tester", "-N", "-E", "UTF8"],
            check=True,
            capture_output=True,
        )
        (port,) = free_ports(1)
        settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with running([*user, binary("postgres"), "-D", str(data), *options], lambda: listens(port), folder / "log"):
            yield f"postgres://tester@127.0.0.1:{port}/postgres"

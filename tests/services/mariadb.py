"""A MariaDB server of the tests' own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

from tests.services.processes import free_ports, listens, program, require, running, short_folder


def require_mariadb() -> None:
    """Skip the test where MariaDB is not installed; fail it where the services must be there."""
    require("mariadbd", "mariadb-install-db")


@contextlib.contextmanager
def running_mariadb() -> Iterator[str]:
    """Start a server on loopback and give its address as a DATABASE_URL."""
    with short_folder() as folder:
        data = folder / "data"
        data.mkdir(mode=0o700)
        user = []
        if os.geteuid() == 0:  # MariaDB refuses to run as root
            shutil.chown(folder, "mysql")
            shutil.chown(data, "mysql")
            user = ["--user=mysql"]
        place = ["--no-defaults", f"--datadir={data}", *user]
        made = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        install = [program("mariadb-install-db"), *place, *made]
        subprocess.run(install, check=True, capture_output=True, cwd=folder)
        (port,) = free_ports(1)
        # Tests throw the data away, so that nothing need reach the disk.
        quick = ["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--skip-log-bin"]
        options = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 'socket'}", "--skip-name-resolve"]
        unicode = ["--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"]
        command = [program("mariadbd"), *place, *options, *unicode, *quick]
        with running(command, lambda: listens(port), folder / "log"):
            yield f"mysql://root@127.0.0.1:{port}/mailadmin"

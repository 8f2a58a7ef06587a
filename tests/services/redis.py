"""A Redis of the tests' own, which keeps nothing: whoever ends it loses all that it held."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.services.processes import free_ports, listens, program, require, running


def require_redis() -> None:
    """Skip the test where Redis is not installed; fail it where the services must be there."""
    require("redis-server")


class Redis:
    """A server with its log in `folder`, on a port of loopback that stays the same over its starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self._running = contextlib.ExitStack()

    @property
    def address(self) -> str:
        """Return where it is, as Celery wants it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server, empty; it takes connections when this returns."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        command = [program("redis-server"), *options, "--dir", str(self.folder)]
        self._running.enter_context(running(command, lambda: listens(self.port), self.folder / "redis.log"))

    def stop(self) -> None:
        """End the server, and with it whatever it held."""
        self._running.close()

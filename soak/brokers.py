"""A broker of the soak's own, whose whole content is lost each time that it ends."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Protocol

from tests.services.processes import free_ports, listens, program, running


class Broker(Protocol):
    """A broker on a port of loopback that stays the same over its starts."""

    @property
    def address(self) -> str:
        """Return where it is, as Celery wants it."""

    def start(self) -> None:
        """Start it, empty."""

    def stop(self) -> None:
        """Kill it, and with it whatever it held."""


class Redis:
    """A Redis that writes nothing to the disk, with its log in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self._running = contextlib.ExitStack()

    @property
    def address(self) -> str:
        """See `Broker`."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """See `Broker`."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        command = [program("redis-server"), *options, "--dir", str(self.folder)]
        self._running.enter_context(running(command, lambda: listens(self.port), self.folder / "redis.log"))

    def stop(self) -> None:
        """See `Broker`."""
        self._running.close()

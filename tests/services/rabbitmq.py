"""A RabbitMQ of the tests' own: node, port mapper and data in a folder that is thrown away."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from tests.services.processes import free_ports, listens, program, require, running

# Debian's own command of that name insists on the folders of the system's broker.
_SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_START_SECONDS = 90  # it takes eight on an idle machine


def require_rabbitmq() -> None:
    """Skip the test where RabbitMQ is not installed; fail it where the services must be there."""
    require(_SERVER, "epmd")


class RabbitMq:
    """A server with its data in `folder` (one that other users may enter), on a port of loopback that stays the same
    over its starts."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "rabbitmq"
        self.port, self._nodes, self._mapper = free_ports(3)
        self._running = contextlib.ExitStack()
        self._user: list[str] = []
        if os.geteuid() == 0:
            self._user = ["setpriv", "--reuid=rabbitmq", "--regid=rabbitmq", "--clear-groups"]

    @property
    def address(self) -> str:
        """Return where it is, as Celery wants it."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        """Start the server, empty; it takes connections when this returns."""
        self._make_folder()
        # Erlang would start its port mapper by itself, and leave it behind.
        mapper = [program("epmd"), "-port", str(self._mapper), "-address", "127.0.0.1"]
        self._running.enter_context(running(mapper, lambda: listens(self._mapper), self.folder / "epmd.log"))
        command = [*self._user, _SERVER]
        log = self.folder / "rabbitmq.log"
        starts = running(command, lambda: listens(self.port), log, self._environment(), _START_SECONDS)
        self._running.enter_context(starts)

    def stop(self) -> None:
        """End the server, and with it whatever it held."""
        self._running.close()

    def _make_folder(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        (self.data / "plugins").write_text("[].\n")
        # The memory of a busy machine is no reason to take no messages, nor is its disk; fewer threads start faster.
        (self.data / "rabbitmq.conf").write_text(
            "disk_free_limit.absolute = 1MB\nvm_memory_high_watermark.relative = 0.9\n"
        )
        if self._user:
            for path in (self.data, *self.data.iterdir()):
                shutil.chown(path, "rabbitmq", "rabbitmq")

    def _environment(self) -> dict[str, str]:
        own = {
            "HOME": self.data,  # of the cookie by which nodes know each other
            "RABBITMQ_NODENAME": f"mailadmin{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": self.port,
            "RABBITMQ_DIST_PORT": self._nodes,
            "RABBITMQ_MNESIA_BASE": self.data / "mnesia",
            "RABBITMQ_LOG_BASE": self.data / "log",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": self.data / "rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.data / "plugins",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
            "ERL_EPMD_PORT": self._mapper,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        return os.environ | {name: str(value) for name, value in own.items()}

"""Postfix's smtp-sink: it takes every message at full speed and keeps nothing but the count."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.services.processes import free_ports, listens, program, running, short_folder


@dataclass(frozen=True)
class Sink:
    """The running sink: its port, and the folder with a file for each message when it keeps them."""

    port: int
    kept: Path

    def messages(self) -> list[bytes]:
        """Return the messages, where they are kept: its own X- fields (client, envelope) first."""
        return [path.read_bytes() for path in sorted(self.kept.iterdir())]


@contextlib.contextmanager
def running_sink(*options: str, keep: bool = False) -> Iterator[Sink]:
    """Run a sink with these options of smtp-sink(1) until the block ends."""
    with short_folder() as folder:
        (port,) = free_ports(1)
        kept = folder / "kept"
        kept.mkdir()
        kept.chmod(0o777)
        options = (*options, *(("-d", f"{kept}/%M.") if keep else ()))
        user = ("-u", "nobody") if os.geteuid() == 0 else ()
        command = [program("smtp-sink"), *user, *options, f"127.0.0.1:{port}", "1000"]
        with running(command, lambda: listens(port), folder / "output"):
            yield Sink(port, kept)

"""A worker in a process of its own, which a test can kill: claims one message and sends it.

python -m tests.delivery.outbox_child <delivery id> <name of the worker>
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent.parent


@contextlib.contextmanager
def worker(delivery_id: UUID, name: str = "killed worker") -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker that sends one message; it is killed at the end of the block, if it still runs."""
    from django.db import connection

    values = connection.settings_dict
    address = f"sqlite:///{values['NAME']}"
    if connection.vendor != "sqlite":
        address = "{scheme}://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(scheme=connection.vendor, **values)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.delivery.outbox_child", str(delivery_id), name],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": address},
    )
    try:
        yield child
    finally:
        kill(child)


def kill(child: subprocess.Popen[bytes]) -> None:
    """End a worker as `kill -9` does."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGKILL)
    child.wait(10)


def main() -> None:
    import django

    django.setup()
    from mailadmin.delivery.attempts import Sessions
    from mailadmin.delivery.outbox import claims
    from mailadmin.delivery.outbox.deliver import deliver

    claimed = claims.claim_one(UUID(sys.argv[1]), sys.argv[2])
    assert claimed is not None
    with contextlib.closing(Sessions()) as sessions:
        deliver(claimed, sessions)


if __name__ == "__main__":
    main()

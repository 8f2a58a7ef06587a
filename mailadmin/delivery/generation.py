"""The small file beside the key file in which the generation of the database is counted along (see `core.guard`).

Each database has a file of its own: a test database, or a second one with the same keys, must not count for the first.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path

from django.db import connections, router

from mailadmin import conf
from mailadmin.models import Settings


def file() -> Path | None:
    """Return the file for the database in use, None when this deployment has none (no key file, or a database in
    memory). Raises ConfigurationError."""
    base = conf.generation_file()
    connection = connections[router.db_for_write(Settings)]
    name = str(connection.settings_dict["NAME"])
    if base is None or (connection.vendor == "sqlite" and (":memory:" in name or "mode=memory" in name)):
        return None
    return base.with_name(f"{base.name}.{re.sub(r'[^A-Za-z0-9._-]', '_', Path(name).name)[-80:]}")


def can_write(path: Path) -> bool:
    """Tell whether this process can make and replace the file."""
    return os.access(path.parent, os.W_OK | os.X_OK)


def read(path: Path) -> int | None:
    """Return what the file says, None when it is missing or damaged. Raises OSError when it cannot be read."""
    try:
        return int(path.read_bytes()[:40])
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def age(path: Path) -> float:
    """Return for how many seconds the file was not written. Raises OSError."""
    return time.time() - path.stat().st_mtime


def write(path: Path, generation: int, *, only_new: bool = False) -> bool:
    """Write the file (mode 0600), in one step for whoever reads it; tell whether it was written. `only_new` leaves one
    that exists, also one that another process makes at this moment. Raises OSError."""
    new = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(f"{generation}\n")
            out.flush()
            os.fsync(out.fileno())
        if only_new:
            os.link(new, path)
        else:
            new.replace(path)
    except FileExistsError:
        return False
    finally:
        with suppress(FileNotFoundError):
            new.unlink()
    return True

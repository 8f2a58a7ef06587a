"""A folder of our own beside a SQLite database, and locks on files in it (flock(2)).

The kernel frees a lock when the process that holds it ends, however it ends. A lock belongs to the opened file, not to
the process, so that each taking opens the file anew, and threads exclude one another as processes do.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

from mailadmin.core import limits

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # told apart where a folder is made

_mine: set[int] = set()  # open files with locks


class Unusable(Exception):
    """There is no folder that processes can share; the text is a sentence."""


class FolderUnusable(Unusable):
    """There could be one, but for the rights to it: somebody can mend that."""


def beside(connection: BaseDatabaseWrapper) -> Path:
    """Return the folder beside a SQLite database, made when it is missing. Raises Unusable."""
    name = str(connection.settings_dict["NAME"])
    if fcntl is None:
        raise Unusable("This system has no file locks of the kind that is needed.")
    if not name or name == ":memory:" or name.startswith("file:"):
        raise Unusable("The database is in memory, or its name is a URI.")
    folder = Path(f"{Path(name).absolute()}-mailadmin")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise FolderUnusable(
                f"{folder} is not a folder that belongs to the user of this process. Remove it, or change its owner."
            )
        folder.chmod(0o700)
        (folder / "lock").touch(mode=0o600)
    except OSError as error:
        raise FolderUnusable(f"{folder} cannot be used ({error.strerror}).") from None
    return folder


def file_name(kind: str, name: str) -> str:
    """Return a file name for any `name`."""
    return f"{kind}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def open_file(path: Path) -> int:
    """Return the descriptor of an opened file, made when it is missing. Raises OSError."""
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    _mine.add(number)
    return number


def close_file(number: int) -> None:
    """Unlock and close; unlocking first, because a forked child may have the same file open."""
    _mine.discard(number)
    with contextlib.suppress(OSError):
        fcntl.flock(number, fcntl.LOCK_UN)
    os.close(number)


def try_lock(number: int, *, shared: bool = False) -> bool:
    """Lock an opened file if nobody else's lock is in the way, and tell whether that worked."""
    try:
        fcntl.flock(number, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int]:
    """Give the descriptor of the file, locked, for the moment that the block takes. Raises OSError, also when the lock
    stays in other hands: a process was stopped in the middle."""
    number = open_file(path)
    try:
        until = time.monotonic() + limits.SHARED_LOCK_SECONDS
        while not try_lock(number):
            if time.monotonic() > until:
                raise TimeoutError(f"{path.name} stays locked")
            time.sleep(0.0005)
        yield number
    finally:
        close_file(number)


def _close_inherited() -> None:
    """In a forked child: the locks are the parent's, and must not outlive it here."""
    for number in _mine:
        with contextlib.suppress(OSError):
            os.close(number)
    _mine.clear()


os.register_at_fork(after_in_child=_close_inherited)

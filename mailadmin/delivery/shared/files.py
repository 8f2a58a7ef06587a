"""The port of `transports.shared` for the processes of one host: files and their locks, in a folder of our own.

It goes with SQLite, which has one writer: a row could be written neither beside the caller's open transaction nor so
that it survives a roll-back.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailadmin.transports.line import GiveBack, Line
from mailadmin.transports.shared import NotNow, Pace, SharedToken, longer_pause, turn

from . import sealing
from .folder import close_file, file_name, locked, open_file, try_lock

_PACE = struct.Struct("<dd")


class FileShared:
    """The port by files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._line = Line(_FilePlaces(folder))

    def token(self, key: str) -> SharedToken | None:
        """See `Shared`. Raises OSError."""
        try:
            expires_at, _, sealed = self._token_file(key).read_text("ascii").partition("\n")
            return sealing.opened(key, sealed, float(expires_at))
        except (FileNotFoundError, ValueError):  # none, or damaged
            return None

    def keep_token(self, key: str, token: SharedToken | None) -> None:
        """See `Shared`. Raises OSError."""
        path = self._token_file(key)
        if token is None:
            path.unlink(missing_ok=True)
            return
        with locked(self._folder / "lock"):
            self._forget_past_tokens()
            new = path.with_suffix(".new")
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{token.expires_at!r}\n{sealing.sealed(key, token)}")
            new.replace(path)

    @contextmanager
    def lease(self, name: str, places: int, wait: float) -> Iterator[None]:
        """See `Shared`. Raises OSError."""
        with self._line.hold(name, places, wait):
            yield

    def book(self, name: str, pace: Pace, patience: float) -> float:
        """See `Shared`. Raises OSError."""
        with locked(self._pace_file(name)) as file:
            due, paused = _read(file)
            wait, due = turn(due, paused, time.time(), pace, patience)
            if wait > patience:
                raise NotNow(wait)
            os.pwrite(file, _PACE.pack(due, paused), 0)
            return wait

    def until_free(self, name: str, pace: Pace) -> float:
        """See `Shared`. Raises OSError."""
        with locked(self._pace_file(name)) as file:
            return turn(*_read(file), time.time(), pace)[0]

    def pause(self, name: str, seconds: float) -> None:
        """See `Shared`. Raises OSError."""
        with locked(self._pace_file(name)) as file:
            due, paused = _read(file)
            os.pwrite(file, _PACE.pack(due, longer_pause(paused, time.time(), seconds)), 0)

    def _forget_past_tokens(self) -> None:
        for path in self._folder.glob("token-*"):
            with contextlib.suppress(OSError, ValueError):  # another process forgets too
                if float(path.read_text("ascii").partition("\n")[0]) < time.time():
                    path.unlink()

    def _token_file(self, key: str) -> Path:
        return self._folder / file_name("token", key)

    def _pace_file(self, name: str) -> Path:
        return self._folder / file_name("pace", name)


class _FilePlaces:
    """Places: each is a file that its holder has locked. Who waits holds a shared lock on one more."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shown: dict[str, int] = {}  # in line only the first one looks: one for each name

    def take(self, name: str, places: int, polite: bool) -> GiveBack | None:
        """See `Places`. Raises OSError."""
        if polite and self._others_wait(name):
            return None
        base = file_name("place", name)
        for place in range(places):
            file = open_file(self._folder / f"{base}-{place}")
            if try_lock(file):
                return lambda: close_file(file)
            close_file(file)
        return None

    @contextmanager
    def waiting(self, name: str, places: int, seconds: float) -> Iterator[None]:
        """See `Places`. Raises OSError."""
        file = self._shown[name] = open_file(self._wait_file(name))
        try:
            try_lock(file, shared=True)  # in vain while another process looks whether anybody waits: seldom
            yield
        finally:
            del self._shown[name]
            close_file(file)

    def _others_wait(self, name: str) -> bool:
        """Tell whether another process waits: it has a lock that only leaves room for shared ones."""
        if (own := self._shown.get(name)) is not None:
            alone = try_lock(own)
            try_lock(own, shared=True)
            return not alone
        try:
            file = os.open(self._wait_file(name), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not try_lock(file)
        finally:
            os.close(file)

    def _wait_file(self, name: str) -> Path:
        return self._folder / file_name("wait", name)


def _read(file: int) -> tuple[float, float]:
    """Return until when the turns are used up, and until when there is a pause (seconds since the epoch)."""
    raw = os.pread(file, _PACE.size, 0)
    due, paused = _PACE.unpack(raw) if len(raw) == _PACE.size else (0.0, 0.0)
    return due, paused

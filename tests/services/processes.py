"""Starting and ending the system services that tests run for themselves."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp

import pytest

_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
# Below those for connections (Linux begins with 32768).
_FIRST_PORT, _PORTS = 10_000, 20_000
_places = itertools.count(os.getpid() * 64)  # Postfix alone takes about thirty
_READY_SECONDS = 60  # a busy machine; a service is ready within one or two


def require(*programs: str, library: str = "", root: bool = False) -> None:
    """Skip the test, with the reason, where one of `programs` (names, or whole paths) or `library` is missing; fail
    it instead where the services must be there (MAILADMIN_REQUIRE_SERVICES=1)."""
    missing = [name for name in programs if not program(name)]
    if library and not any(path.exists() for path in Path("/usr/lib").glob(f"*/{library}")):
        missing.append(library)
    reason = f"not installed: {', '.join(missing)} (make services)" if missing else ""
    if root and os.geteuid() != 0:
        reason = f"{reason}; needs root".lstrip("; ")
    if not reason:
        return
    if os.environ.get("MAILADMIN_REQUIRE_SERVICES") == "1":
        pytest.fail(f"A service that must be there is {reason}")
    pytest.skip(reason)


def program(name: str) -> str:
    """Return the path of a program, or ""."""
    return shutil.which(name, path=_PATH) or ""


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """Give a folder that other users may enter, with a path short enough for Unix sockets."""
    folder = Path(mkdtemp(prefix="mailadmin-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listens on. A service opens them seconds later, so they are none of those
    that the system gives to connections meanwhile, and each process of the tests looks in another place."""
    found: list[int] = []
    while len(found) < count:
        port = _FIRST_PORT + next(_places) % _PORTS
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
    return found


@contextlib.contextmanager
def running(
    command: Sequence[str],
    ready: Callable[[], bool],
    log: Path,
    env: Mapping[str, str] | None = None,
    seconds: float = _READY_SECONDS,
) -> Iterator[None]:
    """Run `command` in the foreground until the block ends; wait until `ready`, at most `seconds`. Ends it, and what it
    started, by their process group."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env=env
        )
    try:
        wait_for(lambda: ready() or process.poll() is not None, seconds)
        if process.poll() is not None or not ready():
            raise AssertionError(f"{command[0]} did not start:\n{log.read_text(errors='replace')}")
        yield
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it has started; they are gone when this returns."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
            if wait_for(lambda: not _group_lives(process.pid), seconds=5):
                return


def _group_lives(leader: int) -> bool:
    """Tell whether any process of the group still runs; one that has ended may wait long for its parent to look.
    Where there is no /proc nobody is seen."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it went away meanwhile
            state, _, group, *_ = path.read_text(errors="replace").rpartition(")")[2].split()
            if int(group) == leader and state != "Z":
                return True
    return False


def wait_for(done: Callable[[], bool], seconds: float = _READY_SECONDS) -> bool:
    """Wait until `done`, and tell whether it was."""
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def named(
    folder: Path,
    users: Mapping[str, int] | None = None,
    hosts: Mapping[str, str] | None = None,
    passwords: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the environment of a program that is to find `users` (name: user id) beside the machine's own, only
    `hosts` (name: address), and the `passwords` of users: nss_wrapper reads them from files in `folder`."""
    files = {"PASSWD": Path("/etc/passwd").read_text(), "GROUP": Path("/etc/group").read_text()}
    for name, number in (users or {}).items():
        files["PASSWD"] += f"{name}:x:{number}:{number}::/nonexistent:/bin/false\n"
        files["GROUP"] += f"{name}:x:{number}:\n"
    if hosts is not None:
        files["HOSTS"] = "".join(f"{address} {name}\n" for name, address in hosts.items())
    if passwords is not None:
        files["SHADOW"] = "".join(f"{user}:{_hashed(text)}:1:0:99999:7:::\n" for user, text in passwords.items())
    environment = os.environ | {"LD_PRELOAD": "libnss_wrapper.so"}
    for name, text in files.items():
        path = folder / f"nss-{name.lower()}"
        path.write_text(text)
        environment[f"NSS_WRAPPER_{name}"] = str(path)
    return environment


def _hashed(password: str) -> str:
    command = [program("openssl"), "passwd", "-6", "-stdin"]
    return subprocess.run(command, input=password, capture_output=True, text=True, check=True).stdout.strip()


def listens(port: int) -> bool:
    """Tell whether somebody takes connections on a port of 127.0.0.1."""
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0

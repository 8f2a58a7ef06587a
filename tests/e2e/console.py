"""A standalone console of its own: the processes that `make run` starts, on a throw-away folder."""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.services.processes import free_ports, running, short_folder

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct-horse-battery"
ANEW = "from tests.e2e import data; data.anew()"
# What an application does: it knows send_mail() and nothing of this project. One line in, one line out.
_APPLICATION = """
import json, sys, django
django.setup()
from django.core.mail import send_mail
for line in sys.stdin:
    words = json.loads(line)
    try:
        answer = {"sent": send_mail(words["subject"], words["text"], None, words["to"])}
    except Exception as error:
        answer = {"error": type(error).__name__, "text": str(error)}
    print(json.dumps(answer), flush=True)
"""


@dataclass(frozen=True)
class Console:
    """A running console. `first_password` is the one that was printed when it was set up."""

    folder: Path
    address: str
    first_password: str

    def url(self, path: str = "/") -> str:
        """Return the address of a page."""
        return self.address + path

    def python(self, code: str) -> str:
        """Run `code` in a new process with the console's settings and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", f"import django; django.setup()\n{code}"],
            **_process(self.folder),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sandbox(self) -> dict[str, Any]:
        """Return where this console's sandbox listens, its CA and its credentials."""
        names = "'smtp_port', 'https_port', 'ca_pem', 'credentials'"
        row = self.python(
            "import json; from mailadmin.models import SandboxServer; row = SandboxServer.load()\n"
            f"print(json.dumps({{name: getattr(row, name) for name in ({names})}}))"
        )
        facts: dict[str, Any] = json.loads(row)
        return facts

    @contextmanager
    def application(self) -> Iterator[Application]:
        """Give a Django process that runs until the block ends and sends when it is told to."""
        with (self.folder / "application.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", _APPLICATION],
                **_process(self.folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        with process:
            yield Application(process)
            assert process.stdin
            process.stdin.close()


class Application:
    """A Django application in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def send_mail(self, subject: str, to: str = "customer@example.net", text: str = "Thank you.") -> dict[str, Any]:
        """Call Django's send_mail(); return {"sent": n} or {"error": class, "text": message}."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"subject": subject, "text": text, "to": [to]}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def running_console() -> Iterator[Console]:
    """Set up a console, start it with its sandbox, and end both with the block."""
    with short_folder() as folder:
        first_password = _set_up(folder)
        log = folder / "console.log"
        (port,) = free_ports(1)
        address = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-u", str(ROOT / "manage.py"), "mailadmin_up", "--port", str(port)]
        ready = "Sandbox: SMTP"
        with running(command, lambda: ready in log.read_text() and _answers(address), log, env=_process(folder)["env"]):
            yield Console(folder, address, first_password)


@contextmanager
def served_console(server: str) -> Iterator[Console]:
    """Set up a console without a sandbox and serve it as a deployment would: by "gunicorn" with three workers, or by
    "uvicorn" (ASGI)."""
    with short_folder() as folder:
        log, env = folder / "console.log", _process(folder)["env"]
        _set_up(folder)
        (port,) = free_ports(1)
        address = f"http://127.0.0.1:{port}"
        words = {
            "gunicorn": [
                "config.wsgi",
                "--bind",
                f"127.0.0.1:{port}",
                "--workers",
                "3",
                "--threads",
                "4",
                "--no-control-socket",
            ],
            "uvicorn": ["config.asgi:application", "--port", str(port), "--log-level", "warning"],
        }[server]
        with running(
            [sys.executable, "-m", server, *words], lambda: _answers(address), log, env=env | {"PWD": str(ROOT)}
        ):
            yield Console(folder, address, "")


def wait_for(found: Any, seconds: float = 10) -> Any:
    """Return the first true answer of `found()`; fail when there is none in time."""
    until = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < until, "This did not happen in time."
        time.sleep(0.05)
    return answer


def _set_up(folder: Path) -> str:
    """Make `folder` that of a console which was just set up, and return the password that was printed then."""
    made, printed = _made()
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return printed


@cache
def _made() -> tuple[Path, str]:
    """Set a console up, once for all of this process: tables and static files take seconds."""
    folder = Path(mkdtemp(prefix="mailadmin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    set_up = [sys.executable, str(ROOT / "manage.py"), "mailadmin_up", "--setup-only"]
    done = subprocess.run(set_up, check=True, **_process(folder), capture_output=True, text=True)
    printed = re.search(r"password  (\S+)", done.stdout)
    assert printed, done.stdout
    return folder, printed[1]


def _process(folder: Path) -> dict[str, Any]:
    """Return what a process of this console is started with: settings of the console, not those of the tests."""
    foreign = ("MAILADMIN_", "DJANGO_", "DATABASE_URL")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    env |= {"MAILADMIN_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings"}
    return {"env": env, "cwd": ROOT}


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/sign-in/", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False

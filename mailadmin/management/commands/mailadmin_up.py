"""Set up the standalone console and run it: what `make run` calls."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.db import close_old_connections

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.core.keyring import new_key
from mailadmin.delivery.retention import prune
from mailadmin.models import Settings
from mailadmin.net.listening import is_free

from .mailadmin_key import write_key_file

WORKERS, THREADS = 2, 8  # two processes show that settings reach every one; threads, as pages wait for the database
STOP_SECONDS = 5
RESTART_SECONDS = 5  # a mail worker that ended is started again after this, so that one that cannot start does no harm


class Command(BaseCommand):
    """Makes keys, tables, static files and a first administrator where they are missing, then serves."""

    help = "Set up the standalone console (keys, database, first administrator) and run it with the sandbox."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address to listen on."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default 8000)")
        parser.add_argument("--no-sandbox", action="store_true", help="do not start the sandbox mail server")
        parser.add_argument("--no-worker", action="store_true", help="do not start the worker that sends queued mail")
        parser.add_argument("--setup-only", action="store_true", help="set everything up and stop")

    def handle(
        self, *args: Any, host: str, port: int, no_sandbox: bool, no_worker: bool, setup_only: bool, **options: Any
    ) -> None:
        """Set up, start the processes and wait for them. Raises CommandError with a sentence."""
        if not setup_only and not is_free(host, port):
            raise CommandError(
                f"Port {port} on {host} is taken by another program (perhaps a console that runs already). "
                f'Stop that one, or choose another port: make run ARGS="--port {port + 1}"'
            )
        self._set_up()
        if setup_only:
            return
        environment = os.environ | ({} if no_sandbox else {"MAILADMIN_SANDBOX": "true"})
        manage = [sys.executable, str(Path(sys.argv[0]).resolve())]
        commands = [_gunicorn(host, port)] + ([] if no_sandbox else [[*manage, "sandbox"]])
        self.stdout.write(self.style.SUCCESS(f"The console runs on http://{host}:{port} - Ctrl-C stops it."))
        worker = None if no_worker else [*manage, "mailworker", "--verbosity", "0"]
        self._run(commands, worker, environment)

    def _set_up(self) -> None:
        key_file = conf.setting("KEY_FILE")
        if key_file and not Path(key_file).exists():
            write_key_file(Path(key_file), new_key())
        conf.key_ring()  # a damaged key file is told now, not at the first save
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        self._first_administrator()

    def _first_administrator(self) -> None:
        users = get_user_model()
        if users.objects.filter(is_superuser=True).exists():
            return
        password = "-".join(secrets.token_hex(3) for _ in range(3))
        user = users.objects.create_superuser("admin", "admin@localhost", password)
        group = Group.objects.filter(name="Administrator").first()
        if group:
            user.groups.add(group)
        row = Settings.load()
        row.one_time_passwords = [*row.one_time_passwords, user.pk]
        row.save()
        self.stdout.write("\nYour first administrator (shown this once; you choose a new password when you sign in):")
        self.stdout.write(f"    name      admin\n    password  {password}\n")

    def _run(self, commands: list[list[str]], worker: list[str] | None, environment: dict[str, str]) -> None:
        """Start `commands`, and the `worker` if there is to be one; wait until one of the commands ends or somebody
        stops us, then end them all. The worker is started again when it ends: the console is of use without it."""
        signal.signal(signal.SIGTERM, _interrupt)
        processes = [subprocess.Popen(command, env=environment) for command in commands]  # noqa: S603 -- our own words
        mail_worker = _Kept(worker, environment) if worker else None
        next_prune = time.monotonic()
        try:
            while all(process.poll() is None for process in processes):
                time.sleep(0.5)
                if mail_worker and mail_worker.ended():
                    self.stderr.write("The worker that sends queued mail has ended; it is started again.")
                if time.monotonic() >= next_prune:
                    self._prune()
                    next_prune = time.monotonic() + limits.PRUNE_SECONDS
        except KeyboardInterrupt:
            self.stdout.write("Stopping ...")
        for process in processes:
            process.terminate()
        if mail_worker:
            _end(mail_worker.process, limits.WORKER_STOP_SECONDS + STOP_SECONDS)
        for process in processes:
            _end(process, STOP_SECONDS)

    def _prune(self) -> None:
        """Forget old entries; a database that does not answer now is no reason to stop the console."""
        try:
            prune()
        except DatabaseError as error:
            self.stderr.write(f"Old entries could not be deleted ({type(error).__name__}); tried again in an hour.")
        close_old_connections()


class _Kept:
    """A process that is started again, a while after it ended."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._command, self._environment = command, environment
        self._again_at: float | None = None
        self.process = self._start()

    def ended(self) -> bool:
        """Look after the process, and tell whether it has ended since the last look."""
        if self.process.poll() is None:
            return False
        if self._again_at is None:
            self._again_at = time.monotonic() + RESTART_SECONDS
            return True
        if time.monotonic() >= self._again_at:
            self.process, self._again_at = self._start(), None
        return False

    def _start(self) -> subprocess.Popen[bytes]:
        # In a group of its own Ctrl-C reaches only us: to a worker, a second signal means to end at once.
        return subprocess.Popen(self._command, env=self._environment, process_group=0)  # noqa: S603 -- our own words


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Stop the process, and wait for it so long at most; it is told a second time when it takes longer or somebody
    presses Ctrl-C once more (to a worker that means: at once), then ended by force."""
    for patience in (seconds, STOP_SECONDS):
        process.terminate()
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(patience)
            return
    process.kill()


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _gunicorn(host: str, port: int) -> list[str]:
    application = ":".join(settings.WSGI_APPLICATION.rsplit(".", 1))
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return [
        *(sys.executable, "-m", "gunicorn", application, "--bind", address),
        *("--workers", str(WORKERS), "--threads", str(THREADS), "--graceful-timeout", str(STOP_SECONDS - 2)),
        *("--log-level", "warning", "--no-control-socket"),
    ]

"""Run the sandbox: a local SMTP server and a simulated Entra and Graph, whose inbox the console shows."""

from __future__ import annotations

import signal
import threading
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.utils import timezone

from mailadmin import conf
from mailadmin.models import SandboxServer
from mailadmin.sandbox.client_key import write_private
from mailadmin.sandbox.database import Database
from mailadmin.sandbox.server import Sandbox

SMTP_PORT, HTTPS_PORT = 10025, 10443  # away from real servers; kept from start to start, as saved settings name them
BEAT_SECONDS = 5
ASSERTION_SECONDS = 600  # the assertion in the folder is written anew this often; it holds for an hour


class Command(BaseCommand):
    """Serves until it is told to stop (Ctrl-C, SIGTERM)."""

    help = "Run the local sandbox: SMTP with STARTTLS, and a Graph and Entra simulator over TLS. For rehearsals only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the ports."""
        parser.add_argument("--smtp-port", type=int, help=f"default {SMTP_PORT}, or a free one when a port is taken")
        parser.add_argument("--https-port", type=int, help=f"default {HTTPS_PORT}, or a free one when a port is taken")

    def handle(self, *args: Any, smtp_port: int | None, https_port: int | None, **options: Any) -> None:
        """Start both servers and beat until told to stop. Raises CommandError with a sentence."""
        if not conf.setting("SANDBOX"):
            raise CommandError(
                'The sandbox is switched off. It is for rehearsals: set MAILADMIN["SANDBOX"] = True (in the standalone '
                "console: the environment variable MAILADMIN_SANDBOX=true) where no real mail is sent."
            )
        row, database = SandboxServer.load(), Database()
        try:
            sandbox = started(row, smtp_port, https_port, database)
        except (ImportError, OSError) as error:
            database.close()
            raise CommandError(f"The sandbox cannot start: {error}") from None
        _announce(row, sandbox)
        self.stdout.write(
            f"Sandbox: SMTP on localhost:{sandbox.smtp_port}, Entra and Graph on https://localhost:{sandbox.https_port}"
        )
        self._serve(sandbox, database)
        sandbox.stop()
        database.close()
        SandboxServer.objects.filter(pk=1).update(beat_at=None)

    def _serve(self, sandbox: Sandbox, database: Database) -> None:
        """Beat until a signal comes; between beats, forget old messages and renew the assertion."""
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        written = 0.0
        while not stop.wait(BEAT_SECONDS if written else 0):
            if not written or time.monotonic() - written > ASSERTION_SECONDS:
                write_private(assertion_file(sandbox), sandbox.assertion().encode())
                written = time.monotonic()
            try:
                database.trim()
                SandboxServer.objects.filter(pk=1).update(beat_at=timezone.now())
            except DatabaseError as error:
                self.stderr.write(f"The sandbox cannot reach the database ({error}); it goes on trying.")
            close_old_connections()


def started(row: SandboxServer, smtp_port: int | None, https_port: int | None, database: Database) -> Sandbox:
    """Return the running sandbox: on the ports asked for, else on those of last time, else on free ones.

    Raises ImportError without aiosmtpd, OSError when a port that was asked for is taken.
    """
    usual = _ports((smtp_port, row.smtp_port or SMTP_PORT), (https_port, row.https_port or HTTPS_PORT))
    free = _ports((smtp_port, 0), (https_port, 0))
    try:
        return _start(database, *usual)
    except OSError:
        if free == usual:
            raise
        return _start(database, *free)


def _ports(*asked_else: tuple[int | None, int]) -> tuple[int, ...]:
    return tuple(default if asked is None else asked for asked, default in asked_else)


def assertion_file(sandbox: Sandbox) -> Path:
    """Return where an assertion of another issuer is kept fresh, as a cluster does for its programs."""
    return sandbox.folder / "assertion.jwt"


def _start(database: Database, smtp_port: int, https_port: int) -> Sandbox:
    folder = Path(conf.setting("SANDBOX_FOLDER"))
    sandbox = Sandbox(folder, database, database, smtp_port, https_port)
    sandbox.start()
    return sandbox


def _announce(row: SandboxServer, sandbox: Sandbox) -> None:
    """Tell the console where the sandbox listens and how to sign in."""
    row.smtp_port, row.https_port, row.ca_pem = sandbox.smtp_port, sandbox.https_port, sandbox.ca_pem
    row.credentials = {
        name: getattr(sandbox, name) for name in ("user", "password", "tenant", "client_id", "client_secret")
    } | {
        "certificate_file": str((sandbox.folder / "client.pem").resolve()),
        "key_file": str((sandbox.folder / "client.key").resolve()),
        "assertion_file": str(assertion_file(sandbox).resolve()),
    }
    row.beat_at = timezone.now()
    row.save()

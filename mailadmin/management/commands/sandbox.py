"""Run the sandbox: a local SMTP server and a simulated Entra and Graph, whose inbox the console shows."""

from __future__ import annotations

import email
import email.policy
import signal
import threading
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.utils import timezone

from mailadmin import conf
from mailadmin.core.redact import clean
from mailadmin.models import SandboxMessage, SandboxServer
from mailadmin.sandbox.server import Sandbox

SMTP_PORT, HTTPS_PORT = 10025, 10443  # away from real servers; kept from start to start, as saved settings name them
BEAT_SECONDS = 5
KEPT_MESSAGES = 1000  # the oldest go first: a rehearsal must not fill the disk


class DatabaseInbox:
    """Keeps what arrives as rows."""

    def keep(self, via: str, envelope_sender: str, recipients: Sequence[str], raw: bytes) -> None:
        """Store one message and forget the oldest beyond the limit."""
        close_old_connections()
        try:
            subject = str(email.message_from_bytes(raw, policy=email.policy.default).get("Subject", ""))
        except Exception:  # the standard library's parser fails on some headers; the message is kept all the same
            subject = "(unreadable subject)"
        SandboxMessage.objects.create(
            via=via,
            envelope_sender=envelope_sender[:320],
            recipients=list(recipients),
            subject=clean(subject, limit=255),
            raw=raw,
        )
        old = SandboxMessage.objects.values_list("pk", flat=True)[KEPT_MESSAGES:]
        SandboxMessage.objects.filter(pk__in=list(old)).delete()
        close_old_connections()


class DatabaseBehaviour:
    """Fails as the console says."""

    def smtp(self) -> str:
        """Return the fault for SMTP, or ""."""
        return self._fault("smtp_fault")

    def graph(self) -> str:
        """Return the fault for Entra and Graph, or ""."""
        return self._fault("graph_fault")

    def _fault(self, column: str) -> str:
        close_old_connections()
        fault = SandboxServer.objects.filter(pk=1).values_list(column, flat=True).first() or ""
        close_old_connections()
        return str(fault)


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
        row = SandboxServer.load()
        try:
            sandbox = started(row, smtp_port, https_port)
        except (ImportError, OSError) as error:
            raise CommandError(f"The sandbox cannot start: {error}") from None
        _announce(row, sandbox)
        self.stdout.write(
            f"Sandbox: SMTP on localhost:{sandbox.smtp_port}, Entra and Graph on https://localhost:{sandbox.https_port}"
        )
        self._serve()
        sandbox.stop()
        SandboxServer.objects.filter(pk=1).update(beat_at=None)

    def _serve(self) -> None:
        """Beat until a signal comes."""
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        while not stop.wait(BEAT_SECONDS):
            try:
                SandboxServer.objects.filter(pk=1).update(beat_at=timezone.now())
            except DatabaseError as error:
                self.stderr.write(f"The sandbox cannot reach the database ({error}); it goes on trying.")
            close_old_connections()


def started(row: SandboxServer, smtp_port: int | None, https_port: int | None) -> Sandbox:
    """Return the running sandbox: on the ports asked for, else on those of last time, else on free ones.

    Raises ImportError without aiosmtpd, OSError when a port that was asked for is taken.
    """
    usual = _ports((smtp_port, row.smtp_port or SMTP_PORT), (https_port, row.https_port or HTTPS_PORT))
    free = _ports((smtp_port, 0), (https_port, 0))
    try:
        return _start(*usual)
    except OSError:
        if free == usual:
            raise
        return _start(*free)


def _ports(*asked_else: tuple[int | None, int]) -> tuple[int, ...]:
    return tuple(default if asked is None else asked for asked, default in asked_else)


def _start(smtp_port: int, https_port: int) -> Sandbox:
    folder = Path(conf.setting("SANDBOX_FOLDER"))
    sandbox = Sandbox(folder, DatabaseInbox(), DatabaseBehaviour(), smtp_port, https_port)
    sandbox.start()
    return sandbox


def _announce(row: SandboxServer, sandbox: Sandbox) -> None:
    """Tell the console where the sandbox listens and how to sign in."""
    row.smtp_port, row.https_port, row.ca_pem = sandbox.smtp_port, sandbox.https_port, sandbox.ca_pem
    row.credentials = {
        name: getattr(sandbox, name) for name in ("user", "password", "tenant", "client_id", "client_secret")
    }
    row.beat_at = timezone.now()
    row.save()

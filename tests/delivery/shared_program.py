"""What one of several processes does with what they share: `python -m tests.delivery.shared_program WHAT NUMBERS...`.

It reaches the database of DATABASE_URL, tells what happened as JSON, and waits for a line before it begins, so that
all of them begin together.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any


def main(what: str, *numbers: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    say("ready")
    sys.stdin.readline()
    say(ACTIONS[what](*(int(number) for number in numbers)))


def say(what: Any) -> None:
    print(json.dumps(what), flush=True)


def hold(threads: int, rounds: int, places: int) -> list[tuple[float, float]]:
    """Hold a place again and again; tell from when to when (the monotonic clock is the same for all processes)."""
    held: list[tuple[float, float]] = []

    def work() -> None:
        for _ in range(rounds):
            with shared().lease("graph:app", places, 60):
                since = time.monotonic()
                time.sleep(0.002)
                held.append((since, time.monotonic()))

    in_threads(threads, work)
    return held


def keep(*_: int) -> str:
    """Take the only place and do not give it back."""
    with shared().lease("graph:app", 1, 10):
        say("held")
        sys.stdin.readline()
    return "given back"


def book(threads: int, rounds: int, seconds: int, burst: int) -> list[float]:
    """Take turns, of which one comes in `seconds`; tell how far away each of them is."""
    from mailadmin.transports.shared import Pace

    waits: list[float] = []

    def work() -> None:
        for _ in range(rounds):
            waits.append(shared().book("robot@example.org", Pace(seconds, burst), 1_000_000))

    in_threads(threads, work)
    return waits


def outage(*_: int) -> str:
    """Go on while the database goes away."""
    from mailadmin.core.secret import Secret
    from mailadmin.transports.shared import Pace, SharedToken

    with shared().lease("graph:app", 1, 10):
        say("held")
        sys.stdin.readline()
    for _ in range(3):
        with shared().lease("graph:app", 1, 10):
            shared().book("robot@example.org", Pace(1, 10), 0)
            shared().keep_token("key", SharedToken(Secret("canary"), time.time() + 60))
            found = shared().token("key")
            assert found and found.value.reveal() == "canary"
    return "went on"


def send(threads: int, rounds: int) -> list[str]:
    """Send by the OAuth service in the database; tell the errors."""
    from mailadmin.conf import network_policy
    from mailadmin.core.errors import MailError
    from mailadmin.models import OAuthService
    from mailadmin.transports.registry import open_transport
    from tests.fakes.routes import a_mail

    transport = open_transport(OAuthService.objects.get().to_route(), network_policy(), "1")
    errors: list[str] = []

    def work() -> None:
        for _ in range(rounds):
            try:
                transport.send(a_mail())
            except MailError as error:
                errors.append(str(error))

    in_threads(threads, work)
    return errors


def mail(threads: int, rounds: int) -> list[tuple[str, float]]:
    """Send messages; tell of each which route took it, or why none did, and how many seconds that took."""
    from django.core.mail import EmailMessage
    from django.db import connection

    from mailadmin.core.errors import MailError
    from mailadmin.delivery.send import send_message

    ends: list[tuple[str, float]] = []

    def work() -> None:
        for _ in range(rounds):
            started = time.monotonic()
            try:
                end = send_message(EmailMessage("Hi", "there", "shop@contoso.org", ["ann@example.org"])).route
            except MailError as error:
                end = error.code
            ends.append((end, time.monotonic() - started))
        connection.close()

    in_threads(threads, work)
    return ends


def watch(*_: int) -> str:
    """Look after the schedule."""
    from django.db import connections

    from mailadmin.watch import schedule

    schedule.tick()
    connections.close_all()
    return "looked"


def shared() -> Any:
    from mailadmin.transports.shared import shared

    return shared()


def in_threads(number: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


ACTIONS: dict[str, Callable[..., Any]] = {
    "hold": hold,
    "keep": keep,
    "book": book,
    "outage": outage,
    "send": send,
    "mail": mail,
    "watch": watch,
}

if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main(*sys.argv[1:])

"""The contenders: each sends the same work, as its documentation says that applications do.

Run as `python -m bench.contenders ORDER`, in a process of its own; prints its figures as JSON. What is set up
once in the life of a process is done before the clock starts, with one message sent; a contender called "first"
is the other way round.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench.work import SENDER, Figures, Order, Work, attachment, recipients, text

# For the first message of a process: whatever a contender needs is imported after this.
STARTED = time.perf_counter(), time.process_time()
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


def main(line: str) -> Figures:
    """Carry out one order and return what it took."""
    order = Order.from_json(line)
    return _CONTENDERS[order.contender](order)


def django_backend(order: Order) -> Figures:
    """Send by the backend of the settings: stock or ours. Ours gets its connection by `prepare`."""
    import django

    django.setup()
    send = _sender(order.work)
    if order.options.get("first"):
        send(1)
        return _since(STARTED)
    send(2 if order.work.way == "each" else 1)
    if order.options.get("memory"):
        figures = _memory(order.work, send)
        if order.options.get("left"):  # in the outbox; the server is to count it too
            _work_off()
        return figures
    return _timed(lambda: send(order.work.messages))


def post_office(order: Order) -> Figures:
    """Queue with django-post-office, then send the queue with its five threads."""
    import django

    django.setup()
    from post_office.mail import send_queued  # type: ignore[import-untyped]  # no types

    send = _sender(order.work)

    def whole(count: int) -> None:
        send(count)
        send_queued(processes=1)

    whole(1)
    return _timed(lambda: whole(order.work.messages))


def queued(order: Order) -> Figures:
    """Queue with our backend, then send the queue with one worker."""
    import django

    django.setup()
    send = _sender(order.work)

    def whole(count: int) -> None:
        send(count)
        _work_off()

    whole(1)
    return _timed(lambda: whole(order.work.messages))


def worker(order: Order) -> Figures:
    """Return the memory that one worker needs more for a message that another process has queued."""
    import subprocess

    import django

    django.setup()
    _sender(replace(order.work, attachment_bytes=0))(1)
    _work_off()
    one = replace(order, contender="django", options={"first": 1})
    subprocess.run([sys.executable, "-m", "bench.contenders", one.to_json()], check=True, capture_output=True)
    return _growth(_work_off)


def finished_bytes(order: Order) -> Figures:
    """Send finished bytes with smtplib over one connection: what remains when nothing is built."""
    import smtplib

    content = _finished(order.work)
    with smtplib.SMTP("127.0.0.1", order.target.port) as smtp:
        smtp.ehlo()

        def send(count: int) -> None:
            for _ in range(count):
                smtp.sendmail(SENDER, recipients(order.work), content)

        send(1)
        return _timed(lambda: send(order.work.messages))


def aiosmtplib_eight(order: Order) -> Figures:
    """Send finished bytes with aiosmtplib over eight connections at once."""
    import asyncio

    import aiosmtplib

    content = _finished(order.work)

    async def lane(smtp: aiosmtplib.SMTP, count: int) -> None:
        for _ in range(count):
            await smtp.sendmail(SENDER, recipients(order.work), content)

    async def whole() -> Figures:
        lanes = [aiosmtplib.SMTP(hostname="127.0.0.1", port=order.target.port, start_tls=False) for _ in range(8)]
        for smtp in lanes:
            await smtp.connect()
        share, more = divmod(order.work.messages, len(lanes))
        started = time.perf_counter(), time.process_time()
        await asyncio.gather(*(lane(smtp, share + (place < more)) for place, smtp in enumerate(lanes)))
        figures = _since(started)
        for smtp in lanes:
            await smtp.quit()
        return figures

    return asyncio.run(whole())


def smtp_source(order: Order) -> Figures:
    """Let Postfix's generator send: C, and nothing built; the physical reference."""
    import subprocess

    from tests.services.processes import program

    sessions, work = order.options.get("sessions", 1), order.work
    command = [program("smtp-source"), "-s", str(sessions), "-m", str(work.messages), "-d", "-l", str(work.text_bytes)]
    command += ["-r", str(work.recipients), "-f", SENDER, "-t", "user@example.net", f"127.0.0.1:{order.target.port}"]
    return _timed(lambda: subprocess.run(command, check=True, capture_output=True))


def graph_one_by_one(order: Order) -> Figures:
    """Send by Graph with msal and requests, as much code does: everything anew for each message."""
    import base64
    import os

    import django
    import msal
    import requests

    django.setup()
    from django.core.mail import EmailMessage

    host, body = f"https://localhost:{order.target.port}", text(order.work)

    def send(count: int) -> None:
        for number in range(count):
            with requests.Session() as session:
                session.verify = os.environ["SSL_CERT_FILE"]
                session.trust_env = False  # REQUESTS_CA_BUNDLE would win
                app = msal.ConfidentialClientApplication(
                    "bench",
                    client_credential="bench",
                    authority=f"{host}/bench",
                    instance_discovery=False,
                    http_client=session,
                )
                token = app.acquire_token_for_client([f"{host}/.default"])["access_token"]
                built = EmailMessage(f"Message {number}", body, SENDER, recipients(order.work)).message()
                answer = session.post(
                    f"{host}/v1.0/users/{SENDER}/sendMail",
                    base64.b64encode(built.as_bytes()),
                    headers={"Authorization": f"Bearer {token}", "Content-Type": "text/plain"},
                )
                answer.raise_for_status()

    send(1)
    return _timed(lambda: send(order.work.messages))


_CONTENDERS: dict[str, Callable[[Order], Figures]] = {
    "django": django_backend,
    "post-office": post_office,
    "queued": queued,
    "worker": worker,
    "smtplib": finished_bytes,
    "aiosmtplib": aiosmtplib_eight,
    "smtp-source": smtp_source,
    "graph-one-by-one": graph_one_by_one,
}


def _sender(work: Work) -> Callable[[int], None]:
    """Return a function that sends a number of messages by Django, each built anew, as the work says."""
    from django.core.mail import EmailMessage, get_connection, send_mail

    body, attached = text(work), attachment(work) if work.attachment_bytes else b""

    def message(number: int) -> EmailMessage:
        made = EmailMessage(f"Message {number}", body, SENDER, recipients(work))
        if attached:
            made.attach("report.bin", attached, "application/octet-stream")
        return made

    def each(count: int) -> None:
        if work.threads == 1 or count < work.threads:
            some(range(count))
            return
        with ThreadPoolExecutor(work.threads) as threads:
            for done in [threads.submit(some, range(count)[place :: work.threads]) for place in range(work.threads)]:
                done.result()

    def some(numbers: range) -> None:
        for number in numbers:
            if attached:
                message(number).send()
            else:
                send_mail(f"Message {number}", body, SENDER, recipients(work))

    def as_list(count: int) -> None:
        _default_connection(get_connection).send_messages([message(number) for number in range(count)])

    return each if work.way == "each" else as_list


def _default_connection(get_connection: Callable[[], Any]) -> Any:
    """Return Django's default connection: a mailer where there are any (6.1)."""
    try:
        from django.core.mail import mailers
    except ImportError:
        return get_connection()
    return mailers.default


def _finished(work: Work) -> bytes:
    head = f"From: {SENDER}\r\nTo: {', '.join(recipients(work))}\r\nSubject: Message\r\nMessage-ID: <1@example.org>\r\n"
    return f"{head}\r\n{text(work)}".replace("\r\n", "\n").replace("\n", "\r\n").encode()


def _timed(work: Callable[[], object]) -> Figures:
    started = time.perf_counter(), time.process_time()
    work()
    return _since(started)


def _since(started: tuple[float, float]) -> Figures:
    return Figures(time.perf_counter() - started[0], time.process_time() - started[1])


def _memory(work: Work, send: Callable[[int], None]) -> Figures:
    """Return how much the peak grows while one message is sent, its attachment being there already."""
    sending = _sender(replace(work, messages=1))
    return _growth(lambda: sending(1))


def _growth(work: Callable[[], object]) -> Figures:
    """Return how much the peak of this process grows while `work` is done."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew: proc(5)
    before = _peak()
    figures = _timed(work)
    return replace(figures, memory_bytes=_peak() - before)


def _work_off() -> None:
    """Send what is queued, as `mailworker --once` does."""
    from mailadmin.delivery.outbox.engine import Engine

    Engine(8, "bench").run(once=True)


def _peak() -> int:
    found = _PEAK.search(Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of Django's own future: the stock backend's settings are to go
    print(json.dumps(asdict(main(sys.argv[1]))))

"""How soon a worker sends its first message, when very many wait."""

from __future__ import annotations

import time

from django.db import transaction

from bench import fill
from mailadmin.models import Delivery, DeliveryRecipient, OutboxEntry
from soak.house import MAILWORKER, House
from soak.ledger import read_taken
from soak.verdict import Verdict

PENDING = 100_000
_MOST_SECONDS = 10
_REAL = 200  # those that are due first can be sent; the others are never reached


def run(house: House, pending: int) -> Verdict:
    """Let so many messages wait, and start a worker."""
    with house.mail_server("start") as mail:
        house.produce("start", _REAL, aborts=0).wait(60)
        house.ask(lambda: _fill(pending))
        started = time.monotonic()
        house.start_worker(MAILWORKER)
        while not read_taken(mail.journal).copies and time.monotonic() - started < 6 * _MOST_SECONDS:
            time.sleep(0.02)
        seconds = time.monotonic() - started
        house.end_workers()
    Delivery.objects.all().delete()
    wrong = [f"The first message left after {seconds:.1f} s."] * (seconds > _MOST_SECONDS)
    return Verdict(wrong, {"messages waiting": pending + _REAL, "seconds until the first one left": seconds})


def _fill(pending: int) -> None:
    """Let copies of a message wait, due after the others. They have no content: the worker is stopped before."""
    entry = OutboxEntry.objects.select_related("delivery").order_by("-priority", "-due_at")[0]
    with transaction.atomic():
        fill.copies(entry.delivery, pending, {"id": fill.uuids(1), "message_id": "'<filled-' || n || '>'"})
        fill.copies(entry, pending, {"delivery": fill.uuids(1), "priority": "3", "due_at": "one.due_at"})
        for recipient in DeliveryRecipient.objects.filter(delivery=entry.delivery)[:1]:
            fill.copies(recipient, pending, {"delivery": fill.uuids(1)})
    fill.analyse()

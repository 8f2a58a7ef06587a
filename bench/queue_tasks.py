"""One measurement of the outbox, in a process of its own: `python -m bench.queue_tasks TASK NUMBER`; prints JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median, quantiles

import django

from bench.work import SENDER, Work, recipients, text

_WORK = Work()
_THREADS, _TOGETHER = 8, 100


def enqueue(count: int) -> dict[str, float]:
    """Queue `count` messages, each in a transaction of its own; return messages a second, and the milliseconds of the
    median and of the slowest twentieth."""
    for number in range(3):
        _queue(number)
    return _each(_queue, range(count))


def enqueue_by_threads(count: int) -> dict[str, float]:
    """The same by eight threads of one process, as a web server has them."""
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(_queue, range(_THREADS * 3)))  # each thread has its connection
        shares = [range(count)[place::_THREADS] for place in range(_THREADS)]
        figures = list(threads.map(lambda share: _each(_queue, share), shares))
    return {
        "a second": sum(one["a second"] for one in figures),
        "median ms": median(one["median ms"] for one in figures),
        "p95 ms": max(one["p95 ms"] for one in figures),
    }


def enqueue_together(count: int) -> dict[str, float]:
    """The same in transactions of a hundred messages; the times are those of a message, without the commit."""
    from django.db import transaction

    _queue(0)
    figures, started = [], time.perf_counter()
    for first in range(0, count, _TOGETHER):
        with transaction.atomic():
            figures.append(_each(_queue, range(first, min(first + _TOGETHER, count))))
    seconds = time.perf_counter() - started
    slow = max(one["p95 ms"] for one in figures)
    return {"a second": count / seconds, "median ms": median(one["median ms"] for one in figures), "p95 ms": slow}


def write(count: int) -> dict[str, float]:
    """Write one row `count` times, each in a transaction of its own: what the database and its disk allow."""
    from mailadmin.models import Settings

    Settings.objects.get_or_create(pk=1)
    return _each(lambda number: Settings.objects.filter(pk=1).update(retention_days=30), range(count))


def _queue(number: int) -> None:
    from django.core.mail import send_mail

    send_mail(f"Message {number}", text(_WORK), SENDER, recipients(_WORK))


def fill(count: int) -> dict[str, float]:
    """Write a log of `count` messages, a tenth of which wait in the outbox, all copies of one that is queued first."""
    from bench import fill
    from mailadmin.models import Delivery, OutboxEntry

    enqueue(1)
    entry = OutboxEntry.objects.select_related("delivery").first()
    assert entry
    waiting = count // 10
    fill.copies(entry.delivery, waiting, {"id": fill.uuids(1), "message_id": "'<waiting-' || n || '>'"})
    fill.copies(entry, waiting, {"delivery": fill.uuids(1), "priority": "1 + n %% 3"})
    sent = {"state": "'sent'", "message_id": "'<sent-' || n || '>'", "finished_at": "one.created_at"}
    fill.copies(entry.delivery, count - waiting, {"id": fill.uuids(10**9), **sent})
    fill.analyse()
    return {"rows": Delivery.objects.count(), "waiting": OutboxEntry.objects.count()}


def claim(count: int) -> dict[str, float]:
    """Claim `count` messages one by one, as a busy worker does; figures as of `enqueue`."""
    from mailadmin.delivery.outbox import claims

    def one(number: int) -> None:
        if not claims.claim("bench", 1):
            raise RuntimeError("Nothing was due.")

    one(0)
    return _each(one, range(count))


def post_office(count: int) -> dict[str, float]:
    """Send the queue of django-post-office with `count` processes of five threads; return the seconds that took."""
    from post_office.mail import send_queued  # type: ignore[import-untyped]  # no types

    started = time.perf_counter()
    send_queued(processes=count)
    return {"seconds": time.perf_counter() - started}


def _each(work: Callable[[int], object], numbers: range) -> dict[str, float]:
    times = []
    for number in numbers:
        started = time.perf_counter()
        work(number)
        times.append(time.perf_counter() - started)
    return {
        "a second": len(times) / sum(times),
        "median ms": median(times) * 1000,
        "p95 ms": quantiles(times, n=20)[-1] * 1000 if len(times) > 1 else times[0] * 1000,
    }


_TASKS: dict[str, Callable[[int], dict[str, float]]] = {
    "enqueue": enqueue,
    "enqueue-by-threads": enqueue_by_threads,
    "enqueue-together": enqueue_together,
    "write": write,
    "fill": fill,
    "claim": claim,
    "post-office": post_office,
}


if __name__ == "__main__":
    django.setup()
    print(json.dumps(_TASKS[sys.argv[1]](int(sys.argv[2]))))

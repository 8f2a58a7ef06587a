"""G8: the log's pages at a million messages, beside a stock changelist of Django's admin with the same messages.

    python -m bench.log_pages [--short]

The databases are filled past the models. Every page is asked for through Django's test client, signed in: the time is
that of the server with its templates, without a network. Both take turns in one process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

GOALS = {"first": 3.0, "deep": 3.5, "filter": 50.0, "search": 10.0}
GROWTH = 1.3  # the first page at all rows against the same at a tenth of them, at most
_TITLES = {
    "first": "first page",
    "deep": "deep page",
    "filter": "filter on the common state",
    "search": "search for an address that ten messages have",
    "common": "search for what every message has",
    "nothing": "search for what no message has",
    "several": "search, state, label and days",
    "address": "filter by recipient",
    "route": "filter by route",
    "two": "filter by label and state",
    "dashboard": "dashboard, 30 days",
}
_ROWS, _ROUNDS, _DEEP = 1_000_000, 7, 1000
_SHORT_ROWS, _SHORT_ROUNDS, _SHORT_DEEP = 20_000, 3, 100


def run(report: Callable[[str], object], short: bool) -> bool:
    """Measure on SQLite, and on PostgreSQL where it is installed; give each table (Markdown) to `report`, and tell
    whether all goals were met. `short` proves in a minute that everything runs; its ratios say nothing."""
    met = True
    for database in ("SQLite", "PostgreSQL"):
        with tempfile.TemporaryDirectory(prefix="mailadmin-bench-") as folder, _address(database, Path(folder)) as url:
            if not url:
                report(f"### G8: pages of the log, {database}\n\nIt is not installed here.\n")
                continue
            found = _measured(url, short)
            report(_table(database, found))
            met &= all(found[f"{name} ratio"] >= goal for name, goal in GOALS.items()) and found["growth"] <= GROWTH
    return met


@contextmanager
def _address(database: str, folder: Path) -> Iterator[str]:
    """Give the address of an empty database, "" where there is none."""
    if database == "SQLite":
        yield f"sqlite:///{folder / 'log.sqlite3'}"
        return
    from tests.services.postgresql import binary, running_postgresql

    if not binary("postgres"):
        yield ""
        return
    with running_postgresql() as address:
        yield address


def _measured(url: str, short: bool) -> dict[str, float]:
    """Measure in a process of its own: Django is set up for one database."""
    environment = os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "bench.log_settings"}
    command = [sys.executable, "-m", "bench.log_pages", "--inside", *(["--short"] if short else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3600)
    if done.returncode:
        raise RuntimeError(f"The pages of the log could not be measured:\n{done.stderr[-3000:]}")
    pairs = (line.partition("=") for line in done.stdout.splitlines() if "=" in line)
    return {name: float(value) for name, _, value in pairs}


def _table(database: str, found: dict[str, float]) -> str:
    rows, fewer = f"{found['rows']:,.0f}", f"{found['rows'] / 10:,.0f}"
    lines = [
        f"### G8: pages of the log at {rows} messages, {database}",
        "",
        f"Milliseconds of the server for a page, medians of {found['rounds']:.0f}. The deep page is number "
        f"{found['deep page']:,.0f}. Writing the texts of the search and their index took {found['index']:.0f} s; they "
        f"have {found['index size']:.0f} MB.",
        "",
        "| page | stock admin changelist | mailadmin | times faster | goal |",
        "|---|---:|---:|---:|---|",
    ]
    for name, title in _TITLES.items():
        ours = f"{found[f'{name} ours']:.1f}"
        if name not in GOALS:
            lines.append(f"| {title} | - | {ours} | - | - |")
            continue
        ratio = found[f"{name} ratio"]
        verdict = "met" if ratio >= GOALS[name] else "missed"
        stock = f"{found[f'{name} stock']:.1f}"
        lines.append(f"| {title} | {stock} | {ours} | {ratio:.1f} | {GOALS[name]:g}: **{verdict}** |")
    verdict = "met" if found["growth"] <= GROWTH else "missed"
    lines += [
        "",
        f"- G8, the first page at {rows} messages against itself at {fewer}: {found['growth']:.2f} times as long; the "
        f"goal is at most {GROWTH:g}: **{verdict}**.",
        "",
    ]
    return "\n".join(lines)


# -- in the process with Django ---------------------------------------------------------------------------


def _inside(short: bool) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from bench.log_rows import RARE, fill
    from mailadmin.delivery import log_text
    from mailadmin.models import SmtpConnection

    rows, rounds, deep = (_SHORT_ROWS, _SHORT_ROUNDS, _SHORT_DEEP) if short else (_ROWS, _ROUNDS, _DEEP)
    call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
    route = SmtpConnection.objects.create(name="Relay A", host="localhost", from_address="shop@example.org").pk
    client = _client()
    told: dict[str, float] = {"rows": rows, "rounds": rounds, "deep page": deep}

    fill(rows // 10)
    _settle(connection)
    small = _time(client, "/log/", rounds)
    for model in reversed(_models()):
        model._default_manager.all()._raw_delete("default")
    fill(rows)
    _settle(connection)
    before, begun = _megabytes(connection), time.perf_counter()
    if not log_text.catch_up(3600):
        raise RuntimeError("The index of the search cannot be made here.")
    told["index"] = time.perf_counter() - begun
    _settle(connection)
    told["index size"] = _megabytes(connection) - before

    pages = {
        "first": ("", ""),
        "deep": (f"?p={deep}", f"?older={_place(deep)}"),
        "filter": ("?state__exact=sent", "?state=sent"),
        "search": (f"?q={RARE}", f"?q={RARE}"),
    }
    for name, (stock, ours) in pages.items():
        theirs, mine = _turns(client, f"/admin/stock/message/{stock}", f"/log/{ours}", rounds)
        told |= {f"{name} stock": theirs, f"{name} ours": mine, f"{name} ratio": theirs / mine}
    alone = {
        "common": "/log/?q=example.org",
        "nothing": "/log/?q=nobody.has.this",
        "several": "/log/?q=anna&state=failed&label=shop&since=2026-01-02",
        "address": f"/log/?address={RARE}",
        "route": f"/log/?route={route}",
        "two": "/log/?label=shop&state=failed",
        "dashboard": "/?period=30d",
    }
    told |= {f"{name} ours": _time(client, address, rounds) for name, address in alone.items()}
    told["growth"] = told["first ours"] / small
    print("\n".join(f"{name}={value}" for name, value in told.items()))


def _models() -> list[Any]:
    from bench.stock.models import Message
    from mailadmin.models import Delivery, DeliveryAttempt, DeliveryRecipient, LogText

    return [Message, Delivery, DeliveryRecipient, DeliveryAttempt, LogText]


def _client() -> Any:
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.create_superuser("bench", "", "bench"))
    return client


def _time(client: Any, address: str, rounds: int) -> float:
    """Return the median milliseconds of a page, after one that warms up."""
    taken = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        response = client.get(address)
        taken.append((time.perf_counter() - begun) * 1000)
        if response.status_code != 200:
            raise RuntimeError(f"{address} answered {response.status_code}.")
    return statistics.median(taken[1:])


def _turns(client: Any, stock: str, ours: str, rounds: int) -> tuple[float, float]:
    """Return the median milliseconds of both pages, measured in turns."""
    taken = [(_time(client, stock, 1), _time(client, ours, 1)) for _ in range(rounds)]
    return statistics.median(one for one, _ in taken), statistics.median(one for _, one in taken)


def _place(page: int) -> str:
    """Return the place in the address of page number `page`, as the page before it has it."""
    from mailadmin.console.log_pages import Mark
    from mailadmin.models import Delivery

    rows = Delivery.objects.order_by("-created_at", "-pk").values_list("created_at", "pk")
    return Mark.of(*rows[(page - 1) * 50 - 1]).text("t")


def _settle(connection: Any) -> None:
    """Let PostgreSQL learn what is in its tables, as it does by itself in time. SQLite never does by itself."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def _megabytes(connection: Any) -> float:
    """Return how big the database is."""
    question = {
        "postgresql": "SELECT pg_database_size(current_database())",
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    }
    with connection.cursor() as cursor:
        cursor.execute(question[connection.vendor])
        return float(cursor.fetchone()[0]) / 1e6


def main() -> int:
    """Measure, or do the part of the process with Django."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.log_pages", description="The log's pages beside the admin's."
    )
    parser.add_argument("--short", action="store_true", help="few rows; proves that everything runs")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        _inside(options.short)
        return 0
    return 0 if run(print, options.short) or options.short else 1


if __name__ == "__main__":
    sys.exit(main())

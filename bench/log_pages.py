"""G8: the log's pages at a million messages, beside a stock changelist of Django's admin over the same rows.

    python -m bench.log_pages [--short] [--rows N]

Each database is filled by SQL, and every page is asked for through Django's test client, signed in: the time is that of
the server, with the template, and without a network. Both take turns in one process.
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

from cryptography.fernet import Fernet

ROWS, FEWER = 1_000_000, 100_000
_SHORT_ROWS, _SHORT_FEWER = 20_000, 5_000
_ROUNDS, _SHORT_ROUNDS = 7, 3
_DEEP = 1000  # the page that is "deep"; the console gets there by the place of the row, as its links do
_RARE = "anna777@example.org"
GOALS = {"first": 3.0, "deep": 3.5, "filter": 50.0, "search": 10.0}
GROWTH = 1.3


def run(report: Callable[[str], object], short: bool) -> bool:
    """Measure on SQLite and on PostgreSQL where it is installed, give each table to `report`, and tell whether all goals
    were met. `short` proves in about a minute that everything runs."""
    met = True
    for database in ("SQLite", "PostgreSQL"):
        with tempfile.TemporaryDirectory(prefix="mailadmin-bench-") as folder, _address(database, Path(folder)) as url:
            if url:
                found = _measured(url, short)
                report(_table(database, found))
                met &= all(found[f"{name} ratio"] >= goal for name, goal in GOALS.items()) and found["growth"] <= GROWTH
            else:
                report(f"### Pages of the log, {database}\n\nIt is not installed here.\n")
    return met


def _measured(url: str, short: bool) -> dict[str, float]:
    """Measure in a process of its own, because Django is set up once for one database."""
    environment = os.environ | {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "bench.log_settings",
        "BENCH_KEY": Fernet.generate_key().decode(),
    }
    command = [sys.executable, "-m", "bench.log_pages", "--worker", *(["--short"] if short else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3600)
    if done.returncode:
        raise RuntimeError(f"The pages of the log could not be measured:\n{done.stderr[-3000:]}")
    return {name: float(value) for name, _, value in (line.partition("=") for line in done.stdout.split("\n") if "=" in line)}


def _table(database: str, found: dict[str, float]) -> str:
    rows = f"{found['rows']:,.0f}"
    lines = [
        f"### G8: pages of the log at {rows} messages, {database}",
        "",
        f"Server time of a page in milliseconds, medians of {found['rounds']:.0f}; {found['fill']:.0f} s to fill the "
        f"tables, {found['index']:.0f} s to write the index of the search, {found['size']:.0f} MB in all.",
        "",
        "| page | stock admin changelist | mailadmin | times faster | goal |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, goal in GOALS.items():
        ratio = found[f"{name} ratio"]
        verdict = "**met**" if ratio >= goal else "**missed**"
        lines.append(
            f"| {_TITLES[name]} | {found[f'{name} stock']:.1f} | {found[f'{name} ours']:.1f} | {ratio:.1f} | {goal:g}: {verdict} |"
        )
    for name in ("common", "several", "address", "route", "dashboard"):
        lines.append(f"| {_TITLES[name]} | - | {found[f'{name} ours']:.1f} | - | - |")
    growth = "met" if found["growth"] <= GROWTH else "missed"
    lines += [
        "",
        f"- First page at {rows} messages against its own at {found['fewer']:,.0f}: {found['growth']:.2f}; the goal is at "
        f"most {GROWTH:g}: **{growth}**.",
        f"- Goals in times faster; the deep page is page {found['deep page']:.0f}.",
        "",
    ]
    return "\n".join(lines)


_TITLES = {
    "first": "first page",
    "deep": "deep page",
    "filter": "filter on the common state",
    "search": "search for an address",
    "common": "search for what every message has",
    "several": "search, state, label and days",
    "address": "filter by recipient",
    "route": "filter by route",
    "dashboard": "dashboard, 30 days",
}


@contextmanager
def _address(database: str, folder: Path) -> Iterator[str]:
    if database == "SQLite":
        yield f"sqlite:///{folder / 'log.sqlite3'}"
        return
    from tests.services.postgresql import binary, running_postgresql

    if not binary("postgres"):
        yield ""
        return
    with running_postgresql() as address:
        yield str(address)


# -- in the process with Django ---------------------------------------------------------------------------


def _work(short: bool) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from mailadmin.delivery import log_text

    rows, fewer = (_SHORT_ROWS, _SHORT_FEWER) if short else (ROWS, FEWER)
    rounds = _SHORT_ROUNDS if short else _ROUNDS
    call_command("migrate", verbosity=0, interactive=False)
    client = _client()
    told: dict[str, float] = {"rows": rows, "fewer": fewer, "rounds": rounds}

    def fill(start: int, end: int) -> float:
        begun = time.perf_counter()
        _fill(connection, start, end)
        return time.perf_counter() - begun

    def index() -> float:
        begun = time.perf_counter()
        if not log_text.catch_up(3600):
            raise RuntimeError("The index of the search cannot be made here.")
        return time.perf_counter() - begun

    told["fill"], told["index"] = fill(rows - fewer, rows), index()
    _settle(connection)
    small = _time(lambda: client.get("/log/"), rounds)
    told["fill"] += fill(0, rows - fewer)
    from mailadmin.models import LogText

    LogText.objects.all()._raw_delete("default")  # the older messages came later: their texts would stand in front
    told["index"] = index()
    _settle(connection)
    told["size"] = _megabytes(connection)

    deep = _DEEP if not short else rows // 100 // 2
    told["deep page"] = deep
    place = _place(deep)
    pages: dict[str, tuple[str, str]] = {
        "first": ("/admin/mailadmin/delivery/", "/log/"),
        "deep": (f"/admin/mailadmin/delivery/?p={deep}", f"/log/?older={place}"),
        "filter": ("/admin/mailadmin/delivery/?state__exact=sent", "/log/?state=sent"),
        "search": (f"/admin/mailadmin/delivery/?q={_RARE}", f"/log/?q={_RARE}"),
    }
    for name, (stock, ours) in pages.items():
        theirs, mine = _turns(client, stock, ours, rounds)
        told |= {f"{name} stock": theirs, f"{name} ours": mine, f"{name} ratio": theirs / mine}
    route = str(_route_id())
    single = {
        "common": "/log/?q=example.org",
        "several": "/log/?q=anna&state=failed&label=shop&since=2026-01-02",
        "address": f"/log/?address={_RARE}",
        "route": f"/log/?route={route}",
        "dashboard": "/?period=30d",
    }
    for name, address in single.items():
        told[f"{name} ours"] = _time(lambda address=address: client.get(address), rounds)  # type: ignore[misc]  # bound now
    told["growth"] = told["first ours"] / small
    for name, value in told.items():
        print(f"{name}={value}")


def _client() -> Any:
    from django.contrib.auth.models import User
    from django.test import Client

    from mailadmin.models import SmtpConnection

    SmtpConnection.objects.create(name="Relay A", host="localhost", from_address="shop@example.org")
    client = Client()
    client.force_login(User.objects.create_superuser("bench", "", "bench"))
    return client


def _time(ask: Callable[[], Any], rounds: int) -> float:
    """Return the median milliseconds of a page, after one to warm up."""
    taken = []
    for number in range(rounds + 1):
        begun = time.perf_counter()
        response = ask()
        _ = response.content
        if response.status_code != 200:
            raise RuntimeError(f"The page answered {response.status_code}.")
        if number:
            taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


def _turns(client: Any, stock: str, ours: str, rounds: int) -> tuple[float, float]:
    """Return the median milliseconds of both pages, measured in turns."""
    theirs, mine = [], []
    for _ in range(rounds):
        theirs.append(_time(lambda: client.get(stock), 1))
        mine.append(_time(lambda: client.get(ours), 1))
    return statistics.median(theirs), statistics.median(mine)


def _place(page: int) -> str:
    """Return the place where page number `page` begins, as the link of the page before it has it."""
    from mailadmin.console.log_pages import Mark, Part, _text, ByTime
    from mailadmin.models import Delivery

    source = ByTime([Part(Delivery.objects.all())])
    at, key = Delivery.objects.order_by("-created_at", "-pk").values_list("created_at", "pk")[page * 50 - 1]
    _ = (at, key)
    return _text(_mark(at, key, Mark), source)


def _mark(at: Any, key: Any, mark: Any) -> Any:
    from datetime import UTC, datetime, timedelta

    return mark((at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1), key)


def _route_id() -> Any:
    from mailadmin.models import SmtpConnection

    return SmtpConnection.objects.get().pk


def _megabytes(connection: Any) -> float:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.fetchall()
            return Path(connection.settings_dict["NAME"]).stat().st_size / 1e6
        cursor.execute("SELECT pg_database_size(current_database())")
        return float(cursor.fetchone()[0]) / 1e6


def _settle(connection: Any) -> None:
    """Let the database learn what is in its tables, as it does by itself in time."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")

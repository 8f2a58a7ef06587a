"""Whether mail leaves, in one line and an exit code, as Nagios, Icinga, Zabbix and cron read it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand
from django.db import Error as DatabaseError

from mailadmin.core.errors import MailError
from mailadmin.watch import schedule, vitals
from mailadmin.watch.finding import ERROR, WARNING
from mailadmin.watch.findings import shown
from mailadmin.watch.vitals import Vitals
from mailadmin.watch.waiting import lasting

OK, WARN, CRITICAL, UNKNOWN = 0, 1, 2, 3  # Monitoring Plugins Development Guidelines, "Plugin Return Codes"
_WORDS = {OK: "OK", WARN: "WARNING", CRITICAL: "CRITICAL", UNKNOWN: "UNKNOWN"}


@dataclass(frozen=True)
class Report:
    """What is said: the code, the sentences (the worst first), and what was read (None: nothing could be)."""

    code: int
    sentences: Sequence[str]
    read: Vitals | None = None


class Command(BaseCommand):
    """Exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."""

    help = (
        "Say whether mail leaves as it should, in one line with figures, then what is wrong. Exit code 0 OK, 1 "
        "WARNING, 2 CRITICAL (mail does not leave, or something stopped), 3 UNKNOWN (nobody can say)."
    )
    requires_system_checks = []  # what they would complain of is for a line of ours, not for a traceback

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how to look."""
        parser.add_argument("--json", action="store_true", help="print everything that was read as JSON")
        parser.add_argument(
            "--probe",
            action="store_true",
            help="first test the connections that are due for it and send alerts, where no worker runs (for cron)",
        )
        parser.add_argument(
            "--max-age",
            type=float,
            metavar="MINUTES",
            help="UNKNOWN when the latest test of a connection in use is older than that",
        )

    def handle(self, *args: Any, json: bool, probe: bool, max_age: float | None, **options: Any) -> None:
        """Look, print, and end with the exit code."""
        if probe:
            schedule.tick()
        report = _report(max_age)
        self.stdout.write(_as_json(report) if json else _as_text(report))
        if report.code:
            raise SystemExit(report.code)


def _report(max_age: float | None) -> Report:
    try:
        found = vitals.read()
    except DatabaseError as error:
        return Report(UNKNOWN, [f"The database cannot be read ({type(error).__name__})."])
    except MailError as error:
        return Report(UNKNOWN, [error.summary])
    except ImproperlyConfigured as error:
        return Report(UNKNOWN, [str(error)])
    faults, old = vitals.faults(found), _too_old(found, max_age)
    every = shown(found.findings)
    errors = [finding.title for finding in every if finding.tone == ERROR]
    warnings = [finding.title for finding in every if finding.tone == WARNING]
    code = CRITICAL if faults or errors else WARN if warnings else UNKNOWN if old else OK
    return Report(code, [*faults, *errors, *warnings, *old], found)


def _too_old(found: Vitals, minutes: float | None) -> list[str]:
    """Return in sentences which routes were not tested for longer than `minutes` (None: nobody asks)."""
    if minutes is None:
        return []
    ages = ((route, found.test_age(route.key)) for route in found.routes)
    return [
        f"“{route.name}” was {f'tested {lasting(age)} ago' if age is not None else 'never tested'}."
        for route, age in ages
        if age is None or age > 60 * minutes
    ]


def _as_text(report: Report) -> str:
    """Return the line of the state with its figures, then the details ("|" divides the two)."""
    rest = report.sentences[1:]
    first = report.sentences[0] if report.sentences else "Mail leaves as it should."
    more = f" ({len(rest)} more)" if rest else ""
    figures = f" | {' '.join(_figures(report.read))}" if report.read else ""
    return "\n".join([f"MAILADMIN {_WORDS[report.code]} - {_plain(first)}{more}{figures}", *map(_plain, rest)])


def _figures(found: Vitals) -> Iterator[str]:
    """Yield the performance data, 'label'=value[unit];warn;crit;min."""
    yield f"errors={found.number(ERROR)};;;0"
    yield f"warnings={found.number(WARNING)};;;0"
    yield f"routes={len(found.routes)};;;0"
    yield f"usable_routes={sum(route.usable for route in found.routes)};;;0"
    yield f"waiting={found.outbox.waiting.number};;;0"
    yield f"oldest_due={found.outbox.due_for:.0f}s;;;0"
    yield f"workers={len(found.outbox.workers)};;;0"
    if found.watch_age is not None:
        yield f"watch_age={found.watch_age:.0f}s;;;0"
    if found.endings:
        yield f"days_left={min(one.days for one in found.endings)}"


def _plain(text: str) -> str:
    """Return `text` on one line, without the character that divides it from the figures."""
    return " ".join(text.replace("|", "/").split())


def _as_json(report: Report) -> str:
    details = vitals.details(report.read) if report.read else {}
    status = {"status": _WORDS[report.code], "code": report.code, "messages": list(report.sentences)}
    return json.dumps(status | details, indent=2, ensure_ascii=False)

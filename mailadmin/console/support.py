"""The support report: what somebody who helps has to know of this installation, and no secret. It is in English on
purpose, whoever makes it: those who help may read no other language of the console."""

from __future__ import annotations

import platform
import ssl
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import override

import mailadmin
from mailadmin import testruns
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.core.placeholders import without_addresses
from mailadmin.core.redact import clean
from mailadmin.core.report import StepState
from mailadmin.core.support import Section, as_text
from mailadmin.models import (
    ConnectionTest,
    Delivery,
    IntegratedService,
    OAuthService,
    Settings,
    SmtpConnection,
    Worker,
)
from mailadmin.watch.findings import findings
from mailadmin.watch.vitals import read

from .installation import facts
from .reports import WITHOUT_NAMES, placeholders
from .route_rows import RouteSummary, summaries

_PACKAGES = (
    *("cryptography", "msal", "requests", "urllib3", "django-htmx", "dnspython", "checkdmarc", "scramp", "pyspnego"),
    *("aiosmtpd", "celery", "psycopg", "PyMySQL", "mysqlclient", "gunicorn", "uvicorn", "whitenoise"),
)
_TROUBLED = (DeliveryState.FAILED, DeliveryState.PARTLY, DeliveryState.UNSURE, DeliveryState.FALLBACK)


@override(None)
def report(hosts: bool) -> str:
    """Return the report as plain text; with `hosts` False every name of a host, a user and an account in it is a
    placeholder. Never raises: a part that cannot be read says why."""
    heading = f"mailadmin support report, {timezone.now():%Y-%m-%d %H:%M} UTC\nIt holds no secret."
    text = as_text(heading if hosts else f"{heading} {WITHOUT_NAMES}", _sections())
    return text if hosts else _without_names(text)


def _sections() -> list[Section]:
    parts: tuple[tuple[str, Callable[[], Iterable[str]]], ...] = (
        ("What is wrong now", _wrong),
        ("Connections, in the order in which they are tried", _routes),
        ("Last tests", _tests),
        ("Last messages with trouble", _troubles),
        ("Outbox and workers", _outbox),
        ("Versions", _versions),
        ("This installation", _installation),
        ("Preferences that are not as usual", _preferences),
    )
    return [Section(title, _read(lines)) for title, lines in parts]


def _read(lines: Callable[[], Iterable[str]]) -> list[str]:
    try:
        return list(lines())
    except Exception as error:  # the report is made when something is broken; the other parts still help
        return [f"This part could not be read: {type(error).__name__}: {clean(str(error))}"]


def _wrong() -> Iterator[str]:
    for finding in findings():
        yield f"{finding.tone}: {finding.title} {finding.text}{f' [{finding.code}]' if finding.code else ''}"


def _routes() -> Iterator[str]:
    for place, found in enumerate([*summaries(OAuthService), *summaries(SmtpConnection)], 1):
        yield f"{place}. {_route(found)}"
    for service in IntegratedService.objects.all():
        yield f"Integrated service {service.name}: {testruns.target(testruns.subject_of_row(service))}"


def _route(found: RouteSummary) -> str:
    family = "SMTP" if isinstance(found.row, SmtpConnection) else "Graph"
    parts = [
        f"{found.row.name} ({family}): {found.label}. {found.reason}".strip(),
        testruns.target(found.row.to_route()),
    ]
    parts.append(f"last used {found.last_used:%Y-%m-%d %H:%M} UTC" if found.last_used else "never used")
    return "; ".join(parts)


def _tests() -> Iterator[str]:
    for found in [*summaries(OAuthService), *summaries(SmtpConnection)]:
        test = found.last_test
        if test is None:
            yield f"{found.row.name}: never tested."
            continue
        yield f"{found.row.name}, {test.started_at:%Y-%m-%d %H:%M} UTC: {test.shown_label}. {test.verdict}"
        yield from _bad_steps(test)


def _bad_steps(test: ConnectionTest) -> Iterator[str]:
    for step in testruns.steps_of(test):
        if step.state in (StepState.FAILED, StepState.WARNING, StepState.NOT_PROVEN):
            code = f" [{step.code}]" if step.code else ""
            yield f"  {step.title}: {step.state.label}{code}. {step.fact} {step.problem}"


def _troubles() -> Iterator[str]:
    latest = Delivery.objects.filter(state__in=_TROUBLED).prefetch_related("attempts")
    for delivery in latest[: limits.LATEST_ROWS]:
        yield f"{delivery.created_at:%Y-%m-%d %H:%M} UTC: {delivery.get_state_display()}"
        for attempt in delivery.attempts.all():
            if not attempt.accepted:
                said = without_addresses(f"{attempt.problem} {attempt.answer}")
                yield f"  {attempt.route_name}, {attempt.phase} [{attempt.code}] {attempt.server_code}: {said}"


def _outbox() -> Iterator[str]:
    vitals = read()
    found = vitals.outbox
    yield f"Waiting: {found.waiting.number}; due for {found.due_for:.0f} s; may have been delivered: {vitals.unsure}"
    for worker in Worker.objects.order_by("-beat_at")[: limits.LATEST_ROWS]:
        age = (timezone.now() - worker.beat_at).total_seconds()
        yield f"Worker {worker.name}: {worker.threads} threads, {worker.handled} messages, beat {age:.0f} s ago"


def _versions() -> Iterator[str]:
    version = ".".join(map(str, connection.get_database_version()))
    yield f"mailadmin {mailadmin.__version__}, Python {sys.version.split()[0]}, Django {django.get_version()}"
    yield f"{ssl.OPENSSL_VERSION}; database {connection.vendor} {version}; {platform.platform()}"
    yield ", ".join(f"{name} {version}" for name in _PACKAGES if (version := _version(name)))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _installation() -> Iterator[str]:
    for fact in facts():
        yield f"{fact.title}: {fact.value}"
    yield f"Time zone: {settings.TIME_ZONE}"


def _preferences() -> Iterator[str]:
    row = Settings.load()
    for field in Settings._meta.concrete_fields:
        value = getattr(row, field.name)
        if field.editable and not field.primary_key and value != field.get_default():
            yield f"{field.verbose_name}: {' '.join(str(value).split())}"


def _without_names(text: str) -> str:
    """Return `text` without the names that the settings and the workers hold, our own among them."""
    models = (OAuthService, SmtpConnection, IntegratedService)
    values = [each for model in models for each in _values_of(model)]
    workers = [(name.rpartition(":")[0] or name).split()[-1:] for name in Worker.objects.values_list("name", flat=True)]
    console = urlsplit(Settings.load().console_url).hostname or ""
    return placeholders(values, machines=(console, *(host for hosts in workers for host in hosts))).apply(text)


def _values_of(model: type[OAuthService] | type[SmtpConnection] | type[IntegratedService]) -> Iterator[dict[str, str]]:
    for row in model._default_manager.all():
        try:
            yield testruns.values_of(testruns.subject_of_row(row))
        except Exception as error:  # its names are found by their form where that is one
            yield {"Host": str(getattr(row, "host", "")), "Error": type(error).__name__}

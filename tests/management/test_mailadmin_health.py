"""P11, P14: `manage.py mailadmin_health`, as a monitoring system reads it."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from mailadmin import testruns
from mailadmin.models import ConnectionTest, RouteState, Settings, SmtpConnection
from tests.console.rows_to_watch import finished_test, plain_row
from tests.delivery.conftest import fresh_settings, plain
from tests.delivery.shared_processes import ROOT, environment
from tests.fakes.smtp_server import SmtpServer

__all__ = ["fresh_settings"]  # a fixture
pytestmark = pytest.mark.django_db(transaction=True)

# Monitoring Plugins Development Guidelines: 'label'=value[UOM];[warn];[crit];[min];[max]
PERFORMANCE = re.compile(r"[a-z_]+=-?[0-9.]+s?(;[^;]*){0,4}")


@pytest.fixture(autouse=True)
def watched() -> None:
    Settings.load()
    Settings.objects.update(watched_at=timezone.now())


def run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("mailadmin_health", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def well(port: int = 25, name: str = "Relay A") -> SmtpConnection:
    row = plain_row(port, name=name)
    finished_test("ok", route_id=row.pk, digest=testruns.digest_of(row.to_route()))
    return row


def stop(row: SmtpConnection) -> None:
    now = timezone.now()
    RouteState.objects.create(
        kind="smtp", route_id=row.pk, stopped=True, failing=True, since=now, reason="Refused | by it."
    )


def test_p11_all_is_well() -> None:
    well()
    code, told = run()
    line, _, figures = told.strip().partition(" | ")
    assert (code, line) == (0, "MAILADMIN OK - Mail leaves as it should.")
    assert "\n" not in figures
    assert all(PERFORMANCE.fullmatch(figure) for figure in figures.split())
    assert {"errors=0;;;0", "routes=1;;;0", "usable_routes=1;;;0", "waiting=0;;;0"} <= set(figures.split())


def test_p11_a_warning_is_exit_code_1() -> None:
    well()
    plain_row(26, name="Relay B")
    code, told = run()
    assert code == 1
    assert told.startswith("MAILADMIN WARNING - “Relay B” was never tested. | ")


def test_p11_a_stopped_route_is_critical_and_the_details_follow_the_line() -> None:
    stop(well())
    plain_row(26, name="Relay B")
    code, told = run()
    lines = told.splitlines()
    assert code == 2
    assert lines[0].startswith("MAILADMIN CRITICAL - “Relay A” is stopped: no message goes by it. (1 more) | ")
    assert lines[1:] == ["“Relay B” was never tested."]
    assert lines[0].count("|") == 1


def test_p11_no_route_at_all_is_critical() -> None:
    code, told = run()
    assert code == 2
    assert "so no mail can leave" in told


def test_p11_a_database_that_cannot_be_read_is_unknown_and_no_traceback() -> None:
    def away(*args: object, **kwargs: object) -> object:
        raise OperationalError("canary: could not connect to server")

    with connection.execute_wrapper(away):
        code, told = run()
    assert (code, told) == (3, "MAILADMIN UNKNOWN - The database cannot be read (OperationalError).\n")


@pytest.mark.parametrize(("minutes", "code"), [(59, 0), (61, 3)])
def test_p11_a_test_that_is_too_old_is_unknown(minutes: int, code: int) -> None:
    well()
    ConnectionTest.objects.update(started_at=timezone.now() - timedelta(minutes=minutes))
    SmtpConnection.objects.update(changed_at=timezone.now() - timedelta(days=1))
    found, told = run("--max-age", "60")
    assert found == code
    assert ("“Relay A” was tested 1 hour ago." in told) is bool(code)
    assert run()[0] == 0


def test_p11_json_has_everything_that_was_read() -> None:
    stop(well())
    code, told = run("--json")
    found = json.loads(told)
    assert (code, found["status"], found["code"], found["errors"]) == (2, "CRITICAL", 2, 1)
    assert found["findings"][0]["kind"] == "stopped"
    assert found["routes"][0]["test"] == "ok"
    assert found["routes"][0]["test_age_seconds"] >= 0
    assert found["watch_age_seconds"] >= 0


def test_n11_p11_cron_lets_it_test_what_is_due() -> None:
    with SmtpServer() as server:
        plain(server)
        SmtpConnection.objects.update(changed_at=timezone.now() - timedelta(hours=2))
        code, _ = run("--probe")
    test = ConnectionTest.objects.get()
    assert (code, test.scheduled, test.state) == (0, True, "ok")


def test_p11_as_a_process_it_ends_with_its_code_and_one_line(tmp_path: Path) -> None:
    """Without a database at all: what a monitor calls before somebody has migrated it."""
    env = os.environ | environment() | {"DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite3"}
    command = [sys.executable, "-W", "error", "manage.py", "mailadmin_health"]
    ended = subprocess.run(
        command, cwd=ROOT, env=env | {"DJANGO_SETTINGS_MODULE": "tests.settings"}, capture_output=True, text=True
    )
    assert ended.returncode == 3
    assert ended.stdout.startswith("MAILADMIN UNKNOWN - The mail settings cannot be read")
    assert ended.stdout.count("\n") == 1
    assert "Traceback" not in ended.stderr

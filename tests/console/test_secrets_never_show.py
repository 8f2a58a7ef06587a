"""Canary: a typed or stored secret is in no answer, log line, audit entry or error report of Django."""

from __future__ import annotations

import logging

import django
import pytest
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.log import AdminEmailHandler

from mailadmin.models import AuditEntry, IntegratedService, SmtpConnection
from tests.fakes.app_certificates import app_certificate

pytestmark = pytest.mark.django_db
CANARY = "canary-Zx81-Nq27"


@pytest.fixture
def records():
    """Everything that is logged, by whatever logger, down to DEBUG."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record) + repr(record.args))

    handler = Keep(level=logging.DEBUG)
    loggers = [logging.getLogger(name) for name in ("", "django", "mailadmin")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    yield lines
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_p9_a_secret_shows_nowhere_after_saving_and_failing(admin_client, smtp_values, service_values, records):
    """P9."""
    typed = smtp_values | {"secret": CANARY}
    answers = [
        admin_client.post("/smtp/new/", typed, follow=True),
        admin_client.post("/smtp/new/", typed | {"host": "bad host"}),
        admin_client.post("/services/new/", service_values | {"secret": CANARY}, follow=True),
    ]
    row, service = SmtpConnection.objects.get(), IntegratedService.objects.get()
    edit = reverse("mailadmin:smtp-edit", args=[row.pk])
    answers += [
        admin_client.post(edit, typed | {"secret": CANARY + "2"}, follow=True),
        admin_client.get(edit),
        admin_client.get(reverse("mailadmin:service-edit", args=[service.pk])),
        admin_client.get(reverse("mailadmin:smtp-delete", args=[row.pk])),
        admin_client.get("/audit/"),
        admin_client.get("/settings/"),
    ]
    assert all(CANARY not in answer.text for answer in answers)
    assert not any(CANARY in line for line in records)
    for entry in AuditEntry.objects.all():
        assert CANARY not in f"{entry.changes} {entry.detail}"
        assert row.secret_stored not in str(entry.changes)


def test_p9_the_database_holds_the_secret_sealed_only(admin_client, smtp_values, tmp_path):
    """P9: a dump of all tables."""
    admin_client.post("/smtp/new/", smtp_values | {"secret": CANARY})
    dump = tmp_path / "dump.json"
    call_command("dumpdata", output=str(dump), verbosity=0)
    assert CANARY not in dump.read_text()
    assert SmtpConnection.objects.get().secret.value().reveal() == CANARY


@pytest.fixture
def report(settings):
    """Django's error e-mails, with the HTML page of all frames."""
    settings.ADMINS = ["ops@example.org"] if django.VERSION >= (6, 0) else [("Ops", "ops@example.org")]
    logger, handler = logging.getLogger("django.request"), AdminEmailHandler(include_html=True)
    logger.addHandler(handler)
    yield mail.outbox
    logger.removeHandler(handler)


@pytest.fixture
def crashing(administrator):
    """An administrator's browser, which gets the page of a crash."""
    client = Client(raise_request_exception=False)
    client.force_login(administrator)
    return client


def drop(table: str) -> None:
    """Make a real failure of a real database, half way through a request."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA defer_foreign_keys = ON")
        cursor.execute(f"DROP TABLE {table}")


def shown(message: mail.EmailMultiAlternatives) -> str:
    return message.body + message.alternatives[0][0]


def test_p9_a_crash_while_saving_reports_no_secret(crashing, smtp_values, report):
    """P9: neither in Django's error e-mail nor on the page that the user sees."""
    drop("mailadmin_auditentry")
    response = crashing.post("/smtp/new/", smtp_values | {"secret": CANARY})
    assert response.status_code == 500
    assert CANARY not in response.text
    assert "Something broke on the server" in response.text
    assert "save_form" in shown(report[0]), "the report does show the frames"
    assert CANARY not in shown(report[0])


def test_p9_a_key_that_was_pasted_with_its_certificate_is_in_no_report(crashing, service_values, report):
    """P9: the wrong field for it, and a likely one."""
    made = app_certificate()
    pasted = {"certificate": made.pem + made.key, "ca_pem": made.key, "credential_kind": "certificate", "secret": ""}
    drop("mailadmin_integratedservice")
    assert crashing.post("/services/new/", service_values | pasted).status_code == 500
    assert "validate_unique" in shown(report[0])
    assert made.key.splitlines()[3] not in shown(report[0])

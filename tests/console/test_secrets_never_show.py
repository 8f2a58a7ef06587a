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


def test_p9_a_crash_while_saving_reports_no_secret(administrator, smtp_values, settings):
    """P9: Django's error e-mail, with the HTML page of all frames, and the page that the user sees."""
    settings.ADMINS = ["ops@example.org"] if django.VERSION >= (6, 0) else [("Ops", "ops@example.org")]
    handler = logging.getLogger("django.request")
    report = AdminEmailHandler(include_html=True)
    handler.addHandler(report)
    client = Client(raise_request_exception=False)
    client.force_login(administrator)
    try:
        with connection.cursor() as cursor:  # the real failure of a real database, half way through saving
            cursor.execute("DROP TABLE mailadmin_auditentry")
        response = client.post("/smtp/new/", smtp_values | {"secret": CANARY})
    finally:
        handler.removeHandler(report)
    assert response.status_code == 500
    assert CANARY not in response.text
    assert "Something broke on the server" in response.text
    (message,) = mail.outbox
    html = message.alternatives[0][0]
    assert "save_form" in html, "the report does show the frames"
    assert CANARY not in html
    assert CANARY not in message.body

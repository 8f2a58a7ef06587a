"""The support report: what it tells, what it leaves out, and that it comes whatever is broken."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailadmin.console.support import report
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import OAuthService, Settings, SmtpConnection, Worker
from tests.console.rows_to_watch import delivery, finished_test

pytestmark = pytest.mark.django_db


@pytest.fixture
def installation(smtp: SmtpConnection, oauth: OAuthService) -> None:
    Settings.objects.update_or_create(pk=1, defaults={"retention_days": 77, "redirect_to": "dev@contoso.example"})
    Worker.objects.create(name="mailhost:4711", threads=8, started_at=timezone.now(), beat_at=timezone.now())
    test = finished_test("failed", route_id=smtp.pk, name=smtp.name, verdict="Step 6 of 9 failed: Sign-in.")
    test.steps.update(state="failed", title="Sign-in", code="credentials-refused", fact="535 5.7.8 no")
    delivery(
        DeliveryState.FAILED,
        to=("customer@private.example",),
        attempts=({"accepted": False, "code": "mailbox-unknown", "answer": "550 <customer@private.example> unknown"},),
        subject="Your salary",
    )


def test_it_tells_what_a_helper_asks_for(installation: None) -> None:
    text = report(hosts=True)
    for part in (
        "What is wrong now",
        "1. Contoso 365 (Graph): Not tested yet",
        "2. Relay A (SMTP): ",
        "smtp.example.org:587 · STARTTLS required",
        "Step 6 of 9 failed: Sign-in.",
        "Sign-in: failed [credentials-refused]. 535 5.7.8 no",
        "[mailbox-unknown]",
        "Worker mailhost:4711: 8 threads",
        "OpenSSL",
        "database sqlite 3.",
        "Django ",
        "cryptography ",
        "keep the log for (days): 77",
        "Encryption key: present",
    ):
        assert part in text


def test_neither_form_says_who_got_mail_and_what_about(installation: None) -> None:
    for text in (report(hosts=True), report(hosts=False)):
        assert "customer" not in text
        assert "salary" not in text


def test_without_host_names_nothing_says_whose_installation_it_is(installation: None) -> None:
    text = report(hosts=False)
    for name in ("contoso.example", "smtp.example.org", "mailer@", "mailhost", "3c1d22aa", "dev@"):
        assert name not in text
    assert "host-1" in text
    assert "are replaced" in text


def test_without_host_names_a_console_with_a_short_name_is_not_named_either(db: None) -> None:
    Settings.objects.update_or_create(pk=1, defaults={"console_url": "http://intranet:8080"})
    assert "http://intranet:8080" in report(hosts=True)
    assert "intranet" not in report(hosts=False)


def test_it_comes_even_where_a_part_is_broken(installation: None, settings: Any) -> None:
    settings.MAILADMIN = settings.MAILADMIN | {"NETWORK": {"UNKNOWN": 1}}
    SmtpConnection.objects.update(security="no-such-security")
    for text in (report(hosts=True), report(hosts=False)):
        assert "This part could not be read: " in text
        assert "Versions" in text


def test_an_administrator_looks_at_it_copies_it_and_downloads_it(admin_client: Client, installation: None) -> None:
    text = admin_client.get(reverse("mailadmin:support")).content.decode()
    assert 'data-copy="#report"' in text
    assert 'data-copy="#nameless-report"' in text
    full = admin_client.get(reverse("mailadmin:support-report"))
    assert full["Content-Type"] == "text/plain; charset=utf-8"
    assert "smtp.example.org" in full.content.decode()
    assert (
        "smtp.example.org"
        not in admin_client.get(reverse("mailadmin:support-report"), {"hosts": "no"}).content.decode()
    )

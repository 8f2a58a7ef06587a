"""Rows for the tests of the pages that watch: routes to fake peers, deliveries, finished tests."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from django.utils import timezone

from mailadmin.core.outcome import DeliveryState, RecipientState
from mailadmin.models import (
    ConnectionTest,
    ConnectionTestStep,
    Delivery,
    DeliveryAttempt,
    DeliveryRecipient,
    SmtpConnection,
)
from tests.fakes import certificates
from tests.fakes.smtp_routes import PASSWORD


def smtp_row(port: int = 25, name: str = "Relay A", password: str = PASSWORD, **values: Any) -> SmtpConnection:
    """Return a saved connection to loopback that signs in with `password`."""
    defaults: dict[str, Any] = {
        "host": "localhost",
        "security": "starttls",
        "ca_pem": certificates.authority().pem.strip(),
        "auth": "password",
        "user_name": "anna",
        "from_address": "shop@example.org",
    }
    row = SmtpConnection(name=name, port=port, **(defaults | values))
    row.set_secret(password)
    row.full_clean()
    row.save()
    return row


def plain_row(port: int, name: str = "Relay A", **values: Any) -> SmtpConnection:
    """Return a saved connection to loopback without encryption and sign-in."""
    defaults: dict[str, Any] = {"host": "localhost", "security": "none", "from_address": "shop@example.org"}
    row = SmtpConnection(name=name, port=port, **(defaults | values))
    row.full_clean()
    row.save()
    return row


def delivery(
    state: DeliveryState = DeliveryState.SENT,
    *,
    to: tuple[str, ...] = ("ann@example.org",),
    attempts: tuple[dict[str, Any], ...] = (),
    minutes_ago: float = 1,
    **values: Any,
) -> Delivery:
    """Return a logged message with its recipients and attempts."""
    at = timezone.now() - timedelta(minutes=minutes_ago)
    defaults = {
        "subject": "Invoice",
        "route_name": "Relay A",
        "duration_ms": 400,
        "recipient_list": [["to", address] for address in to],
        "finished_at": None if state is DeliveryState.SENDING else at,
    }
    row = Delivery.objects.create(created_at=at, state=state, **(defaults | values))
    outcome = RecipientState.SENT if state.accepted else RecipientState.REFUSED
    DeliveryRecipient.objects.bulk_create(
        DeliveryRecipient(delivery=row, address=address, state=outcome, logged_at=at) for address in to
    )
    for number, attempt in enumerate(attempts, 1):
        tried = {"route_kind": "smtp", "route_name": "Relay A", "accepted": True} | attempt
        DeliveryAttempt.objects.create(
            delivery=row, number=number, started_at=at, logged_at=at, duration_ms=100, **tried
        )
    return row


def finished_test(state: str = "ok", **values: Any) -> ConnectionTest:
    """Return a finished test with one step."""
    now = timezone.now()
    defaults: dict[str, Any] = {"kind": "smtp", "name": "Relay A", "target": "localhost:25", "finished_at": now}
    test = ConnectionTest.objects.create(state=state, **(defaults | values))
    ConnectionTestStep.objects.create(test=test, place=0, key="settings", title="Settings", state="ok")
    return test


def wait_for(test: ConnectionTest) -> ConnectionTest:
    """Wait for the thread of `test` to end and return the row as it is then."""
    for thread in threading.enumerate():
        if thread.name == f"test-{test.pk}":
            thread.join(30)
    test.refresh_from_db()
    return test

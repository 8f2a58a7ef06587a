"""`MAILADMIN["DELIVERY_LOG"] = False`: no rows, but the lines, the results and the health of routes stay."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

import mailadmin
from mailadmin.backends import EmailBackend
from mailadmin.conf import ConfigurationError
from mailadmin.core.outcome import DeliveryState
from mailadmin.delivery.options import SendOptions
from mailadmin.delivery.send import send_message
from mailadmin.models import Delivery, DeliveryAttempt, DeliveryRecipient, RouteState
from tests.fakes.smtp_server import SmtpServer

from .conftest import Peers, a_message, add_smtp, plain

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def log_off(settings: Any) -> None:
    settings.MAILADMIN = settings.MAILADMIN | {"DELIVERY_LOG": False}


def rows() -> int:
    return Delivery.objects.count() + DeliveryAttempt.objects.count() + DeliveryRecipient.objects.count()


def test_a_message_leaves_a_line_and_no_row(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mailadmin.delivery")
    with SmtpServer() as server:
        plain(server)
        result = send_message(a_message())
    assert (result.state, result.route, result.delivery_id) == (DeliveryState.SENT, "Relay A", None)
    assert rows() == 0
    assert "state=sent route='Relay A' recipients=1" in caplog.text


def test_one_statement_a_message_is_left() -> None:
    with SmtpServer() as server:
        plain(server)
        send_message(a_message())
        send_message(a_message())
        with CaptureQueriesContext(connection) as captured:
            send_message(a_message())
    assert len(captured) == 1


def test_a_key_that_nobody_would_remember_is_an_error() -> None:
    with SmtpServer() as server:
        plain(server)
        with pytest.raises(ConfigurationError, match="idempotency key"):
            send_message(a_message(), SendOptions(idempotency_key="order-4711"))
    assert (server.messages, rows()) == ([], 0)


def test_failures_and_lists_leave_no_row_either(caplog: pytest.LogCaptureFixture) -> None:
    with SmtpServer({"MAIL": ["550 5.7.1 no"] * 50}) as server:
        plain(server)
        with pytest.raises(mailadmin.MailError):
            send_message(a_message())
        with pytest.raises(mailadmin.BadMessage):
            send_message(a_message(subject="a\nb"))
        assert EmailBackend(fail_silently=True).send_messages([a_message() for _ in range(10)]) == 0
    assert rows() == 0
    assert caplog.text.count("state=failed") == 12


def test_the_health_of_routes_goes_on(peers: Peers) -> None:
    add_smtp(peers, password="wrong")
    add_smtp(peers, "Relay B", order=2)
    assert send_message(a_message()).state is DeliveryState.FALLBACK
    assert RouteState.objects.filter(stopped=True).count() == 1
    assert "stopped" in send_message(a_message()).skipped[0].reason

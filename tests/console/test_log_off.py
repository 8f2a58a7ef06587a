"""`MAILADMIN["DELIVERY_LOG"] = False`: no page pretends that nothing was sent, and a message by hand has its answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from mailadmin.delivery import routes
from mailadmin.models import Delivery
from tests.console.rows_to_watch import finished_test, plain_row
from tests.fakes.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db
SWITCHED_OFF = "The delivery log is switched off."


@pytest.fixture(autouse=True)
def log_off(settings: Any) -> Iterator[None]:
    settings.MAILADMIN = settings.MAILADMIN | {"DELIVERY_LOG": False}
    routes.forget()
    yield
    routes.forget()


def shown(client: Client, name: str) -> str:
    return client.get(reverse(f"mailadmin:{name}")).content.decode()


@pytest.mark.parametrize("page", ["dashboard", "log-list"])
def test_the_pages_of_the_log_say_so(viewer_client: Client, page: str) -> None:
    text = shown(viewer_client, page)
    assert SWITCHED_OFF in text
    assert "it is listed here" not in text


def test_the_first_steps_do_not_wait_for_a_row(admin_client: Client) -> None:
    plain_row(25)
    finished_test("ok")
    assert "Three steps" not in shown(admin_client, "dashboard")


@pytest.mark.parametrize(
    ("script", "sentences"),
    [
        ({}, ["Sent, by “Relay A”."]),
        ({"RCPT": [None, "550 5.1.1 no such user"]}, ["Partly sent, by “Relay A”.", "eve@example.net: "]),
        ({"MAIL": ["550 5.7.1 not you"]}, ["The message was not sent."]),
        ({"DOT": ["554 5.7.1 spam"]}, ["The message was not sent."]),
    ],
)
def test_s5_a_message_by_hand_has_its_answer_and_is_not_sent_again_by_a_reload(
    operator_client: Client, script: dict[str, Any], sentences: list[str]
) -> None:
    typed = {"to": "ben@example.net", "bcc": "eve@example.net", "subject": "Hello", "text": "Good morning."}
    with SmtpServer(script) as server:
        plain_row(server.port)
        response = operator_client.post(reverse("mailadmin:compose"), typed)
    if "not sent" not in sentences[0]:
        assert response["Location"] == reverse("mailadmin:compose")
        response = operator_client.get(response["Location"])
    for sentence in sentences:
        assert sentence in response.content.decode()
    assert Delivery.objects.count() == 0

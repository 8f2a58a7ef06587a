"""What a direct send tells the application (S18): each outcome once, after it is written down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.mail import EmailMessage

from mailadmin import signals
from mailadmin.core.errors import BadMessage, MailError
from mailadmin.delivery.options import SendOptions
from mailadmin.delivery.send import send_message
from mailadmin.models import Delivery, SmtpConnection

from .conftest import Peers, a_message, add_smtp

pytestmark = pytest.mark.django_db


@pytest.fixture
def told() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    receivers = {}
    for name in ("message_sent", "message_failed", "message_unsure", "route_changed"):

        def receive(sender: type, name: str = name, **values: Any) -> None:
            if name.startswith("message") and values["delivery_id"]:
                assert Delivery.objects.get(pk=values["delivery_id"]).state == values["result"].state
            found.append((name, values))

        receivers[name] = receive
        getattr(signals, name).connect(receive)
    yield found
    for name, receive in receivers.items():
        getattr(signals, name).disconnect(receive)


def test_a_message_that_was_taken(peers: Peers, smtp: SmtpConnection, told: list[Any]) -> None:
    result = send_message(a_message(), SendOptions(label="orders"))
    ((name, values),) = told
    assert (name, values["label"], values["delivery_id"]) == ("message_sent", "orders", result.delivery_id)
    assert values["result"].recipients["ann@example.org"].state == "sent"


def test_a_message_that_was_refused(peers: Peers, smtp: SmtpConnection, told: list[Any]) -> None:
    peers.smtp_fault = "550-recipient"
    with pytest.raises(MailError):
        send_message(a_message())
    assert [name for name, _ in told] == ["message_failed"]


def test_a_message_of_which_nobody_knows(peers: Peers, told: list[Any]) -> None:
    add_smtp(peers, final_timeout=1)
    peers.smtp_fault = "timeout-after-data"
    with pytest.raises(MailError):
        send_message(a_message())
    assert "message_unsure" in [name for name, _ in told]


def test_a_message_that_cannot_be_built(smtp: SmtpConnection, told: list[Any]) -> None:
    with pytest.raises(BadMessage):
        send_message(EmailMessage("x", "y", "shop@contoso.org", ["no address"]))
    assert [name for name, _ in told] == ["message_failed"]


def test_a_queued_message_tells_nothing_before_it_is_sent(smtp: SmtpConnection, told: list[Any]) -> None:
    send_message(a_message(), SendOptions(delivery="queued"))
    assert not told

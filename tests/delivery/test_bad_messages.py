"""S16: whatever is wrong with a message has its own clear error, with the part that is wrong, before anything is sent.

The same kinds as Cortex throws for an e-mail message; what is wrong with attachments is in `test_attaching`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

import mailadmin
from mailadmin import BadMessage, Message
from mailadmin.core import limits
from mailadmin.delivery.compose import send_built
from mailadmin.delivery.send import send_message
from mailadmin.models import Delivery
from tests.fakes.smtp_server import SmtpServer

from .conftest import a_message, plain

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, tzinfo=UTC)
BAD: list[tuple[dict[str, Any], str, str]] = [
    # an invalid priority and body format
    ({"priority": "high"}, "bad-priority", "priority"),
    ({"priority": 7}, "bad-priority", "priority"),
    ({"body_format": "RichText"}, "bad-body-format", "body_format"),
    ({"body_format": "CompressedRichText"}, "bad-body-format", "body_format"),
    ({"body_format": "markdown"}, "bad-body-format", "body_format"),
    ({"body_format": "text", "is_html": True}, "bad-body-format", "body_format"),
    ({"is_html": True, "html": "<p>again"}, "bad-body-format", "body_format"),
    ({"body": b"\xff"}, "bad-message", "body"),
    # To null or empty, an address null or empty, or not of the right form
    ({"to": ["a@b.org", None]}, "entry-empty", "to.2"),
    ({"to": ["a@b.org", ""]}, "entry-empty", "to.2"),
    ({"to": [" ", "a@b.org"]}, "entry-empty", "to.1"),
    ({"cc": [""]}, "entry-empty", "cc.1"),
    ({"bcc": ["a@b.org", "c@d.org", "  "]}, "entry-empty", "bcc.3"),
    ({"reply_to": [None]}, "entry-empty", "reply_to.1"),
    ({"bcc": "x@"}, "bad-address", "bcc"),
    ({"to": ["a@b.org", "x@y@z.org"]}, "bad-address", "to.2"),
    ({"to": "a@b.org,,c@d.org"}, "bad-address", "to"),
    ({"to": "a@b.org\r\nBcc: c@d.org"}, "bad-address", "to"),
    ({"to": b"a@b.org"}, "bad-address", "to"),
    ({"to": 7}, "bad-address", "to"),
    ({"cc": "Ada <a@b"}, "bad-address", "cc"),
    ({"reply_to": ["a@b.org", "nobody at all"]}, "bad-address", "reply_to.2"),
    ({"to": [f"a{number}@b.org" for number in range(limits.MESSAGE_RECIPIENTS + 1)]}, "recipients-too-many", "to"),
    # From empty, or not of the right form
    ({"from_email": ""}, "from-empty", "from_email"),
    ({"from_email": " "}, "from-empty", "from_email"),
    ({"from_email": "x@"}, "bad-address", "from_email"),
    ({"from_email": "a@b.org, c@d.org"}, "bad-address", "from_email"),
    # what Cortex does not have
    ({"subject": "Hi\nBcc: c@d.org"}, "bad-header", "subject"),
    ({"subject_prefix": "a\nb"}, "bad-header", "subject"),
    ({"headers": {"X: y": "z"}}, "bad-header", "headers"),
    ({"send_at": "tomorrow"}, "bad-time", "send_at"),
    ({"send_at": NOW.replace(tzinfo=None)}, "bad-time", "send_at"),
    ({"expires_at": NOW.replace(tzinfo=None)}, "bad-time", "expires_at"),
    ({"metadata": {"a": ["b"]}}, "bad-metadata", "metadata"),
    ({"metadata": "a=b"}, "bad-metadata", "metadata"),
    ({"delivery": "pigeon"}, "bad-option", "delivery"),
    ({"idempotency_key": "x" * 300}, "bad-option", "idempotency_key"),
    ({"on_unsure": "pray"}, "bad-option", "on_unsure"),
    ({"label": "x" * 81}, "bad-option", "label"),
    ({"label": "a\nb"}, "bad-option", "label"),
    ({"route": "Relay Z"}, "route-unknown", "route"),
    ({"route": 7}, "route-unknown", "route"),
]


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        plain(running)
        yield running


@pytest.mark.parametrize(("given", "code", "field"), BAD, ids=range(len(BAD)))
def test_s16_each_has_its_own_error(server: SmtpServer, given: dict[str, Any], code: str, field: str) -> None:
    values: dict[str, Any] = {"subject": "s", "body": "b", "from_email": "f@x.org", "to": ["a@b.org"]} | given
    with pytest.raises(BadMessage) as caught:
        mailadmin.send(**values)
    error = caught.value
    assert (error.code, error.fault.field) == (code, field)
    assert str(error).endswith(".")
    assert str(error).isprintable()
    assert isinstance(error, ValueError)
    assert not server.sessions


@pytest.mark.parametrize("code", [code for _, code, _ in BAD if code not in ("bad-header", "route-unknown")])
def test_s16_they_are_found_when_the_message_is_made(code: str) -> None:
    """Not only when it is sent, which may be in another place of the program."""
    for given in (given for given, found, _ in BAD if found == code):
        with pytest.raises(BadMessage):
            Message(**({"subject": "s", "body": "b", "to": ["a@b.org"]} | given))


def test_s16_no_from_anywhere(server: SmtpServer, settings: Any) -> None:
    """Neither in the message, nor in the connection, nor in the settings."""
    settings.DEFAULT_FROM_EMAIL = settings.SERVER_EMAIL = ""
    with pytest.raises(BadMessage) as caught:
        mailadmin.send("s", "b", to="a@b.org")
    assert (caught.value.code, caught.value.fault.field) == ("no-sender", "from_email")
    assert not server.sessions


def test_s16_what_is_changed_afterwards_is_found_when_it_is_sent(server: SmtpServer) -> None:
    message = Message("s", "b", "f@x.org", "a@b.org")
    message.to.append("")
    message.cc.append("ada lovelace")
    with pytest.raises(BadMessage) as caught:
        send_built(message)
    assert (caught.value.code, caught.value.fault.field) == ("entry-empty", "to.2")
    message.to.pop()
    with pytest.raises(BadMessage) as caught:
        send_built(message)
    assert (caught.value.code, caught.value.fault.field) == ("bad-address", "cc.1")
    assert not server.sessions


def test_s16_djangos_own_messages_have_the_place_too(server: SmtpServer) -> None:
    with pytest.raises(BadMessage) as caught:
        send_message(a_message(to=["a@b.org", "x@"]))
    assert caught.value.fault.field == "to.2"


def test_times_that_contradict_each_other(server: SmtpServer) -> None:
    later = timezone.now() + timedelta(hours=1)
    for given, field in (
        ({"send_at": later}, "send_at"),  # it would be sent directly
        ({"send_at": later, "expires_at": later, "delivery": "queued"}, "expires_at"),
        ({"expires_at": NOW - timedelta(days=9000)}, "expires_at"),
    ):
        with pytest.raises(BadMessage) as caught:
            mailadmin.send("s", "b", "f@x.org", "a@b.org", **given)
        assert (caught.value.code, caught.value.fault.field) == ("bad-time", field)
    assert set(Delivery.objects.values_list("state", "code")) == {("failed", "bad-time")}

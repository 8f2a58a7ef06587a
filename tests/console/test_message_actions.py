"""The page of one queued message, and what people do from the log: what comes next, send again, cancel."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailadmin.core.outcome import DeliveryState, Priority, RecipientState
from mailadmin.core.preferences import Keep
from mailadmin.delivery import routes
from mailadmin.delivery.outbox import content
from mailadmin.delivery.send import SendOptions, send_message
from mailadmin.models import AuditEntry, Delivery, OutboxEntry, Settings
from tests.console.rows_to_watch import delivery, plain_row
from tests.console.waiting_rows import claimed, crashed, unsure, waiting, worker
from tests.fakes.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    routes.forget()
    yield
    routes.forget()


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


def told(client: Client, row: Any) -> str:
    return client.get(reverse("mailadmin:log", args=[row.pk])).content.decode()


def sent(server: SmtpServer, **values: Any) -> Delivery:
    """Return the row of a message that was sent directly and whose content is kept."""
    plain_row(server.port)
    row = Settings.load()
    row.keep_content = Keep.ALL
    row.save()
    given = {"to": ["Ann <ann@example.org>", "bob@example.org"], "cc": ["cy@example.org"], "bcc": ["eve@example.org"]}
    message = EmailMessage("Invoice", "Please pay.", "shop@example.org", **(given | values))
    result = send_message(message, SendOptions(label="shop"))
    return Delivery.objects.get(pk=result.delivery_id)


def again(client: Client, row: Delivery, **values: Any) -> Any:
    return client.post(reverse("mailadmin:log-resend", args=[row.pk]), values, follow=True)


def arrived(server: SmtpServer) -> Any:
    return message_from_bytes(server.messages[-1], policy=default)


# -- the page ----------------------------------------------------------------------------------------------


def test_p6_a_waiting_message_says_what_comes_next_and_keeps_asking(viewer_client: Client) -> None:
    """P6."""
    row = waiting(due_in=240, tries=2, waits_because="Relay A was busy (451).")
    page = told(viewer_client, row)
    assert "It waits in the outbox." in page
    assert "try 3. It is given up on" in page
    assert "But no worker runs." in page
    assert "Relay A was busy (451)." in page
    assert 'hx-trigger="every 10s"' in page
    assert "Not sent yet" in page
    OutboxEntry.objects.update(due_at=timezone.now())
    assert 'hx-trigger="every 2s"' in told(viewer_client, row)


def test_p6_the_facts_of_a_queued_message_are_told(viewer_client: Client) -> None:
    """P6."""
    first = delivery(subject="The first one")
    at = timezone.now() + timedelta(days=3)
    row = waiting(
        due_in=600,
        delivery={
            "priority": Priority.URGENT,
            "send_at": at,
            "expires_at": at,
            "possible_duplicate": True,
            "redirected_to": "test@example.org",
            "resend_of": first,
        },
    )
    page = told(viewer_client, row)
    for words in ("Urgent", "Not before", "Expires", "perhaps two", "to test@example.org", "The first one"):
        assert words in page
    assert f'<a href="{reverse("mailadmin:log", args=[row.pk])}">' in told(viewer_client, first)


def test_only_a_message_that_waits_can_be_cancelled_or_hurried(operator_client: Client, viewer_client: Client) -> None:
    worker()
    later, due, busy = waiting(due_in=600), waiting(), claimed()
    assert "Send now" in told(operator_client, later)
    assert "Cancel" in told(operator_client, later)
    assert "Send now" not in told(operator_client, due)
    assert "Cancel" in told(operator_client, due)
    assert "The worker mail1:77 is sending it now." in told(operator_client, busy)
    assert 'value="cancel"' not in told(operator_client, busy)
    assert 'value="cancel"' not in told(viewer_client, later)


def test_n3_a_message_that_waits_for_a_person_shows_the_choices(operator_client: Client, viewer_client: Client) -> None:
    """N3."""
    row, poison = unsure(), crashed()
    page = told(operator_client, row)
    for words in ("Maybe delivered:", "Nothing happens until somebody decides", "It arrived", "Send again"):
        assert words in page
    assert "hx-trigger" not in page
    page = told(operator_client, poison)
    for words in ("Held: workers ended while they had it", "Traceback: boom", "Release", 'value="cancel"'):
        assert words in page
    assert "It arrived" not in told(viewer_client, row)


@pytest.mark.parametrize(
    ("state", "words"),
    [(DeliveryState.CANCELLED, "Cancelled: it is not sent any more."), (DeliveryState.EXPIRED, "Expired before it")],
)
def test_every_end_of_a_queued_message_is_a_sentence(viewer_client: Client, state: DeliveryState, words: str) -> None:
    assert words in told(viewer_client, delivery(state, route_name=""))


# -- send again --------------------------------------------------------------------------------------------


def test_p6_a_message_is_sent_again_as_one_of_its_own_linked_to_the_first(
    operator_client: Client, server: SmtpServer
) -> None:
    """P6. Directly, where nobody runs a worker."""
    row = sent(server)
    first = arrived(server)
    assert "Everybody it was for (4)" in told(operator_client, row)
    page = again(operator_client, row, whom="all").content.decode()
    copy = Delivery.objects.get(resend_of=row)
    assert (copy.state, copy.mode, copy.label, copy.asked_by) == ("sent", "direct", "shop", operator_client.user)  # type: ignore[attr-defined]
    assert copy.message_id != row.message_id
    message = arrived(server)
    assert message["X-Resend-Of"] == first["Message-ID"]
    assert (message["To"], message["Cc"], message["Bcc"]) == (first["To"], first["Cc"], None)
    assert message.get_content() == first.get_content()
    assert "Repeats" in page
    entry = AuditEntry.objects.get(action="sent again")
    assert (entry.object_id, entry.detail) == (str(row.pk), f"to all its recipients; the new message is {copy.pk}")


def test_p6_a_message_is_sent_again_to_somebody_else_who_alone_is_named(
    operator_client: Client, server: SmtpServer
) -> None:
    """P6. The wrong address may have been the mistake."""
    row = sent(server)
    again(operator_client, row, whom="others", to="Zoë <zoe@example.net>, bob@example.org")
    message = arrived(server)
    assert message["To"] == "Zoë <zoe@example.net>, bob@example.org"
    assert message["Cc"] is None
    assert "ann@" not in message.as_string()
    assert Delivery.objects.get(resend_of=row).recipient_list == [["to", "zoe@example.net"], ["to", "bob@example.org"]]


def test_p6_a_message_is_sent_again_to_those_who_did_not_get_it(operator_client: Client, server: SmtpServer) -> None:
    """P6. A blind one stays blind."""
    row = sent(server)
    row.recipients.filter(address__in=["bob@example.org", "eve@example.org"]).update(state=RecipientState.REFUSED)
    assert "The 2 of 4 who did not surely get it" in told(operator_client, row)
    again(operator_client, row, whom="missed")
    message = arrived(server)
    assert (message["To"], message["Cc"]) == ("bob@example.org", None)
    copy = Delivery.objects.get(resend_of=row)
    assert copy.recipient_list == [["to", "bob@example.org"], ["bcc", "eve@example.org"]]


def test_p6_a_worker_sends_it_where_one_runs(operator_client: Client, server: SmtpServer) -> None:
    """P6."""
    row = sent(server)
    worker()
    again(operator_client, row, whom="all")
    copy = Delivery.objects.get(resend_of=row)
    assert copy.state == "queued"
    assert content.load(copy.pk).message_id == copy.message_id
    assert len(server.messages) == 1


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"whom": "others", "to": " "}, "Type who is to get it."),
        ({"whom": "others", "to": "nobody at all"}, "Nothing was sent again."),
        ({"whom": "missed"}, "Everybody got it."),
    ],
)
def test_what_cannot_be_sent_again_says_why(
    operator_client: Client, server: SmtpServer, values: dict[str, str], sentence: str
) -> None:
    row = sent(server)
    assert sentence in again(operator_client, row, **values).content.decode()
    assert Delivery.objects.count() == 1


def test_n12_what_was_not_kept_cannot_be_sent_again(
    operator_client: Client, admin_client: Client, viewer_client: Client
) -> None:
    """N12."""
    row = delivery()
    assert "An administrator can switch keeping on in the settings." in told(operator_client, row)
    assert reverse("mailadmin:settings") in told(admin_client, row)
    assert "Send again" not in told(viewer_client, row)
    assert "Nothing was sent again." in again(operator_client, row).content.decode()
    still = waiting().delivery
    assert "It still waits in the outbox." in again(operator_client, still).content.decode()


def test_p6_many_are_sent_again_by_a_worker(operator_client: Client, server: SmtpServer) -> None:
    """P6. Those who missed it, or everybody when nobody did."""
    row, gone = sent(server), delivery(subject="Gone")
    address = reverse("mailadmin:log-resend-many")
    values = {"message": [str(row.pk), str(gone.pk)]}
    assert "many messages need a worker" in operator_client.post(address, values, follow=True).content.decode()
    worker()
    text = operator_client.post(address, values, follow=True).content.decode()
    assert "1 message is queued again." in text
    assert "1 could not be sent again. “Gone”:" in text
    assert Delivery.objects.get(resend_of=row).recipient_list == [list(pair) for pair in row.recipient_list]
    assert "tick the messages first" in operator_client.post(address, follow=True).content.decode()


def test_p7_many_are_cancelled_from_the_log(operator_client: Client) -> None:
    """P7."""
    rows = [waiting(), waiting()]
    address = reverse("mailadmin:log-cancel-many")
    values = {"message": [str(row.pk) for row in rows]}
    assert "2 messages are cancelled." in operator_client.post(address, values, follow=True).content.decode()
    assert not OutboxEntry.objects.exists()
    assert "Nothing was changed" in operator_client.post(address, values, follow=True).content.decode()
    assert "tick the messages first" in operator_client.post(address, follow=True).content.decode()

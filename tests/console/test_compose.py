"""Sending a message by hand: what is typed, what is refused with its own sentence, and where it leads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.delivery import routes
from mailadmin.models import AuditEntry, Delivery
from tests.console.rows_to_watch import plain_row
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


def send(client: Client, **values: Any) -> Any:
    typed = {"to": "ben@example.net", "subject": "Hello", "text": "Good morning."} | values
    return client.post(reverse("mailadmin:compose"), typed)


def refused(client: Client, **values: Any) -> str:
    response = send(client, **values)
    assert response.status_code == 200
    assert Delivery.objects.count() == 0
    return response.content.decode()


def arrived(server: SmtpServer) -> Any:
    return message_from_bytes(server.messages[-1], policy=default)


def test_s5_s22_a_message_goes_out_and_leads_to_its_page_in_the_log(
    operator_client: Client, server: SmtpServer
) -> None:
    plain_row(server.port)
    response = send(operator_client, cc="Cy <cy@example.net>", bcc="eve@example.net", label="Shop")
    row = Delivery.objects.get()
    assert response["Location"] == reverse("mailadmin:log", args=[row.pk])
    assert (row.state, row.label, row.is_test, row.asked_by) == ("sent", "Shop", True, operator_client.user)  # type: ignore[attr-defined]
    assert row.recipients.count() == 3
    message = arrived(server)
    assert (message["To"], message["Cc"], message["Bcc"]) == ("ben@example.net", "Cy <cy@example.net>", None)
    assert message["From"] == "shop@example.org"
    entry = AuditEntry.objects.get(action="sent")
    assert (entry.object_id, entry.detail) == (str(row.pk), "by hand, to 3: Sent")
    assert "Sent by Relay A." in operator_client.get(response["Location"]).content.decode()


def typed_moment(**ahead: float) -> str:
    return f"{timezone.localtime() + timedelta(**ahead):%Y-%m-%dT%H:%M}"


@pytest.mark.parametrize("values", [{"delivery": "queued"}, {"send_at": "later"}])
def test_p7_a_message_by_hand_can_be_queued_for_a_time_with_a_priority(
    operator_client: Client, server: SmtpServer, values: dict[str, str]
) -> None:
    """P7. A time to send at means the outbox, whatever is usual."""
    plain_row(server.port)
    at, end = typed_moment(hours=1), typed_moment(days=1)
    response = send(operator_client, priority="1", expires_at=end, **(values | {"send_at": at}))
    row = Delivery.objects.get()
    assert (row.state, row.mode, row.priority) == ("queued", "queued", 1)
    assert f"{timezone.localtime(row.send_at):%Y-%m-%dT%H:%M}" == at
    assert row.outbox.expires_at == row.expires_at
    assert not server.messages
    assert AuditEntry.objects.get(action="queued").object_id == str(row.pk)
    page = operator_client.get(response["Location"]).content.decode()
    assert "It waits in the outbox." in page
    assert "Urgent" in page


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"send_at": "2020-01-01T10:00"}, "This time is over"),
        ({"send_at": "soon"}, "Type day and time"),
        ({"expires_at": "2020-01-01T10:00"}, "It would expire before it could be sent."),
        ({"send_at": typed_moment(hours=2), "delivery": "direct"}, "A message that is sent directly leaves at once"),
        ({"send_at": typed_moment(hours=2), "expires_at": typed_moment(hours=1)}, "It would expire before"),
    ],
)
def test_p7_times_that_cannot_be_kept_are_refused(
    operator_client: Client, values: dict[str, str], sentence: str
) -> None:
    plain_row(25)
    assert sentence in refused(operator_client, **values)


def test_s21_an_empty_to_goes_to_the_default_recipients_of_the_chosen_route(
    operator_client: Client, server: SmtpServer
) -> None:
    plain_row(server.port, name="First", order=0, default_recipients="first@example.net")
    second = plain_row(server.port, name="Second", order=1, default_recipients="a@example.net, B <b@example.net>")
    send(operator_client, to="", route=str(second.key))
    assert [line for line in server.lines if line.startswith("RCPT")] == [
        "RCPT TO:<a@example.net>",
        "RCPT TO:<b@example.net>",
    ]
    send(operator_client, to="")
    assert arrived(server)["To"] == "first@example.net"
    send(operator_client, to="", cc="cy@example.net")  # those of the message come first
    assert (arrived(server)["To"], arrived(server)["Cc"]) == (None, "cy@example.net")


def test_s25_text_html_or_both_with_an_attachment(operator_client: Client, server: SmtpServer) -> None:
    plain_row(server.port)
    file = SimpleUploadedFile("report.pdf", b"%PDF-1.7", "application/pdf")
    send(operator_client, html="<p>Good morning.</p>", attachment=file)
    message = arrived(server)
    assert message.get_body(("plain",)).get_content().strip() == "Good morning."
    assert message.get_body(("html",)).get_content().strip() == "<p>Good morning.</p>"
    assert [part.get_filename() for part in message.iter_attachments()] == ["report.pdf"]
    send(operator_client, text="", html="<p>Only this.</p>")
    assert arrived(server).get_content_type() == "text/html"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"to": ""}, "Type at least one recipient; the route has no default recipients."),
        ({"to": "ann@example.org, nonsense"}, "is not an e-mail address"),
        ({"to": "ann@example.org,,bob@example.org"}, "has an empty entry beside a comma"),
        ({"cc": "@example.org"}, "e-mail address"),
        ({"sender": "a@b.org, c@d.org"}, "one is wanted"),
        ({"text": ""}, "The message is empty: type a text or HTML, or attach a file."),
        ({"subject": "Hi\r\nBcc: eve@example.org"}, "may not hold line breaks"),
        ({"route": "smtp:nowhere"}, "Select a valid choice"),
    ],
)
def test_s16_each_bad_input_has_its_own_sentence_and_nothing_is_lost(
    operator_client: Client, values: dict[str, str], sentence: str
) -> None:
    plain_row(1)
    text = refused(operator_client, **({"label": "kept label"} | values))
    assert sentence in text
    assert "kept label" in text
    assert "Nothing was sent yet." in text


def test_an_attachment_that_is_too_big_is_refused_with_both_sizes(operator_client: Client) -> None:
    plain_row(1)
    file = SimpleUploadedFile("film.mp4", b"x" * (limits.ATTACHMENT_BYTES + 1))
    text = refused(operator_client, attachment=file)
    assert "“film.mp4” has 3.0" in text
    assert "can be attached here" in text


def test_s16_a_message_without_any_from_fails_with_a_sentence(operator_client: Client, settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = settings.SERVER_EMAIL = ""
    plain_row(1, from_address="")
    response = send(operator_client)
    text = operator_client.get(response["Location"]).content.decode()
    assert Delivery.objects.get().state == "failed"
    assert "Nobody is named as the sender." in text
    assert "What to do" in text


def test_a_refused_message_leads_to_its_page_with_the_reason(operator_client: Client) -> None:
    with SmtpServer({"RCPT": ["550 5.1.1 No such mailbox"]}) as server:
        plain_row(server.port)
        response = send(operator_client)
    text = operator_client.get(response["Location"]).content.decode()
    assert "banner-error" in text
    assert "Failed: Relay A refused (550 5.1.1)." in text
    assert AuditEntry.objects.get(action="sent").detail.endswith(": Failed")


def test_only_the_chosen_route_is_tried(operator_client: Client, server: SmtpServer) -> None:
    plain_row(1, name="Dead", order=0)
    alive = plain_row(server.port, name="Alive", order=1)
    send(operator_client, route=str(alive.key))
    assert [a.route_name for a in Delivery.objects.get().attempts.all()] == ["Alive"]


def test_without_a_route_the_page_says_what_to_do_first(operator_client: Client) -> None:
    plain_row(1, enabled=False)
    text = operator_client.get(reverse("mailadmin:compose")).content.decode()
    assert "No connection is switched on" in text
    assert "<textarea" not in text


def test_a_viewer_may_not_send(viewer_client: Client) -> None:
    assert send(viewer_client).status_code == 403

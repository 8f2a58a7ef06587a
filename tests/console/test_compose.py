"""Sending a message by hand: what is typed, what is refused with its own sentence, and where it leads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.delivery import health, routes
from mailadmin.delivery.retention import prune
from mailadmin.models import AuditEntry, ComposeDraft, Delivery
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
    response = send(operator_client, priority="urgent", expires_at=end, **(values | {"send_at": at}))
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
    send(operator_client, html="<p>Good morning.</p>", attachments=file)
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
    text = refused(operator_client, attachments=file)
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


def look(client: Client, **values: Any) -> Any:
    """Ask for the preview of a message."""
    return send(client, **({"action": "preview"} | values))


def page_again(client: Client, preview: Any, action: str, **changes: Any) -> Any:
    """Press a button of the preview: what its form carries along goes with it."""
    form = preview.context["form"]
    carried: dict[str, Any] = dict(form.typed()) | {"draft": preview.context["draft"]}
    carried["keep"] = [str(number) for number in range(len(form.attached))]
    return client.post(reverse("mailadmin:compose"), carried | {"action": action} | changes)


def report(name: str = "report.pdf", content: bytes = b"%PDF-1.7", kind: str = "application/pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, kind)


class TestPreview:
    def test_s12_it_shows_the_message_as_it_would_leave_and_sends_nothing(
        self, operator_client: Client, server: SmtpServer
    ) -> None:
        plain_row(server.port, subject_prefix="[shop]")
        response = look(
            operator_client,
            cc="Cy <cy@example.net>",
            bcc="eve@example.net",
            html="<p>Good <b>morning</b>.</p>",
            priority="urgent",
            attachments=[report(), report("list.csv", b"a;b", "text/csv")],
        )
        found = response.context["found"]
        headers = dict(found.arrived.headers)
        assert (headers["Subject"], headers["X-Priority"]) == ("[shop] Hello", "1")
        assert "Bcc" not in headers
        assert found.recipients == ("ben@example.net", "cy@example.net", "eve@example.net")
        assert (found.route, found.sender) == ("Relay A", "shop@example.org")
        assert [(one.name, one.content_type) for one in found.arrived.attachments] == [
            ("report.pdf", "application/pdf"),
            ("list.csv", "text/csv"),
        ]
        assert "“Relay A” would be tried first." in response.text
        assert "Good morning." in response.text
        assert Delivery.objects.count() == AuditEntry.objects.count() == len(server.messages) == 0

    def test_the_html_is_shown_in_a_frame_without_scripts_and_network(
        self, operator_client: Client, admin_client: Client
    ) -> None:
        plain_row(1)
        preview = look(operator_client, html="<script>alert(1)</script><p>Hello</p>")
        assert "<script>alert" not in preview.text
        address = reverse("mailadmin:compose-html", args=[preview.context["draft"]])
        assert f'sandbox src="{address}"' in preview.text
        frame = operator_client.get(address)
        assert frame["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert frame["X-Frame-Options"] == "SAMEORIGIN"
        assert "<p>Hello</p>" in frame.text
        assert admin_client.get(address).status_code == 404, "it belongs to one browser session"

    def test_s26_from_there_it_is_sent_with_everything(self, operator_client: Client, server: SmtpServer) -> None:
        plain_row(server.port)
        preview = look(operator_client, html="<p>Good morning.</p>", attachments=[report(), report("b.bin", b"\0")])
        response = page_again(operator_client, preview, "send")
        assert response["Location"] == reverse("mailadmin:log", args=[Delivery.objects.get().pk])
        message = arrived(server)
        assert [part.get_filename() for part in message.iter_attachments()] == ["report.pdf", "b.bin"]
        assert message.get_body(("html",)).get_content().strip() == "<p>Good morning.</p>"
        assert not ComposeDraft.objects.exists()

    def test_back_to_editing_loses_nothing(self, operator_client: Client) -> None:
        plain_row(1)
        preview = look(operator_client, metadata="order=20418", send_at=typed_moment(hours=2), attachments=[report()])
        response = page_again(operator_client, preview, "edit")
        for kept in ("ben@example.net", "Good morning.", "order=20418", "report.pdf", typed_moment(hours=2)):
            assert kept in response.text
        assert not response.context["form"].errors

    def test_files_are_kept_when_something_is_wrong_and_can_be_taken_away(
        self, operator_client: Client, server: SmtpServer
    ) -> None:
        plain_row(server.port)
        wrong = send(operator_client, to="nonsense", attachments=[report(), report("list.csv", b"a;b", "text/csv")])
        assert [one.name for one in wrong.context["files"]] == ["report.pdf", "list.csv"]
        send(
            operator_client,
            draft=wrong.context["draft"],
            keep=["1"],
            attachments=[report("new.txt", b"x", "text/plain")],
        )
        assert [part.get_filename() for part in arrived(server).iter_attachments()] == ["list.csv", "new.txt"]

    def test_files_that_are_gone_are_asked_for_again(self, operator_client: Client) -> None:
        plain_row(1)
        preview = look(operator_client, attachments=[report()])
        ComposeDraft.objects.update(made_at=timezone.now() - timedelta(minutes=limits.TEST_DRAFT_MINUTES + 1))
        text = page_again(operator_client, preview, "send").content.decode()
        assert "The files are not kept any more" in text
        assert "Good morning." in text
        assert Delivery.objects.count() == 0

    def test_what_is_kept_is_sealed_and_forgotten_in_time(self, operator_client: Client) -> None:
        plain_row(1)
        look(operator_client, html="<p>canary</p>", attachments=[report(content=b"%PDF canary")])
        assert b"canary" not in bytes(ComposeDraft.objects.get().sealed)
        ComposeDraft.objects.update(made_at=timezone.now() - timedelta(minutes=limits.TEST_DRAFT_MINUTES + 1))
        prune()
        assert not ComposeDraft.objects.exists()

    def test_one_session_keeps_one_draft(self, operator_client: Client) -> None:
        plain_row(1)
        for _ in range(3):
            look(operator_client, attachments=[report()])
        assert ComposeDraft.objects.count() == 1

    def test_it_says_when_no_route_would_take_it(self, operator_client: Client) -> None:
        row = plain_row(1)
        health.pause(row.key, "otto")
        response = look(operator_client)
        assert "It would not be sent." in response.text
        assert response.context["found"].route == ""
        assert "banner-warning" in response.text

    def test_only_the_chosen_route_is_explained(self, operator_client: Client) -> None:
        plain_row(1, name="First", order=0)
        second = plain_row(1, name="Second", order=1)
        found = look(operator_client, route=str(second.key)).context["found"]
        assert found.route == "Second"
        assert [line.name for line in found.answer.lines] == ["Second"]


class TestTheWholeMessage:
    def test_s12_s22_s24_everything_that_a_message_may_have(self, operator_client: Client, server: SmtpServer) -> None:
        plain_row(server.port)
        send(
            operator_client,
            reply_to="Help <help@example.org>, b@example.org",
            sender="Shop <shop@example.org>",
            priority="non-urgent",
            body_format="flowed",
            metadata="order = 20418\nsource=till 3",
            label="Shop",
        )
        message = arrived(server)
        assert message["Reply-To"] == "Help <help@example.org>, b@example.org"
        assert message["From"] == "Shop <shop@example.org>"
        assert message["Importance"] == "low"
        assert message.get_content_type() == "text/plain"
        assert message["Content-Type"].params["format"] == "flowed"
        row = Delivery.objects.get()
        assert (row.label, row.metadata) == ("Shop", {"order": "20418", "source": "till 3"})
        page = operator_client.get(reverse("mailadmin:log", args=[row.pk])).text
        assert "till 3" in page

    def test_s25_the_text_is_made_from_the_html(self, operator_client: Client, server: SmtpServer) -> None:
        plain_row(server.port)
        send(operator_client, text="", html="<p>Good <b>morning</b>.</p>", text_from_html="on")
        assert "Good" in arrived(server).get_body(("plain",)).get_content()

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"metadata": "no equals sign"}, "metadata"),
            ({"metadata": "\n".join(f"n{number}=x" for number in range(limits.METADATA_ENTRIES + 1))}, "metadata"),
            ({"metadata": f"a={'x' * (limits.METADATA_CHARS + 1)}"}, "metadata"),
            ({"reply_to": "nobody at all"}, "reply_to"),
            ({"priority": "at once"}, "priority"),
            ({"body_format": "rtf"}, "body_format"),
            ({"to": ", ".join(f"a{n}@example.org" for n in range(limits.MESSAGE_RECIPIENTS + 1))}, "to"),
        ],
    )
    def test_s16_what_is_wrong_stands_at_its_field(
        self, operator_client: Client, values: dict[str, str], field: str
    ) -> None:
        plain_row(1)
        response = send(operator_client, **values)
        assert set(response.context["form"].errors) == {field}
        assert Delivery.objects.count() == 0

    def test_s26_files_are_limited_together(self, operator_client: Client) -> None:
        plain_row(1)
        half = b"x" * (limits.ATTACHMENT_BYTES // 2 + 1)
        text = refused(operator_client, attachments=[report("a.bin", half), report("b.bin", half)])
        assert "Together the files have 3.0" in text

    def test_s21_the_page_names_the_default_recipients(self, operator_client: Client) -> None:
        plain_row(1, default_recipients="ops@example.org")
        text = unescape(operator_client.get(reverse("mailadmin:compose")).text)
        assert "Leave it empty for the default recipients: ops@example.org (Relay A)." in text


class TestTestMessage:
    """S24: a test message says which route it is for."""

    def test_it_names_route_host_who_and_when(self, operator_client: Client, server: SmtpServer) -> None:
        row = plain_row(server.port)
        response = send(operator_client, action="test", subject="", text="", route=str(row.key))
        initial = response.context["form"].initial
        assert initial["subject"] == f"Test of Relay A (localhost:{server.port})"
        for named in ("“Relay A”", f"localhost:{server.port}", "otto sent it", f"{timezone.now():%Y-%m-%d}"):
            assert named in initial["text"]
        assert Delivery.objects.count() == 0

    def test_in_the_default_order_it_names_every_route(self, operator_client: Client) -> None:
        plain_row(25, name="First", order=0)
        plain_row(26, name="Second", order=1)
        initial = send(operator_client, action="test", subject="", text="").context["form"].initial
        assert "1. First (localhost:25)\n2. Second (localhost:26)" in initial["text"]

    def test_what_is_typed_stays(self, operator_client: Client) -> None:
        plain_row(1)
        response = send(operator_client, action="test", text="", attachments=[report()])
        form = response.context["form"]
        assert form.initial["subject"] == "Hello"
        assert "This is a test message." in form.initial["text"]
        assert [one.name for one in response.context["files"]] == ["report.pdf"]

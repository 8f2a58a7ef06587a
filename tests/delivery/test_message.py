"""`mailadmin.Message` and `mailadmin.send`: what programs hand over, as a scripted server gets it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage as Parsed
from typing import Any

import django
import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test import override_settings
from django.utils import timezone
from django.utils.functional import lazystr

import mailadmin
from mailadmin import BadMessage, Message
from mailadmin.backends import EmailBackend
from mailadmin.core.outcome import DeliveryState, Priority
from mailadmin.core.settings import RouteKey, RouteKind
from mailadmin.delivery.compose import send_built
from mailadmin.delivery.convert import convert, dress
from mailadmin.models import Delivery, OutboxEntry
from mailadmin.transports.graph.json_form import json_message
from tests.fakes.routes import oauth_route
from tests.fakes.smtp_server import SmtpServer

from .conftest import plain


@pytest.fixture
def server(db: None) -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        plain(running, default_recipients="team@example.org, boss@example.org", subject_prefix="[Test]")
        yield running


def parsed(raw: bytes) -> Parsed:
    found = message_from_bytes(raw, policy=policy.default)
    assert isinstance(found, Parsed)
    return found


def arrived(server: SmtpServer) -> Parsed:
    (raw,) = server.messages
    return parsed(raw)


def parts(message: Any) -> list[str]:
    return [part.get_content_type() for part in message.walk()]


class TestAddresses:
    """S12, S24."""

    def test_s24_separate_strings_and_one_with_commas(self, server: SmtpServer) -> None:
        mailadmin.send(
            "Hi",
            "there",
            "Shop <shop@example.org>",
            ["ann@example.org, Bob <bob@example.org>", '"Doe, Cleo" <cleo@example.org>'],
            cc="Jürgen <dan@example.org>, eve@example.org",
            bcc=("fay@example.org",),
            reply_to="desk@example.org, Büro <office@example.org>",
        )
        names = ("ann", "bob", "cleo", "dan", "eve", "fay")
        assert server.deliveries[0].recipients == tuple(f"{name}@example.org" for name in names)
        message = arrived(server)
        shown = [(one.display_name, one.addr_spec) for one in message["To"].addresses + message["Cc"].addresses]
        assert shown == [
            ("", "ann@example.org"),
            ("Bob", "bob@example.org"),
            ("Doe, Cleo", "cleo@example.org"),
            ("Jürgen", "dan@example.org"),
            ("", "eve@example.org"),
        ]
        assert [one.addr_spec for one in message["Reply-To"].addresses] == ["desk@example.org", "office@example.org"]
        assert message["From"].addresses[0].display_name == "Shop"
        assert "Bcc" not in message

    def test_s24_without_from_the_default_is_used(self, server: SmtpServer, settings: Any) -> None:
        settings.DEFAULT_FROM_EMAIL = "noreply@example.org"
        mailadmin.send("Hi", "there", to="ann@example.org")
        assert server.deliveries[0].sender == "noreply@example.org"

    def test_s21_the_default_recipients_of_the_route(self, server: SmtpServer) -> None:
        mailadmin.send("Hi", "there", "shop@example.org")
        assert server.deliveries[0].recipients == ("team@example.org", "boss@example.org")

    def test_s21_those_of_the_message_go_before(self, server: SmtpServer) -> None:
        mailadmin.send("Hi", "there", "shop@example.org", bcc="ann@example.org")
        assert server.deliveries[0].recipients == ("ann@example.org",)

    def test_s21_of_the_one_route_that_is_asked_for(self, server: SmtpServer) -> None:
        other = plain(server, "Relay B", default_recipients="other@example.org")
        mailadmin.send("Hi", "there", "shop@example.org", route="relay b")
        mailadmin.send("Hi", "there", "shop@example.org", route=other.key)
        assert {one.recipients for one in server.deliveries} == {("other@example.org",)}
        assert list(Delivery.objects.values_list("route_name", flat=True)) == ["Relay B", "Relay B"]

    def test_s21_a_prefix_of_the_message_behind_that_of_the_route(self, server: SmtpServer) -> None:
        mailadmin.send("Order 7", "there", "shop@example.org", "ann@example.org", subject_prefix="Shop: ")
        assert arrived(server)["Subject"] == "[Test] Shop: Order 7"

    def test_nobody_at_all_is_an_error(self, db: None) -> None:
        with SmtpServer() as server:
            plain(server)
            with pytest.raises(mailadmin.MailError) as caught:
                mailadmin.send("Hi", "there", "shop@example.org")
        assert caught.value.code == "no-recipients"
        assert not server.messages


class TestBodies:
    """S12, S25."""

    def test_s12_text_is_the_default(self) -> None:
        message = parsed(bytes(convert(Message("Hi", "Grüße", "f@x.org", "a@b.org")).content))
        assert (message.get_content_type(), message.get_content().strip()) == ("text/plain", "Grüße")

    @pytest.mark.parametrize(
        "given", [{"is_html": True}, {"body_format": "Html"}, {"body_format": "HTML", "is_html": True}]
    )
    def test_s12_html(self, given: dict[str, Any]) -> None:
        message = parsed(bytes(convert(Message("Hi", "<h1>Hi</h1>", "f@x.org", "a@b.org", **given)).content))
        assert (message.get_content_type(), message.get_content().strip()) == ("text/html", "<h1>Hi</h1>")

    def test_s25_text_and_html(self) -> None:
        message = parsed(bytes(convert(Message("Hi", "text", "f@x.org", "a@b.org", html="<p>html</p>")).content))
        assert parts(message) == ["multipart/alternative", "text/plain", "text/html"]

    @pytest.mark.parametrize("given", [{"html": "<p>Hi <b>Ann</b>"}, {"body": "<p>Hi <b>Ann</b>", "is_html": True}])
    def test_s25_a_text_made_from_the_html(self, given: dict[str, Any]) -> None:
        message = Message("Hi", from_email="f@x.org", to="a@b.org", text_from_html=True, **given)
        built = parsed(bytes(convert(message).content))
        assert parts(built) == ["multipart/alternative", "text/plain", "text/html"]
        assert (message.body, message.body_contains("Hi")) == ("Hi Ann", True)

    def test_s12_flowed_and_enriched(self) -> None:
        flowed = parsed(bytes(convert(Message("Hi", "word " * 40, "f@x.org", "a@b.org", body_format="flowed")).content))
        assert flowed.get_content_type() == "text/plain"
        assert flowed["Content-Type"].params["format"] == "flowed"
        assert flowed["Content-Type"].params["charset"] == "utf-8"
        assert flowed.get_content().splitlines()[0].endswith("word ")
        rich = Message(
            "Hi", "<bold>Hi</bold>", "f@x.org", "a@b.org", body_format="Enriched", attachments=[("a.bin", b"\0")]
        )
        assert parts(parsed(bytes(convert(rich).content))) == [
            "multipart/mixed",
            "text/enriched",
            "application/octet-stream",
        ]

    def test_texts_that_are_translated_late(self) -> None:
        message = Message(lazystr("Hi"), lazystr("there"), None, lazystr("a@b.org"), html=lazystr("<b>x</b>"))
        assert convert(message).subject == "Hi"


class TestPriority:
    """S12."""

    @pytest.mark.parametrize(
        ("given", "headers", "importance"),
        [
            ("Urgent", ("urgent", "1", "high"), "high"),
            ("NON URGENT", ("non-urgent", "5", "low"), "low"),
            (Priority.NON_URGENT, ("non-urgent", "5", "low"), "low"),
            ("normal", (None, None, None), None),
            ("", (None, None, None), None),
        ],
    )
    def test_s12_what_mail_programs_and_graph_see(self, given: Any, headers: Any, importance: str | None) -> None:
        draft = convert(Message("Hi", "x", "robot@example.org", "a@b.org", priority=given))
        message = parsed(bytes(draft.content))
        assert (message["Priority"], message["X-Priority"], message["Importance"]) == headers
        route = oauth_route(None)
        form = json_message(dress(draft, route, draft.addresses).mail, route.identity)
        assert form.get("importance") == importance

    def test_it_counts_in_the_outbox_too(self, server: SmtpServer) -> None:
        mailadmin.send("Hi", "x", "f@x.org", "a@b.org", priority="urgent", delivery="queued")
        assert OutboxEntry.objects.get().priority == Priority.URGENT

    def test_what_the_application_says_itself_stays(self) -> None:
        message = Message("Hi", "x", "f@x.org", "a@b.org", priority="urgent", headers={"x-priority": "2"})
        assert message.extra_headers == {"x-priority": "2"}


class TestOptions:
    def test_s22_label_and_metadata_are_in_the_log(self, server: SmtpServer) -> None:
        mailadmin.send("Hi", "x", "f@x.org", "a@b.org", label="crm", metadata={"order": 4711, "customer": "Ada"})
        row = Delivery.objects.get()
        assert (row.label, row.metadata) == ("crm", {"order": "4711", "customer": "Ada"})

    def test_the_times_and_the_key_of_a_queued_message(self, server: SmtpServer) -> None:
        soon = timezone.now() + timedelta(hours=1)
        given: dict[str, Any] = {"send_at": soon, "expires_at": soon + timedelta(hours=1), "idempotency_key": "k-1"}
        given |= {"delivery": "queued", "on_unsure": "hold"}
        first = mailadmin.send("Hi", "x", "f@x.org", "a@b.org", **given)
        again = mailadmin.send("Hi", "x", "f@x.org", "a@b.org", **given)
        assert (first.state, again.repeated, again.delivery_id) == (DeliveryState.QUEUED, True, first.delivery_id)
        row = Delivery.objects.get()
        assert (row.send_at, row.expires_at, row.idempotency_key) == (soon, given["expires_at"], "k-1")
        assert row.outbox.on_unsure == "hold"

    def test_a_route_that_nobody_has_is_refused_before_anything_is_sent(self, server: SmtpServer) -> None:
        with pytest.raises(BadMessage) as caught:
            mailadmin.send("Hi", "x", "f@x.org", "a@b.org", route="Relay Z")
        assert (caught.value.code, caught.value.fault.field) == ("route-unknown", "route")
        assert "Relay Z" in str(caught.value)
        assert not server.messages

    def test_who_handed_it_over(self, server: SmtpServer) -> None:
        result = send_built(Message("Hi", "x", "f@x.org", "a@b.org"), is_test=True, label="api")
        row = Delivery.objects.get(pk=result.delivery_id)
        assert (row.is_test, row.label, row.client) == (True, "api", None)


class TestDjangosOwnWay:
    def test_it_is_sent_by_the_backend_with_all_that_it_says(self, server: SmtpServer) -> None:
        message = Message(
            "Hi", "x", "f@x.org", "a@b.org", label="crm", route="Relay A", priority="urgent", metadata={"a": "b"}
        )
        message.to.append("c@d.org")
        with configured():
            assert message.send() == 1
        assert server.deliveries[0].recipients == ("a@b.org", "c@d.org")
        row = Delivery.objects.get()
        assert (row.label, row.metadata, row.priority) == ("crm", {"a": "b"}, Priority.URGENT)
        assert message.mailadmin.sent

    def test_without_recipients_django_sends_nothing(self, server: SmtpServer) -> None:
        assert Message("Hi", "x", "f@x.org").send() == 0

    def test_any_other_backend_takes_it(self) -> None:
        message = Message(
            "Hi", "x", "f@x.org", "a@b.org", html="<img src=cid:x>", headers={"X-Own": "1"}, reply_to="r@x.org"
        )
        message.attach_inline(("x.png", b"\x89PNG\r\n\x1a\n"), cid="x")
        assert message.send() == 1  # the test runner's
        (sent,) = mail.outbox
        built = sent.message()
        assert parts(built) == ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]
        assert (built["X-Own"], built["Reply-To"]) == ("1", "r@x.org")

    def test_a_copy_and_a_pickle_are_as_good(self) -> None:
        key = RouteKey(RouteKind.SMTP, "1")
        message = Message("Hi", "x", "f@x.org", "a@b.org", html="<img src=cid:x>", metadata={"a": "b"}, route=key)
        message.attach("a.pdf", b"%PDF")
        message.attach_inline(b"GIF8", cid="x")
        for twin in (copy.copy(message), copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
            assert parts(twin.message()) == parts(message.message())
            assert (twin.mailadmin_metadata, twin.mailadmin_route) == ({"a": "b"}, message.mailadmin_route)
            assert twin.recipients() == ["a@b.org"]

    def test_other_alternatives_and_a_connection(self, server: SmtpServer) -> None:
        message = Message("Hi", "x", "f@x.org", "a@b.org", alternatives=[("{}", "application/json")])
        assert isinstance(message, EmailMultiAlternatives)
        assert EmailBackend().send_messages([message]) == 1
        assert parts(arrived(server)) == ["multipart/alternative", "text/plain", "application/json"]

    @pytest.mark.skipif(django.VERSION >= (6, 1), reason="Django 6.1 takes an alias in place of a connection")
    def test_a_connection_of_its_own(self, server: SmtpServer) -> None:
        assert Message("Hi", "x", "f@x.org", "a@b.org", connection=EmailBackend()).send() == 1
        assert server.messages


def configured() -> Any:
    """Return the settings with which Django sends by our backend."""
    if django.VERSION >= (6, 1):
        return override_settings(MAILERS={"default": {"BACKEND": "mailadmin.backends.EmailBackend"}})
    return override_settings(EMAIL_BACKEND="mailadmin.backends.EmailBackend")

"""The same content arrives by SMTP and by Graph (N6, first part), and a route's own changes are the only ones."""

from __future__ import annotations

from email.message import EmailMessage as ParsedMessage
from email.mime.image import MIMEImage
from typing import Any

import django
import pytest
from django.core.mail import EmailMultiAlternatives
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailadmin.core import headers
from mailadmin.core.errors import BadMessage
from mailadmin.core.settings import OAuthRoute, RouteKey, RouteKind, SenderPolicy, SenderRules, SmtpRoute
from mailadmin.delivery.convert import convert, dress
from mailadmin.delivery.send import SendOptions, send_message
from mailadmin.models import Delivery, DeliveryRecipient

from .conftest import Peers, a_message, add_oauth, add_smtp

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + b"\x00" * 32


def rich_message() -> EmailMultiAlternatives:
    """Text, HTML, inline image, attachment, Cc, Bcc, Reply-To, List-Unsubscribe, non-ASCII names and subject."""
    message = EmailMultiAlternatives(
        subject="Grüße aus Köln – 请确认",
        body="Plain text with a dot line\n.\n..two\nend ✓",
        from_email="Jürgen Müller <robot@contoso.org>",
        to=["Ann Ünal <ann@example.org>", "bob@example.org"],
        cc=['"O\'Hara, Cåthy" <cathy@example.org>'],
        bcc=["secret.boss@example.org", "auditor@example.org"],
        reply_to=["Hilfe <help@contoso.org>"],
        headers={"List-Unsubscribe": "<https://contoso.org/u/1>", "X-Order": "2291"},
    )
    message.attach_alternative('<p>Grüße <img src="cid:logo"></p>', "text/html")
    message.attach(_inline_image())
    message.attach("Rechnung für März.pdf", b"%PDF-1.7 \x00\xff" * 400, "application/pdf")
    return message


def _inline_image() -> Any:
    if django.VERSION >= (6, 0):
        from email.message import MIMEPart

        part = MIMEPart()
        part.set_content(PNG, maintype="image", subtype="png", disposition="inline", cid="<logo>")
        return part
    image = MIMEImage(PNG, "png")
    image.add_header("Content-ID", "<logo>")
    image.add_header("Content-Disposition", "inline")
    return image


def _shape(message: ParsedMessage) -> dict[str, Any]:
    """Everything of a message that a reader could tell apart, boundaries aside."""
    return {
        "headers": sorted((k.lower(), str(v)) for k, v in message.items() if k.lower() not in _VARIES),
        "parts": [
            (
                part.get_content_type(),
                part.get_content_disposition(),
                part.get_filename(),
                part["Content-ID"],
                None if part.is_multipart() else part.get_payload(decode=True).rstrip(b"\r\n"),  # type: ignore[union-attr]
            )
            for part in message.walk()
        ],
    }


_VARIES = {"content-type", "message-id", "date", "received", "return-path", "x-peer"}


@pytest.mark.django_db
class TestContent:
    def test_n6_a_rich_message_is_the_same_by_smtp_and_by_graph_and_bcc_is_seen_by_nobody(self, peers: Peers) -> None:
        smtp, oauth = add_smtp(peers), add_oauth(peers)
        for row in (smtp, oauth):
            send_message(rich_message(), SendOptions(route=row.key))
        by_smtp, by_graph = peers.arrived
        assert (by_smtp.via, by_graph.via) == ("smtp", "graph")
        assert _shape(by_smtp.parsed) == _shape(by_graph.parsed)
        everybody = ["ann", "bob", "cathy", "secret.boss", "auditor"]
        for arrived in peers.arrived:
            assert sorted(arrived.recipients) == sorted(f"{name}@example.org" for name in everybody)
            assert b"secret.boss" not in arrived.raw and b"auditor" not in arrived.raw
            assert arrived.parsed["Subject"] == "Grüße aus Köln – 请确认"
            assert arrived.parsed["List-Unsubscribe"] == "<https://contoso.org/u/1>"
        body = by_smtp.parsed.get_body(("plain",))
        assert body is not None and body.get_content().replace("\r\n", "\n").rstrip("\n").endswith("\n.\n..two\nend ✓")
        kinds = dict(DeliveryRecipient.objects.filter(delivery__route_kind="smtp").values_list("address", "field"))
        assert kinds["auditor@example.org"] == "bcc" and kinds["cathy@example.org"] == "cc"

    def test_p5_an_oauth_service_keeps_its_identity_and_moves_any_other_from_to_reply_to(self, peers: Peers) -> None:
        add_oauth(peers, send_as="sales@contoso.org, brand.org")
        for sender in ("Shop <shop@elsewhere.org>", "robot@contoso.org", "Sales <sales@contoso.org>", "x@brand.org"):
            send_message(a_message(from_email=sender))
        forced, own, listed, domain = (m.parsed for m in peers.arrived)
        assert (forced["From"], forced["Reply-To"]) == ("Shop <robot@contoso.org>", "Shop <shop@elsewhere.org>")
        assert own["From"] == "robot@contoso.org" and own["Reply-To"] is None
        assert listed["From"] == "Sales <sales@contoso.org>" and domain["From"] == "x@brand.org"
        assert Delivery.objects.exclude(sent_as="").get().sent_as == "Shop <robot@contoso.org>"

    def test_p5_what_django_fills_in_counts_as_missing(self, peers: Peers, settings: Any) -> None:
        settings.DEFAULT_FROM_EMAIL = "Web <webmaster@localhost>"
        add_smtp(peers, sender_policy="when-missing", from_address="noreply@contoso.org", from_name="Contoso Shop")
        for sender in (None, settings.SERVER_EMAIL, "ann@contoso.org"):
            send_message(a_message(from_email=sender))
        assert [m.parsed["From"] for m in peers.arrived] == [
            "Contoso Shop <noreply@contoso.org>",
            "Contoso Shop <noreply@contoso.org>",
            "ann@contoso.org",
        ]
        assert [m.envelope_sender for m in peers.arrived[::2]] == ["noreply@contoso.org", "ann@contoso.org"]
        assert all(m.parsed["Reply-To"] is None for m in peers.arrived)

    def test_p5_a_forced_sender_keeps_the_applications_own_reply_to(self, peers: Peers) -> None:
        add_smtp(peers, sender_policy="force", from_address="noreply@contoso.org", envelope_sender="bounce@contoso.org")
        send_message(a_message(from_email="ann@contoso.org", reply_to=["help@contoso.org"]))
        send_message(a_message(from_email="ann@contoso.org"))
        assert [m.parsed["Reply-To"] for m in peers.arrived] == ["help@contoso.org", "ann@contoso.org"]
        assert {m.envelope_sender for m in peers.arrived} == {"bounce@contoso.org"}

    @pytest.mark.parametrize(
        ("field", "value", "sentence"),
        [
            ("to", ["ann@example.org", ""], "Entry 2 is empty"),
            ("to", ["ann@example.org", None], "Entry 2 is empty"),
            ("to", ["not an address"], "is not an e-mail address"),
            ("cc", ["a@b@c"], "is not an e-mail address"),
            ("to", ["a@example.org, b@example.org"], "holds 2 addresses"),
            ("from_email", "nobody@", "is not an e-mail address"),
        ],
    )
    def test_s16_a_bad_address_is_named_and_nothing_is_sent(
        self, peers: Peers, field: str, value: Any, sentence: str
    ) -> None:
        add_smtp(peers)
        with pytest.raises(BadMessage, match=sentence):
            send_message(a_message(**{field: value}))
        assert not peers.arrived
        assert Delivery.objects.get().state == "failed"

    def test_s16_no_from_anywhere_is_an_error_of_its_own(self, peers: Peers, settings: Any) -> None:
        add_smtp(peers)
        settings.DEFAULT_FROM_EMAIL = ""
        with pytest.raises(BadMessage) as caught:
            send_message(a_message(from_email=""))
        assert caught.value.fault.kind == "no-sender"


_WORDS = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\u2028\u2029\x85"), max_size=60)


class TestDressing:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(subject=_WORDS, body=_WORDS, name=st.text("abcäöü 請", max_size=20), prefix=st.text("ab é-", max_size=10))
    def test_a_routes_changes_touch_only_the_headers_they_name(
        self, subject: str, body: str, name: str, prefix: str
    ) -> None:
        draft = convert(a_message(subject=subject, body=body))
        rules = SenderRules("own@contoso.org", name.strip(), SenderPolicy.FORCE, subject_prefix=prefix)
        dressed = dress(draft, SmtpRoute(RouteKey(RouteKind.SMTP, "1"), "r", sender=rules, host="h"), draft.addresses)
        before = [f for f in headers.fields(draft.content.head) if f[0] not in ("from", "subject", "reply-to")]
        after = [f for f in headers.fields(dressed.mail.content.head) if f[0] not in ("from", "subject", "reply-to")]
        assert before == after
        assert draft.content.body == dressed.mail.content.body
        assert b"\n" not in bytes(dressed.mail.content).replace(b"\r\n", b"")

    def test_a_message_for_some_of_its_recipients_is_not_complete(self) -> None:
        draft = convert(a_message(to=["a@example.org", "b@example.org"]))
        route = OAuthRoute(RouteKey(RouteKind.OAUTH, "1"), "r", sender=SenderRules("own@contoso.org"))
        assert dress(draft, route, draft.addresses).mail.complete
        assert not dress(draft, route, draft.addresses[:1]).mail.complete

    def test_a_bcc_header_set_by_the_application_does_not_show(self) -> None:
        message = a_message(headers={"Bcc": "hidden@example.org"})
        if django.VERSION >= (6, 1):  # Django itself refuses it there
            with pytest.raises(BadMessage, match="Bcc"):
                convert(message)
        else:
            assert b"hidden" not in bytes(convert(message).content)

    def test_a_mailbox_in_other_letters_keeps_its_name_in_the_header_and_needs_smtputf8(self) -> None:
        draft = convert(a_message(to=["Ann <änn@example.org>"]))
        assert "<änn@example.org>".encode() in draft.content.head
        route = SmtpRoute(RouteKey(RouteKind.SMTP, "1"), "r", host="h")
        assert dress(draft, route, draft.addresses).mail.needs_utf8

    def test_bare_line_feeds_become_proper_line_ends(self) -> None:
        assert headers.canonical(b"a\nb\rc\r\nd") == b"a\r\nb\r\nc\r\nd"

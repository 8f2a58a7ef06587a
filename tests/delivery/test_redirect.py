"""All mail held, or sent to one address, by the switch on the Settings page (N9)."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives

from mailadmin.core.errors import SendingHeld
from mailadmin.core.outcome import DeliveryState
from mailadmin.core.preferences import Preferences, Sending
from mailadmin.delivery import redirect
from mailadmin.delivery.convert import convert
from mailadmin.delivery.send import send_message
from mailadmin.models import Delivery, Settings

from .conftest import Peers, a_message, add_oauth

pytestmark = pytest.mark.django_db

QA = "qa@test.example"
STAFF, CUSTOMER = "staff@ours.example", "Customer <customer@example.org>"


def switch(sending: str, **values: Any) -> None:
    row = Settings.load()
    row.sending, row.redirect_to, row.spared = sending, values.pop("redirect_to", QA), values.pop("spared", "")
    row.full_clean()
    row.save()


def everybody(**values: Any) -> EmailMessage:
    return a_message(**({"to": [CUSTOMER, STAFF], "cc": ["boss@example.org"], "bcc": ["audit@example.org"]} | values))


class TestRedirected:
    @pytest.mark.parametrize("way", ["smtp", "graph as MIME", "graph as JSON", "graph as draft"])
    def test_n9_it_goes_to_the_one_address_by_every_way(self, peers: Peers, request: Any, way: str) -> None:
        """Graph sends to whom the headers name, so they must not name the customer."""
        message = everybody()
        if way == "smtp":
            request.getfixturevalue("smtp")
        elif way == "graph as JSON":
            add_oauth(peers, save_to_sent=False)
        else:
            add_oauth(peers, large_messages=True)
        if way == "graph as draft":
            message.attach("big.bin", b"\x01\x02\x03" * 1_500_000, "application/octet-stream")
        switch("redirected")
        result = send_message(message)
        assert result.sent
        (arrived,) = peers.arrived
        assert arrived.recipients == [QA]
        assert arrived.parsed["To"] == QA
        assert arrived.parsed["Cc"] is None
        assert arrived.parsed["Bcc"] is None
        told = {name: str(arrived.parsed[f"X-Original-{name}"]) for name in ("To", "Cc", "Bcc")}
        assert "customer@example.org" in told["To"]
        assert "staff@ours.example" in told["To"]
        assert told["Cc"] == "boss@example.org"
        assert told["Bcc"] == "audit@example.org"

    def test_n9_spared_ones_get_theirs_and_learn_of_nobody_who_was_blind(self, peers: Peers, smtp: Any) -> None:
        switch("redirected", spared="ours.example")
        send_message(everybody())
        (arrived,) = peers.arrived
        assert sorted(arrived.recipients) == [QA, STAFF]
        assert arrived.parsed["To"] == f"{QA}, {STAFF}"
        assert "audit@" not in arrived.raw.decode()

    def test_n9_a_message_only_for_spared_ones_is_as_it_was(self, peers: Peers, smtp: Any) -> None:
        switch("redirected", spared="ours.example")
        send_message(a_message(to=[STAFF]))
        (arrived,) = peers.arrived
        assert arrived.recipients == [STAFF]
        assert not [name for name in arrived.parsed if name.startswith("X-Original")]
        assert Delivery.objects.get().redirected_to == ""

    def test_n9_the_log_has_the_recipients_as_asked_and_where_it_went(self, peers: Peers, smtp: Any) -> None:
        switch("redirected")
        result = send_message(everybody())
        delivery = Delivery.objects.get()
        assert delivery.redirected_to == QA
        assert ["to", "customer@example.org"] in delivery.recipient_list
        assert set(result.recipients) >= {"customer@example.org"}
        assert delivery.state == DeliveryState.SENT

    def test_n9_a_list_is_redirected_message_by_message(self, peers: Peers, smtp: Any) -> None:
        from mailadmin.backends import EmailBackend

        switch("redirected")
        messages = [a_message(to=[f"customer{number}@example.org"]) for number in range(5)]
        assert EmailBackend(**_alias()).send_messages(messages) == 5
        assert [arrived.recipients for arrived in peers.arrived] == [[QA]] * 5

    def test_n9_everybody_gets_the_message_who_has_one_part_of_a_message_with_html(
        self, peers: Peers, smtp: Any
    ) -> None:
        """The body is not touched."""
        switch("redirected")
        message = EmailMultiAlternatives("Hello", "text", "shop@contoso.org", [CUSTOMER])
        message.attach_alternative("<p>HTML</p>", "text/html")
        send_message(message)
        (arrived,) = peers.arrived
        assert [part.get_content_type() for part in arrived.parsed.iter_parts()] == ["text/plain", "text/html"]

    def test_n9_without_an_address_nothing_leaves_rather_than_to_everybody(self) -> None:
        """A row that no form would save."""
        draft = convert(everybody())
        for target in ("", "no address"):
            with pytest.raises(SendingHeld):
                redirect.redirected(draft, Preferences(sending=Sending.REDIRECTED, redirect_to=target))

    def test_n9_who_stands_in_for_whom(self) -> None:
        draft = convert(everybody())
        preferences = Preferences(sending=Sending.REDIRECTED, redirect_to=QA, spared=("ours.example",))
        assert redirect.stand_ins(draft, preferences) == {
            "customer@example.org": QA,
            STAFF: STAFF,
            "boss@example.org": QA,
            "audit@example.org": QA,
        }
        assert set(redirect.stand_ins(draft, preferences).values()) == set(
            redirect.redirected(draft, preferences).addresses
        )
        assert redirect.stand_ins(draft, Preferences()) == {one: one for one in draft.addresses}

    def test_n9_the_draft_itself_stays_so_that_it_can_be_sent_to_its_recipients_later(self) -> None:
        draft = convert(everybody())
        before = bytes(draft.content), draft.recipients
        redirect.redirected(draft, Preferences(sending=Sending.REDIRECTED, redirect_to=QA))
        assert (bytes(draft.content), draft.recipients) == before
        assert redirect.redirected(draft, Preferences()) is draft


class TestHeld:
    def test_n9_a_direct_message_raises_and_leaves_a_row(self, peers: Peers, smtp: Any) -> None:
        switch("held")
        message = everybody()
        with pytest.raises(SendingHeld, match="All mail is held"):
            send_message(message)
        assert peers.arrived == []
        delivery = Delivery.objects.get()
        assert (delivery.state, delivery.code) == (DeliveryState.FAILED, "sending-held")
        assert "customer@example.org" in str(delivery.recipient_list)

    def test_n9_one_who_is_not_spared_holds_the_message(self, peers: Peers, smtp: Any) -> None:
        switch("held", spared="ours.example")
        with pytest.raises(SendingHeld):
            send_message(everybody())
        send_message(a_message(to=[STAFF]))
        assert [arrived.recipients for arrived in peers.arrived] == [[STAFF]]

    def test_n9_with_a_copied_database_the_list_of_the_spared_was_copied_too(self) -> None:
        draft = convert(a_message(to=[STAFF]))
        preferences = Preferences(spared=("ours.example",), objection="The database belongs to another environment.")
        with pytest.raises(SendingHeld, match="another environment"):
            redirect.check_held(draft, preferences)

    def test_n9_switched_on_again_mail_leaves_at_once(self, peers: Peers, smtp: Any) -> None:
        switch("held")
        with pytest.raises(SendingHeld):
            send_message(everybody())
        switch("on")
        assert send_message(everybody()).sent

    def test_n9_a_held_message_is_silent_where_the_caller_wants_no_errors(self, peers: Peers, smtp: Any) -> None:
        from mailadmin.backends import EmailBackend

        switch("held")
        assert EmailBackend(fail_silently=True, **_alias()).send_messages([everybody()]) == 0


def _alias() -> dict[str, str]:
    import django

    return {"alias": "default"} if django.VERSION >= (6, 1) else {}

"""Which route takes a message, and what the log says of it (against the sandbox's real servers)."""

from __future__ import annotations

import pytest
from django.core.mail import EmailMessage

import mailadmin
from mailadmin.backends import EmailBackend
from mailadmin.conf import ConfigurationError
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState, RecipientState
from mailadmin.core.settings import RouteKey, RouteKind
from mailadmin.delivery.health import resume
from mailadmin.delivery.send import SendOptions, send_message
from mailadmin.models import Delivery, OAuthService, RouteState, SmtpConnection
from tests.fakes.smtp_server import SmtpServer

from .conftest import Peers, a_message, add_smtp


@pytest.mark.django_db
class TestFailover:
    def test_s4_an_oauth_service_is_preferred_and_smtp_is_not_touched(
        self, peers: Peers, oauth: OAuthService, smtp: SmtpConnection
    ) -> None:
        result = send_message(a_message())
        assert (result.state, result.route, peers.ways()) == (DeliveryState.SENT, "Contoso 365", ["graph"])
        delivery = Delivery.objects.get()
        assert str(delivery.pk) == result.delivery_id
        assert (delivery.state, delivery.route_name, delivery.reason) == ("sent", "Contoso 365", "")
        assert [a.accepted for a in delivery.attempts.all()] == [True]

    def test_n3_a_refusal_by_graph_goes_once_by_smtp_and_the_log_says_why(
        self, peers: Peers, oauth: OAuthService, smtp: SmtpConnection
    ) -> None:
        peers.graph_fault = "403"
        result = send_message(a_message())
        assert (result.state, result.route, peers.ways()) == (DeliveryState.FALLBACK, "Relay A", ["smtp"])
        delivery = Delivery.objects.get()
        assert delivery.get_state_display() == "Sent by fallback"
        assert "Contoso 365" in delivery.reason and "Relay A” took it" in delivery.reason
        first, second = delivery.attempts.all()
        assert (first.accepted, first.server_code, second.accepted) == (False, "ErrorAccessDenied", True)
        assert first.remedy and first.owner

    def test_a_wrong_setting_stops_the_route_and_the_next_message_is_still_sent_by_fallback(
        self, peers: Peers, oauth: OAuthService, smtp: SmtpConnection
    ) -> None:
        peers.graph_fault = "403"
        send_message(a_message())
        peers.graph_fault = ""
        result = send_message(a_message())
        assert RouteState.objects.get(kind="oauth").stopped
        assert (result.state, peers.ways()) == (DeliveryState.FALLBACK, ["smtp", "smtp"])
        assert [skipped.name for skipped in result.skipped] == ["Contoso 365"]
        assert resume(oauth.key)
        assert send_message(a_message()).route == "Contoso 365"

    def test_a_changed_row_is_in_force_for_the_next_message(self, peers: Peers, smtp: SmtpConnection) -> None:
        send_message(a_message())
        smtp.subject_prefix = "Test -"
        smtp.save()
        send_message(a_message())
        SmtpConnection.objects.update(enabled=False)
        with pytest.raises(ConfigurationError):
            send_message(a_message())
        assert [m.parsed["Subject"] for m in peers.arrived] == ["Hello", "Test - Hello"]

    def test_a_refused_sender_goes_on_without_stopping_the_route(
        self, peers: Peers, oauth: OAuthService, smtp: SmtpConnection
    ) -> None:
        peers.graph_fault = "send-as-denied"
        assert send_message(a_message()).state is DeliveryState.FALLBACK
        assert not RouteState.objects.filter(stopped=True).exists()

    @pytest.mark.parametrize("fault", ["504", "timeout-after-data"])
    def test_n3_an_unclear_answer_of_graph_is_never_followed_by_another_route(
        self, peers: Peers, oauth: OAuthService, smtp: SmtpConnection, fault: str
    ) -> None:
        peers.graph_fault = fault
        message = a_message()
        with pytest.raises(mailadmin.DeliveryUnsure):
            send_message(message)
        assert "smtp" not in peers.ways()
        assert message.mailadmin.state is DeliveryState.UNSURE  # type: ignore[attr-defined]
        assert Delivery.objects.get().get_state_display() == "Maybe delivered"

    def test_n3_a_connection_lost_after_the_final_dot_is_unsure(self, peers: Peers, db: None) -> None:
        add_smtp(peers)
        add_smtp(peers, "Relay B", order=2)
        peers.smtp_fault = "timeout-after-data"
        with pytest.raises(mailadmin.DeliveryUnsure):
            send_message(a_message())
        assert len(peers.arrived) <= 1

    def test_a_throttled_service_is_followed_by_smtp(
        self, peers: Peers, oauth: OAuthService, smtp: SmtpConnection
    ) -> None:
        peers.graph_fault = "429"
        assert send_message(a_message()).state is DeliveryState.FALLBACK
        assert not RouteState.objects.filter(stopped=True).exists()

    def test_after_a_long_wait_the_fallback_is_still_tried_but_no_third_route(
        self, peers: Peers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "ROUTES_SECONDS", 0)
        for name in ("Relay A", "Relay B", "Relay C"):
            add_smtp(peers, name)
        peers.smtp_fault = "452"
        with pytest.raises(mailadmin.MailError):
            send_message(a_message())
        delivery = Delivery.objects.get()
        assert delivery.attempts.count() == 2
        assert delivery.skipped == [["Relay C", "The routes before it took too long."]]

    def test_a_recipient_that_does_not_exist_is_not_tried_elsewhere(self, peers: Peers, db: None) -> None:
        add_smtp(peers)
        add_smtp(peers, "Relay B", order=2)
        peers.smtp_fault = "550-recipient"
        with pytest.raises(mailadmin.RecipientsRefused):
            send_message(a_message())
        delivery = Delivery.objects.get()
        assert delivery.attempts.count() == 1
        assert delivery.recipients.get().state == RecipientState.REFUSED

    def test_a_wrong_password_stops_the_route_and_a_later_message_does_not_try_it(self, peers: Peers, db: None) -> None:
        row = add_smtp(peers, password="not the password")
        with pytest.raises(mailadmin.MailError) as caught:
            send_message(a_message())
        assert caught.value.fault.smtp_code == 535
        with pytest.raises(mailadmin.MailError, match="stopped"):
            send_message(a_message())
        assert [d.attempts.count() for d in Delivery.objects.all()] == [0, 1]
        row.set_secret(peers.sandbox.password)
        row.save()
        resume(row.key)
        assert send_message(a_message()).sent

    def test_a_message_too_big_for_graph_goes_by_smtp_with_size_and_limit(
        self, peers: Peers, oauth: OAuthService, smtp: SmtpConnection
    ) -> None:
        message = a_message()
        message.attach("big.bin", b"\0" * 3_500_000, "application/octet-stream")
        result = send_message(message)
        assert (result.state, peers.ways()) == (DeliveryState.SENT, ["smtp"])
        (skipped,) = Delivery.objects.get().skipped
        assert skipped[1] == (
            "The message has 4.8 MB; one request to Graph takes 3 MB, and uploads are not switched on."
        )
        assert not RouteState.objects.filter(kind="oauth").exists()

    def test_nothing_set_up_is_an_error_that_fail_silently_does_not_hide(self, db: None) -> None:
        with pytest.raises(ConfigurationError, match="No SMTP connection or OAuth service is enabled"):
            send_message(a_message())
        assert Delivery.objects.get().state == "failed"

    def test_p5_a_route_for_other_senders_is_not_tried_and_the_trace_says_so(self, peers: Peers, db: None) -> None:
        add_smtp(peers, "Only invoices", only_for_senders="billing@contoso.org fabrikam.org")
        add_smtp(peers, "Everybody", order=2)
        result = send_message(a_message())
        assert (result.route, result.state) == ("Everybody", DeliveryState.SENT)
        assert "only for other senders" in result.skipped[0].reason
        assert send_message(a_message(from_email="x@fabrikam.org")).route == "Only invoices"

    def test_one_chosen_route_is_used_even_when_it_is_stopped(self, peers: Peers, oauth: OAuthService) -> None:
        row = add_smtp(peers)
        result = send_message(a_message(), SendOptions(route=RouteKey(RouteKind.SMTP, str(row.pk))))
        assert result.route == "Relay A"

    def test_s22_the_label_of_the_route_the_mailer_or_the_message_is_in_the_log(self, peers: Peers, db: None) -> None:
        add_smtp(peers, label="relay")
        send_message(a_message())
        send_message(a_message(), SendOptions(label="shop"))
        message = a_message()
        message.mailadmin_label = "invoice"  # type: ignore[attr-defined]
        send_message(message, SendOptions(label="shop"))
        assert list(Delivery.objects.order_by("created_at").values_list("label", flat=True)) == [
            "relay",
            "shop",
            "invoice",
        ]

    def test_graph_is_left_out_when_the_headers_name_people_who_shall_not_get_it(
        self, peers: Peers, oauth: OAuthService, smtp: SmtpConnection
    ) -> None:
        message = EmailMessage("s", "b", "shop@contoso.org", ["ann@example.org"], headers={"To": "list@example.org"})
        result = send_message(message)
        assert (result.route, peers.arrived[0].recipients) == ("Relay A", ["ann@example.org"])

    def test_a_recipient_without_a_domain_goes_by_smtp(
        self, peers: Peers, oauth: OAuthService, smtp: SmtpConnection
    ) -> None:
        assert send_message(a_message(to=["root"])).route == "Relay A"
        assert peers.arrived[0].recipients == ["root"]

    def test_s21_default_recipients_and_the_prefix_apply_to_mailadmin_send(self, peers: Peers, db: None) -> None:
        add_smtp(peers, default_recipients="ops@example.org, boss@example.org", subject_prefix="Test - ")
        assert mailadmin.send("Disk full", "Look").sent
        assert mailadmin.send("Disk full", "Look", to="ann@example.org, bob@example.org").sent
        assert [m.recipients for m in peers.arrived] == [
            ["ops@example.org", "boss@example.org"],
            ["ann@example.org", "bob@example.org"],
        ]
        assert peers.arrived[0].parsed["Subject"] == "Test - Disk full"

    def test_s17_and_s23_a_server_that_asks_for_nothing_gets_no_credentials(self, peers: Peers, db: None) -> None:
        with SmtpServer(features=("SIZE 1000000",)) as server:
            row = SmtpConnection(name="Plain", host="127.0.0.1", port=server.port, security="none", auth="none")
            row.full_clean()
            row.save()
            assert EmailBackend().send_messages([a_message()]) == 1
            assert not any("AUTH" in line for line in server.sessions[0].lines)

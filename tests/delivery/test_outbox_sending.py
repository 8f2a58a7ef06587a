"""What becomes of a queued message: sent, later, unsure, given up; recipient by recipient (N3, N9)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.dispatch import Signal
from django.utils import timezone

from mailadmin import signals
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState, Priority
from mailadmin.delivery import health
from mailadmin.delivery.outbox import claims, waiting
from mailadmin.models import Delivery, MessageContent, OAuthService, OutboxEntry, RouteState, Settings, SmtpConnection
from tests.fakes.smtp_actions import close
from tests.fakes.smtp_server import SmtpServer

from .conftest import Peers, plain
from .outbox_rows import claimed, delivery, entry, in_seconds, let_pass, queue, send

pytestmark = pytest.mark.django_db

ANN, BOB, EVE = "ann@example.org", "bob@example.org", "eve@example.org"


def states(key: UUID) -> dict[str, str]:
    return dict(delivery(key).recipients.values_list("address", "state"))


def attempts(key: UUID) -> list[tuple[int, str, bool, bool]]:
    return list(delivery(key).attempts.values_list("number", "route_name", "accepted", "unsure"))


def over(key: UUID) -> bool:
    return not OutboxEntry.objects.filter(pk=key).exists() and delivery(key).finished_at is not None


def due_again(key: UUID) -> None:
    let_pass(key, in_seconds(key) + 1)


class TestSent:
    def test_n9_a_message_is_sent_and_nothing_of_it_stays_in_the_outbox(self) -> None:
        with SmtpServer() as server:
            plain(server)
            key = queue(to=[ANN, BOB])
            assert send(key) is DeliveryState.SENT
        row = delivery(key)
        assert (row.state, row.route_name, row.code, row.reason) == ("sent", "Relay A", "", "")
        assert row.duration_ms is not None
        assert (over(key), states(key)) == (True, {ANN: "sent", BOB: "sent"})
        assert attempts(key) == [(1, "Relay A", True, False)]
        assert not MessageContent.objects.exists()
        assert len(server.messages) == 1

    def test_the_next_route_takes_what_the_first_one_surely_did_not(self) -> None:
        with SmtpServer({"MAIL": ["421 4.3.2 shutting down"]}) as first, SmtpServer() as second:
            plain(first)
            plain(second, "Relay B", order=2)
            key = queue()
            assert send(key) is DeliveryState.FALLBACK
        assert attempts(key) == [(1, "Relay A", False, False), (2, "Relay B", True, False)]
        assert "Relay B” took it" in delivery(key).reason

    def test_content_is_kept_where_that_is_chosen(self) -> None:
        Settings.load()
        Settings.objects.update(keep_content="all", keep_content_days=3)
        Settings.bump()
        with SmtpServer() as server:
            plain(server)
            key = queue()
            send(key)
        kept = MessageContent.objects.get(pk=key).until
        assert kept is not None and timedelta(days=2) < kept - timezone.now() < timedelta(days=4)


class TestLater:
    def test_a_passing_failure_is_tried_again_later_and_later(self) -> None:
        with SmtpServer({"RCPT": ["450 4.2.0 greylisted"] * 2}) as server:
            plain(server)
            key = queue()
            assert send(key) is DeliveryState.QUEUED
            assert 43 <= in_seconds(key) <= 72
            assert claims.claim("worker A", 1) == []
            due_again(key)
            assert send(key) is DeliveryState.QUEUED
            assert 91 <= in_seconds(key) <= 144
            row = entry(key)
            assert (row.tries, row.claim, row.worker, row.shelf, row.leaving) == (2, None, "", "", [])
            assert "Relay A" in row.waits_because and delivery(key).reason == row.waits_because
            due_again(key)
            assert send(key) is DeliveryState.SENT
        assert len(server.messages) == 1
        assert [number for number, *_ in attempts(key)] == [1, 2, 3]

    def test_n3_a_throttled_service_is_asked_again_when_it_says(
        self, peers: Peers, oauth: OAuthService, smtp: SmtpConnection
    ) -> None:
        peers.graph_fault = "429"
        key = queue()
        assert send(key) is DeliveryState.QUEUED
        assert peers.ways() == []
        assert attempts(key)[0][:3] == (1, "Contoso 365", False)
        assert 5 <= in_seconds(key) <= 120

    def test_n3_an_urgent_message_does_not_wait_for_a_throttled_service(
        self, peers: Peers, oauth: OAuthService, smtp: SmtpConnection
    ) -> None:
        peers.graph_fault = "429"
        key = queue({"priority": Priority.URGENT})
        assert send(key) is DeliveryState.FALLBACK
        assert peers.ways() == ["smtp"]

    def test_p7_waiting_for_a_turn_of_our_own_rate_is_no_try_and_the_line_does_not_come_back_all_at_once(self) -> None:
        with SmtpServer() as server:
            plain(server, rate_messages=1, rate_seconds=3600)
            first, *others = [queue() for _ in range(6)]
            assert send(first) is DeliveryState.SENT
            for key in others:
                OutboxEntry.objects.filter(pk=key).update(queued_at=timezone.now() - timedelta(hours=1))
                assert send(key) is DeliveryState.QUEUED
                assert (entry(key).tries, entry(key).waits_for_route, attempts(key)) == (0, False, [])
                assert "has sent its messages for now" in entry(key).waits_because
        pauses = sorted(in_seconds(key) for key in others)
        assert pauses[0] >= 3595 and pauses[-1] <= 3600 + limits.TURN_SPREAD_SECONDS
        assert pauses[-1] - pauses[0] > 10

    def test_p7_a_second_copy_waits_for_its_turn_too(self) -> None:
        with SmtpServer({"DOT": [close]}) as server:
            row = plain(server, rate_messages=1, rate_seconds=3600)
            key = queue()
            assert send(key) is DeliveryState.UNSURE
            health.resume(row.key)
            let_pass(key, 901)
            assert send(key) is DeliveryState.UNSURE
            assert 3595 <= in_seconds(key) <= 3600 + limits.TURN_SPREAD_SECONDS
            assert (entry(key).unsure_resends, len(attempts(key))) == (0, 1)

    def test_each_recipient_has_a_fate_of_its_own_and_nobody_gets_it_twice(self) -> None:
        script = {"RCPT": [None, "550 5.1.1 no such user", "450 4.2.0 greylisted"]}
        with SmtpServer(script) as server:
            plain(server)
            key = queue(to=[ANN, BOB, EVE])
            assert send(key) is DeliveryState.QUEUED
            assert states(key) == {ANN: "sent", BOB: "refused", EVE: "pending"}
            due_again(key)
            assert send(key) is DeliveryState.PARTLY
        assert states(key) == {ANN: "sent", BOB: "refused", EVE: "sent"}
        assert [sorted(one.recipients) for one in server.deliveries] == [[ANN], [EVE]]
        assert over(key)

    def test_a_refusal_that_no_time_mends_ends_it(self) -> None:
        with SmtpServer({"RCPT": ["550 5.1.1 no such user"]}) as server:
            plain(server)
            key = queue()
            assert send(key) is DeliveryState.FAILED
        row = delivery(key)
        assert (row.state, row.code != "", over(key)) == ("failed", True, True)

    def test_a_lifetime_that_is_over_ends_the_tries_with_the_last_reason(self) -> None:
        with SmtpServer({"RCPT": ["450 4.2.0 greylisted"] * 2}) as server:
            plain(server)
            key = queue()
            send(key)
            let_pass(key, 3600 * limits.QUEUE_LIFETIME_HOURS)
            assert send(key) is DeliveryState.FAILED
        row = delivery(key)
        assert (row.state, row.code, over(key)) == ("failed", "given-up", True)
        assert "given up" in row.reason and "Relay A" in row.reason
        recipient = row.recipients.get()
        assert (recipient.state, recipient.code) == ("refused", "450 4.2.0")

    def test_no_pause_lasts_beyond_the_lifetime(self) -> None:
        with SmtpServer({"RCPT": ["450 4.2.0 greylisted"]}) as server:
            plain(server)
            key = queue()
            let_pass(key, 3600 * limits.QUEUE_LIFETIME_HOURS - 20)
            send(key)
        assert in_seconds(key) <= 20

    def test_what_expired_is_not_sent_any_more(self) -> None:
        with SmtpServer() as server:
            plain(server)
            key = queue({"expires_at": timezone.now() + timedelta(hours=1)})
            let_pass(key, 3601)
            assert send(key) is DeliveryState.EXPIRED
        assert (server.sessions, delivery(key).state, over(key), states(key)) == ([], "expired", True, {ANN: "pending"})

    def test_a_message_whose_content_is_gone_waits_until_its_lifetime_is_over(self) -> None:
        with SmtpServer() as server:
            plain(server)
            key = queue()
            MessageContent.objects.all().delete()
            assert send(key) is DeliveryState.QUEUED
            assert delivery(key).code == "content-lost"
            let_pass(key, 3600 * limits.QUEUE_LIFETIME_HOURS)
            assert send(key) is DeliveryState.FAILED
        assert server.sessions == []


@pytest.mark.django_db(transaction=True)  # what a repair wakes is woken when that is committed
class TestRoutesOutOfOrder:
    def test_n9_while_every_route_is_stopped_a_message_waits_and_no_try_counts(self) -> None:
        with SmtpServer({"GREETING": ["554 5.7.1 go away"]}) as server:
            row = plain(server)
            first, second = queue(), queue()
            assert send(first) is DeliveryState.QUEUED  # and this stops the route
            assert send(second) is DeliveryState.QUEUED
            assert (entry(second).tries, entry(second).waits_for_route, attempts(second)) == (0, True, [])
            assert in_seconds(second) > 800
            health.resume(row.key)
            assert send(first) is DeliveryState.SENT
            assert send(second) is DeliveryState.SENT

    def test_without_any_route_a_message_waits_for_one(self) -> None:
        key = queue()
        assert send(key) is DeliveryState.QUEUED
        assert "No SMTP connection or OAuth service is enabled" in entry(key).waits_because
        waiting.retry_waiting()
        assert in_seconds(key) <= 0

    def test_a_paused_route_is_not_tried_and_nothing_is_given_up_meanwhile(self) -> None:
        with SmtpServer() as server:
            row = plain(server)
            health.pause(row.key, "anna")
            key = queue()
            let_pass(key, 3600 * limits.QUEUE_LIFETIME_HOURS + 10)
            assert send(key) is DeliveryState.QUEUED
            assert server.sessions == []
            health.unpause(row.key)
            assert send(key) is DeliveryState.SENT

    def test_a_route_that_rests_does_not_let_another_ones_refusal_be_the_end(self) -> None:
        with (
            SmtpServer({"GREETING": ["421 4.3.2 busy"]}) as first,
            SmtpServer({"RCPT": ["554 5.7.1 relay denied"]}) as b,
        ):
            plain(first)
            send(queue())  # and this lets the route rest
            plain(b, "Relay B", order=2)
            key = queue()
            assert send(key) is DeliveryState.QUEUED
        assert states(key) == {ANN: "pending"}

    def test_a_route_that_comes_back_is_tried_by_one_message_and_frees_the_others(self) -> None:
        with SmtpServer({"GREETING": ["421 4.3.2 busy"]}) as server:
            plain(server)
            first, second = queue(), queue()
            send(first)
            send(second)
            assert attempts(second) == []
            RouteState.objects.update(open_until=timezone.now() - timedelta(seconds=1))
            due_again(first)
            assert send(first) is DeliveryState.SENT
            assert send(second) is DeliveryState.SENT


class TestHeld:
    def test_n9_held_mail_waits_untried_and_leaves_when_it_is_switched_on(self) -> None:
        Settings.load()
        with SmtpServer() as server:
            plain(server)
            key = queue()
            Settings.objects.update(sending="held")
            Settings.bump()
            let_pass(key, 3600 * limits.QUEUE_LIFETIME_HOURS + 10)
            assert send(key) is DeliveryState.QUEUED
            assert (server.sessions, entry(key).tries, entry(key).waits_for_route) == ([], 0, True)
            assert in_seconds(key) > 800
            Settings.objects.update(sending="on")
            Settings.bump()
            waiting.retry_waiting()
            assert send(key) is DeliveryState.SENT

    def test_redirected_mail_goes_to_one_address_and_the_log_keeps_whom_it_was_for(self) -> None:
        Settings.load()
        Settings.objects.update(sending="redirected", redirect_to="test@example.net", spared="example.com")
        Settings.bump()
        with SmtpServer() as server:
            plain(server)
            key = queue(to=[ANN, BOB, "pat@example.com"])
            assert send(key) is DeliveryState.SENT
        (one,) = server.deliveries
        assert sorted(one.recipients) == ["pat@example.com", "test@example.net"]
        assert set(states(key).values()) == {"sent"} and len(states(key)) == 3
        assert delivery(key).redirected_to == "test@example.net"

    def test_a_paused_label_goes_on_its_shelf(self) -> None:
        with SmtpServer() as server:
            plain(server)
            waiting.pause_label("bulk")
            key, other = queue({"label": "bulk"}), queue()
            assert send(key) is DeliveryState.QUEUED
            assert (entry(key).shelf, server.sessions) == ("paused", [])
            assert send(other) is DeliveryState.SENT
            assert waiting.resume_label("bulk") == 1
            assert send(key) is DeliveryState.SENT


class TestUnsure:
    @pytest.mark.parametrize("features", [(), ("PIPELINING",), ("PIPELINING", "CHUNKING")])
    def test_row_26_who_was_refused_before_the_message_left_is_not_unsure(self, features: tuple[str, ...]) -> None:
        said = [None, "550 5.1.1 no such user", "450 4.2.0 greylisted"]
        with SmtpServer({"RCPT": said, "DOT": [close]}, features=features) as server:
            plain(server)
            key = queue(to=[ANN, BOB, EVE])
            assert send(key) is DeliveryState.QUEUED
            assert states(key) == {ANN: "unsure", BOB: "refused", EVE: "pending"}

    def test_n3_an_unclear_answer_is_sent_once_more_by_the_same_route_and_then_held(self) -> None:
        with SmtpServer({"DOT": [close, close]}) as first, SmtpServer() as second:
            plain(first)
            plain(second, "Relay B", order=2)
            key = queue(to=[ANN, BOB])
            assert send(key) is DeliveryState.UNSURE
            assert (delivery(key).state, states(key)) == ("unsure", {ANN: "unsure", BOB: "unsure"})
            assert 295 <= in_seconds(key) <= 900
            assert not delivery(key).possible_duplicate
            health.resume(SmtpConnection.objects.get(name="Relay A").key)
            due_again(key)
            assert send(key) is DeliveryState.UNSURE
            assert (entry(key).shelf, delivery(key).possible_duplicate) == ("unsure", True)
            assert claims.next_due() is None
        assert len(first.messages) == 2 and not second.messages
        ids = {line for text in first.messages for line in text.splitlines() if line.lower().startswith(b"message-id")}
        assert len(ids) == 1
        assert [unsure for *_, unsure in attempts(key)] == [True, True]

    def test_a_resend_that_arrives_makes_it_sent(self) -> None:
        with SmtpServer({"DOT": [close]}) as server:
            row = plain(server)
            key = queue()
            send(key)
            health.resume(row.key)
            due_again(key)
            assert send(key) is DeliveryState.SENT
        assert (over(key), delivery(key).possible_duplicate, len(server.messages)) == (True, True, 2)

    def test_a_resend_that_surely_did_not_leave_is_made_later(self) -> None:
        with SmtpServer({"DOT": [close], "MAIL": [None, "451 4.3.0 try later"]}) as server:
            row = plain(server)
            key = queue()
            send(key)
            health.resume(row.key)
            due_again(key)
            assert send(key) is DeliveryState.UNSURE
            assert (entry(key).shelf, entry(key).unsure_resends, delivery(key).possible_duplicate) == ("", 0, False)
            health.resume(row.key)
            due_again(key)
            assert send(key) is DeliveryState.SENT
        assert len(server.messages) == 2

    def test_a_resend_that_is_refused_says_nothing_of_the_first_copy(self) -> None:
        with SmtpServer({"DOT": [close], "RCPT": [None, "550 5.1.1 no such user"]}) as server:
            row = plain(server)
            key = queue()
            send(key)
            health.resume(row.key)
            due_again(key)
            assert send(key) is DeliveryState.UNSURE
        assert (entry(key).shelf, states(key)) == ("unsure", {ANN: "unsure"})

    @pytest.mark.parametrize("who", ["route", "message"])
    def test_a_route_or_a_message_may_ask_for_a_person(self, who: str) -> None:
        with SmtpServer({"DOT": [close]}) as server:
            plain(server, **({"on_unsure": "hold"} if who == "route" else {}))
            key = queue({"on_unsure": "hold"} if who == "message" else {})
            assert send(key) is DeliveryState.UNSURE
        assert (entry(key).shelf, len(server.messages)) == ("unsure", 1)

    def test_of_several_transactions_only_the_unclear_one_is_sent_once_more(self) -> None:
        script = {"RCPT": [None, "452 4.5.3 too many recipients"], "DOT": [None, close]}
        with SmtpServer(script) as server:
            row = plain(server)
            key = queue(to=[ANN, BOB])
            assert send(key) is DeliveryState.UNSURE
            assert states(key) == {ANN: "sent", BOB: "unsure"}
            health.resume(row.key)
            due_again(key)
            assert send(key) is DeliveryState.SENT
        assert [sorted(one.recipients) for one in server.deliveries] == [[ANN], [BOB], [BOB]]


class TestSignals:
    @pytest.fixture
    def told(self) -> Any:
        heard: list[tuple[str, str, str]] = []
        receivers = []
        for name in ("message_sent", "message_failed", "message_unsure"):
            signal: Signal = getattr(signals, name)

            def hear(name: str = name, **values: Any) -> None:
                heard.append((name, values["delivery_id"], values["result"].state.value))

            signal.connect(hear)
            receivers.append((signal, hear))
        yield heard
        for signal, hear in receivers:
            signal.disconnect(hear)

    def test_n9_what_became_of_a_message_is_told_when_it_is_written_down(self, told: list[Any]) -> None:
        with SmtpServer({"RCPT": ["450 4.2.0 later"]}) as server:
            plain(server)
            key = queue()
            send(key)
            assert told == []
            due_again(key)
            send(key)
        assert told == [("message_sent", str(key), "sent")]

    def test_an_unsure_message_is_told_when_it_becomes_so(self, told: list[Any]) -> None:
        with SmtpServer({"DOT": [close]}) as server:
            plain(server)
            key = queue()
            send(key)
        assert told == [("message_unsure", str(key), "unsure")]


def test_what_somebody_else_has_in_hand_is_not_sent() -> None:
    with SmtpServer() as server:
        plain(server)
        key = queue()
        claimed(key)
        assert claims.claim_one(key, "worker B") is None
    assert server.sessions == [] and Delivery.objects.get().state == "queued"

"""What people and settings do to messages that wait (N9)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from mailadmin import signals
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.delivery import health, routes
from mailadmin.delivery.outbox import claims, waiting
from mailadmin.models import DeliveryRecipient, MessageContent, OutboxEntry, Settings
from tests.fakes.smtp_actions import close
from tests.fakes.smtp_server import SmtpServer

from .conftest import plain
from .outbox_rows import at_once, claimed, delivery, entry, in_seconds, let_pass, queue, send
from .test_outbox_sending import ANN, BOB, over, states

pytestmark = pytest.mark.django_db


def unsure(**message: Any) -> UUID:
    """Return a message that lies on the shelf, because a route asks for a person."""
    with SmtpServer({"DOT": [close]}) as server:
        row = plain(server, on_unsure="hold")
        key = queue(**message)
        assert send(key) is DeliveryState.UNSURE
        row.delete()
    return key


class TestCancel:
    def test_a_cancelled_message_is_over_and_nothing_is_sent(self) -> None:
        with SmtpServer() as server:
            plain(server)
            key, other = queue(), queue()
            assert waiting.cancel([key, key, uuid4()]) == 1
            assert claims.claim_one(key, "worker A") is None
            assert send(other) is DeliveryState.SENT
        assert (delivery(key).state, over(key), states(key)) == ("cancelled", True, {ANN: "pending"})
        assert not MessageContent.objects.filter(pk=key).exists()
        assert len(server.messages) == 1

    def test_what_a_worker_has_in_hand_cannot_be_cancelled(self) -> None:
        key = queue()
        claimed(key)
        assert waiting.cancel([key]) == 0
        assert delivery(key).state == "queued"

    def test_who_has_it_already_has_it(self) -> None:
        with SmtpServer({"RCPT": [None, "450 4.2.0 later"]}) as server:
            plain(server)
            key = queue(to=[ANN, BOB])
            send(key)
            assert waiting.cancel([key]) == 1
        assert (delivery(key).state, states(key)) == ("partly-sent", {ANN: "sent", BOB: "pending"})

    @pytest.mark.parametrize("shelf", ["paused", "unsure", "crashed"])
    def test_it_is_cancelled_on_every_shelf(self, shelf: str) -> None:
        key = queue()
        OutboxEntry.objects.update(shelf=shelf)
        assert waiting.cancel([key]) == 1

    def test_a_roll_back_takes_it_back(self) -> None:
        key = queue()
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            assert waiting.cancel([key]) == 1
            raise ZeroDivisionError
        assert (delivery(key).state, entry(key).claim) == ("queued", None)
        assert claims.claim_one(key, "worker A")

    @pytest.mark.django_db(transaction=True)
    def test_of_a_worker_and_a_person_one_has_the_message(self) -> None:
        for _ in range(5):
            key = queue()
            cancelled, found = at_once([partial(waiting.cancel, [key]), partial(claims.claim_one, key, "worker A")])
            assert (cancelled == 1) is (found is None)

    @pytest.mark.django_db(transaction=True)
    def test_the_application_is_told(self) -> None:
        heard: list[tuple[str, str]] = []

        def hear(**values: Any) -> None:
            heard.append((values["delivery_id"], values["result"].state.value))

        signals.message_failed.connect(hear)
        try:
            key = queue()
            waiting.cancel([key])
        finally:
            signals.message_failed.disconnect(hear)
        assert heard == [(str(key), "cancelled")]


class TestSendNow:
    def test_a_scheduled_message_is_due_at_once(self) -> None:
        key = queue({"send_at": timezone.now() + timedelta(days=1)})
        assert waiting.send_now([key]) == 1
        assert in_seconds(key) <= 0
        assert entry(key).unsure_at is None

    def test_the_second_copy_is_made_at_once(self) -> None:
        with SmtpServer({"DOT": [close]}) as server:
            row = plain(server)
            key = queue()
            send(key)
            health.resume(row.key)
            assert waiting.send_now([key]) == 1
            assert send(key) is DeliveryState.SENT

    @pytest.mark.parametrize("shelf", ["paused", "unsure", "crashed"])
    def test_a_shelf_is_not_left_by_it(self, shelf: str) -> None:
        key = queue()
        OutboxEntry.objects.update(shelf=shelf)
        assert waiting.send_now([key]) == 0

    def test_a_claim_is_not_shortened(self) -> None:
        key = queue()
        claimed(key)
        assert waiting.send_now([key]) == 0
        assert in_seconds(key) > limits.CLAIM_SECONDS - 5


class TestRelease:
    def test_what_may_have_been_delivered_is_sent_again_and_marked(self) -> None:
        key = unsure(to=[ANN, BOB])
        DeliveryRecipient.objects.filter(address=ANN).update(state="sent")
        let_pass(key, 3600 * limits.QUEUE_LIFETIME_HOURS)
        with SmtpServer() as server:
            plain(server)
            assert waiting.release([key]) == 1
            assert (delivery(key).state, delivery(key).possible_duplicate) == ("queued", True)
            assert in_seconds(key, "give_up_at") > 3600
            assert send(key) is DeliveryState.SENT
        assert [one.recipients for one in server.deliveries] == [(BOB,)]

    def test_what_lies_on_no_shelf_is_left_alone(self) -> None:
        key = queue()
        assert waiting.release([key]) == 0
        OutboxEntry.objects.update(shelf="paused")
        assert waiting.release([key]) == 0


class TestSettleUnsure:
    @pytest.mark.parametrize(("delivered", "state"), [(True, "sent"), (False, "failed")])
    def test_a_person_says_what_became_of_it(self, delivered: bool, state: str) -> None:
        key = unsure()
        assert waiting.settle_unsure([key], delivered) == 1
        row = delivery(key)
        assert (row.state, over(key)) == (state, True)
        assert "Somebody decided" in row.reason
        assert states(key) == {ANN: "sent" if delivered else "refused"}

    def test_it_may_be_said_before_the_second_copy_leaves(self) -> None:
        with SmtpServer({"DOT": [close]}) as server:
            plain(server)
            key = queue()
            send(key)
            assert waiting.settle_unsure([key], True) == 1
        assert (delivery(key).state, over(key)) == ("sent", True)

    def test_of_a_message_that_is_clear_nothing_can_be_said(self) -> None:
        key = queue()
        assert waiting.settle_unsure([key], True) == 0
        assert delivery(key).state == "queued"


class TestLabels:
    def test_a_paused_label_waits_and_goes_on_at_its_time(self) -> None:
        bulk, other = queue({"label": "bulk"}), queue({"label": "news"})
        later = queue({"label": "bulk", "send_at": timezone.now() + timedelta(hours=1)})
        in_hand = queue({"label": "bulk"})
        claimed(in_hand)
        assert waiting.pause_label("bulk") == 2
        assert waiting.pause_label("bulk") == 0
        assert routes.current().preferences.paused_labels == ("bulk",)
        assert [one.claim.delivery_id for one in claims.claim("worker A", 5)] == [other]
        assert waiting.resume_label("bulk") == 2
        assert Settings.load().paused_labels == []
        assert routes.current().preferences.paused_labels == ()
        assert [one.claim.delivery_id for one in claims.claim("worker A", 5)] == [bulk]
        assert in_seconds(later) > 3000


class TestRetryWaiting:
    def test_only_what_waits_for_a_route_is_due_at_once(self) -> None:
        stuck, later = queue(), queue({"send_at": timezone.now() + timedelta(hours=1)})
        in_hand = queue()
        OutboxEntry.objects.filter(pk=stuck).update(waits_for_route=True, due_at=timezone.now() + timedelta(hours=1))
        OutboxEntry.objects.filter(pk=in_hand).update(waits_for_route=True)
        claimed(in_hand)
        assert waiting.retry_waiting() == 1
        assert in_seconds(stuck) <= 0 and in_seconds(later) > 3000 and in_seconds(in_hand) > 20
        assert waiting.retry_waiting() == 0


def test_hundreds_are_changed_at_once() -> None:
    key = queue()
    assert waiting.cancel([*(uuid4() for _ in range(1200)), key]) == 1

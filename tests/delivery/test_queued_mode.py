"""Queued mode: the message is written beside the caller's own data, and nothing is sent before that is committed."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import mailadmin
from mailadmin.backends import EmailBackend
from mailadmin.conf import ConfigurationError
from mailadmin.core.errors import BadMessage, MailError
from mailadmin.core.outcome import DeliveryState, Priority
from mailadmin.core.settings import OnUnsure
from mailadmin.delivery import database, log, routes
from mailadmin.delivery.convert import convert
from mailadmin.delivery.options import SendOptions
from mailadmin.delivery.send import send_message
from mailadmin.models import (
    Delivery,
    DeliveryRecipient,
    MessageContent,
    MessagePart,
    OutboxEntry,
    Settings,
    SmtpConnection,
)

from .conftest import Peers, a_message

QUEUED = SendOptions(delivery="queued")


def assert_set(event: threading.Event) -> None:
    assert event.wait(20)


def queued_rows() -> tuple[int, ...]:
    models = (Delivery, DeliveryRecipient, OutboxEntry, MessageContent, MessagePart)
    return tuple(model.objects.count() for model in models)


@pytest.mark.django_db
class TestWhoIsQueued:
    def test_nobody_by_default(self, peers: Peers, smtp: SmtpConnection) -> None:
        assert send_message(a_message()).state is DeliveryState.SENT
        assert Delivery.objects.get().mode == "direct"

    def test_everybody_by_the_setting(self, peers: Peers, smtp: SmtpConnection, settings: Any) -> None:
        settings.MAILADMIN = settings.MAILADMIN | {"DELIVERY": "queued"}
        message = a_message()
        assert EmailBackend().send_messages([message]) == 1
        assert message.mailadmin.state is DeliveryState.QUEUED  # type: ignore[attr-defined]  # the documented place
        assert not peers.arrived

    def test_a_mailer_by_its_option(self, peers: Peers, smtp: SmtpConnection) -> None:
        backend = EmailBackend(delivery="queued", priority="non-urgent", label="bulk")
        assert backend.send_messages([a_message(), a_message()]) == 2
        assert not peers.arrived
        entry = OutboxEntry.objects.first()
        assert entry and (entry.priority, entry.label) == (Priority.NON_URGENT, "bulk")

    def test_one_message_that_says_so_and_one_that_says_no(
        self, peers: Peers, smtp: SmtpConnection, settings: Any
    ) -> None:
        queued, direct = a_message(subject="Queued"), a_message(subject="Direct")
        queued.mailadmin_delivery = "queued"  # type: ignore[attr-defined]  # the documented place
        direct.mailadmin_delivery = "direct"  # type: ignore[attr-defined]  # the documented place
        assert EmailBackend().send_messages([queued, direct]) == 2
        settings.MAILADMIN = settings.MAILADMIN | {"DELIVERY": "queued"}
        assert EmailBackend().send_messages([direct]) == 1
        assert [one.parsed["Subject"] for one in peers.arrived] == ["Direct", "Direct"]
        assert Delivery.objects.get(mode="queued").subject == "Queued"

    @pytest.mark.parametrize("value", ["later", "Queued", "x"])
    def test_a_bad_setting_or_option_is_a_clear_error(self, peers: Peers, settings: Any, value: str) -> None:
        with pytest.raises(ConfigurationError, match="queued"):
            EmailBackend(delivery=value).send_messages([a_message()])
        settings.MAILADMIN = settings.MAILADMIN | {"DELIVERY": value}
        with pytest.raises(ConfigurationError, match="queued"):
            EmailBackend().send_messages([a_message()])

    def test_the_log_cannot_be_switched_off_beside_it(self, smtp: SmtpConnection, settings: Any) -> None:
        settings.MAILADMIN = settings.MAILADMIN | {"DELIVERY_LOG": False}
        with pytest.raises(ConfigurationError, match="DELIVERY_LOG"):
            send_message(a_message(), QUEUED)

    def test_a_message_without_recipients_is_skipped(self, smtp: SmtpConnection) -> None:
        assert EmailBackend(delivery="queued").send_messages([EmailMessage("x", "y", "shop@contoso.org")]) == 0
        assert not Delivery.objects.exists()


@pytest.mark.django_db
class TestWhatIsWritten:
    def test_everything_that_a_worker_needs(self, smtp: SmtpConnection) -> None:
        message = a_message(cc=["bea@example.org"], bcc=["cid@example.org"])
        result = send_message(message, QUEUED)
        row = Delivery.objects.get(pk=result.delivery_id)
        assert (row.state, row.mode, row.message_id) == ("queued", "queued", result.message_id)
        assert {(one.address, one.state) for one in row.recipients.all()} == {
            (f"{name}@example.org", "pending") for name in ("ann", "bea", "cid")
        }
        entry = row.outbox
        assert (entry.shelf, entry.claim, entry.tries, entry.leaving) == ("", None, 0, [])
        assert abs(entry.due_at - timezone.now()) < timedelta(seconds=30)
        assert entry.give_up_at - entry.queued_at > timedelta(hours=47)

    def test_the_options_of_a_message(self, smtp: SmtpConnection) -> None:
        moment = timezone.now() + timedelta(hours=2)
        options = SendOptions(
            delivery="queued", priority=Priority.URGENT, send_at=moment, expires_at=moment + timedelta(hours=1),
            on_unsure=OnUnsure.HOLD, route=smtp.key, idempotency_key="order-1",
        )  # fmt: skip
        send_message(a_message(), options)
        entry = OutboxEntry.objects.select_related("delivery").get()
        assert abs(entry.due_at - moment) < timedelta(milliseconds=1)
        assert (entry.priority, entry.on_unsure, entry.only_route) == (1, "hold", str(smtp.key))
        assert entry.give_up_at - moment == timedelta(hours=48)
        assert entry.delivery.send_at and entry.delivery.expires_at and entry.delivery.idempotency_key == "order-1"

    def test_mailadmin_send_takes_them_too(self, smtp: SmtpConnection) -> None:
        moment = timezone.now() + timedelta(hours=2)
        mailadmin.send("Hi", "x", to="ann@example.org", delivery="queued", priority="urgent", send_at=moment)
        assert OutboxEntry.objects.get().priority == Priority.URGENT

    def test_the_lifetime_of_the_settings(self, smtp: SmtpConnection) -> None:
        row = Settings.load()
        row.queue_lifetime_hours = 3
        row.save()
        send_message(a_message(), QUEUED)
        entry = OutboxEntry.objects.get()
        assert timedelta(hours=2) < entry.give_up_at - entry.queued_at < timedelta(hours=4)

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("priority", "soon", "is no priority"),
            ("send_at", "tomorrow", "time zone"),
            ("send_at", "naive", "time zone"),
            ("expires_at", "past", "expires before"),
            ("idempotency_key", "k" * 300, "printable characters"),
            ("idempotency_key", "a\nb", "printable characters"),
            ("on_unsure", "pray", "hold"),
            ("delivery", "pigeon", "no way of delivery"),
        ],
    )
    def test_an_option_that_cannot_be_used_is_named_before_anything_is_written(
        self, smtp: SmtpConnection, name: str, value: str, words: str
    ) -> None:
        message = a_message()
        moments = {"naive": timezone.now().replace(tzinfo=None), "past": timezone.now() - timedelta(minutes=1)}
        setattr(message, f"mailadmin_{name}", moments.get(value, value))
        with pytest.raises(BadMessage, match=words) as caught:
            send_message(message, QUEUED)
        kinds = {"priority": "bad-priority", "send_at": "bad-time", "expires_at": "bad-time"}
        assert (caught.value.code, caught.value.fault.field) == (kinds.get(name, "bad-option"), name)
        assert not OutboxEntry.objects.exists()

    def test_a_time_to_send_at_needs_the_queue(self, smtp: SmtpConnection) -> None:
        with pytest.raises(BadMessage, match="queued delivery"):
            send_message(a_message(), SendOptions(send_at=timezone.now()))

    def test_a_message_without_a_sender_anywhere_is_refused_at_once(self, smtp: SmtpConnection, settings: Any) -> None:
        settings.DEFAULT_FROM_EMAIL = settings.SERVER_EMAIL = ""
        with pytest.raises(BadMessage) as caught:
            send_message(EmailMessage("x", "y", "", ["ann@example.org"]), QUEUED)
        assert caught.value.code == "no-sender"

    def test_it_waits_where_nothing_is_set_up_yet(self, db: None) -> None:
        assert send_message(a_message(), QUEUED).state is DeliveryState.QUEUED

    def test_a_small_message_takes_few_statements(self, smtp: SmtpConnection) -> None:
        send_message(a_message(), QUEUED)
        with CaptureQueriesContext(connection) as queries:
            send_message(a_message(), QUEUED)
        # The version of the settings, a savepoint and its release, and one insert into each of four tables.
        assert len(queries) == 7, [query["sql"][:80] for query in queries]


@pytest.mark.django_db(transaction=True)
class TestTheCallersTransaction:
    def test_a_roll_back_takes_the_message_back(self, smtp: SmtpConnection) -> None:
        with transaction.atomic():
            send_message(a_message(), QUEUED)
            transaction.set_rollback(True)
        assert queued_rows() == (0, 0, 0, 0, 0)

    def test_a_commit_keeps_it(self, smtp: SmtpConnection) -> None:
        with transaction.atomic():
            send_message(a_message(), QUEUED)
        assert queued_rows() == (1, 1, 1, 1, 0)

    def test_an_inner_roll_back_takes_only_its_own(self, smtp: SmtpConnection) -> None:
        with transaction.atomic():
            send_message(a_message(subject="Kept"), QUEUED)
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                send_message(a_message(subject="Lost"), QUEUED)
                raise ZeroDivisionError
        assert [row.subject for row in Delivery.objects.all()] == ["Kept"]

    def test_in_a_broken_transaction_it_is_refused_loudly(self, smtp: SmtpConnection) -> None:
        """Sent directly, it would leave although its transaction is rolled back."""
        with transaction.atomic():
            transaction.set_rollback(True)
            with pytest.raises(MailError) as caught:
                send_message(a_message(), QUEUED)
            transaction.set_rollback(True)
        assert caught.value.code == "queue-unavailable"
        assert queued_rows() == (0, 0, 0, 0, 0)

    def test_a_full_disk_is_a_loud_error_and_leaves_no_half_message(self, smtp: SmtpConnection) -> None:
        if connection.vendor != "sqlite":
            pytest.skip("SQLite lets a test set the size of its file")
        message = a_message()
        message.attach("big.bin", b"x" * 3_000_000, "application/octet-stream")
        message.mailadmin_delivery = "queued"  # type: ignore[attr-defined]  # the documented place
        with connection.cursor() as cursor:
            pages = cursor.execute("PRAGMA page_count").fetchone()[0]
            cursor.execute(f"PRAGMA max_page_count = {pages + 100}")
        try:
            with pytest.raises(MailError) as caught:
                send_message(message)
            assert caught.value.code == "queue-unavailable" and "full" in str(caught.value)
            assert EmailBackend(fail_silently=True).send_messages([message]) == 0
        finally:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA max_page_count = 1073741823")
        assert queued_rows() == (0, 0, 0, 0, 0)

    def test_what_the_caller_wrote_beside_a_message_that_failed_stands(
        self, smtp: SmtpConnection, settings: Any, tmp_path: Any
    ) -> None:
        routes.current()
        settings.MAILADMIN = settings.MAILADMIN | {"KEY_FILE": str(tmp_path / "missing")}
        with transaction.atomic():
            SmtpConnection.objects.update(label="orders")
            with pytest.raises(ConfigurationError, match="cannot be read"):
                send_message(a_message(), QUEUED)
        assert SmtpConnection.objects.get().label == "orders"
        assert queued_rows() == (0, 0, 0, 0, 0)

    def test_a_caller_in_an_event_loop(self, smtp: SmtpConnection) -> None:
        async def send() -> DeliveryState:
            return send_message(a_message(), QUEUED).state

        assert asyncio.run(send()) is DeliveryState.QUEUED
        assert queued_rows() == (1, 1, 1, 1, 0)


@pytest.mark.django_db(transaction=True)
class TestIdempotencyKeys:
    """P7: a second message with the same key is not sent."""

    def _queue(self, key: str = "order-4711", **values: Any) -> Any:
        return send_message(a_message(**values), SendOptions(delivery="queued", idempotency_key=key))

    def test_a_second_copy_is_refused_and_tells_of_the_first(self, smtp: SmtpConnection) -> None:
        first, second = self._queue(), self._queue()
        assert (second.repeated, second.taken, second.delivery_id) == (True, True, first.delivery_id)
        assert second.message_id == first.message_id
        assert queued_rows()[0] == 1

    def test_the_backend_counts_it_as_taken(self, smtp: SmtpConnection) -> None:
        messages = [a_message(), a_message()]
        for message in messages:
            message.mailadmin_idempotency_key = "k"  # type: ignore[attr-defined]  # the documented place
        assert EmailBackend(delivery="queued").send_messages(messages) == 2
        assert queued_rows()[0] == 1

    @pytest.mark.parametrize("values", [{"subject": "Another"}, {"to": ["bea@example.org"]}])
    def test_a_key_that_names_another_message_swallows_nothing(
        self, smtp: SmtpConnection, values: dict[str, Any]
    ) -> None:
        self._queue()
        with pytest.raises(BadMessage, match="order-4711"):
            self._queue(**values)

    @pytest.mark.parametrize("state", ["failed", "cancelled", "expired"])
    def test_a_message_that_reached_nobody_gives_its_key_back(self, smtp: SmtpConnection, state: str) -> None:
        Delivery.objects.filter(pk=self._queue().delivery_id).update(state=state)
        assert not self._queue().repeated

    def test_a_roll_back_gives_it_back(self, smtp: SmtpConnection) -> None:
        with transaction.atomic():
            self._queue()
            transaction.set_rollback(True)
        assert not self._queue().repeated

    def test_in_direct_mode_the_server_gets_one(self, peers: Peers, smtp: SmtpConnection) -> None:
        options = SendOptions(idempotency_key="order-4711")
        first, second = send_message(a_message(), options), send_message(a_message(), options)
        assert first.state is DeliveryState.SENT and second.repeated
        assert EmailBackend().send_messages([a_message()]) == 1
        assert len(peers.arrived) == 2

    def test_a_direct_message_in_a_transaction_takes_the_key_of_one_that_failed(
        self, peers: Peers, smtp: SmtpConnection
    ) -> None:
        options = SendOptions(idempotency_key="order-4711")
        peers.smtp_fault = "550-recipient"
        with pytest.raises(MailError):
            send_message(a_message(), options)
        peers.smtp_fault = ""
        with transaction.atomic():
            second = send_message(a_message(), options)
        assert (second.state, second.repeated) == (DeliveryState.SENT, False)

    def test_a_row_that_comes_too_late_keeps_no_key(
        self, smtp: SmtpConnection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database, "_in_helper", partial(database._in_helper, wait=0.05))
        entry = log.entry(convert(a_message()), SendOptions(idempotency_key="order-4711"), "")
        go_on = threading.Event()

        async def begin() -> None:  # under an event loop the helper writes
            log.begin_surely(entry, lambda: assert_set(go_on))

        with pytest.raises(TimeoutError):
            asyncio.run(begin())
        go_on.set()
        assert database._helper is not None
        database._helper.shutdown()
        database._forget()
        assert not Delivery.objects.exists()

    def test_a_refusal_before_anything_is_tried_is_logged_though_the_key_is_taken(self, smtp: SmtpConnection) -> None:
        self._queue()
        with pytest.raises(BadMessage):
            self._queue(subject="two\nlines")
        assert set(Delivery.objects.values_list("state", "idempotency_key")) == {
            ("queued", "order-4711"),
            ("failed", None),
        }

    def test_of_callers_at_once_one_wins(self, peers: Peers, smtp: SmtpConnection) -> None:
        routes.current()
        results: list[Any] = []
        together = threading.Barrier(4)

        def send() -> None:
            together.wait()
            try:
                results.append(self._queue())
            except Exception as error:
                results.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(result.repeated for result in results) == [False, True, True, True], results
        assert queued_rows()[0] == 1

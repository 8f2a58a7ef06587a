"""One thing wrong must not take the rest with it: a broken row, a log that cannot be written, a route that cannot be
used, an interrupted caller, a fork."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from typing import Any

import django
import pytest
from django.db import connection, transaction
from django.utils.log import AdminEmailHandler

import mailadmin
from mailadmin.backends import EmailBackend
from mailadmin.conf import ConfigurationError
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState, RecipientState
from mailadmin.delivery import log, routes
from mailadmin.delivery.send import SendOptions, Sessions, prepare, send_message
from mailadmin.models import Delivery, DeliveryRecipient, IntegratedService, RouteState, Settings, SmtpConnection
from tests.fakes.smtp_server import SmtpServer

from .conftest import Peers, a_message, add_oauth, add_smtp, plain


@pytest.mark.django_db
class TestABrokenRow:
    """A row that cannot be read takes only itself out, and the trace says so."""

    @pytest.mark.parametrize(
        "damage",
        [
            {"security": "rot13"},
            {"default_recipients": "no address"},
            {"only_for_senders": "@@@ -"},
            {"trusted_hosts": "http://x y"},
            {"tls_minimum": "0.9"},
        ],
        ids=lambda damage: next(iter(damage)),
    )
    def test_an_smtp_connection(self, peers: Peers, damage: dict[str, str]) -> None:
        row = add_smtp(peers)
        add_smtp(peers, "Relay B", order=2)
        SmtpConnection.objects.filter(pk=row.pk).update(**damage)
        result = send_message(a_message())
        assert (result.state, result.route) == (DeliveryState.FALLBACK, "Relay B")
        assert result.skipped[0].name == "Relay A" and "cannot be used" in result.skipped[0].reason

    def test_the_integrated_service_of_an_oauth_service(self, peers: Peers) -> None:
        add_oauth(peers)
        add_smtp(peers)
        IntegratedService.objects.update(cloud="moon")
        assert send_message(a_message()).state is DeliveryState.FALLBACK

    def test_a_less_preferred_row_makes_no_fallback_of_a_good_one(self, peers: Peers) -> None:
        add_smtp(peers)
        row = add_smtp(peers, "Relay B", order=2)
        SmtpConnection.objects.filter(pk=row.pk).update(security="rot13")
        assert send_message(a_message()).state is DeliveryState.SENT

    def test_the_only_row_or_the_chosen_one(self, peers: Peers) -> None:
        row = add_smtp(peers)
        SmtpConnection.objects.update(security="rot13")
        for options in (SendOptions(), SendOptions(route=row.key)):
            with pytest.raises(mailadmin.MailError, match=r"Relay A: .*cannot be used"):
                send_message(a_message(), options)
        with pytest.raises(mailadmin.MailError, match=r"Relay A: .*cannot be used"):
            EmailBackend(route="relay a").send_messages([a_message()])

    def test_the_state_of_a_route_of_an_unknown_kind(self, peers: Peers, smtp: SmtpConnection) -> None:
        RouteState.objects.create(kind="pigeon", route_id=smtp.pk, stopped=True, since="2026-01-01T00:00Z")
        assert send_message(a_message()).sent


@pytest.mark.django_db
class TestTheRouteThatCannotDoIt:
    def test_a_route_without_a_sender_does_not_keep_the_next_from_sending(self, peers: Peers, settings: Any) -> None:
        settings.DEFAULT_FROM_EMAIL = ""
        add_smtp(peers)
        add_smtp(peers, "Relay B", order=2, sender_policy="when-missing", from_address="noreply@contoso.org")
        assert send_message(a_message(from_email="")).route == "Relay B"

    def test_recipients_that_were_served_stay_served_when_the_next_route_has_no_sender(self, settings: Any) -> None:
        settings.DEFAULT_FROM_EMAIL = ""
        with SmtpServer({"RCPT": [None, "550 5.7.1 Relaying denied"]}) as first, SmtpServer() as second:
            plain(first, "Relay A", sender_policy="when-missing", from_address="noreply@contoso.org")
            plain(second, "Relay B", order=2)
            result = send_message(a_message(from_email="", to=["ann@example.org", "bob@example.org"]))
        assert result.state is DeliveryState.PARTLY
        assert Delivery.objects.get().state == "partly-sent"

    def test_a_display_name_that_cannot_be_written_is_a_wrong_setting_of_that_route(self, peers: Peers) -> None:
        row = add_smtp(peers, sender_policy="force", from_address="noreply@contoso.org")
        add_smtp(peers, "Relay B", order=2)
        SmtpConnection.objects.filter(pk=row.pk).update(from_name="Contoso\u2028Shop")
        assert send_message(a_message()).route == "Relay B"

    def test_an_unusable_default_from_is_no_matter_for_a_message_with_a_sender(
        self, peers: Peers, smtp: SmtpConnection, settings: Any
    ) -> None:
        settings.DEFAULT_FROM_EMAIL = "The shop of Contoso"
        assert send_message(a_message()).sent

    def test_a_rest_of_the_recipients_without_an_answer_is_unsure_and_not_refused(self) -> None:
        script = {"RCPT": [None, "452 4.5.3 Too many"], "DOT": [None, lambda connection: False]}
        with SmtpServer(script) as server:
            plain(server, "Relay A")
            send_message(a_message(to=["ann@example.org", "bob@example.org"]))
        states = dict(DeliveryRecipient.objects.values_list("address", "state"))
        assert states == {"ann@example.org": RecipientState.SENT, "bob@example.org": RecipientState.UNSURE}
        assert "bob@example.org" in Delivery.objects.get().reason


@pytest.mark.django_db
class TestTheLog:
    """A log that cannot be written changes nothing for the caller, and no row is left "sending"."""

    def test_an_error_of_any_type_does_not_reach_the_caller(self, peers: Peers, smtp: SmtpConnection) -> None:
        def wrapper(execute: Any, sql: str, *rest: Any) -> Any:
            if "mailadmin_delivery" in sql:
                raise KeyError("of the host project's own code")
            return execute(sql, *rest)

        with connection.execute_wrapper(wrapper):
            result = send_message(a_message())
        assert result.sent and result.delivery_id is None
        assert peers.ways() == ["smtp"]

    def test_text_that_the_database_cannot_take_is_cleaned(self, peers: Peers, smtp: SmtpConnection) -> None:
        message = a_message(headers={"Message-ID": "<a\0b@example.org>"})
        message.mailadmin_label = "a\0\ud800b" * 50  # type: ignore[attr-defined]
        result = send_message(message, SendOptions(mailer="x\0" * 80))
        assert result.delivery_id and Delivery.objects.get().state == "sent"

    @pytest.mark.django_db(transaction=True)  # a changed table ends the transaction around a test on MariaDB
    def test_what_was_learned_of_routes_cannot_lose_the_outcome(self, peers: Peers) -> None:
        add_smtp(peers, password="wrong")
        add_smtp(peers, "Relay B", order=2)
        routes.current()
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {RouteState._meta.db_table} RENAME COLUMN code TO gone")
        try:
            assert send_message(a_message()).state is DeliveryState.FALLBACK
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER TABLE {RouteState._meta.db_table} RENAME COLUMN gone TO code")
        assert {delivery.state for delivery in Delivery.objects.all()} == {"sent-by-fallback"}

    def test_a_wrong_setting_of_the_deployment_ends_the_row(
        self, peers: Peers, smtp: SmtpConnection, settings: Any
    ) -> None:
        settings.MAILADMIN = settings.MAILADMIN | {"NETWORK": {"COLOUR": 1}}
        with pytest.raises(ConfigurationError):
            send_message(a_message())
        assert Delivery.objects.get().state == "failed"

    def test_a_handler_that_mails_the_log_does_not_mail_about_its_own_mail(self, settings: Any) -> None:
        settings.ADMINS = ["ops@example.org"] if django.VERSION >= (6, 0) else [("Ops", "ops@example.org")]
        backend = "mailadmin.backends.EmailBackend"
        if django.VERSION >= (6, 1):
            settings.MAILERS = {"default": {"BACKEND": backend}}
        else:
            settings.EMAIL_BACKEND = backend
        handler = AdminEmailHandler(logging.WARNING)
        logging.getLogger("mailadmin").addHandler(handler)
        try:
            with SmtpServer({"MAIL": ["550 5.7.1 no"] * 200}) as server:
                plain(server, "Relay A")
                with pytest.raises(mailadmin.MailError):
                    send_message(a_message())
        finally:
            logging.getLogger("mailadmin").removeHandler(handler)
        assert Delivery.objects.count() == 2

    def test_a_handler_that_fails_does_not_reach_the_caller(self, peers: Peers, smtp: SmtpConnection) -> None:
        class Failing(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                raise ValueError("of the host project's own code")

        handler = Failing()
        logging.getLogger("mailadmin").addHandler(handler)
        try:
            assert send_message(a_message()).sent
        finally:
            logging.getLogger("mailadmin").removeHandler(handler)

    def test_an_interrupted_caller_leaves_a_row_that_says_so(self) -> None:
        def interrupt(_: Any) -> bool:
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(1)
            return False

        with SmtpServer({"MAIL": [interrupt]}) as server:
            plain(server, "Relay A")
            before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
            try:
                with pytest.raises(KeyboardInterrupt):
                    send_message(a_message())
            finally:
                signal.signal(signal.SIGINT, before)
        assert Delivery.objects.get().state == "interrupted"


@pytest.mark.django_db
def test_a_session_is_not_shared_with_a_forked_child() -> None:
    with SmtpServer() as server:
        row = plain(server, "Relay A")
        sessions = Sessions()
        route = row.to_route()
        parent = sessions.transport(route, "1")
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writing, b"own" if sessions.transport(route, "1") is not parent else b"same")
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reading, 10) == b"own"
        os.close(reading)
        os.close(writing)
        assert sessions.transport(route, "1") is parent
        sessions.close()


@pytest.mark.django_db(transaction=True)
def test_a_program_that_allows_the_database_under_an_event_loop_does_not_wait_for_itself(
    peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notebooks and browser tests: a loop runs in the thread, and the thread itself holds the transaction."""
    import asyncio

    add_smtp(peers)
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

    async def inside() -> mailadmin.SendResult:
        try:
            with transaction.atomic():
                SmtpConnection.objects.update(label="new")
                return send_message(a_message())
        finally:
            connection.close()

    result = asyncio.run(inside())
    assert result.delivery_id and Delivery.objects.get().label == "new"


@pytest.mark.django_db(transaction=True)
def test_the_rows_of_a_list_are_begun_all_or_none(peers: Peers) -> None:
    """Half of them could not be completed: they would be taken for missing, and written once more."""
    add_smtp(peers)
    entries = [prepare(a_message(), SendOptions(), routes.current()).entry for _ in range(2)]
    log.begin([*entries, entries[0]])
    assert not Delivery.objects.exists() and [entry.stored for entry in entries] == [False, False]
    log.begin(entries)
    assert Delivery.objects.count() == 2 and [entry.stored for entry in entries] == [True, True]


@pytest.mark.django_db(transaction=True)
def test_a_row_that_the_callers_own_transaction_has_locked_does_not_hold_the_send(
    peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the log has a connection of its own it waits for the caller's lock, and the caller for the log."""
    monkeypatch.setattr(limits, "LOG_SECONDS", 0.5)
    add_smtp(peers, password="wrong")
    add_smtp(peers, "Relay B", order=2)
    with transaction.atomic():
        Settings.bump()
        assert send_message(a_message()).sent
    until = time.monotonic() + 10
    while not RouteState.objects.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert RouteState.objects.get().stopped
    assert Delivery.objects.get().state == "sent-by-fallback"

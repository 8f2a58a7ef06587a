"""The last resort: the project's other mailer serves until there is a route, and while the database is down."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import django
import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings
from django.utils import timezone

import mailadmin
from mailadmin.backends import EmailBackend
from mailadmin.conf import ConfigurationError
from mailadmin.delivery import routes
from mailadmin.models import Delivery, Settings, SmtpConnection

from .conftest import Peers, a_message, add_smtp

NEW_DJANGO = django.VERSION >= (6, 1)
OTHER = f"{__name__}.Other"
RESORT = "other" if NEW_DJANGO else OTHER
taken: list[Any] = []


class Other(BaseEmailBackend):
    """The mailer that the project had before; it refuses a subject, and does not take another one."""

    def send_messages(self, email_messages: Any) -> int:
        for message in email_messages:
            if message.subject == "Refused":
                raise ConnectionRefusedError("Nobody is there.")
            if message.subject == "Not taken":
                return 0
            taken.append(message)
        return len(email_messages)


@pytest.fixture(autouse=True)
def project() -> Iterator[None]:
    """Have the project's settings name both mailers, as its version of Django wants it."""
    taken.clear()
    ours = {"BACKEND": "mailadmin.backends.EmailBackend", "OPTIONS": {"last_resort": "other"}}
    values = {"MAILERS": {"default": ours, "other": {"BACKEND": OTHER}}}
    with override_settings(**(values if NEW_DJANGO else {})):
        yield


def ours(resort: str = RESORT, **options: Any) -> EmailBackend:
    return EmailBackend(last_resort=resort, **({"alias": "default"} if NEW_DJANGO else {}), **options)


@pytest.mark.django_db
class TestUntilThereIsARoute:
    def test_the_other_mailer_sends_and_the_log_says_so(self, peers: Peers) -> None:
        message = a_message(cc=["Cy <cy@example.org>"])
        assert ours(label="shop").send_messages([message]) == 1
        assert taken == [message] and peers.arrived == []
        row = Delivery.objects.get()
        assert (row.state, row.route_name, row.label) == ("sent", RESORT, "shop")
        assert "No SMTP connection or OAuth service is set up yet." in row.reason
        assert sorted(row.recipients.values_list("address", "state")) == [
            ("ann@example.org", "sent"),
            ("cy@example.org", "sent"),
        ]
        result = message.mailadmin  # type: ignore[attr-defined]
        assert (result.sent, result.route, result.delivery_id) == (True, RESORT, str(row.pk))

    def test_the_first_route_ends_it(self, peers: Peers) -> None:
        add_smtp(peers)
        ours().send_messages([a_message()])
        assert taken == [] and peers.ways() == ["smtp"]

    def test_a_route_that_fails_or_is_switched_off_does_not_bring_it_back(self, peers: Peers) -> None:
        row = add_smtp(peers, password="wrong")
        with pytest.raises(mailadmin.MailError):
            ours().send_messages([a_message()])
        SmtpConnection.objects.filter(pk=row.pk).update(enabled=False)
        with pytest.raises(ConfigurationError, match="is enabled"):
            ours().send_messages([a_message()])
        assert taken == []

    @pytest.mark.parametrize("values", [{"sending": "held"}, {"sending": "redirected", "redirect_to": "t@example.org"}])
    def test_mail_that_is_held_or_redirected_does_not_leave_by_it(self, peers: Peers, values: dict[str, str]) -> None:
        Settings.load()
        Settings.objects.filter(pk=1).update(version="other", **values)
        with pytest.raises((mailadmin.SendingHeld, ConfigurationError)):
            ours().send_messages([a_message()])
        assert taken == []

    def test_an_error_of_the_other_mailer_is_the_callers(self, peers: Peers) -> None:
        message = a_message(subject="Refused")
        with pytest.raises(ConnectionRefusedError):
            ours().send_messages([message])
        assert Delivery.objects.get().state == "failed"
        assert not message.mailadmin.sent  # type: ignore[attr-defined]

    def test_an_end_of_the_program_is_told_as_what_it_is(self, peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
        def ended(backend: Any, messages: Any) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr(Other, "send_messages", ended)
        with pytest.raises(KeyboardInterrupt):
            ours().send_messages([a_message()])
        assert Delivery.objects.get().state == "interrupted"

    @pytest.mark.parametrize("subject", ["Refused", "Not taken"])
    def test_the_command_says_that_it_was_not_sent(self, peers: Peers, settings: Any, subject: str) -> None:
        settings.MAILADMIN = {**settings.MAILADMIN, "LAST_RESORT": RESORT}
        with pytest.raises((CommandError, SystemExit)) as caught:
            call_command("mailadmin_send", to=["ann@example.org"], text="A body", subject=subject)
        assert 1 in (getattr(caught.value, "code", 0), getattr(caught.value, "returncode", 0))

    def test_it_is_silent_where_the_caller_wants_that(self, peers: Peers) -> None:
        several = [a_message(subject="Refused"), a_message(), a_message(to=[])]
        assert ours(fail_silently=True).send_messages(several) == 1
        assert sorted(Delivery.objects.values_list("state", flat=True)) == ["failed", "sent"]

    def test_a_message_for_later_waits_for_the_first_route(self, peers: Peers) -> None:
        later, now = a_message(), a_message()
        later.mailadmin_send_at, later.mailadmin_delivery = timezone.now() + timedelta(hours=1), "queued"
        assert ours().send_messages([later, now]) == 2
        assert taken == [now]
        assert sorted(Delivery.objects.values_list("state", flat=True)) == ["queued", "sent"]

    def test_a_queued_message_goes_by_it_at_once(self, peers: Peers) -> None:
        assert ours(delivery="queued").send_messages([a_message()]) == 1
        assert len(taken) == 1

    def test_an_idempotency_key_is_kept(self, peers: Peers) -> None:
        for _ in range(2):
            message = a_message()
            message.mailadmin_idempotency_key = "order-7"
            assert ours().send_messages([message]) == 1
        assert len(taken) == 1 and message.mailadmin.repeated

    def test_a_message_that_only_the_other_mailer_takes_leaves_without_a_row(self, peers: Peers) -> None:
        assert ours().send_messages([a_message(to=["=?utf-8?q?a?=@example.org"])]) == 1
        assert len(taken) == 1 and not Delivery.objects.exists()

    def test_the_setting_serves_every_mailer(self, peers: Peers, settings: Any) -> None:
        settings.MAILADMIN = {**settings.MAILADMIN, "LAST_RESORT": RESORT}
        assert ours("").send_messages([a_message()]) == 1
        assert len(taken) == 1

    def test_sending_in_one_call_uses_the_one_of_the_project(self, peers: Peers, settings: Any) -> None:
        if not NEW_DJANGO:  # else it is the option of the default mailer
            settings.MAILADMIN = {**settings.MAILADMIN, "LAST_RESORT": RESORT}
        result = mailadmin.send("Hello", "A body", to="ann@example.org", label="shop")
        assert (result.sent, result.route, len(taken)) == (True, RESORT, 1)
        assert Delivery.objects.get().label == "shop"
        add_smtp(peers)
        assert mailadmin.send("Hello", "A body", to="ann@example.org").route == "Relay A"

    @pytest.mark.parametrize(
        "resort", ["default", "nowhere"] if NEW_DJANGO else ["mailadmin.backends.EmailBackend", "no.such.Backend"]
    )
    def test_one_that_does_not_exist_or_is_itself_is_told(self, peers: Peers, resort: str) -> None:
        with pytest.raises(ConfigurationError, match="last resort"):
            EmailBackend(last_resort=resort, **({"alias": "default"} if NEW_DJANGO else {})).send_messages(
                [a_message()]
            )
        assert taken == []


@pytest.mark.django_db(transaction=True)
class TestWhileTheDatabaseIsDown:
    @pytest.fixture
    def down(self) -> Iterator[None]:
        """Have every statement fail, on whichever connection, as when the server is away."""
        from django.db import OperationalError
        from django.db.backends.signals import connection_created

        away = threading.Event()  # a connection that is made meanwhile may outlive this test
        away.set()

        def broken(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if not away.is_set():
                return execute(sql, params, many, context)
            raise OperationalError("the server closed the connection unexpectedly")

        def spoil(sender: Any, connection: Any, **kwargs: Any) -> None:
            connection.execute_wrappers.append(broken)

        connection_created.connect(spoil)
        with connection.execute_wrapper(broken):
            yield
        away.clear()
        connection_created.disconnect(spoil)
        connection.execute_wrappers[:] = [one for one in connection.execute_wrappers if one is not broken]

    def test_a_process_that_never_read_its_settings_sends_by_it(self, peers: Peers, down: None) -> None:
        assert ours().send_messages([a_message()]) == 1
        assert len(taken) == 1

    def test_a_process_that_knows_its_routes_goes_on_with_them(self, peers: Peers, request: Any) -> None:
        add_smtp(peers)
        routes.current()
        request.getfixturevalue("down")
        assert ours().send_messages([a_message()]) == 1
        assert taken == [] and peers.ways() == ["smtp"]

    def test_a_queued_message_that_cannot_be_written_goes_by_it(self, peers: Peers, request: Any) -> None:
        add_smtp(peers)
        routes.current()
        request.getfixturevalue("down")
        assert ours(delivery="queued").send_messages([a_message(), a_message()]) == 2
        assert len(taken) == 2 and peers.arrived == []

    def test_a_queued_message_goes_by_it_also_where_errors_are_to_be_silent(self, peers: Peers, request: Any) -> None:
        add_smtp(peers, password="wrong")
        routes.current()
        request.getfixturevalue("down")
        direct = a_message()
        direct.mailadmin_delivery = "direct"
        assert ours(delivery="queued", fail_silently=True).send_messages([a_message(), direct, a_message()]) == 2
        assert len(taken) == 2 and direct not in taken

    def test_what_was_sent_before_is_not_lost_when_it_is_sent_again(self, peers: Peers, request: Any) -> None:
        add_smtp(peers)
        several = [a_message(), a_message()]
        assert ours().send_messages(several) == 2
        request.getfixturevalue("down")
        assert ours(delivery="queued").send_messages(several) == 2
        assert taken == several

    def test_one_with_an_idempotency_key_is_refused_because_nobody_can_look_it_up(
        self, peers: Peers, down: None
    ) -> None:
        message = a_message()
        message.mailadmin_idempotency_key = "order-7"
        with pytest.raises(mailadmin.MailError):
            ours().send_messages([message])
        assert taken == []


@pytest.mark.django_db(transaction=True)
def test_a_queued_message_of_a_broken_transaction_goes_with_the_transaction(peers: Peers) -> None:
    from django.db import DatabaseError, transaction

    add_smtp(peers)
    routes.current()
    with pytest.raises(mailadmin.MailError), transaction.atomic():
        with pytest.raises(DatabaseError), connection.cursor() as cursor, transaction.atomic(savepoint=False):
            cursor.execute("SELECT * FROM nowhere")
        ours(delivery="queued").send_messages([a_message()])
    assert taken == []


@pytest.mark.skipif(not NEW_DJANGO, reason="MAILERS came with Django 6.1")
@pytest.mark.django_db
def test_send_mail_through_mailers_uses_the_option(peers: Peers) -> None:
    mail.send_mail("Hello", "A body", None, ["ann@example.org"], using="default")
    assert [message.subject for message in taken] == ["Hello"]

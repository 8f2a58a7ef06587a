"""Direct mode where the database is not at its best: rolled back, broken, stopped, or under an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from typing import Any

import pytest
from django.core.mail import mail_admins, send_mail, send_mass_mail
from django.core.mail.message import EmailMessage
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path

import mailadmin
from mailadmin.delivery import routes
from mailadmin.delivery.send import SendOptions, send_message
from mailadmin.models import Delivery, RouteState, SmtpConnection
from mailadmin.transports import shared

from .conftest import Peers, a_message, add_oauth, add_smtp


@pytest.mark.django_db(transaction=True)
class TestDatabase:
    def test_a_roll_back_after_the_send_leaves_the_mail_sent_and_a_line_in_the_log(
        self, peers: Peers, caplog: pytest.LogCaptureFixture
    ) -> None:
        add_smtp(peers)
        caplog.set_level(logging.INFO, "mailadmin.delivery")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            result = send_message(a_message())
            raise ZeroDivisionError
        assert peers.ways() == ["smtp"]
        assert f"delivery={result.delivery_id} state=sent" in caplog.text
        # SQLite has one writer, so the row goes with the caller's transaction; PostgreSQL keeps it (tests/services).
        assert Delivery.objects.exists() is (connection.vendor != "sqlite")

    def test_mail_leaves_from_a_broken_transaction(self, peers: Peers) -> None:
        add_smtp(peers)
        routes.current()
        with transaction.atomic():
            transaction.set_rollback(True)  # as a failed statement leaves it
            assert send_message(a_message()).sent
            transaction.set_rollback(True)
        assert peers.ways() == ["smtp"]

    def test_mail_leaves_after_a_statement_that_failed(self, peers: Peers) -> None:
        add_smtp(peers)
        routes.current()
        with transaction.atomic():
            with contextlib.suppress(DatabaseError), connection.cursor() as cursor:
                cursor.execute("SELECT nothing FROM nowhere")  # PostgreSQL takes no further statement after this
            assert send_message(a_message()).sent
            transaction.set_rollback(True)
        assert peers.ways() == ["smtp"]

    def test_mail_leaves_from_a_broken_transaction_in_a_process_that_has_sent_nothing_yet(self, peers: Peers) -> None:
        add_smtp(peers)
        with transaction.atomic():
            transaction.set_rollback(True)
            assert send_message(a_message()).sent
            transaction.set_rollback(True)

    def test_mail_leaves_while_the_database_is_stopped(self, peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
        add_smtp(peers)
        routes.current()
        with StoppedDatabase(monkeypatch):
            result = send_message(a_message())
        assert result.sent and result.delivery_id is None
        assert peers.ways() == ["smtp"]

    def test_error_reports_leave_from_a_broken_transaction(self, peers: Peers) -> None:
        add_smtp(peers)
        routes.current()
        with override_settings(ADMINS=_admins()), _through_mailadmin(), transaction.atomic():
            transaction.set_rollback(True)
            mail_admins("Server error", "Traceback")
        assert peers.arrived[0].recipients == ["ops@example.org"]

    def test_mail_leaves_from_an_async_view(self, peers: Peers, settings: Any) -> None:
        add_smtp(peers)
        routes.current()
        settings.ROOT_URLCONF = __name__
        settings.MIDDLEWARE = []
        with _through_mailadmin():
            response = asyncio.run(_get("/send/"))
        assert response.content == b"1"
        assert peers.ways() == ["smtp"]

    def test_threads_that_send_at_once_each_get_their_result(self, peers: Peers) -> None:
        add_smtp(peers)
        routes.current()
        failures: list[Exception] = []

        def send(number: int) -> None:
            try:
                send_message(a_message(subject=f"Message {number}"))
            except Exception as error:
                failures.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=send, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert sorted(m.parsed["Subject"] for m in peers.arrived) == [f"Message {n}" for n in range(8)]


@pytest.mark.django_db
class TestStatements:
    """A send makes at most 8 database statements, whatever the number of routes and recipients."""

    @pytest.mark.parametrize(("smtp_routes", "recipients"), [(1, 1), (6, 1), (1, 60), (6, 60)])
    def test_a_send_makes_five_statements(self, peers: Peers, smtp_routes: int, recipients: int) -> None:
        for number in range(smtp_routes):
            add_smtp(peers, f"Relay {number}", order=number)
        message = a_message(to=[f"r{n}@example.org" for n in range(recipients)])
        send_message(a_message())
        assert self._statements(message) == 5

    def test_a_failing_route_adds_one_and_the_first_message_after_a_change_three(self, peers: Peers) -> None:
        add_oauth(peers)
        smtp = add_smtp(peers)
        send_message(a_message(), SendOptions(route=smtp.key))  # learns the size that the server takes
        send_message(a_message())
        peers.graph_fault = "429"
        assert self._statements(a_message()) == 6
        smtp.save()
        assert self._statements(a_message()) == 5 + 3
        assert self._statements(a_message()) == 5  # the failing route rests
        RouteState.objects.update(open_until="2026-01-01T00:00Z")
        assert self._statements(a_message()) == 5 + 2  # this message tries it, in vain
        assert self._statements(a_message()) == 5
        peers.graph_fault = ""
        shared.install(shared.Process)  # as when the pause that Microsoft asked for is over
        RouteState.objects.update(open_until="2026-01-01T00:00Z")
        assert self._statements(a_message()) == 5 + 3  # it tries it, finds it well, and tells those who wait for it
        assert self._statements(a_message()) == 5
        peers.graph_fault = "403"
        routes.forget()
        assert self._statements(a_message()) == 9
        assert self._statements(a_message()) == 5

    def _statements(self, message: EmailMessage) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            send_message(message)
        control = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")
        return sum(not query["sql"].startswith(control) for query in captured.captured_queries)


@pytest.mark.django_db
class TestBackend:
    """P1: Django's own ways to send, with nothing but the backend changed."""

    def test_p1_send_mail_counts_what_was_taken(self, peers: Peers, smtp: SmtpConnection) -> None:
        with _through_mailadmin():
            assert send_mail("Hi", "there", "shop@contoso.org", ["ann@example.org"]) == 1
            assert send_mail("Hi", "there", "shop@contoso.org", []) == 0
        assert peers.arrived[0].parsed["Subject"] == "Hi"

    def test_p1_send_mass_mail_opens_one_session_for_all(self, peers: Peers, smtp: SmtpConnection) -> None:
        data = [(f"Hi {n}", "there", "shop@contoso.org", ["ann@example.org"]) for n in range(3)]
        with _through_mailadmin():
            assert send_mass_mail(data) == 3
        assert len(peers.arrived) == 3

    def test_p1_an_iterator_of_messages_is_sent(self, peers: Peers, smtp: SmtpConnection) -> None:
        assert _backend().send_messages(a_message() for _ in range(2)) == 2

    def test_p1_fail_silently_hides_a_refusal_but_no_wrong_setting_and_no_bad_message(
        self, peers: Peers, smtp: SmtpConnection
    ) -> None:
        peers.smtp_fault = "550-recipient"
        assert _backend(fail_silently=True).send_messages([a_message()]) == 0
        with pytest.raises(mailadmin.MailError):
            _backend().send_messages([a_message()])
        with pytest.raises(ValueError, match="header"):
            _backend(fail_silently=True).send_messages([a_message(subject="a\nBcc: x@example.org")])

    def test_p1_a_refusal_is_caught_by_code_written_for_django(self, peers: Peers, smtp: SmtpConnection) -> None:
        import smtplib

        peers.smtp_fault = "452"
        for family in (smtplib.SMTPException, OSError):
            with pytest.raises(family):
                _backend().send_messages([a_message()])

    def test_p1_password_reset_by_djangos_own_form(
        self, peers: Peers, smtp: SmtpConnection, django_user_model: Any
    ) -> None:
        from django.contrib.auth.forms import PasswordResetForm
        from django.test import RequestFactory

        django_user_model.objects.create_user("anna", "anna@example.org", "x")
        form = PasswordResetForm({"email": "anna@example.org"})
        assert form.is_valid()
        with _through_mailadmin():
            form.save(
                request=RequestFactory().get("/"),
                email_template_name="mailadmin/sign_in/forgotten.txt",
                domain_override="console.example.org",
            )
        assert peers.arrived[0].recipients == ["anna@example.org"]

    def test_the_constructor_does_no_input_or_output(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            _backend(route="not there")

    def test_a_mailer_may_name_its_route_and_label(self, peers: Peers, smtp: SmtpConnection) -> None:
        add_smtp(peers, "Relay B", order=2)
        assert _backend(route="relay b", label="bulk").send_messages([a_message()]) == 1
        delivery = Delivery.objects.get()
        assert (delivery.route_name, delivery.label) == ("Relay B", "bulk")
        with pytest.raises(mailadmin.conf.ConfigurationError, match="not enabled"):
            _backend(route="Relay C").send_messages([a_message()])

    def test_unknown_options_of_a_mailer_are_refused_where_django_does(self) -> None:
        import django

        if django.VERSION < (6, 1):
            assert _backend(username=None, password=None)
        else:
            from django.core.mail import InvalidMailer

            with pytest.raises(InvalidMailer):
                _backend(alias="default", colour="red")


def _backend(**options: Any) -> Any:
    from mailadmin.backends import EmailBackend

    return EmailBackend(**options)


def _through_mailadmin() -> Any:
    import django

    backend = "mailadmin.backends.EmailBackend"
    if django.VERSION >= (6, 1):
        return override_settings(MAILERS={"default": {"BACKEND": backend}})
    return override_settings(EMAIL_BACKEND=backend)


def _admins() -> list[Any]:
    import django

    return ["ops@example.org"] if django.VERSION >= (6, 0) else [("Ops", "ops@example.org")]


class StoppedDatabase:
    """Cuts the connection and lets no new one come about: the database file's folder is gone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def __enter__(self) -> None:
        connection.close()
        self.monkeypatch.setitem(connection.settings_dict, "NAME", "/nowhere/at/all/database.sqlite3")

    def __exit__(self, *args: object) -> None:
        connection.close()
        self.monkeypatch.undo()


async def _send_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(send_mail("Hi", "there", "shop@contoso.org", ["ann@example.org"]))


urlpatterns = [path("send/", _send_view)]


async def _get(address: str) -> HttpResponse:
    return await AsyncClient().get(address)  # type: ignore[return-value]

"""Lists of messages: Django's meaning of success and failure, over one session or several."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.db import connection
from django.test.utils import CaptureQueriesContext

import mailadmin
from mailadmin.backends import EmailBackend
from mailadmin.conf import ConfigurationError
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import Delivery, OutboxEntry, RouteState, SmtpConnection
from tests.fakes.smtp_server import Connection, SmtpServer

from .conftest import Peers, a_message, add_oauth, plain

pytestmark = pytest.mark.django_db

MANY = 40  # more than is read ahead
NOT_ALLOWED = "550 5.7.1 This sender is not allowed"


def numbered(count: int, **values: Any) -> list[EmailMessage]:
    return [a_message(subject=f"Message {n}", from_email=f"shop{n}@contoso.org", **values) for n in range(count)]


def refusing(*senders: int) -> Any:
    """Refuse the messages with these numbers at MAIL."""
    wanted = [f"<shop{n}@contoso.org>" for n in senders]

    def act(connection: Connection) -> bool:
        refused = any(sender in connection.session.lines[-1] for sender in wanted)
        connection.positive = not refused
        connection.say(NOT_ALLOWED if refused else "250 2.1.0 Ok")
        return True

    return [act] * 200


def subjects(server: SmtpServer) -> list[str]:
    return sorted(
        (line.decode() for message in server.messages for line in message.split(b"\r\n") if line.startswith(b"Subj")),
        key=lambda line: int(line.rpartition(" ")[2]),
    )


def results(messages: list[EmailMessage]) -> list[DeliveryState | None]:
    return [getattr(getattr(message, "mailadmin", None), "state", None) for message in messages]


class TestSuccess:
    def test_p12_a_long_list_goes_over_several_sessions_and_each_message_has_its_own_result(self) -> None:
        with SmtpServer() as server:
            plain(server)
            messages = numbered(MANY)
            assert EmailBackend().send_messages(messages) == MANY
            assert subjects(server) == [f"Subject: Message {n}" for n in range(MANY)]
            assert 1 < len(server.sessions) <= limits.SESSIONS
        rows = {str(row.pk): row for row in Delivery.objects.all()}
        assert len(rows) == MANY
        for message in messages:
            result = message.mailadmin  # type: ignore[attr-defined]
            row = rows[result.delivery_id]
            assert (row.subject, row.state, row.route_name) == (message.subject, "sent", "Relay A")
            assert row.attempts.get().accepted and row.recipients.get().state == "sent"

    def test_s14_the_sessions_of_a_connection_are_a_setting(self) -> None:
        with SmtpServer() as server:
            plain(server, parallel=1)
            assert EmailBackend().send_messages(numbered(MANY)) == MANY
            assert len(server.sessions) == 1

    def test_s14_the_next_call_goes_on_with_the_open_session(self) -> None:
        with SmtpServer() as server:
            plain(server)
            for message in numbered(3):
                assert EmailBackend().send_messages([message]) == 1
            assert len(server.sessions) == 1
            assert "QUIT" not in server.lines

    def test_s14_open_and_close_hold_a_session_and_end_it(self) -> None:
        with SmtpServer() as server:
            plain(server)
            backend = EmailBackend()
            assert backend.open() and not backend.open()
            for message in numbered(3):
                backend.send_messages([message])
            assert not server.sessions[0].ended.is_set()
            backend.close()
            assert server.sessions[0].ended.wait(5)
            assert len(server.sessions) == 1 and server.lines[-1] == "QUIT"
            with EmailBackend() as held:
                held.send_messages(numbered(1))
            assert server.sessions[1].ended.wait(5)

    def test_s14_close_in_another_thread_waits_for_what_is_being_sent_and_ends_its_session(self) -> None:
        backend = EmailBackend()
        closing = threading.Thread(target=backend.close)

        def close_meanwhile(connection: Connection) -> bool:
            closing.start()
            connection.positive = True
            connection.say("250 2.0.0 Ok")
            return True

        with SmtpServer({"MAIL": [close_meanwhile]}) as server:
            plain(server)
            backend.open()
            assert backend.send_messages(numbered(3)) == 3
            closing.join(10)
            assert server.sessions[0].ended.wait(5)
            assert len(server.sessions) == 1 and server.lines[-1] == "QUIT"

    def test_messages_without_recipients_are_skipped_and_not_counted(self) -> None:
        with SmtpServer() as server:
            plain(server)
            messages = [*numbered(5), a_message(to=[]), *numbered(2)]
            assert EmailBackend().send_messages(messages) == 7
        assert results(messages)[5] is None and Delivery.objects.count() == 7

    def test_s16_none_in_the_place_of_a_message_is_an_error_of_its_own(self) -> None:
        messages = [a_message(), None, a_message()]
        with SmtpServer() as server:
            plain(server)
            with pytest.raises(mailadmin.BadMessage, match="There is no message"):
                EmailBackend(fail_silently=True).send_messages(messages)  # type: ignore[arg-type]  # what is tried
            assert len(server.messages) == 1, "as with every other bad message, those before it are sent"

    def test_an_empty_list_does_nothing(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            assert EmailBackend().send_messages([]) == 0

    def test_messages_that_are_made_while_they_leave(self) -> None:
        with SmtpServer() as server:
            plain(server)
            assert EmailBackend().send_messages(message for message in numbered(MANY)) == MANY
            assert len(subjects(server)) == MANY

    @pytest.mark.timeout(20)
    def test_a_message_leaves_and_has_its_result_however_long_the_next_one_takes(self) -> None:
        messages = numbered(4)

        def making(server: SmtpServer) -> Iterator[EmailMessage]:
            for place, message in enumerate(messages):
                yield message
                while len(server.messages) <= place:
                    time.sleep(0.001)
                assert None not in results(messages)[: max(place - 1, 0)]

        with SmtpServer() as server:
            plain(server)
            assert EmailBackend().send_messages(making(server)) == 4

    def test_a_list_by_graph(self, peers: Peers) -> None:
        add_oauth(peers)
        messages = numbered(6)
        assert EmailBackend().send_messages(messages) == 6
        assert peers.ways() == ["graph"] * 6
        assert sorted(arrived.parsed["Subject"] for arrived in peers.arrived) == [m.subject for m in messages]

    def test_routes_that_change_within_a_list(self) -> None:
        with SmtpServer() as bulk, SmtpServer() as rest:
            plain(bulk, "Bulk", only_for_senders="shop0@contoso.org shop1@contoso.org shop2@contoso.org")
            plain(rest, "Rest", order=2)
            messages = numbered(8)
            assert EmailBackend().send_messages(messages) == 8
            assert (len(bulk.messages), len(rest.messages)) == (3, 5)
        assert [m.mailadmin.route for m in messages] == ["Bulk"] * 3 + ["Rest"] * 5  # type: ignore[attr-defined]

    def test_the_rows_of_a_list_are_begun_together(self) -> None:
        with SmtpServer() as server:
            plain(server)
            EmailBackend().send_messages(numbered(1))
            with CaptureQueriesContext(connection) as captured:
                EmailBackend().send_messages(numbered(limits.LIST_LOG_ROWS))
        control = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")
        statements = [query["sql"] for query in captured if not query["sql"].startswith(control)]
        # the settings once, the rows at once, then three for each message
        assert len(statements) <= 2 + 1 + 3 * limits.LIST_LOG_ROWS


class TestFailure:
    def test_the_first_message_that_fails_raises_and_what_was_not_begun_keeps_no_trace(self) -> None:
        with SmtpServer({"MAIL": refusing(0)}) as server:
            plain(server, parallel=1)
            messages = numbered(100)
            with pytest.raises(mailadmin.MailError, match="not allowed"):
                EmailBackend().send_messages(messages)
        states = results(messages)
        assert states[0] is DeliveryState.FAILED
        begun = [state for state in states if state]
        assert len(begun) < 100 and set(begun[1:]) <= {DeliveryState.SENT}
        assert states == begun + [None] * (100 - len(begun))
        assert Delivery.objects.count() == len(begun)
        assert not Delivery.objects.filter(state="sending").exists()

    def test_of_two_that_fail_the_first_of_the_list_is_raised(self) -> None:
        def act(connection: Connection) -> bool:
            connection.positive = False
            connection.say(f"550 5.7.1 Refused: {connection.session.lines[-1][11:16]}")
            return True

        with SmtpServer({"MAIL": [act] * 50}) as server:
            plain(server)
            with pytest.raises(mailadmin.MailError, match="Refused: shop0"):
                EmailBackend().send_messages(numbered(9))

    def test_a_short_list_ends_at_once_as_djangos_own(self) -> None:
        with SmtpServer({"MAIL": refusing(1)}) as server:
            plain(server)
            messages = numbered(3)
            with pytest.raises(mailadmin.MailError, match="not allowed"):
                EmailBackend().send_messages(messages)
            assert len(server.messages) == 1
        assert results(messages) == [DeliveryState.SENT, DeliveryState.FAILED, None]
        assert Delivery.objects.count() == 2

    @pytest.mark.parametrize("count", [3, 100])
    def test_a_queued_message_behind_one_that_failed_was_not_begun_either(self, count: int) -> None:
        with SmtpServer({"MAIL": refusing(1)}) as server:
            plain(server, parallel=1)
            messages = numbered(count)
            for queued in (messages[0], messages[-1]):
                queued.mailadmin_delivery = "queued"  # type: ignore[attr-defined]  # the documented place
            with pytest.raises(mailadmin.MailError, match="not allowed"):
                EmailBackend().send_messages(messages)
        states = results(messages)
        assert (states[0], states[1], states[-1]) == (DeliveryState.QUEUED, DeliveryState.FAILED, None)
        assert OutboxEntry.objects.count() == 1

    def test_a_message_that_cannot_be_queued_ends_the_list_in_its_place(self, settings: Any, tmp_path: Any) -> None:
        settings.MAILADMIN = settings.MAILADMIN | {"KEY_FILE": str(tmp_path / "missing")}
        with SmtpServer() as server:
            plain(server)
            messages = numbered(3)
            messages[1].mailadmin_delivery = "queued"  # type: ignore[attr-defined]  # the documented place
            with pytest.raises(ConfigurationError, match="cannot be read"):
                EmailBackend().send_messages(messages)
        assert results(messages) == [DeliveryState.SENT, None, None]
        assert not Delivery.objects.filter(state__in=["sending", "queued"]).exists()

    @pytest.mark.parametrize("count", [3, MANY])
    def test_with_fail_silently_all_are_tried_and_the_good_ones_counted(self, count: int) -> None:
        with SmtpServer({"MAIL": refusing(0, 2)}) as server:
            plain(server)
            messages = numbered(count)
            assert EmailBackend(fail_silently=True).send_messages(messages) == count - 2
        wanted = [DeliveryState.FAILED if n in (0, 2) else DeliveryState.SENT for n in range(count)]
        assert results(messages) == wanted

    @pytest.mark.parametrize("fail_silently", [True, False])
    def test_a_bad_message_raises_in_its_place_after_those_before_it_were_sent(self, fail_silently: bool) -> None:
        with SmtpServer() as server:
            plain(server)
            messages = [*numbered(6), a_message(subject="a\nBcc: x@example.org"), *numbered(6)]
            with pytest.raises(mailadmin.BadMessage):
                EmailBackend(fail_silently=fail_silently).send_messages(messages)
            assert len(server.messages) == 6
        assert results(messages) == [DeliveryState.SENT] * 6 + [DeliveryState.FAILED] + [None] * 6
        assert Delivery.objects.count() == 7

    def test_what_fails_silently_after_a_bad_message_does_not_make_the_list_go_on(self, settings: Any) -> None:
        settings.DEFAULT_FROM_EMAIL = ""
        bad = a_message(from_email="")  # known as bad when the route has no sender either
        messages = [*numbered(5), bad, *numbered(30)]

        def late(connection: Connection) -> bool:
            while not hasattr(bad, "mailadmin") and not connection.server.stopping.wait(0.001):
                pass
            connection.positive = False
            connection.say(NOT_ALLOWED)
            return True

        with SmtpServer({"MAIL": [late] * 5}) as server:
            plain(server)
            with pytest.raises(mailadmin.BadMessage):
                EmailBackend(fail_silently=True).send_messages(messages)
            assert server.messages == []
        assert results(messages) == [DeliveryState.FAILED] * 6 + [None] * 30

    @pytest.mark.parametrize("count", [1, 6])
    def test_a_stop_iteration_inside_a_message_is_an_error_and_no_end(self, count: int) -> None:
        broken = a_message()
        broken.recipients = lambda: next(iter(()))  # type: ignore[method-assign]
        with SmtpServer() as server:
            plain(server)
            with pytest.raises(StopIteration):
                EmailBackend().send_messages([*numbered(count), broken, *numbered(3)])
            assert len(server.messages) == count

    def test_nothing_set_up_is_raised_for_the_first_message_only(self) -> None:
        messages = numbered(5)
        with pytest.raises(ConfigurationError):
            EmailBackend(fail_silently=True).send_messages(messages)
        assert results(messages) == [DeliveryState.FAILED, None, None, None, None]

    def test_an_error_of_who_makes_the_messages_comes_after_those_that_were_made(self) -> None:
        def making() -> Iterator[EmailMessage]:
            yield from numbered(7)
            raise ZeroDivisionError

        with SmtpServer() as server:
            plain(server)
            with pytest.raises(ZeroDivisionError):
                EmailBackend().send_messages(making())
            assert len(server.messages) == 7
        assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}

    def test_fail_silently_does_not_hide_that_nobody_makes_the_messages_any_more(self) -> None:
        """Here whoever makes them sends mail too, which fails."""

        def making() -> Iterator[EmailMessage]:
            yield from numbered(7)
            EmailBackend().send_messages([a_message(from_email="shop99@contoso.org")])

        with SmtpServer({"MAIL": refusing(99)}) as server:
            plain(server)
            with pytest.raises(mailadmin.MailError, match="not allowed"):
                EmailBackend(fail_silently=True).send_messages(making())
            assert len(server.messages) == 7

    def test_what_the_first_route_refuses_goes_by_the_next(self) -> None:
        with SmtpServer({"RCPT": ["550 5.7.1 Relaying denied"] * 200}) as first, SmtpServer() as second:
            plain(first)
            plain(second, "Relay B", order=2)
            messages = numbered(10)
            assert EmailBackend().send_messages(messages) == 10
            assert len(second.messages) == 10
        assert results(messages) == [DeliveryState.FALLBACK] * 10
        assert {d.attempts.count() for d in Delivery.objects.all()} == {2}

    def test_a_route_with_a_wrong_password_gets_no_further_message_of_the_list(self) -> None:
        with SmtpServer(features=["AUTH PLAIN"]) as first, SmtpServer() as second:
            row = plain(first, auth="password", user_name="anna", password="wrong")
            plain(second, "Relay B", order=2)
            messages = numbered(100)
            assert EmailBackend().send_messages(messages) == 100
            tries = sum("AUTH" in line for line in first.lines)
            assert 1 <= tries <= limits.SESSIONS and len(second.messages) == 100
        assert RouteState.objects.get(route_id=row.pk).stopped
        assert set(results(messages)) == {DeliveryState.FALLBACK}
        assert "Relay A” was not tried" in messages[99].mailadmin.reason  # type: ignore[attr-defined]

    def test_a_chosen_route_with_a_wrong_password_is_tried_for_one_message_only(self) -> None:
        with SmtpServer(features=["AUTH PLAIN"]) as server:
            plain(server, auth="password", user_name="anna", password="wrong", parallel=1)
            messages = numbered(100)
            assert EmailBackend(route="relay a", fail_silently=True).send_messages(messages) == 0
            assert sum("AUTH" in line for line in server.lines) == 1
        assert set(results(messages)) == {DeliveryState.FAILED}

    def test_a_route_without_a_sender_leaves_the_message_to_the_next(self, settings: Any) -> None:
        settings.DEFAULT_FROM_EMAIL = ""
        with SmtpServer() as first, SmtpServer() as second:
            plain(first)
            plain(second, "Relay B", order=2, sender_policy="when-missing", from_address="noreply@contoso.org")
            messages = [*numbered(4), a_message(from_email=""), *numbered(1)]
            assert EmailBackend().send_messages(messages) == 6
            assert (len(first.messages), len(second.messages)) == (5, 1)

    def test_a_line_lost_after_the_final_dot_is_unsure_for_that_message_only(self) -> None:
        with SmtpServer({"DOT": [None, None, lambda connection: False]}) as server:
            plain(server, parallel=1)
            messages = numbered(8)
            assert EmailBackend(fail_silently=True).send_messages(messages) == 7
        assert sorted(results(messages), key=str).count(DeliveryState.UNSURE) == 1

    def test_an_interrupted_caller_leaves_rows_that_say_so(self) -> None:
        interrupted = threading.Event()

        def making() -> Iterator[EmailMessage]:
            yield from numbered(9)
            interrupted.set()
            raise KeyboardInterrupt

        def hold(connection: Connection) -> bool:
            interrupted.wait(10)
            connection.positive = True
            connection.say("250 2.0.0 Ok")
            return True

        with SmtpServer({"DOT": [None] * 8 + [hold]}) as server:
            plain(server)
            with pytest.raises(KeyboardInterrupt):
                EmailBackend().send_messages(making())
        states = list(Delivery.objects.values_list("state", flat=True))
        assert len(states) == 9 and set(states) <= {"interrupted", "sent"} and "interrupted" in states
        assert Delivery.objects.filter(state="interrupted")[0].reason == "KeyboardInterrupt"

    def test_settings_changed_in_the_middle_are_in_force_for_the_messages_after(self) -> None:
        def making() -> Iterator[EmailMessage]:
            for n, message in enumerate(numbered(MANY)):
                if n == MANY // 2:
                    row = SmtpConnection.objects.get()
                    row.subject_prefix = "New:"
                    row.save()
                yield message

        with SmtpServer() as server:
            plain(server)
            assert EmailBackend().send_messages(making()) == MANY
            assert sum("New: " in line for line in subjects(server)) == MANY // 2

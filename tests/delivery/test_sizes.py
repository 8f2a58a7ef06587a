"""P12: the size that a server takes is learned from what it says, and routes are chosen by it."""

from __future__ import annotations

import pytest
from django.core.mail import EmailMessage
from django.db import connection
from django.test.utils import CaptureQueriesContext

import mailadmin
from mailadmin.core.outcome import DeliveryState
from mailadmin.core.settings import RouteKey, RouteKind
from mailadmin.delivery.health import resume
from mailadmin.delivery.routes import _amount
from mailadmin.delivery.send import SendOptions, send_message
from mailadmin.models import Delivery, RouteState, SmtpConnection
from tests.fakes.smtp_server import SmtpServer

from .conftest import a_message, plain

pytestmark = pytest.mark.django_db


def a_big_message(size: int = 60_000) -> EmailMessage:
    message = a_message()
    message.attach("big.bin", b"\0" * size, "application/octet-stream")
    return message


def key(row: SmtpConnection) -> RouteKey:
    return RouteKey(RouteKind.SMTP, str(row.pk))


def limit(row: SmtpConnection) -> int:
    return RouteState.objects.get(route_id=row.pk).size_limit


def test_p12_what_ehlo_says_is_kept_with_its_date_and_written_only_when_it_changes() -> None:
    with SmtpServer(features=["SIZE 50000"]) as server:
        row = plain(server)
        send_message(a_message())
        state = RouteState.objects.get()
        assert (state.key, state.size_limit, state.stopped, state.failing) == (key(row), 50000, False, False)
        assert state.size_limit_at is not None
        with CaptureQueriesContext(connection) as captured:
            send_message(a_message())
        assert not [query for query in captured if "routestate" in query["sql"] and "INSERT" in query["sql"]]


@pytest.mark.parametrize("features", [["SIZE"], ["SIZE 0"], []])
def test_p12_a_server_without_a_limit_leaves_no_row(features: list[str]) -> None:
    with SmtpServer(features=features) as server:
        plain(server)
        assert send_message(a_message()).sent
    assert not RouteState.objects.exists()


def test_p12_a_message_over_the_limit_goes_by_the_next_route_and_the_log_says_why() -> None:
    with SmtpServer(features=["SIZE 50000"]) as small, SmtpServer(features=["SIZE 9000000"]) as large:
        plain(small)
        plain(large, "Relay B", order=2)
        send_message(a_message())
        asked = len(small.lines)
        result = send_message(a_big_message())
        assert (result.state, result.route) == (DeliveryState.SENT, "Relay B")
        assert len(small.lines) == asked  # not even asked
    reason = "The message has 83 kB; this server takes at most 50 kB."
    assert Delivery.objects.first().skipped == [["Relay A", reason]]  # type: ignore[union-attr]


def test_p12_a_route_learns_from_the_first_message_that_is_too_large() -> None:
    with SmtpServer(features=["SIZE 50000"]) as small, SmtpServer() as large:
        row = plain(small)
        plain(large, "Relay B", order=2)
        assert send_message(a_big_message()).state is DeliveryState.FALLBACK
        assert limit(row) == 50000
        assert send_message(a_big_message()).state is DeliveryState.SENT


def test_p12_where_nothing_else_is_left_the_error_says_size_and_limit() -> None:
    with SmtpServer(features=["SIZE 50000"]) as server:
        plain(server)
        send_message(a_message())
        for options in (SendOptions(), SendOptions(route=SmtpConnection.objects.get().key)):
            with pytest.raises(mailadmin.MailError, match="takes at most 50000") as caught:
                send_message(a_big_message(), options)
            assert caught.value.code == "too-large"
        assert server.lines.count("DATA") == 1


def test_p12_a_limit_that_was_raised_or_lifted_is_learned_again() -> None:
    with SmtpServer(features=["SIZE 50000"]) as server:
        row = plain(server)
        send_message(a_message())
        for feature, expected in (("SIZE 70000", 70000), ("SIZE 0", 0), ("SIZE 80000", 80000)):
            server.features = [feature]
            row.save()  # a new version of the settings ends the session that is open
            assert send_message(a_message()).sent
            assert limit(row) == expected


def test_p12_a_raised_limit_serves_the_large_message_itself() -> None:
    with SmtpServer(features=["SIZE 50000"]) as server:
        row = plain(server)
        send_message(a_message())
        server.features = ["SIZE 90000000"]
        row.save()
        assert send_message(a_big_message()).state is DeliveryState.SENT
        assert limit(row) == 90_000_000


def test_p12_a_route_that_is_used_again_keeps_the_size() -> None:
    with SmtpServer(features=["SIZE 50000"]) as server:
        row = plain(server)
        send_message(a_message())
        RouteState.objects.update(stopped=True, failing=True, failures=4, code="x", reason="y")
        assert resume(row.key)
        state = RouteState.objects.get()
        assert (state.stopped, state.failing, state.failures, state.reason, state.size_limit) == (
            False,
            False,
            0,
            "",
            50000,
        )
        assert not resume(row.key)
        assert send_message(a_message()).sent


def test_what_a_failure_says_and_what_the_size_says_do_not_overwrite_each_other() -> None:
    with SmtpServer(features=["SIZE 50000"]) as server:
        row = plain(server)
        send_message(a_message())
        RouteState.objects.update(failing=True, failures=1, reason="It was down.")
        server.features = ["SIZE 60000"]
        row.save()
        send_message(a_message())  # says that the route is well
        state = RouteState.objects.get()
        assert (state.failing, state.size_limit) == (False, 50000)
        send_message(a_message())  # and this one what the server takes
        state = RouteState.objects.get()
        assert (state.failing, state.size_limit) == (False, 60000)


@pytest.mark.parametrize(
    ("size", "words"), [(1, "1 kB"), (999_000, "999 kB"), (4_200_000, "4.2 MB"), (35_000_000, "35 MB")]
)
def test_sizes_are_written_for_people(size: int, words: str) -> None:
    assert _amount(size) == words

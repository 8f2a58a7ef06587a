"""Lists: many messages over several sessions, each with its own result."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import RecipientsRefused
from mailadmin.core.fault import Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import SessionRules
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.fakes.smtp_actions import Action, close
from tests.fakes.smtp_routes import CONTENT, mail, with_password
from tests.fakes.smtp_server import SmtpServer
from tests.transports.smtp_lists import Meeting, hand_out, numbered, numbers, transport_to


def test_a_long_list_goes_over_as_many_sessions_as_the_connection_says() -> None:
    with SmtpServer({"MAIL": [Meeting(4)] * 4}) as server:
        transport = transport_to(server)
        results = hand_out(transport, 60)
        transport.close()
        assert all(handed.accepted and handed.accepted.answer.startswith("250") for handed in results.values())
        assert numbers(server) == list(range(60))
        assert len(server.sessions) == 4


def test_a_result_tells_when_and_how_long() -> None:
    before = datetime.now(UTC)
    with SmtpServer() as server:
        for handed in hand_out(transport_to(server), 6).values():
            assert before <= handed.started_at <= datetime.now(UTC)
            assert 0 <= handed.seconds <= (datetime.now(UTC) - before).total_seconds()


def test_one_session_keeps_the_order() -> None:
    with SmtpServer() as server:
        transport = transport_to(server, sessions=SessionRules(parallel=1))
        results = [handed.ticket for handed in transport.send_many((n, numbered(n)) for n in range(20))]
        assert results == list(range(20))
        assert [int(message.rsplit(b"number ", 1)[1]) for message in server.messages] == results
        assert len(server.sessions) == 1


def test_a_short_list_takes_one_session() -> None:
    with SmtpServer() as server:
        hand_out(transport_to(server), limits.LIST_SESSION_MESSAGES)
        assert len(server.sessions) == 1


@pytest.mark.timeout(20)
def test_a_message_leaves_and_is_told_of_before_the_next_one_is_made() -> None:
    told: list[int] = []

    def mails(server: SmtpServer) -> Iterator[tuple[int, Mail]]:
        for number in range(4):
            yield number, numbered(number)
            while len(server.messages) <= number:
                time.sleep(0.001)
            late = [ticket for ticket in range(number - 1) if ticket not in told]
            assert not late

    with SmtpServer() as server:
        for handed in transport_to(server).send_many(mails(server)):
            assert handed.accepted
            told.append(handed.ticket)
    assert told == [0, 1, 2, 3]


def test_where_no_thread_can_be_had_the_whole_list_leaves_in_that_of_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "mailadmin-smtp-list":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with SmtpServer() as server:
        results = hand_out(transport_to(server), 60)
        assert all(handed.accepted for handed in results.values())
        assert numbers(server) == list(range(60))


def test_an_empty_list_opens_nothing() -> None:
    with SmtpServer() as server:
        assert list(transport_to(server).send_many([])) == []
        assert server.sessions == []


def test_an_endless_list_is_read_only_a_few_messages_ahead() -> None:
    read = []

    def endless() -> Iterator[tuple[int, Mail]]:
        number = 0
        while True:
            read.append(number)
            yield number, numbered(number)
            number += 1

    with SmtpServer() as server:
        results = transport_to(server).send_many(endless())
        taken = [next(results) for _ in range(100)]
        results.close()  # type: ignore[attr-defined]  # it is a generator
        assert len(read) <= len(taken) + 2 * limits.LIST_SESSION_MESSAGES * limits.SESSIONS
        assert not [thread for thread in threading.enumerate() if thread.name == "mailadmin-smtp-list"]
        assert set(numbers(server)) >= {handed.ticket for handed in taken}


def test_big_messages_are_not_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LIST_AHEAD_BYTES", len(CONTENT))
    read = []

    def mails() -> Iterator[tuple[int, Mail]]:
        for number in range(5):
            read.append(number)
            yield number, numbered(number)

    with SmtpServer() as server:
        for place, handed in enumerate(transport_to(server).send_many(mails()), 1):
            assert handed.accepted
            assert len(read) == place


def test_the_messages_are_read_and_the_results_given_in_the_thread_of_the_caller() -> None:
    threads = set()

    def mails() -> Iterator[tuple[int, Mail]]:
        for number in range(30):
            threads.add(threading.get_ident())
            yield number, numbered(number)

    with SmtpServer() as server:
        assert sum(1 for _ in transport_to(server).send_many(mails())) == 30
    assert threads == {threading.get_ident()}


def test_each_message_has_its_own_fate() -> None:
    """Refused in whole or in part, at each command, without an effect on the neighbours."""
    script: dict[str, list[str | Action | None]] = {
        "MAIL": [None, "550 5.7.60 not you"],
        "RCPT": [None, None, "550 5.1.1 no such user"],
        "DOT": [None, None, "554 5.7.1 spam"],
    }
    mails = [
        (0, numbered(0)),
        (1, numbered(1)),  # MAIL is refused
        (2, numbered(2, "a@example.net", "b@example.net")),  # b is refused
        (3, numbered(3)),  # refused at the end
        (4, mail("no\n@example.net")),
        (5, numbered(5)),
    ]
    with SmtpServer(script) as server:
        results = list(transport_to(server, sessions=SessionRules(parallel=1)).send_many(mails))
        assert len(server.sessions) == 1
    fates = {handed.ticket: handed for handed in results}
    assert [fates[n].accepted is not None for n in range(6)] == [True, False, True, False, False, True]
    assert [fates[n].error.fault.phase for n in (1, 3, 4) if fates[n].error] == [  # type: ignore[union-attr]
        Phase.SENDER,
        Phase.DATA,
        Phase.MESSAGE,
    ]
    accepted = fates[2].accepted
    assert accepted
    assert set(accepted.refused) == {"b@example.net"}


def test_all_recipients_refused_is_told_for_each() -> None:
    with SmtpServer({"RCPT": [None, "550 5.1.1 no", "550 5.1.1 no"]}) as server:
        mails = [(0, numbered(0)), (1, numbered(1, "a@example.net", "b@example.net")), (2, numbered(2))]
        results = {handed.ticket: handed for handed in transport_to(server).send_many(mails)}
        assert isinstance(results[1].error, RecipientsRefused)
        assert set(results[1].error.recipients) == {"a@example.net", "b@example.net"}
        assert numbers(server) == [0, 2]


@pytest.mark.parametrize("refusal", ["421 4.7.0 too many connections from you", close])
def test_a_further_session_that_cannot_be_opened_is_not_used(refusal: str | Action) -> None:
    with SmtpServer({"GREETING": [None, refusal, refusal, refusal]}) as server:
        results = hand_out(transport_to(server), 60)
        assert all(handed.accepted for handed in results.values())
        assert numbers(server) == list(range(60))


def test_when_no_session_can_be_opened_each_message_has_the_error() -> None:
    with SmtpServer({"GREETING": ["554 5.7.1 go away"] * 100}) as server:
        results = hand_out(transport_to(server), 30)
        faults = [handed.error.fault for handed in results.values() if handed.error]
        assert [(fault.phase, fault.smtp_code, fault.maybe_sent) for fault in faults] == [
            (Phase.GREETING, 554, False)
        ] * 30
        assert len(server.sessions) <= 2


def test_a_wrong_password_is_not_tried_by_several_sessions_at_once() -> None:
    with SmtpServer() as server:
        route = with_password(server.port, password=Secret("wrong"))
        results = list(
            SmtpTransport(route, NetworkPolicy()).send_many((number, numbered(number)) for number in range(30))
        )
        assert all(handed.error and handed.error.fault.smtp_code == 535 for handed in results)
        assert len(server.sessions) == 1


def test_a_server_that_comes_back_takes_the_rest_of_the_list() -> None:
    with SmtpServer({"GREETING": ["421 4.3.2 later"]}) as server:
        results = hand_out(transport_to(server), 60)
        accepted = [number for number, handed in results.items() if handed.accepted]
        assert 0 < len(accepted) < 60
        assert numbers(server) == sorted(accepted)


def test_sessions_end_after_their_messages_and_others_follow() -> None:
    with SmtpServer() as server:
        hand_out(transport_to(server, sessions=SessionRules(messages=5)), 40)
        assert sum(len(session.messages) for session in server.sessions) == 40
        assert max(len(session.messages) for session in server.sessions) == 5


def test_s14_a_list_uses_kept_sessions_first_and_leaves_its_own() -> None:
    with SmtpServer() as server:
        transport = transport_to(server)
        transport.send(numbered(100))
        hand_out(transport, 40)
        count = len(server.sessions)
        assert count <= 4
        hand_out(transport_to(server), 40)
        assert len(server.sessions) <= max(count, 4)
        assert len(server.sessions[0].messages) > 1

"""Lists: many messages over several sessions, each with its own result."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mailadmin.core import limits
from mailadmin.core.content import Content
from mailadmin.core.errors import DeliveryUnsure, RecipientsRefused
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import RouteKey, RouteKind, SessionRules, Timeouts
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Handed, Mail
from mailadmin.transports.smtp.pool import POOL
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.fakes.smtp_actions import Action, close, good_then_close, reset
from tests.fakes.smtp_routes import CONTENT, mail, smtp_route, with_password
from tests.fakes.smtp_server import Connection, SmtpServer

KEY = RouteKey(RouteKind.SMTP, "5b6d3b0e-5f0e-4a53-9d2b-0d2f2f6f3a02")


@pytest.fixture(autouse=True)
def an_empty_pool() -> Iterator[None]:
    POOL.clear()
    yield
    POOL.clear()


def numbered(number: int, *recipients: str) -> Mail:
    return mail(*recipients, content=CONTENT + b"number %d\r\n" % number)


def numbers(server: SmtpServer) -> list[int]:
    """Return the numbers of the messages that the server has, in order."""
    return sorted(int(message.rsplit(b"number ", 1)[1]) for message in server.messages)


def transport_to(server: SmtpServer, version: str = "1", **changes: Any) -> SmtpTransport:
    return SmtpTransport(replace(smtp_route(server.port, **changes), key=KEY), NetworkPolicy(), version)


def hand_out(transport: SmtpTransport, count: int) -> dict[int, Handed]:
    """Send `count` messages as one list and return the results by ticket; each ticket comes back once."""
    results = list(transport.send_many((number, numbered(number)) for number in range(count)))
    assert sorted(handed.ticket for handed in results) == list(range(count))
    assert all((handed.accepted is None) != (handed.error is None) for handed in results)
    return {handed.ticket: handed for handed in results}


class Meeting:
    """An action that answers once `count` sessions have come to it."""

    def __init__(self, count: int) -> None:
        self._barrier = threading.Barrier(count)

    def __call__(self, connection: Connection) -> bool:
        self._barrier.wait(10)
        connection.say("250 2.0.0 Ok")
        connection.positive = True
        return True


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


def test_a_short_list_takes_one_session_and_one_message_no_thread() -> None:
    seen: set[str] = set()

    def look(connection: Connection) -> bool:
        seen.update(thread.name for thread in threading.enumerate())
        connection.say("250 2.0.0 Ok")
        return True

    with SmtpServer({"DOT": [look]}) as server:
        transport = transport_to(server)
        hand_out(transport, 1)
        assert "mailadmin-smtp-list" not in seen
        hand_out(transport, limits.LIST_SESSION_MESSAGES)
        assert len(server.sessions) == 1


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


@pytest.mark.parametrize("dead", [close, reset, good_then_close("421 4.7.0 idle for too long")])
def test_row_29_kept_sessions_found_dead_cost_no_message(dead: Action) -> None:
    with SmtpServer({"MAIL": [Meeting(4)] * 4}) as server:
        hand_out(transport_to(server), 60)
        assert len(server.sessions) == 4
        kept = list(server.sessions)

        def dead_if_kept(connection: Connection) -> bool:
            return dead(connection) if connection.session in kept else slow(connection)

        server.script["MAIL"] = [dead_if_kept] * 200
        results = hand_out(transport_to(server), 60)
        assert all(handed.accepted for handed in results.values())
        assert numbers(server) == sorted([*range(60), *range(60)])


@pytest.mark.parametrize("lost", [close, reset, "421 4.3.2 closing"])
@pytest.mark.parametrize("moment", ["MAIL", "RCPT"])
def test_messages_not_begun_on_a_broken_session_go_to_another(moment: str, lost: str | Action) -> None:
    with SmtpServer({moment: [None] * 3 + [lost]}) as server:
        results = hand_out(transport_to(server), 30)
        assert all(handed.accepted for handed in results.values())
        assert numbers(server) == list(range(30))


def test_they_do_so_once_then_the_error_stands() -> None:
    with SmtpServer({"MAIL": [close] * 1000}) as server:
        results = hand_out(transport_to(server), 10)
        assert all(handed.error and handed.error.fault.kind is Kind.CLOSED for handed in results.values())
        assert len(server.sessions) <= 2 * 10


def test_unsure_stays_unsure() -> None:
    with SmtpServer({"DOT": [None, close]}) as server:
        results = hand_out(transport_to(server), 30)
        unsure = [number for number, handed in results.items() if isinstance(handed.error, DeliveryUnsure)]
        assert 1 <= len(unsure) <= limits.UNANSWERED_MESSAGES
        assert all(handed.accepted for number, handed in results.items() if number not in unsure)
        assert max(Counter(numbers(server)).values()) == 1


def test_an_abandoned_list_finishes_what_is_in_flight_and_begins_nothing_more() -> None:
    with SmtpServer() as server:
        transport = transport_to(server, "")
        results = transport.send_many((number, numbered(number)) for number in range(200))
        next(results)
        results.close()  # type: ignore[attr-defined]  # it is a generator
        transport.close()
        for session in server.sessions:
            assert session.ended.wait(5)
            assert session.verbs()[-1] == "QUIT"
        assert len(server.messages) < 100
        assert not [thread for thread in threading.enumerate() if thread.name == "mailadmin-smtp-list"]


def test_what_the_messages_raise_comes_after_the_results_of_those_before() -> None:
    def mails() -> Iterator[tuple[int, Mail]]:
        for number in range(7):
            yield number, numbered(number)
        raise LookupError("the eighth")

    seen = []
    with SmtpServer() as server:
        results = transport_to(server).send_many(mails())
        with pytest.raises(LookupError, match="the eighth"):
            seen.extend(handed.ticket for handed in results)
        assert numbers(server) == list(range(7))


def test_what_the_caller_raises_ends_the_threads() -> None:
    with SmtpServer() as server:
        with pytest.raises(KeyboardInterrupt):
            interrupted(transport_to(server))
        assert not [thread for thread in threading.enumerate() if thread.name == "mailadmin-smtp-list"]


def interrupted(transport: SmtpTransport) -> None:
    for handed in transport.send_many((number, numbered(number)) for number in range(100)):
        assert handed.accepted
        raise KeyboardInterrupt


class Unreadable(Content):
    """Content that breaks while it is sent."""

    def texts(self) -> Iterator[bytes]:
        raise RuntimeError("no content")


def test_a_fault_of_our_own_reaches_the_caller_and_no_session_is_kept() -> None:
    broken = replace(mail(), content=Unreadable(b"Subject: x\r\n\r\n"))
    with SmtpServer() as server:
        transport = transport_to(server)
        with pytest.raises(RuntimeError, match="no content"):
            list(transport.send_many([(0, numbered(0)), (1, broken), (2, numbered(2))]))
        assert transport.send(numbered(3)).answer
        assert max(Counter(numbers(server)).values()) == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_in_the_middle_has_an_ended_list_and_the_parent_goes_on() -> None:
    with SmtpServer() as server:
        results = transport_to(server).send_many((number, numbered(number)) for number in range(50))
        tickets = [next(results).ticket]
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = 0 if not list(results) else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        tickets += [handed.ticket for handed in results]
        assert sorted(tickets) == numbers(server) == list(range(50))


PROGRAM = """
import sys
from tests.transports.test_smtp_many import numbered
from tests.fakes.smtp_routes import smtp_route
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.smtp.transport import SmtpTransport

transport = SmtpTransport(smtp_route(int(sys.argv[1])), NetworkPolicy())
results = transport.send_many((number, numbered(number)) for number in range(1000))
print(next(results).accepted.answer)
"""


def test_the_end_of_the_process_in_the_middle_of_a_list_does_not_hang() -> None:
    with SmtpServer() as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM, str(server.port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("250 ")


def slow(connection: Connection) -> bool:
    """Answer well, after a little while."""
    connection.server.stopping.wait(0.002)
    connection.say("250 2.0.0 Ok")
    connection.positive = True
    return True


@pytest.mark.parametrize("extensions", [[], ["PIPELINING"], ["PIPELINING", "CHUNKING"]])
@pytest.mark.parametrize("seed", range(3))
def test_with_a_server_at_its_worst_every_message_has_one_true_result(seed: int, extensions: list[str]) -> None:
    """Each ticket comes back once; whom the server took the message for is told as sent or unsure, and got it once;
    whoever is told as sent has it."""
    dice = random.Random(seed)
    bye, later = good_then_close("421 4.3.2 bye"), "451 4.3.0 later"
    moments: dict[str, list[str | Action]] = {
        "GREETING": ["421 4.7.0 too many", close],
        "MAIL": [slow, bye, later, close, reset],
        "RCPT": [slow, "550 5.1.1 no", "452 4.5.3 too many", bye, close],
        "DOT": [slow, later, "554 5.7.1 spam", bye, close, reset],
    }
    script = {moment: [None, *dice.choices([None] * 25 + bad, k=2000)] for moment, bad in moments.items()}
    people = ("a@example.net", "b@example.net", "c@example.net")
    mails = {number: numbered(number, *people[: number % 3 + 1]) for number in range(200)}
    with SmtpServer(script, features=["SIZE 10000000", "8BITMIME", *extensions]) as server:
        transport = transport_to(server, timeouts=Timeouts(connect=5, command=5, message=20))
        results = list(transport.send_many(mails.items()))
        POOL.clear()
    assert sorted(handed.ticket for handed in results) == sorted(mails)
    taken = Counter(taken_by(server))
    assert max(taken.values()) == 1
    told = {(handed.ticket, to): fate(handed, to) for handed in results for to in mails[handed.ticket].recipients}
    assert {person for person, word in told.items() if word == "sent"} <= set(taken)
    assert set(taken) <= {person for person, word in told.items() if word != "not sent"}
    assert Counter(told.values())["sent"] > 40


@pytest.mark.parametrize("extensions", [[], ["PIPELINING"], ["PIPELINING", "CHUNKING"]])
def test_row_31_a_server_that_takes_what_it_refused_is_left_and_nothing_it_says_is_believed(
    extensions: list[str],
) -> None:
    """A message behind such an answer is never told as surely not sent while the server has it."""
    script: dict[str, list[str | Action | None]] = {
        "MAIL": [None, "451 4.3.0 later"],
        "RCPT": [None, "250 2.1.5 Ok", None, "452 4.5.3 too many"],
        "DATA": [None, "250 2.0.0 Ok"],
        "DOT": [None, "250 2.0.0 Ok"],
    }
    with SmtpServer(script, features=extensions) as server:
        mails = {number: numbered(number, *(["a@example.net", "b@example.net"] * (number > 1))) for number in range(8)}
        results = list(transport_to(server, sessions=SessionRules(parallel=1)).send_many(mails.items()))
        POOL.clear()
    told = {(handed.ticket, to): fate(handed, to) for handed in results for to in mails[handed.ticket].recipients}
    assert set(taken_by(server)) <= {person for person, word in told.items() if word != "not sent"}


def taken_by(server: SmtpServer) -> list[tuple[int, str]]:
    """Return the numbers of the messages that the server answered with 2xx, each with each of its recipients."""
    return [
        (int(delivery.content.rsplit(b"number ", 1)[1]), recipient)
        for delivery in server.deliveries
        if delivery.taken
        for recipient in delivery.recipients
    ]


def fate(handed: Handed, recipient: str) -> str:
    """Return what a result tells about one recipient."""
    error = handed.accepted.refused.get(recipient) if handed.accepted else handed.error
    if error is None:
        return "sent"
    return "unsure" if error.fault.maybe_sent else "not sent"

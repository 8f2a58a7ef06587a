"""Lists when something breaks: the server, the caller, or we ourselves."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import DeliveryUnsure
from mailadmin.core.fault import Kind
from mailadmin.core.settings import SessionRules, Timeouts
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp.pool import POOL
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.fakes.smtp_actions import Action, close, good_then_close, reset
from tests.fakes.smtp_routes import mail
from tests.fakes.smtp_server import Connection, SmtpServer
from tests.transports.smtp_lists import (
    Meeting,
    Unreadable,
    fate,
    fine,
    hand_out,
    numbered,
    numbers,
    slow,
    taken_by,
    transport_to,
)


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


@pytest.mark.timeout(20)
def test_so_does_a_lone_message_whose_answers_come_last_of_all() -> None:
    script = {"MAIL": [good_then_close("421 4.3.2 closing")]}
    with SmtpServer(script, features=["PIPELINING", "CHUNKING"]) as server:
        assert hand_out(transport_to(server), 1)[0].accepted
        assert numbers(server) == [0]


def test_they_do_so_once_then_the_error_stands() -> None:
    with SmtpServer({"MAIL": [close] * 1000}) as server:
        results = hand_out(transport_to(server), 10)
        assert all(handed.error and handed.error.fault.kind is Kind.CLOSED for handed in results.values())
        assert len(server.sessions) <= 2 * 10


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("extensions", [["PIPELINING"], ["PIPELINING", "CHUNKING"]])
def test_a_server_that_takes_few_messages_in_a_session_gets_all_of_them(extensions: list[str], limit: int) -> None:
    def enough(connection: Connection) -> bool:
        if connection.session.verbs().count("MAIL") > limit:
            connection.say("421 4.7.0 too many messages in this session")
            return False
        return fine(connection)

    with SmtpServer({"MAIL": [enough] * 200}, features=extensions) as server:
        results = hand_out(transport_to(server), 20)
        assert all(handed.accepted for handed in results.values())
        assert numbers(server) == list(range(20))


def test_a_message_that_ends_every_session_takes_no_other_with_it() -> None:
    def no_more(connection: Connection) -> bool:
        if "nobody" in connection.session.lines[-1]:
            connection.say("421 4.7.0 not this one")
            return False
        return fine(connection)

    mails = [(n, numbered(n, "nobody@example.net" if n == 5 else "anna@example.net")) for n in range(20)]
    with SmtpServer({"RCPT": [no_more] * 200}, features=["PIPELINING", "CHUNKING"]) as server:
        results = transport_to(server, sessions=SessionRules(parallel=1)).send_many(mails)
        assert [handed.ticket for handed in results if handed.error] == [5]
        assert numbers(server) == [n for n in range(20) if n != 5]


def test_s14_a_session_that_rested_too_long_between_two_messages_of_a_list_is_not_used() -> None:
    def mails(server: SmtpServer) -> Iterator[tuple[int, Mail]]:
        yield from ((n, numbered(n)) for n in range(2))
        while len(server.messages) < 2 or time.monotonic() < idle_from + 0.2:
            time.sleep(0.01)
        yield 2, numbered(2)

    with SmtpServer() as server:
        idle_from = time.monotonic()
        transport = transport_to(server, sessions=SessionRules(parallel=1, idle_seconds=0.1))
        assert all(handed.accepted for handed in transport.send_many(mails(server)))
        assert [len(session.messages) for session in server.sessions] == [2, 1]


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


def test_a_fault_of_our_own_reaches_the_caller_and_no_session_is_kept() -> None:
    broken = replace(mail(), content=Unreadable(b"Subject: x\r\n\r\n"))
    with SmtpServer() as server:
        transport = transport_to(server)
        with pytest.raises(RuntimeError, match="no content"):
            list(transport.send_many([(0, numbered(0)), (1, broken), (2, numbered(2))]))
        assert transport.send(numbered(3)).answer
        assert max(Counter(numbers(server)).values()) == 1


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

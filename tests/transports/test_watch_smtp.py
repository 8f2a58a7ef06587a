"""The watch of a message by SMTP: it is told before the end can leave, in every way a message goes, and what it
forbids does not leave (P7)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind
from mailadmin.core.settings import SessionRules
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp.conveyor import Conveyor
from mailadmin.transports.smtp.transaction import hand_over
from tests.fakes.smtp_actions import Action, close
from tests.fakes.smtp_routes import CONTENT, mail
from tests.fakes.smtp_server import SmtpServer
from tests.transports.smtp_conveying import LANES, conveyed, marks, number_of, numbered
from tests.transports.smtp_lists import numbers, transport_to
from tests.transports.smtp_ways import BIG, WAYS, A, B, C, going, sent
from tests.transports.watching import LOOK_SECONDS, Killed, Watcher, claim_lost

TOO_MANY = "452 4.5.3 too many recipients"
HOLDING_BACK = SessionRules(parallel=1)


def watched(message: Mail, *objections: BaseException | None, look: Callable[[], object] = lambda: None) -> Mail:
    return replace(message, watch=Watcher(*objections, look=look))


def watcher(message: Mail) -> Watcher:
    assert isinstance(message.watch, Watcher)
    return message.watch


def has_end(server: SmtpServer) -> Callable[[], bool]:
    """Return what tells whether the server has, after a moment, a message that came whole."""
    return lambda: bool(server.stopping.wait(LOOK_SECONDS) or server.messages)


def forbidden(way: str, content: bytes, objection: BaseException) -> tuple[SmtpServer, bool]:
    """Send what its watch forbids; return the server, when it has seen all that comes, and whether the session stands
    and takes the next message."""
    message = watched(mail(content=content), objection)
    with going(way) as (server, session):
        with pytest.raises(type(objection)) as caught:
            hand_over(session, message, message.recipients)
        assert caught.value is objection
        usable = session.open
        if usable:
            sent(session)
        else:
            assert server.sessions[0].ended.wait(5)
    return server, usable


class TestOneMessage:
    @pytest.mark.parametrize("content", [CONTENT, BIG], ids=["small", "big"])
    @pytest.mark.parametrize("way", WAYS)
    def test_p7_the_watch_is_told_before_the_server_can_have_the_end(self, way: str, content: bytes) -> None:
        with going(way) as (server, session):
            message = watched(mail(A, B, content=content), look=has_end(server))
            assert sent(session, message).taken == (A, B)
            assert watcher(message).told == [("leaving", (A, B))]
            assert watcher(message).seen == [False]
            assert len(server.messages) == 1

    @pytest.mark.parametrize("way", WAYS)
    def test_p7_what_the_watch_forbids_never_has_an_end(self, way: str) -> None:
        server, usable = forbidden(way, CONTENT if way == "at-once" else BIG, claim_lost())
        assert usable is (way == "at-once")  # nothing of it has left there; elsewhere only closing takes it back
        assert len(server.messages) == int(usable)

    @pytest.mark.parametrize("way", WAYS)
    def test_p7_who_is_killed_while_it_is_written_down_has_sent_nothing(self, way: str) -> None:
        server, usable = forbidden(way, CONTENT, Killed())
        assert not usable
        assert server.messages == []

    @pytest.mark.parametrize("way", ["plain", "plain-chunk", "pipelined", "chunked"])
    def test_it_is_told_only_of_recipients_whom_the_server_took(self, way: str) -> None:
        with going(way, {"RCPT": [None, "550 5.1.1 no", None]}) as (_, session):
            message = watched(mail(A, B, C))
            assert set(sent(session, message).refused) == {B}
            assert watcher(message).told == [("leaving", (A, C))]

    @pytest.mark.parametrize("way", ["plain", "plain-chunk", "pipelined", "chunked"])
    @pytest.mark.parametrize("moment", ["MAIL", "RCPT"])
    def test_a_message_that_nobody_gets_is_not_told_of(self, way: str, moment: str) -> None:
        with going(way, {moment: ["550 5.7.1 no"]}) as (_, session):
            message = watched(mail())
            with pytest.raises(MailError):
                sent(session, message)
            assert watcher(message).told == []

    def test_what_a_lone_dot_ends_is_not_told_of(self) -> None:
        with going("pipelined", {"RCPT": ["550 5.1.1 no"], "DATA": ["354 go on"], "DOT": ["554 nobody"]}) as (
            _,
            session,
        ):
            message = watched(mail())
            with pytest.raises(MailError):
                sent(session, message)
            assert watcher(message).told == []


PROGRAM = """
import os, signal, sys
from mailadmin.core.settings import SessionRules
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Unwatched
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.fakes.smtp_routes import CONTENT, mail, smtp_route

class Last(Unwatched):
    def leaving(self, recipients):
        os.kill(os.getpid(), signal.SIGKILL)

SmtpTransport(smtp_route(int(sys.argv[1])), NetworkPolicy()).send(mail(watch=Last()))
"""


@pytest.mark.parametrize("way", LANES)
def test_p7_after_a_kill_while_it_is_written_down_the_server_has_no_message(way: str) -> None:
    with SmtpServer(features=WAYS[way]) as server:
        done = subprocess.run([sys.executable, "-c", PROGRAM, str(server.port)], check=False, timeout=60)
        assert done.returncode == -9
        assert server.sessions[0].ended.wait(5)
        assert server.messages == []


class TestMoreThanOneTransaction:
    def test_each_round_is_told_with_its_recipients_and_what_was_taken_before_it(self) -> None:
        with SmtpServer({"RCPT": [None, TOO_MANY, None, TOO_MANY]}) as server:
            message = watched(mail(A, B, C))
            transport_to(server).send(message)
        assert watcher(message).told == [
            ("leaving", (A,)),
            ("taken", (A,)),
            ("leaving", (B,)),
            ("taken", (B,)),
            ("leaving", (C,)),
        ]
        assert watcher(message).answers == ["250 2.0.0 Ok: queued as FAKE1"] * 2

    @pytest.mark.parametrize("way", LANES)
    def test_so_it_is_in_a_list(self, way: str) -> None:
        with going(way, {"RCPT": [None, None, TOO_MANY]}) as (_, session):
            messages = [watched(numbered(0, A)), watched(numbered(1, B, C)), watched(numbered(2, A))]
            assert marks(conveyed(session, messages)) == "sss"
            told = [watcher(message).told for message in messages]
            first = (B,) if way != "at-once" else (B, C)  # one write names all before anybody is refused
            assert told == [
                [("leaving", (A,))],
                [("leaving", first), ("taken", (B,)), ("leaving", (C,))],
                [("leaving", (A,))],
            ]

    def test_a_round_that_is_forbidden_leaves_the_earlier_ones_as_they_are(self) -> None:
        with SmtpServer({"RCPT": [None, TOO_MANY]}) as server:
            accepted = transport_to(server).send(watched(mail(A, B), None, claim_lost()))
            assert [delivery.recipients for delivery in server.deliveries] == [(A,)]
        assert {address: error.fault.kind for address, error in accepted.refused.items()} == {B: Kind.CLAIM_LOST}

    @pytest.mark.parametrize("way", LANES)
    def test_the_second_try_on_a_new_session_is_told_again(self, way: str) -> None:
        dead: list[str | Action | None] = [None, close if way != "at-once" else "421 4.3.2 bye"]
        with SmtpServer({"MAIL": dead}, features=WAYS[way]) as server:
            transport = transport_to(server)
            transport.send(mail())
            message = watched(mail(A), look=lambda: len(server.messages))
            transport.send(message)
            transport.close()
            times = 2 if way == "at-once" else 1  # one write is told of before anything is known of the session
            assert watcher(message).told == [("leaving", (A,))] * times
            assert watcher(message).seen == [1] * times
            assert len(server.messages) == 2

    def test_a_message_that_is_forbidden_is_not_tried_on_another_session(self) -> None:
        with SmtpServer() as server:
            transport = transport_to(server)
            transport.send(mail())
            message = watched(mail(), claim_lost())
            with pytest.raises(MailError) as caught:
                transport.send(message)
            assert caught.value.fault.kind is Kind.CLAIM_LOST
            assert not caught.value.fault.maybe_sent
            assert len(watcher(message).told) == 1
            assert len(server.messages) == len(server.sessions) == 1


class TestLists:
    @pytest.mark.parametrize("way", LANES)
    def test_p7_each_message_is_told_of_before_its_own_end(self, way: str) -> None:
        with going(way) as (server, session):

            def look() -> list[int]:
                server.stopping.wait(LOOK_SECONDS)
                return [number_of(message) for message in server.messages]

            messages = [watched(numbered(number), look=look) for number in range(5)]
            assert marks(conveyed(session, messages)) == "sssss"
            for number, message in enumerate(messages):
                (seen,) = watcher(message).seen
                assert isinstance(seen, list) and number not in seen

    @pytest.mark.parametrize("way", LANES)
    @pytest.mark.parametrize("place", [0, 2, 4])
    def test_p7_what_is_forbidden_does_not_leave_and_its_neighbours_do(self, way: str, place: int) -> None:
        with SmtpServer(features=WAYS[way]) as server:
            objections = [claim_lost() if number == place else None for number in range(5)]
            messages = [watched(numbered(number), objection) for number, objection in enumerate(objections)]
            transport = transport_to(server, sessions=HOLDING_BACK)
            results = {handed.ticket: handed for handed in transport.send_many(enumerate(messages))}
            assert numbers(server) == [number for number in range(5) if number != place]
            assert {ticket for ticket, handed in results.items() if handed.error} == {place}
            assert results[place].error is objections[place]

    @pytest.mark.parametrize("way", LANES)
    def test_p7_after_the_end_of_the_worker_nothing_more_leaves(self, way: str) -> None:
        with going(way) as (server, session):
            conveyor = Conveyor(session)
            with pytest.raises(Killed):
                for ticket in range(3):
                    conveyor.push(ticket, watched(numbered(ticket), Killed() if ticket == 1 else None))
                conveyor.finish()
            assert not session.open
            assert server.sessions[0].ended.wait(5)
            assert set(map(number_of, server.messages)) <= {0}

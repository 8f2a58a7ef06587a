"""What goes out together, and what is said where the server's groups of answers are odd."""

from __future__ import annotations

import threading

import pytest

from mailadmin.core import limits
from mailadmin.core.content import Content, Encoded
from mailadmin.core.errors import RecipientsRefused
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.settings import Notices, Security, SessionRules, Timeouts
from mailadmin.transports.smtp.conveyor import Conveyor
from tests.fakes import certificates
from tests.fakes.smtp_actions import Action
from tests.fakes.smtp_routes import CONTENT, mail
from tests.fakes.smtp_server import Connection, SmtpServer
from tests.transports.smtp_ways import BIG, A, B, Script, failure, going, sent, session_to, surely_not_sent, unsure

BOTH = ["PIPELINING", "CHUNKING"]


def waits_for(end: bytes) -> Action:
    """Answer only when `end` has come too: it was sent without waiting."""

    def act(connection: Connection) -> bool:
        while end not in connection._buffer:
            if not connection.read():
                return False
        connection.say("250 2.0.0 Ok")
        return True

    return act


def test_the_envelope_leaves_in_one_write_and_the_content_after_354() -> None:
    with SmtpServer({"MAIL": [waits_for(b"DATA\r\n")]}, features=["PIPELINING"]) as server:
        with session_to(server) as session:
            sent(session, mail(A, B))
        assert server.lines[1:5] == ["MAIL FROM:<anna@example.org>", f"RCPT TO:<{A}>", f"RCPT TO:<{B}>", "DATA"]


def test_a_small_message_leaves_in_one_write_where_the_server_takes_chunks() -> None:
    with SmtpServer({"MAIL": [waits_for(b"Hello.\r\n")]}, features=BOTH) as server, session_to(server) as session:
        sent(session)
        assert server.lines[3] == f"BDAT {len(CONTENT)} LAST"
        assert server.messages == [CONTENT]


def test_a_session_that_rested_tells_first_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead line then costs a reconnect, and not an unsure message."""
    with SmtpServer(features=BOTH) as server, session_to(server) as session:
        sent(session)
        monkeypatch.setattr(limits, "SESSION_FRESH_SECONDS", 0)
        server.script["MAIL"] = [lambda connection: b"BDAT" not in connection._buffer and _good(connection)]
        sent(session)
        assert len(server.messages) == 2


def _good(connection: Connection) -> bool:
    connection.say("250 2.0.0 Ok")
    return True


def test_a_message_over_the_size_of_one_write_waits_for_its_envelope() -> None:
    big = mail(content=CONTENT + b"x\r\n" * limits.ONE_WRITE_BYTES)
    with SmtpServer({"RCPT": ["550 5.1.1 no"]}, features=BOTH) as server, session_to(server) as session:
        failure(session, big)
        assert "BDAT" not in server.sessions[0].verbs()
        sent(session, big)
        assert server.messages == [bytes(big.content)]


@pytest.mark.parametrize(
    ("rules", "verbs"),
    [
        (SessionRules(), {"BDAT"}),
        (SessionRules(chunking=False), {"DATA"}),
        (SessionRules(pipelining=False), {"BDAT"}),
        (SessionRules(pipelining=False, chunking=False), {"DATA"}),
    ],
)
def test_a_connection_can_do_without_either(rules: SessionRules, verbs: set[str]) -> None:
    with SmtpServer(features=BOTH) as server, session_to(server, sessions=rules) as session:
        sent(session)
        assert {"BDAT", "DATA"} & set(server.sessions[0].verbs()) == verbs
        assert server.messages == [CONTENT]


@pytest.mark.parametrize("end", ["554 5.5.1 no valid recipients", "250 2.0.0 taken for nobody"])
@pytest.mark.parametrize(
    ("script", "phase"),
    [({"RCPT": ["550 5.1.1 no"]}, Phase.RECIPIENT), ({"MAIL": ["550 5.7.1 no"]}, Phase.SENDER)],
)
def test_content_that_is_wanted_for_nobody_is_a_lone_dot(script: Script, phase: Phase, end: str) -> None:
    """RFC 2920 section 3.1."""
    with going("pipelined", {**script, "DATA": ["354 go on"], "DOT": [end]}) as (server, session):
        error = failure(session)
        surely_not_sent(error, phase, Kind.REPLY)
        assert isinstance(error, RecipientsRefused) is (phase is Phase.RECIPIENT)
        assert server.messages == [b""]
        assert session.open is end.startswith("554")


def test_a_chunk_that_is_taken_for_nobody_is_no_delivery() -> None:
    with going("at-once", {"RCPT": ["550 5.1.1 no"], "DOT": ["250 2.0.0 taken"]}) as (_, session):
        assert unsure(failure(session)).kind is Kind.OUT_OF_STEP
        assert not session.open


@pytest.mark.parametrize("reply", ["503 5.5.1 no recipients", "421 4.3.2 bye"])
def test_a_chunk_refused_for_nobody_is_the_refusal_of_its_recipients(reply: str) -> None:
    with going("at-once", {"RCPT": ["550 5.1.1 no"], "DOT": [reply]}) as (_, session):
        assert isinstance(failure(session), RecipientsRefused)
        assert session.open is reply.startswith("503")


def test_a_refused_rset_ends_the_session() -> None:
    """The transaction before may stand, so that recipients of another message could get this one."""
    with going("pipelined", {"RCPT": ["550 5.1.1 no"], "RSET": ["502 5.5.1 what?"]}) as (_, session):
        failure(session)
        surely_not_sent(failure(session), Phase.SENDER, Kind.OUT_OF_STEP)
        assert not session.open


def test_a_goodbye_that_waits_is_read_before_anything_leaves() -> None:
    ended = threading.Event()

    def bye(connection: Connection) -> bool:
        connection.sock.sendall(b"250 2.0.0 Ok\r\n")
        ended.wait(5)
        connection.sock.sendall(b"421 4.4.2 idle\r\n")
        return False

    with going("at-once", {"DOT": [bye]}) as (server, session):
        sent(session)
        ended.set()
        assert server.sessions[0].ended.wait(5)
        fault = surely_not_sent(failure(session), Phase.SENDER, Kind.REPLY)
        assert fault.smtp_code == 421


def test_a_message_that_has_no_time_left_surely_has_not_left() -> None:
    with going("at-once", timeouts=Timeouts(connect=2, command=5, message=10)) as (server, session):
        session.wire.allow_total(0)
        surely_not_sent(failure(session), Phase.SENDER, Kind.TIMEOUT)
        assert server.messages == []


@pytest.mark.parametrize("way", ["plain", "pipelined", "at-once"])
def test_attachments_are_encoded_as_they_leave(way: str) -> None:
    data = bytes(range(256)) * 1000
    message = mail()
    content = Content(b"Subject: x\r\n\r\n", (b".dot\r\n", Encoded(data), b"..end\r\n"))
    object.__setattr__(message, "content", content)
    with going(way) as (server, session):
        sent(session, message)
        assert server.messages == [bytes(content)]


@pytest.mark.parametrize("way", ["plain", "pipelined", "at-once"])
def test_notices_are_asked_for_as_the_connection_says(way: str) -> None:
    """RFC 3461; S-DSN is an option of the connection."""
    with going(way, notices=Notices.FAILURE) as (server, session):
        session.wire.esmtp_features["dsn"] = ""
        sent(session)
        assert f"MAIL FROM:<anna@example.org> SIZE={len(CONTENT)} RET=HDRS ENVID=<1@example.org>" in server.lines
        assert "RCPT TO:<ben@example.net> NOTIFY=FAILURE" in server.lines


@pytest.mark.parametrize("in_background", [False, True])
@pytest.mark.parametrize("way", ["plain", "pipelined", "chunked", "at-once"])
def test_the_answer_to_the_end_has_its_own_time(way: str, in_background: bool) -> None:
    """Longer than a command, beyond the message's total; minutes where nobody waits but a worker."""

    def slow(connection: Connection) -> bool:
        connection.server.stopping.wait(0.4)
        connection.say("250 2.0.0 Ok")
        return True

    times = Timeouts(connect=2, command=0.2, message=0.3, final=0.1, final_background=5)
    with going(way, {"DOT": [slow]}, timeouts=times) as (_, session):
        if in_background:
            sent(session, mail(in_background=True))
        else:
            unsure(failure(session))


def test_answers_that_each_come_late_hold_nobody_for_longer_than_the_message_and_its_end_may_take() -> None:
    def slow(connection: Connection) -> bool:
        connection.flush()
        connection.server.stopping.wait(0.1)
        connection.say("250 2.0.0 Ok")
        return True

    times = Timeouts(connect=2, command=0.5, message=0.5, final=0.5)
    with going("at-once", {"RCPT": [slow] * 80}, timeouts=times) as (_, session):
        unsure(failure(session, mail(*(f"a{number}@example.net" for number in range(80)))))


def test_non_ascii_addresses_travel_in_groups_too() -> None:
    message = mail("jörg@example.net", needs_utf8=True)
    for way in ("pipelined", "at-once"):
        with going(way) as (server, session):
            session.wire.esmtp_features["smtputf8"] = ""
            sent(session, message)
            assert server.deliveries[0].recipients == ("jörg@example.net",)


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
@pytest.mark.parametrize("features", [[], ["PIPELINING"], BOTH])
def test_small_and_big_messages_and_lists_go_under_tls(features: list[str], security: Security) -> None:
    """S9, S19: one write may be several TLS records."""
    contents = [CONTENT, CONTENT + b"x" * 70 + b"\r\n" + b"y\r\n" * 15_000, BIG, CONTENT]
    implicit = security is Security.TLS
    with SmtpServer(features=["8BITMIME", *features], identity=certificates.good(), implicit=implicit) as server:
        with session_to(server, security=security) as session:
            for content in contents:
                sent(session, mail(content=content))
            conveyor = Conveyor(session)
            for ticket, content in enumerate(contents):
                conveyor.push(ticket, mail(content=content))
            conveyor.finish()
        assert server.sessions[0].encrypted
        assert server.messages == [*contents, *contents]

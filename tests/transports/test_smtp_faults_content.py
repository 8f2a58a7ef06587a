"""Rows 23 to 31 of the decision table, in each way a message can go: the content and its answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.settings import Timeouts
from tests.fakes.smtp_actions import Action, close, drip, good_then_close, raw, reset, silent
from tests.fakes.smtp_routes import CONTENT, mail
from tests.fakes.smtp_server import Connection
from tests.transports.smtp_ways import (
    BIG,
    WAYS,
    A,
    B,
    failure,
    going,
    sent,
    surely_not_sent,
    unsure,
)

pytestmark = pytest.mark.parametrize("way", WAYS)


@pytest.mark.parametrize("action", [close, reset])
def test_row_23_a_line_lost_in_the_middle_of_the_message(way: str, action: Action) -> None:
    with going(way, {"BODY": [action]}) as (server, session):
        fault = surely_not_sent(failure(session, mail(content=BIG)), Phase.DATA, Kind.CLOSED)
        assert server.messages == []
    assert fault.text.endswith("% of the message.")


def test_row_23_a_refusal_that_waits_when_the_line_breaks_is_read(way: str) -> None:
    with going(way, {"BODY": [good_then_close("552 5.3.4 too big for us")]}) as (_, session):
        fault = surely_not_sent(failure(session, mail(content=BIG)), Phase.DATA, Kind.REPLY)
    assert fault.code == "552 5.3.4"


def test_row_23_a_server_that_takes_nothing_holds_nobody(way: str) -> None:
    def stops_reading(connection: Connection) -> bool:
        connection.server.stopping.wait(20)
        return False

    quick = Timeouts(connect=2, command=1, message=1, final=0.5)
    huge = mail(content=CONTENT + (b"z" * 70 + b"\r\n") * 150_000)
    with going(way, {"BODY": [stops_reading]}, timeouts=quick) as (_, session):
        session.wire.esmtp_features.pop("size", None)
        surely_not_sent(failure(session, huge), Phase.DATA, Kind.TIMEOUT)


@pytest.mark.parametrize(
    ("early", "kind"), [("554 5.7.1 stop", Kind.REPLY), ("250 2.0.0 taken already", Kind.OUT_OF_STEP)]
)
def test_row_31_after_an_answer_that_comes_too_early_the_end_is_never_sent(way: str, early: str, kind: Kind) -> None:
    with going(way, {"BODY": [early]}) as (server, session):
        surely_not_sent(failure(session, mail(content=BIG)), Phase.DATA, kind)
        assert server.sessions[0].ended.wait(5)
        assert server.messages == []


@pytest.mark.parametrize(
    "reply", ["550 5.7.1 spam", "554 5.2.252 SendAsDenied", "451 4.3.0 later", "421 4.3.2 closing"]
)
def test_rows_24_and_25_a_refusal_at_the_end_is_an_answer(way: str, reply: str) -> None:
    with going(way, {"DOT": [reply]}) as (server, session):
        assert surely_not_sent(failure(session), Phase.DATA, Kind.REPLY).text == reply
        if session.open:
            assert sent(session, mail(B)).taken == (B,)
            assert server.deliveries[-1].recipients == (B,)


@pytest.mark.parametrize(
    "action",
    [
        close,
        reset,
        silent,
        drip(b"250-wait\r\n", 0.02),
        raw(b"250 Ok", then_close=True),
        raw(b"250-Ok\r\n", then_close=True),
        raw(b"what\r\n"),
        raw(b"\xff\r\n"),
        raw(b"x" * 9000),
        raw(b"250-x\r\n" * 300),
        "354 go on",
    ],
)
@pytest.mark.parametrize("content", [CONTENT, BIG[:300_000] + b"\r\n"], ids=["small", "big"])
def test_rows_26_and_27_without_a_whole_answer_at_the_end_nobody_can_say(
    way: str, action: str | Action, content: bytes
) -> None:
    with going(way, {"DOT": [action]}, timeouts=Timeouts(connect=2, command=5, message=10, final=0.3)) as (
        server,
        session,
    ):
        unsure(failure(session, mail(content=content)))
        assert not session.open
        assert server.messages == [content]


@pytest.mark.parametrize("reply", ["251 forwarded", "299 fine", "250", "250-a\r\n250 b", b"250 \xff\xfe caf\xe9"])
def test_row_27_any_positive_answer_is_an_acceptance(way: str, reply: str) -> None:
    with going(way, {"DOT": [reply]}) as (_, session):
        assert sent(session).answer.startswith(str(reply[:3], "ascii") if isinstance(reply, bytes) else reply[:3])


@pytest.mark.parametrize("action", [good_then_close("250 Ok"), raw(b"250 Ok\r\n421 4.3.2 enough\r\n", then_close=True)])
def test_row_28_after_the_acceptance_the_end_of_the_session_is_no_error(way: str, action: Action) -> None:
    with going(way, {"DOT": [action]}) as (_, session):
        assert sent(session).answer == "250 Ok"


@pytest.mark.parametrize("more", [b"554 no, wait\r\n", b"\x00junk"])
def test_rows_28_and_31_more_answers_than_questions(way: str, more: bytes) -> None:
    """After a fence (354, or an envelope that was answered before the content left) the acceptance stands. Where
    everything left at once, nobody can say which answer is whose."""
    with going(way, {"DOT": [raw(b"250 Ok\r\n" + more)]}) as (_, session):
        if way == "at-once":
            unsure(failure(session))
        else:
            assert sent(session).answer == "250 Ok"


def test_row_31_an_answer_too_many_in_the_envelope_ends_the_session(way: str) -> None:
    with going(way, {"RCPT": ["250 Ok\r\n250 Ok"]}) as (server, session):
        error = failure(session)
        assert not session.open
        if way == "at-once":
            unsure(error)
        else:
            surely_not_sent(error, Phase.DATA, Kind.OUT_OF_STEP)
            assert server.messages == []


@pytest.mark.parametrize("size", [1, 3])
def test_replies_may_come_in_pieces(way: str, size: int) -> None:
    def cut(reply: bytes) -> Action:
        def act(connection: Connection) -> bool:
            for start in range(0, len(reply), size):
                connection.sock.sendall(reply[start : start + size])
            connection.positive = True
            return True

        return act

    ok = cut(b"250-2.0.0 one\r\n250 2.0.0 two\r\n")
    with going(way, {"MAIL": [ok], "RCPT": [ok, ok], "DOT": [ok]}) as (server, session):
        assert sent(session, mail(A, B)).answer == "250 2.0.0 one two"
        assert server.messages == [CONTENT]


NOISE = st.lists(
    st.sampled_from([b"250", b"354", b"550", b"-", b" ", b"x", b"\r\n", b"\n", b"\xff", b"250 Ok\r\n", b"550 no\r\n"]),
    max_size=5,
).map(b"".join)


@settings(max_examples=20, deadline=None)
@given(moment=st.sampled_from(["MAIL", "RCPT", "DATA", "BODY", "DOT"]), said=NOISE, ends=st.booleans())
def test_whatever_a_server_says_a_message_is_sent_surely_not_sent_or_unsure(
    way: str, moment: str, said: bytes, ends: bool
) -> None:
    """Never anything but a MailError, and never "surely not sent" for a message that the server has whole, unless it
    refused it in words."""
    quick = Timeouts(connect=1, command=0.05, message=0.3, final=0.05)
    with going(way, {moment: [raw(said, then_close=ends)]}, timeouts=quick) as (server, session):
        try:
            sent(session)
        except MailError as error:
            if server.messages and not error.fault.maybe_sent:
                assert error.fault.smtp_code in range(500, 600)
        else:
            # A small message leaves with its end: a good answer to it is an acceptance, however early it is said.
            # So are enough good answers where all leaves at once.
            enough = moment == "BODY" or (way == "at-once" and said.count(b"\n") > 1)
            assert server.messages == [CONTENT] or enough

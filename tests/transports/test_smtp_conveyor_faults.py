"""Lists on one session that breaks: what is sent, unsure, or left for another session."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.content import Content
from mailadmin.core.errors import RecipientsRefused
from mailadmin.core.settings import Timeouts
from mailadmin.transports.smtp.conveyor import Conveyor
from tests.fakes.smtp_actions import Action, close, raw, reset, silent
from tests.fakes.smtp_routes import CONTENT, mail
from tests.transports.smtp_conveying import LANES, conveyed, mark, marks, number_of, numbered
from tests.transports.smtp_ways import QUICK, A, B, Script, going


@pytest.mark.parametrize("action", [close, reset, silent, raw(b"250 Ok", then_close=True), raw(b"what\r\n")])
@pytest.mark.parametrize(
    ("way", "moment", "expected"),
    [
        ("plain", "MAIL", "seee"),
        ("pipelined", "MAIL", "seee"),
        ("at-once", "MAIL", "su[ue][ue]"),
        ("plain", "RCPT", "seee"),
        ("pipelined", "RCPT", "seee"),
        ("at-once", "RCPT", "su[ue][ue]"),
        ("pipelined", "DATA", "seee"),
        ("plain", "DOT", "suee"),
        ("pipelined", "DOT", "suee"),
        ("at-once", "DOT", "su[ue][ue]"),
    ],
)
def test_rows_13_21_and_26_when_the_line_breaks_only_what_had_left_whole_is_unsure(
    way: str, moment: str, expected: str, action: Action
) -> None:
    with going(way, {moment: [None, action]}, timeouts=QUICK) as (server, session):
        fates = conveyed(session, [numbered(number) for number in range(4)])
        assert re.fullmatch(expected, marks(fates))  # while a message leaves, a reset may show that it cannot
        assert not session.open
        taken = {number_of(delivery.content) for delivery in server.deliveries if delivery.taken}
        assert taken <= {ticket for ticket, fate in fates.items() if mark(fate) in "su"}


def test_rows_26_no_more_than_a_few_messages_become_unsure_together() -> None:
    with going("at-once", {"DOT": [None, close]}) as (_, session):
        fates = conveyed(session, [numbered(number) for number in range(20)])
        assert marks(fates).count("u") <= limits.UNANSWERED_MESSAGES
        assert marks(fates).count("e") >= 20 - 1 - limits.UNANSWERED_MESSAGES


@pytest.mark.parametrize("way", LANES)
@pytest.mark.parametrize(("moment", "expected"), [("MAIL", "seee"), ("RCPT", "seee"), ("DOT", "sree")])
def test_rows_13_21_and_25_after_goodbye_nothing_was_taken(way: str, moment: str, expected: str) -> None:
    with going(way, {moment: [None, "421 4.7.0 enough for today"]}) as (server, session):
        fates = conveyed(session, [numbered(number) for number in range(4)])
        assert marks(fates) == expected
        assert [number_of(delivery.content) for delivery in server.deliveries if delivery.taken] == [0]


def test_row_28_a_goodbye_right_after_an_acceptance() -> None:
    for way in LANES:
        enough = raw(b"250 2.0.0 Ok\r\n421 4.7.0 enough\r\n", then_close=True)
        with going(way, {"DOT": [None, enough]}) as (_, session):
            assert marks(conveyed(session, [numbered(number) for number in range(4)])) == "ssee"


def test_row_23_a_line_lost_in_the_middle_of_a_message_leaves_the_next_for_another_session() -> None:
    big = mail(content=CONTENT + (b"x" * 70 + b"\r\n") * 60_000)
    with going("pipelined", {"BODY": [None, close]}) as (_, session):
        fates = conveyed(session, [numbered(0), big, numbered(2), numbered(3)])
        assert marks(fates) == "sree"
        error = fates[1].error
        assert error is not None
        assert error.fault.text.endswith("% of the message.")


def test_all_refused_keeps_the_reason_of_each_recipient() -> None:
    with going("pipelined", {"RCPT": ["550 5.1.1 no", "450 4.2.1 busy"]}) as (_, session):
        error = conveyed(session, [numbered(0, A, B)])[0].error
        assert isinstance(error, RecipientsRefused)
        assert {address: one.fault.enhanced for address, one in error.recipients.items()} == {A: "5.1.1", B: "4.2.1"}


def test_after_the_end_of_the_session_every_push_comes_back_at_once() -> None:
    for way in LANES:
        with going(way) as (_, session):
            conveyor = Conveyor(session)
            session.close()
            [fate] = conveyor.push(7, mail())
            assert (fate.ticket, fate.elsewhere) == (7, True)
            assert conveyor.finish() == []


def test_an_interrupt_closes_the_session() -> None:
    for way in LANES:
        with going(way) as (_, session):
            conveyor = Conveyor(session)
            conveyor.push(0, mail())
            with pytest.raises((TypeError, AttributeError)):
                conveyor.push(1, replace(mail(), content=Content(b"", (5,))))  # type: ignore[arg-type]  # what it is about
            assert not session.open
            assert conveyor.finish() == []


def test_no_connection_gets_less_for_being_used_by_hand() -> None:
    """A session goes on after `finish`."""
    for way in LANES:
        with going(way) as (server, session):
            for _ in range(3):
                assert marks(conveyed(session, [numbered(number) for number in range(3)])) == "sss"
            assert len(server.messages) == 9


NOISE = st.lists(
    st.sampled_from([b"250", b"354", b"550", b"-", b" ", b"x", b"\r\n", b"\n", b"\xff", b"250 Ok\r\n", b"550 no\r\n"]),
    max_size=5,
).map(b"".join)


@settings(max_examples=60, deadline=None)
@given(
    way=st.sampled_from(LANES),
    moment=st.sampled_from(["MAIL", "RCPT", "DATA", "DOT"]),
    place=st.integers(0, 3),
    said=NOISE,
    ends=st.booleans(),
)
def test_whatever_a_server_says_every_message_is_sent_surely_not_sent_or_unsure(
    way: str, moment: str, place: int, said: bytes, ends: bool
) -> None:
    script: Script = {moment: [*[None] * place, raw(said, then_close=ends)]}
    quick = Timeouts(connect=1, command=0.05, message=0.3, final=0.05)
    with going(way, script, timeouts=quick) as (server, session):
        fates = conveyed(session, [numbered(number) for number in range(5)])
        session.quit()
        assert server.sessions[0].ended.wait(5)
        whole = [number_of(delivery.content) for delivery in server.deliveries if delivery.content]
        assert len(whole) == len(set(whole))
        for ticket, fate in fates.items():
            if fate.accepted:  # where all leaves at once, enough good answers are an acceptance
                assert ticket in whole or (way == "at-once" and said.count(b"\n") > 1)
            elif ticket in whole and mark(fate) != "u":
                assert fate.error is not None
                assert fate.error.fault.smtp_code in range(500, 600)  # refused in words

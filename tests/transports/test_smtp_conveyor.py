"""Lists on one session: what leaves together, and that no message disturbs its neighbours."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.content import Content
from mailadmin.core.errors import RecipientsRefused
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.settings import Timeouts
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp.conveyor import Conveyor, Fate
from mailadmin.transports.smtp.session import SmtpSession
from tests.fakes.smtp_actions import Action, close, raw, reset, silent
from tests.fakes.smtp_routes import CONTENT, mail
from tests.fakes.smtp_server import Connection
from tests.transports.smtp_ways import QUICK, A, B, C, Script, going

LANES = ["plain", "pipelined", "at-once"]


def numbered(number: int, *recipients: str) -> Mail:
    return mail(*recipients, content=CONTENT + b"number %d\r\n" % number)


def number_of(content: bytes) -> int:
    return int(content.rsplit(b"number ", 1)[1])


def conveyed(session: SmtpSession, mails: list[Mail]) -> dict[int, Fate]:
    """Push all `mails`, and return the fate of each."""
    conveyor = Conveyor(session)
    fates = [fate for ticket, one in enumerate(mails) for fate in conveyor.push(ticket, one)]
    fates += conveyor.finish()
    assert sorted(fate.ticket for fate in fates) == list(range(len(mails)))
    for fate in fates:
        assert (fate.accepted is None) is not (fate.error is None)
        assert not (fate.elsewhere and (fate.error is None or fate.error.fault.maybe_sent))
    return {fate.ticket: fate for fate in fates}


def marks(fates: dict[int, Fate]) -> str:
    """Return one letter for each message: sent, refused, unsure, elsewhere."""
    return "".join(mark(fates[ticket]) for ticket in sorted(fates))


def mark(fate: Fate) -> str:
    if fate.error is None:
        return "s"
    return "e" if fate.elsewhere else "u" if fate.error.fault.maybe_sent else "r"


def waits_for(end: bytes) -> Action:
    """Answer only when `end` has come too: the client sent it without waiting."""

    def act(connection: Connection) -> bool:
        while end not in connection._buffer:
            if not connection.read():
                return False
        connection.say("250 2.0.0 Ok")
        return True

    return act


@pytest.mark.parametrize("way", LANES)
def test_a_list_arrives_in_its_order_and_every_message_has_its_answer(way: str) -> None:
    with going(way) as (server, session):
        fates = conveyed(session, [numbered(number, A, B) for number in range(20)])
        assert marks(fates) == "s" * 20
        assert [number_of(message) for message in server.messages] == list(range(20))
        assert all(delivery.recipients == (A, B) for delivery in server.deliveries)
        assert len(server.sessions) == 1
        accepted = fates[7].accepted
        assert accepted is not None
        assert (accepted.answer, accepted.size_limit) == ("250 2.0.0 Ok: queued as FAKE1", 10_000_000)
        assert session.open


def test_the_content_of_one_message_leaves_with_the_envelope_of_the_next() -> None:
    script: Script = {"DOT": [waits_for(b"\r\nDATA\r\n"), waits_for(b"\r\nDATA\r\n")]}
    with going("pipelined", script) as (_, session):
        assert marks(conveyed(session, [numbered(number) for number in range(3)])) == "sss"


def test_a_few_whole_messages_are_under_way_where_the_server_takes_chunks() -> None:
    together = limits.UNANSWERED_MESSAGES
    with going("at-once", {"MAIL": [waits_for(b"number %d\r\n" % (together - 1))]}) as (_, session):
        assert marks(conveyed(session, [numbered(number) for number in range(10)])) == "s" * 10


def test_no_more_replies_are_owed_than_fit_the_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PIPELINE_COMMANDS", 9)
    people = [f"p{number}@example.net" for number in range(5)]
    with going("at-once") as (server, session):
        fates = conveyed(session, [numbered(number, *people[: 1 + number % 5]) for number in range(12)])
        assert marks(fates) == "s" * 12
        assert [len(delivery.recipients) for delivery in server.deliveries] == [1 + number % 5 for number in range(12)]


@pytest.mark.parametrize("way", LANES)
@pytest.mark.parametrize(
    ("script", "phase"),
    [
        ({"MAIL": [None, "550 5.7.1 not you"]}, Phase.SENDER),
        ({"MAIL": [None, "451 4.3.0 later"]}, Phase.SENDER),
        ({"RCPT": [None, "550 5.1.1 no"]}, Phase.RECIPIENT),
        ({"RCPT": [None, "550 5.1.1 no"], "DATA": [None, "354 go on"], "DOT": [None, "554 nobody"]}, Phase.RECIPIENT),
        ({"DATA": [None, "451 4.3.0 later"]}, Phase.DATA),
        ({"DOT": [None, "554 5.7.1 spam"]}, Phase.DATA),
    ],
)
def test_a_refused_message_does_not_disturb_its_neighbours(way: str, script: Script, phase: Phase) -> None:
    if "DATA" in script and way == "at-once":
        pytest.skip("no DATA in this way")
    if way == "plain" and len(script) > 1:
        pytest.skip("no DATA without recipients")
    with going(way, script) as (server, session):
        fates = conveyed(session, [numbered(number, f"p{number}@example.net") for number in range(5)])
        assert marks(fates) == "srsss"
        error = fates[1].error
        assert error is not None
        assert (error.fault.phase, error.fault.kind) == (phase, Kind.REPLY)
        taken = [delivery for delivery in server.deliveries if delivery.taken]
        assert [delivery.recipients for delivery in taken] == [(f"p{n}@example.net",) for n in (0, 2, 3, 4)]
        assert [number_of(delivery.content) for delivery in taken] == [0, 2, 3, 4]


@pytest.mark.parametrize("way", LANES)
def test_some_recipients_of_a_message_are_refused(way: str) -> None:
    with going(way, {"RCPT": [None, None, "550 5.1.1 no", None, "450 4.2.1 busy"]}) as (server, session):
        fates = conveyed(session, [numbered(0, A, B), numbered(1, A, B), numbered(2, B, C)])
        assert marks(fates) == "sss"
        assert [set(fate.accepted.refused) if fate.accepted else None for fate in fates.values()] == [set(), {A}, {B}]
        assert [delivery.recipients for delivery in server.deliveries] == [(A, B), (B,), (C,)]


@pytest.mark.parametrize("way", LANES)
@pytest.mark.parametrize("then", [None, "550 5.1.1 no"])
def test_row_20_who_was_too_many_gets_a_transaction_of_their_own(way: str, then: str | None) -> None:
    people = tuple(f"p{number}@example.net" for number in range(5))
    with going(way) as (server, session):

        def judge(connection: Connection) -> bool:
            if len(connection._recipients) >= 3:
                connection.say("452 4.5.3 too many")
            else:
                connection.say((then if "p3@" in connection.session.lines[-1] else None) or "250 2.0.0 Ok")
            return True

        server.script["RCPT"] = [judge] * 50
        fates = conveyed(session, [numbered(0, A), numbered(1, *people), numbered(2, B), numbered(3, C)])
        assert marks(fates) == "ssss"
        accepted = fates[1].accepted
        assert accepted is not None
        assert set(accepted.refused) == ({"p3@example.net"} if then else set())
        got = [
            one for delivery in server.deliveries if b"number 1\r\n" in delivery.content for one in delivery.recipients
        ]
        assert sorted(got) == sorted(set(people) - set(accepted.refused))


@pytest.mark.parametrize("way", LANES)
def test_what_the_server_cannot_take_is_told_and_the_others_go_on(way: str) -> None:
    too_big = mail(content=CONTENT + b"x\r\n" * 100)
    foreign = mail("jörg@example.net", needs_utf8=True)
    nul = mail(content=CONTENT + b"\0\r\n")
    with going(way) as (server, session):
        session.wire.esmtp_features["size"] = "200"
        fates = conveyed(session, [numbered(0), too_big, numbered(2), foreign, nul, numbered(5)])
        assert marks(fates) == "srsrrs"
        kinds = [fates[ticket].error.fault.kind for ticket in (1, 3, 4)]  # type: ignore[union-attr]  # just marked
        assert kinds == [Kind.TOO_LARGE, Kind.UTF8_UNSUPPORTED, Kind.BAD_MESSAGE]
        assert [number_of(message) for message in server.messages] == [0, 2, 5]


def test_big_and_small_messages_may_follow_each_other() -> None:
    big = mail(content=CONTENT + b"x\r\n" * limits.ONE_WRITE_BYTES)
    with going("at-once") as (server, session):
        assert marks(conveyed(session, [numbered(0), big, big, numbered(3), numbered(4), big])) == "ssssss"
        assert [len(message) > 1000 for message in server.messages] == [False, True, True, False, False, True]


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

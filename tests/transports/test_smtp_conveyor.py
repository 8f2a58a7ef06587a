"""Lists on one session: what leaves together, and that no message disturbs its neighbours."""

from __future__ import annotations

import pytest

from mailadmin.core import limits
from mailadmin.core.fault import Kind, Phase
from tests.fakes.smtp_actions import Action
from tests.fakes.smtp_routes import CONTENT, mail
from tests.fakes.smtp_server import Connection
from tests.transports.smtp_conveying import LANES, conveyed, marks, number_of, numbered
from tests.transports.smtp_ways import DATA_WAYS, A, B, C, Script, going


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


NOBODY_LEFT: Script = {"RCPT": [None, "550 5.1.1 no"], "DATA": [None, "354 go on"], "DOT": [None, "554 nobody"]}


@pytest.mark.parametrize(
    ("way", "script", "phase"),
    [
        *((way, {"MAIL": [None, "550 5.7.1 not you"]}, Phase.SENDER) for way in LANES),
        *((way, {"MAIL": [None, "451 4.3.0 later"]}, Phase.SENDER) for way in LANES),
        *((way, {"RCPT": [None, "550 5.1.1 no"]}, Phase.RECIPIENT) for way in LANES),
        ("pipelined", NOBODY_LEFT, Phase.RECIPIENT),
        *((way, {"DATA": [None, "451 4.3.0 later"]}, Phase.DATA) for way in LANES if way in DATA_WAYS),
        *((way, {"DOT": [None, "554 5.7.1 spam"]}, Phase.DATA) for way in LANES),
    ],
)
def test_a_refused_message_does_not_disturb_its_neighbours(way: str, script: Script, phase: Phase) -> None:
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

"""Rows 13 to 21 and 30 of the decision table, in each way a message can go: before the content."""

from __future__ import annotations

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import MailError, RecipientsRefused
from mailadmin.core.fault import Kind, Phase
from mailadmin.transports.smtp.transaction import hand_over
from tests.fakes.smtp_actions import Action, close, reset
from tests.fakes.smtp_routes import CONTENT, mail
from tests.fakes.smtp_server import Connection
from tests.transports.smtp_ways import (
    LOST,
    NOT_SMTP,
    QUICK,
    WAYS,
    A,
    B,
    C,
    Script,
    failure,
    going,
    sent,
    surely_not_sent,
    unsure,
)

pytestmark = pytest.mark.parametrize("way", WAYS)


def test_a_message_arrives_whole_for_each_recipient(way: str) -> None:
    with going(way) as (server, session):
        assert sent(session, mail(A, B)).taken == (A, B)
        assert [(delivery.recipients, delivery.content) for delivery in server.deliveries] == [((A, B), CONTENT)]


@pytest.mark.parametrize("reply", ["451 4.3.0 later", "550 5.7.60 not you", "552 5.3.4 too big", "421 4.3.2 bye"])
def test_rows_13_to_15_a_sender_refused_in_words_is_told_in_these_words(way: str, reply: str) -> None:
    with going(way, {"MAIL": [reply]}) as (server, session):
        assert surely_not_sent(failure(session), Phase.SENDER, Kind.REPLY).text == reply
        assert session.open is (reply[:3] != "421")
        assert server.messages == []
        if session.open:
            assert sent(session, mail(B)).taken == (B,)
            assert [delivery.recipients for delivery in server.deliveries] == [(B,)]


@pytest.mark.parametrize("then", [close, reset])
def test_rows_13_and_14_a_refusal_followed_by_the_end_of_the_line_is_the_refusal(way: str, then: Action) -> None:
    def refuse_and_go(connection: Connection) -> bool:
        connection.sock.sendall(b"550 5.7.1 go away\r\n")
        return then(connection)

    with going(way, {"MAIL": [refuse_and_go]}, timeouts=QUICK) as (_, session):
        assert surely_not_sent(failure(session), Phase.SENDER, Kind.REPLY).text == "550 5.7.1 go away"


@pytest.mark.parametrize(("action", "kind"), [*LOST, *NOT_SMTP])
@pytest.mark.parametrize(("moment", "phase"), [("MAIL", Phase.SENDER), ("RCPT", Phase.RECIPIENT)])
def test_rows_13_and_21_a_session_lost_in_the_envelope(
    way: str, moment: str, phase: Phase, action: str | Action, kind: Kind
) -> None:
    """Surely not sent, except where the whole message had left with its envelope: that is why only a session that
    answered just now may do so."""
    with going(way, {moment: [action]}, timeouts=QUICK) as (_, session):
        error = failure(session)
        assert not session.open
    if way == "at-once":
        assert unsure(error).kind is kind
    else:
        assert surely_not_sent(error, phase, kind).recipient == ""


def test_row_16_all_recipients_refused_for_now(way: str) -> None:
    with going(way, {"RCPT": ["450 4.7.1 greylisted", "450 4.2.1 busy"]}) as (server, session):
        error = failure(session, mail(A, B))
        assert isinstance(error, RecipientsRefused)
        assert {address: one.fault.enhanced for address, one in error.recipients.items()} == {A: "4.7.1", B: "4.2.1"}
        assert server.messages == []
        assert sent(session, mail(C)).taken == (C,)
        assert [delivery.recipients for delivery in server.deliveries] == [(C,)]


def test_rows_17_to_19_the_others_get_the_message_and_each_refusal_has_its_reason(way: str) -> None:
    with going(way, {"RCPT": ["550 5.1.1 no such user", None, "554 5.7.1 relay denied"]}) as (server, session):
        round_ = sent(session, mail(A, B, C))
        assert round_.taken == (B,)
        assert {address: error.fault.enhanced for address, error in round_.refused.items()} == {A: "5.1.1", C: "5.7.1"}
        assert [delivery.recipients for delivery in server.deliveries] == [(B,)]


@pytest.mark.parametrize("too_many", ["452 4.5.3 too many recipients", "452 enough", "552 too many recipients"])
def test_row_20_who_was_too_many_waits(way: str, too_many: str) -> None:
    with going(way, {"RCPT": [None, too_many, too_many]}) as (_, session):
        round_ = sent(session, mail(A, B, C))
        assert (round_.taken, round_.waiting, round_.refused) == ((A,), (B, C), {})


def test_row_20_when_even_the_first_is_too_many_nobody_waits(way: str) -> None:
    with going(way, {"RCPT": ["452 4.5.3 too many"] * 2}) as (_, session):
        assert isinstance(failure(session, mail(A, B)), RecipientsRefused)


def test_row_21_goodbye_between_the_recipients_concerns_the_whole_message(way: str) -> None:
    with going(way, {"RCPT": [None, "421 4.3.2 closing"]}) as (server, session):
        fault = surely_not_sent(failure(session, mail(A, B)), Phase.RECIPIENT, Kind.REPLY)
        assert (fault.recipient, fault.smtp_code, session.open) == ("", 421, False)
        assert [delivery for delivery in server.deliveries if delivery.taken] == []


@pytest.mark.parametrize("address", ["a@b\r\nRSET", "a b@c", "<a@b>", "a@b>\0", "jörg@example.net"])
def test_row_30_a_bad_address_is_refused_before_anything_is_said(way: str, address: str) -> None:
    with going(way) as (server, session):
        surely_not_sent(failure(session, mail(A, address)), Phase.MESSAGE, Kind.BAD_ADDRESS)
        assert sent(session).answer
        assert [delivery.recipients for delivery in server.deliveries] == [("ben@example.net",)]


def test_rows_15_and_30_a_message_over_the_servers_size_is_refused_before_it_is_offered(way: str) -> None:
    with going(way) as (server, session):
        session.wire.esmtp_features["size"] = "50"
        assert session.size_limit == 50
        surely_not_sent(failure(session), Phase.MESSAGE, Kind.TOO_LARGE)
        assert "MAIL" not in server.sessions[0].verbs()


def test_many_recipients_go_in_groups_that_fit_the_buffers(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PIPELINE_COMMANDS", 7)
    people = tuple(f"p{number}@example.net" for number in range(40))
    refused = {f"p{number}@example.net" for number in (3, 30, 39)}
    answers: list[str | Action | None] = ["550 5.1.1 no" if one in refused else None for one in people]
    with going(way, {"RCPT": answers}) as (server, session):
        round_ = sent(session, mail(*people))
        assert set(round_.refused) == refused
        assert [set(delivery.recipients) for delivery in server.deliveries] == [set(people) - refused]


def test_a_session_that_is_interrupted_is_closed(way: str) -> None:
    with going(way) as (_, session):
        broken = mail()
        object.__setattr__(broken, "recipients", (A, 5))
        with pytest.raises((TypeError, AttributeError)):
            hand_over(session, broken, broken.recipients)
        assert not session.open


def test_a_session_serves_many_messages(way: str) -> None:
    script: Script = {
        "MAIL": [None, "550 no"],
        "RCPT": [None, "550 no"],
        "DOT": [None, "554 no"],
        "DATA": [None, "451 no"],
    }
    with going(way, script) as (server, session):
        fates = []
        for _ in range(6):
            try:
                fates.append(sent(session).answer[:3])
            except MailError as error:
                fates.append(str(error.fault.smtp_code))
        assert fates[0] == fates[-1] == "250"
        assert len(server.sessions) == 1
        assert "550" in fates

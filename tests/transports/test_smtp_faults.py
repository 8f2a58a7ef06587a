"""Every row of the decision table that a session can meet, in each way a message can go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.errors import MailError, RecipientsRefused
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.settings import Timeouts
from mailadmin.transports.smtp.transaction import hand_over
from tests.fakes.smtp_actions import Action, close, drip, good_then_close, raw, reset, silent
from tests.fakes.smtp_routes import CONTENT, mail
from tests.transports.smtp_ways import (
    BIG,
    DATA_WAYS,
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
LOST = [(close, Kind.CLOSED), (reset, Kind.CLOSED), (silent, Kind.TIMEOUT), (drip(b"250-x\r\n", 0.02), Kind.TIMEOUT)]
NOT_SMTP = [
    (raw(b"what?\r\n"), Kind.OUT_OF_STEP),
    (raw(b"\xff\xfe\r\n"), Kind.OUT_OF_STEP),
    ("354 go on", Kind.OUT_OF_STEP),
]


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
    def refuse_and_go(connection: object) -> bool:
        connection.sock.sendall(b"550 5.7.1 go away\r\n")  # type: ignore[attr-defined]  # a Connection
        return close(connection)  # type: ignore[arg-type]

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


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("451 4.3.0 later", Kind.REPLY),
        ("554 5.5.1 no", Kind.REPLY),
        ("421 bye", Kind.REPLY),
        ("250 odd", Kind.OUT_OF_STEP),
    ],
)
def test_row_22_data_is_not_wanted(way: str, reply: str, kind: Kind) -> None:
    if way not in DATA_WAYS:
        pytest.skip("no DATA in this way")
    with going(way, {"DATA": [reply]}) as (server, session):
        surely_not_sent(failure(session), Phase.DATA, kind)
        assert session.open is (kind is Kind.REPLY and "421" not in reply)
        assert server.messages == []


@pytest.mark.parametrize(("action", "kind"), LOST)
def test_row_22_a_session_lost_at_data(way: str, action: Action, kind: Kind) -> None:
    if way not in DATA_WAYS:
        pytest.skip("no DATA in this way")
    with going(way, {"DATA": [action]}, timeouts=QUICK) as (_, session):
        surely_not_sent(failure(session), Phase.DATA, kind)


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
    def stops_reading(connection: object) -> bool:
        return connection.server.stopping.wait(20)  # type: ignore[attr-defined, no-any-return]  # a Connection

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
        def act(connection: object) -> bool:
            for start in range(0, len(reply), size):
                connection.sock.sendall(reply[start : start + size])  # type: ignore[attr-defined]  # a Connection
            connection.positive = True  # type: ignore[attr-defined]
            return True

        return act

    ok = cut(b"250-2.0.0 one\r\n250 2.0.0 two\r\n")
    with going(way, {"MAIL": [ok], "RCPT": [ok, ok], "DOT": [ok]}) as (server, session):
        assert sent(session, mail(A, B)).answer == "250 2.0.0 one two"
        assert server.messages == [CONTENT]


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


def test_a_session_that_is_interrupted_is_closed(way: str) -> None:
    with going(way) as (_, session):
        broken = mail()
        object.__setattr__(broken, "recipients", (A, 5))
        with pytest.raises((TypeError, AttributeError)):
            hand_over(session, broken, broken.recipients)
        assert not session.open


def test_many_recipients_go_in_groups_that_fit_the_buffers(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PIPELINE_COMMANDS", 7)
    people = tuple(f"p{number}@example.net" for number in range(40))
    refused = {f"p{number}@example.net" for number in (3, 30, 39)}
    answers: list[str | Action | None] = ["550 5.1.1 no" if one in refused else None for one in people]
    with going(way, {"RCPT": answers}) as (server, session):
        round_ = sent(session, mail(*people))
        assert set(round_.refused) == refused
        assert [set(delivery.recipients) for delivery in server.deliveries] == [set(people) - refused]


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

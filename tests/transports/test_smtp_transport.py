"""The SMTP transport against a scripted server: the rows of the decision table, one by one."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.content import Content
from mailadmin.core.errors import DeliveryUnsure, MailError, RecipientsRefused, Scope
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.knowledge import Failover
from mailadmin.core.settings import SmtpAuth, SmtpRoute, Timeouts
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Accepted, Mail
from mailadmin.transports.registry import open_transport
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.fakes.smtp_actions import Action, close, drip, good_then_close, raw, reset, silent
from tests.fakes.smtp_routes import CONTENT, mail, smtp_route
from tests.fakes.smtp_server import SmtpServer

QUICK = Timeouts(connect=2, command=0.3, message=1)
A, B, C = "a@example.net", "b@example.net", "c@example.net"


@contextlib.contextmanager
def opened(route: SmtpRoute) -> Iterator[SmtpTransport]:
    transport = SmtpTransport(route, NetworkPolicy())
    try:
        yield transport
    finally:
        transport.close()


def send(server: SmtpServer, message: Mail | None = None, **changes: object) -> Accepted:
    with opened(smtp_route(server.port, **changes)) as transport:
        return transport.send(message or mail())


def failure(server: SmtpServer, message: Mail | None = None, **changes: object) -> MailError:
    with pytest.raises(MailError) as caught:
        send(server, message, **changes)
    error = caught.value
    assert error.fault.host in ("localhost", "")
    assert str(error)
    return error


def surely_not_sent(error: MailError, phase: Phase, kind: Kind) -> Fault:
    fault = error.fault
    assert (fault.phase, fault.kind, fault.maybe_sent) == (phase, kind, False)
    assert not isinstance(error, DeliveryUnsure)
    return fault


def test_s17_a_message_leaves_without_any_sign_in() -> None:
    with SmtpServer() as server:
        accepted = send(server, mail(A, B))
        assert server.messages == [CONTENT]
        assert server.sessions[0].ended.wait(5)
    assert accepted == Accepted("250 2.0.0 Ok: queued as FAKE1", {}, size_limit=10_000_000)
    assert server.lines[1:] == [
        f"MAIL FROM:<anna@example.org> SIZE={len(CONTENT)}",
        f"RCPT TO:<{A}>",
        f"RCPT TO:<{B}>",
        "DATA",
        "QUIT",
    ]


def test_the_registry_opens_an_smtp_transport_without_dialling() -> None:
    transport = open_transport(smtp_route(1), NetworkPolicy())
    transport.close()
    assert isinstance(transport, SmtpTransport)


def test_row_1_a_host_that_does_not_exist() -> None:
    with pytest.raises(MailError) as caught, opened(smtp_route(25, host="a..b")) as transport:
        transport.send(mail())
    surely_not_sent(caught.value, Phase.DNS, Kind.DNS_NOT_FOUND)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"host": ""}, "host-missing"), ({"port": 65536}, "port-out-of-range")],
)
def test_s16_a_destination_that_no_form_would_take_is_told_before_anything_is_dialled(
    changes: dict[str, Any], code: str
) -> None:
    """Whoever writes into the database past the forms gets a sentence, and no error of a socket."""
    with pytest.raises(MailError) as caught, opened(replace(smtp_route(25), **changes)) as transport:
        transport.send(mail())
    assert caught.value.code == code
    surely_not_sent(caught.value, Phase.SETTINGS, Kind.ROUTE_INCOMPLETE)


def test_row_3_a_port_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(MailError) as caught, opened(smtp_route(port)) as transport:
        transport.send(mail())
    surely_not_sent(caught.value, Phase.TCP, Kind.TCP_REFUSED)


@pytest.mark.parametrize("code", [421, 450, 554])
def test_rows_5_and_6_a_greeting_that_refuses(code: int) -> None:
    with SmtpServer({"GREETING": [f"{code} 4.7.0 go away"]}) as server:
        fault = surely_not_sent(failure(server), Phase.GREETING, Kind.REPLY)
    assert (fault.smtp_code, fault.enhanced, fault.text) == (code, "4.7.0", f"{code} 4.7.0 go away")


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (silent, Kind.TIMEOUT),
        (close, Kind.CLOSED),
        (drip(b"220-slow\r\n", 0.02), Kind.TIMEOUT),
        (drip(b"2", 0.02), Kind.TIMEOUT),
        (raw(b"220-x\r\n" * 300), Kind.NOT_SMTP),
        (raw(b"x" * 9000), Kind.NOT_SMTP),
        (raw(b"HTTP/1.1 400 secret-banner\r\n\r\n"), Kind.NOT_SMTP),
        (raw(b"SSH-2.0-secret-banner\r\n"), Kind.NOT_SMTP),
        (raw(b"\x15\x03\x01\x00\x02\x02\x46"), Kind.TLS_EXPECTED),
    ],
)
def test_row_7_a_greeting_that_is_missing_dripping_endless_or_foreign(action: Action, kind: Kind) -> None:
    """Its text is not shown: it could be any service inside the network."""
    with SmtpServer({"GREETING": [action]}) as server:
        fault = surely_not_sent(failure(server, timeouts=QUICK), Phase.GREETING, kind)
    assert "secret-banner" not in fault.text


def test_row_7_a_reset_instead_of_a_greeting_is_surely_not_sent() -> None:
    """So early a reset may also be seen by the connection while it is still being opened."""
    with SmtpServer({"GREETING": [reset]}) as server:
        fault = failure(server, timeouts=QUICK).fault
    assert not fault.maybe_sent
    assert (fault.phase, fault.kind) in {(Phase.GREETING, Kind.CLOSED), (Phase.TCP, Kind.TCP_REFUSED)}


def test_row_8_helo_is_tried_where_neither_tls_nor_a_sign_in_is_wanted() -> None:
    with SmtpServer({"EHLO": ["502 5.5.2 what?"]}) as server:
        send(server)
        assert server.lines[1].startswith("HELO ")
        assert server.lines[2] == "MAIL FROM:<anna@example.org>"


def test_row_8_helo_is_not_tried_where_a_sign_in_is_wanted() -> None:
    with SmtpServer({"EHLO": ["502 5.5.2 what?"]}) as server:
        fault = failure(server, auth=SmtpAuth.PASSWORD, user="anna").fault
        assert "HELO" not in server.sessions[0].verbs()
    assert (fault.phase, fault.smtp_code) == (Phase.GREETING, 502)


@pytest.mark.parametrize(
    ("action", "kind"),
    [("451 4.3.0 later", Kind.REPLY), ("421 4.3.2 bye", Kind.REPLY), (close, Kind.CLOSED), (silent, Kind.TIMEOUT)],
)
def test_row_13_the_sender_is_not_taken_for_now(action: str | Action, kind: Kind) -> None:
    with SmtpServer({"MAIL": [action]}) as server:
        error = failure(server, timeouts=QUICK)
        assert len(server.sessions) == 1
    surely_not_sent(error, Phase.SENDER, kind)
    assert error.scope is Scope.ROUTE


def test_row_14_a_sender_that_is_not_allowed() -> None:
    with SmtpServer({"MAIL": ["550 5.7.60 SMTP; Client does not have permissions to send as this sender"]}) as server:
        fault = surely_not_sent(failure(server), Phase.SENDER, Kind.REPLY)
    assert fault.code == "550 5.7.60"


def test_row_15_a_message_over_the_servers_size_is_refused_before_it_is_offered() -> None:
    with SmtpServer(features=["SIZE 50"]) as server:
        fault = surely_not_sent(failure(server), Phase.MESSAGE, Kind.TOO_LARGE)
        assert "MAIL" not in server.sessions[0].verbs()
    assert "50" in fault.text
    with SmtpServer(features=["SIZE 0"]) as server:
        assert send(server).answer.startswith("250")


def test_row_16_all_recipients_refused_for_now() -> None:
    with SmtpServer({"RCPT": ["450 4.7.1 greylisted", "450 4.2.1 busy"]}) as server:
        error = failure(server, mail(A, B))
        assert server.sessions[0].ended.wait(5)
        assert "DATA" not in server.sessions[0].verbs()
    assert isinstance(error, RecipientsRefused)
    assert {address: one.fault.enhanced for address, one in error.recipients.items()} == {A: "4.7.1", B: "4.2.1"}
    assert all(one.temporary for one in error.recipients.values())


def test_rows_17_to_19_the_others_get_the_message_and_each_refusal_has_its_reason() -> None:
    with SmtpServer({"RCPT": ["550 5.1.1 no such user", None, "554 5.7.1 relay access denied"]}) as server:
        accepted = send(server, mail(A, B, C))
        assert server.messages == [CONTENT]
    assert set(accepted.refused) == {A, C}
    assert accepted.refused[A].explanation.failover is Failover.FAIL
    assert accepted.refused[C].explanation.failover is Failover.NEXT
    assert accepted.refused[A].scope is Scope.RECIPIENT
    assert accepted.refused[A].fault.recipient == A


@pytest.mark.parametrize("too_many", ["452 4.5.3 too many recipients", "452 enough", "552 too many recipients"])
def test_row_20_too_many_recipients_get_a_transaction_of_their_own(too_many: str) -> None:
    with SmtpServer({"RCPT": [None, None, too_many]}) as server:
        accepted = send(server, mail(A, B, C))
        assert server.messages == [CONTENT, CONTENT]
        assert len(server.sessions) == 1
        named = [line for line in server.lines if line.startswith("RCPT")]
    assert accepted.refused == {}
    assert named == [f"RCPT TO:<{address}>" for address in (A, B, C, C)]


def test_row_20_a_full_mailbox_is_not_too_many_recipients() -> None:
    with SmtpServer({"RCPT": [None, "452 4.2.2 mailbox full"]}) as server:
        assert set(send(server, mail(A, B)).refused) == {B}
        assert len(server.messages) == 1


@pytest.mark.parametrize(
    ("script", "unsure"),
    [
        ({"MAIL": [None, "451 4.3.0 later"]}, False),
        ({"DOT": [None, close]}, True),
        ({"RCPT": [None, "452 4.5.3 x", "550 5.1.1 no"]}, False),
    ],
)
def test_row_20_when_the_rest_fails_the_message_counts_as_sent_to_the_first(
    script: dict[str, list[str | Action | None]], unsure: bool
) -> None:
    with SmtpServer({"RCPT": [None, "452 4.5.3 too many"]} | script) as server:
        accepted = send(server, mail(A, B))
        assert len(server.messages) in (1, 2)
    assert set(accepted.refused) == {B}
    assert accepted.refused[B].fault.maybe_sent is unsure
    assert (accepted.refused[B].scope is Scope.UNSURE) is unsure


@pytest.mark.parametrize(
    ("action", "kind"), [("421 4.3.2 closing", Kind.REPLY), (close, Kind.CLOSED), (silent, Kind.TIMEOUT)]
)
def test_row_21_a_session_lost_between_recipients_concerns_the_whole_message(action: str | Action, kind: Kind) -> None:
    with SmtpServer({"RCPT": [None, action]}) as server:
        error = failure(server, mail(A, B), timeouts=QUICK)
    assert surely_not_sent(error, Phase.RECIPIENT, kind).recipient == ""


@pytest.mark.parametrize(
    ("reply", "kind"),
    [("451 4.3.0 later", Kind.REPLY), ("554 5.5.1 no valid recipients", Kind.REPLY), ("250 odd", Kind.OUT_OF_STEP)],
)
def test_row_22_data_is_not_wanted(reply: str, kind: Kind) -> None:
    with SmtpServer({"DATA": [reply]}) as server:
        surely_not_sent(failure(server), Phase.DATA, kind)
        assert server.messages == []


BIG = mail(content=CONTENT + b"x" * 70 + (b"\r\n" + b"y" * 70) * 60_000)


@pytest.mark.parametrize("action", [close, reset])
def test_row_23_a_line_lost_in_the_middle_of_the_message(action: Action) -> None:
    with SmtpServer({"BODY": [action]}) as server:
        fault = surely_not_sent(failure(server, BIG), Phase.DATA, Kind.CLOSED)
        assert server.messages == []
    assert fault.text.endswith("% of the message.")


def test_row_23_a_refusal_that_waits_when_the_line_breaks_is_read() -> None:
    with SmtpServer({"BODY": [good_then_close("552 5.3.4 too big for us")]}) as server:
        fault = surely_not_sent(failure(server, BIG), Phase.DATA, Kind.REPLY)
    assert fault.code == "552 5.3.4"


@pytest.mark.parametrize(
    ("early", "kind"), [("554 5.7.1 stop", Kind.REPLY), ("250 2.0.0 taken already", Kind.OUT_OF_STEP)]
)
def test_row_31_an_answer_before_the_final_dot_means_that_the_dot_is_never_sent(early: str, kind: Kind) -> None:
    with SmtpServer({"BODY": [early]}) as server:
        surely_not_sent(failure(server, BIG), Phase.DATA, kind)
        server.sessions[0].ended.wait(5)
        assert server.messages == []


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("550 5.7.1 looks like spam", "550 5.7.1"),
        ("554 5.2.252 SendAsDenied; anna@example.org not allowed to send as x", "554 5.2.252"),
        ("451 4.3.0 later", "451 4.3.0"),
        ("421 4.3.2 closing", "421 4.3.2"),
    ],
)
def test_rows_24_and_25_a_refusal_after_the_final_dot_is_an_answer(reply: str, code: str) -> None:
    with SmtpServer({"DOT": [reply]}) as server:
        fault = surely_not_sent(failure(server), Phase.DATA, Kind.REPLY)
    assert fault.code == code


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
        "354 go on",
    ],
)
def test_rows_26_and_27_without_a_whole_answer_after_the_final_dot_nobody_can_say(
    action: str | Action,
) -> None:
    with SmtpServer({"DOT": [action]}) as server:
        error = failure(server, timeouts=Timeouts(final=0.4))
        assert server.messages == [CONTENT]
    assert isinstance(error, DeliveryUnsure)
    assert error.scope is Scope.UNSURE
    assert error.fault.maybe_sent


@pytest.mark.parametrize("reply", ["251 forwarded", "299 fine", "250", "250-a\r\n250 b"])
def test_row_27_any_positive_answer_is_an_acceptance(reply: str) -> None:
    with SmtpServer({"DOT": [reply]}) as server:
        assert send(server).answer.startswith(reply[:3])


@pytest.mark.parametrize(
    "action", [good_then_close("250 Ok"), raw(b"250 Ok\r\n554 no, wait\r\n"), raw(b"250 Ok\r\n\x00junk")]
)
def test_row_28_after_the_acceptance_nothing_is_an_error(action: Action) -> None:
    with SmtpServer({"DOT": [action]}) as server:
        assert send(server).answer == "250 Ok"


@pytest.mark.parametrize("action", [silent, close, reset, "500 what?", drip(b"2", 0.05)])
def test_row_28_the_goodbye_cannot_fail_or_hold(action: str | Action, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "QUIT_SECONDS", 0.2)
    with SmtpServer({"QUIT": [action]}) as server:
        assert send(server).answer


def test_s14_the_session_is_kept_for_the_next_message() -> None:
    with SmtpServer() as server, opened(smtp_route(server.port)) as transport:
        transport.send(mail())
        transport.send(mail())
        transport.close()
        assert len(server.sessions) == 1
        assert server.sessions[0].verbs().count("EHLO") == 1
        transport.send(mail())
        assert len(server.sessions) == 2
    assert len(server.messages) == 3


@pytest.mark.parametrize(
    "script",
    [
        {"DOT": [good_then_close("250 Ok")]},
        {"DOT": [raw(b"250 Ok\r\n421 4.4.2 idle for too long\r\n", then_close=True)]},
        {"DOT": [raw(b"250 Ok\r\n250 one too many\r\n")]},
        {"MAIL": [None, close]},
        {"MAIL": [None, reset]},
        {"MAIL": [None, "421 4.7.0 too many messages"]},
    ],
)
def test_row_29_a_kept_session_found_dead_is_replaced_once(script: dict[str, list[str | Action]]) -> None:
    with SmtpServer(script) as server, opened(smtp_route(server.port)) as transport:
        transport.send(mail())
        server.sessions[0].ended.wait(0.2)
        assert transport.send(mail()).answer
        assert len(server.sessions) == 2
    assert len(server.messages) == 2


def test_row_29_only_once() -> None:
    with SmtpServer({"MAIL": [None, close, close]}) as server, opened(smtp_route(server.port)) as transport:
        transport.send(mail())
        with pytest.raises(MailError):
            transport.send(mail())
        assert len(server.sessions) == 2
        assert transport.send(mail()).answer


def test_a_refused_message_leaves_the_session_fit_for_the_next() -> None:
    script = {"MAIL": ["550 5.7.1 no"], "RCPT": ["550 5.1.1 no"], "DATA": ["554 no"], "DOT": ["554 no"]}
    with SmtpServer(script) as server, opened(smtp_route(server.port)) as transport:
        for _ in range(4):
            with pytest.raises(MailError):
                transport.send(mail())
        assert transport.send(mail()).answer
        assert len(server.sessions) == 1


@pytest.mark.parametrize("address", ["a@b\r\nRSET", "a b@c", "<a@b>", "a@b>\0", "jörg@example.net"])
def test_row_30_a_bad_address_is_refused_before_any_connection(address: str) -> None:
    with SmtpServer() as server:
        surely_not_sent(failure(server, mail(address)), Phase.MESSAGE, Kind.BAD_ADDRESS)
        assert server.sessions == []


def test_row_30_no_recipients_at_all() -> None:
    with SmtpServer() as server:
        nobody = Mail("a@b.example", (), Content.of(CONTENT), "<1@x>")
        surely_not_sent(failure(server, nobody), Phase.MESSAGE, Kind.NO_RECIPIENTS)


def test_row_31_an_answer_too_many_ends_the_session() -> None:
    with SmtpServer({"RCPT": ["250 Ok\r\n250 Ok"]}) as server:
        surely_not_sent(failure(server), Phase.DATA, Kind.OUT_OF_STEP)
        assert server.messages == []


def test_a_letter_beyond_ascii_goes_only_to_a_server_with_smtputf8() -> None:
    message = mail("jörg@example.net", needs_utf8=True)
    with SmtpServer(features=["8BITMIME"]) as server:
        surely_not_sent(failure(server, message), Phase.MESSAGE, Kind.UTF8_UNSUPPORTED)
    with SmtpServer(features=["SMTPUTF8", "8BITMIME"]) as server:
        send(server, message)
        assert server.lines[1] == "MAIL FROM:<anna@example.org> SMTPUTF8"
        assert server.lines[2] == "RCPT TO:<jörg@example.net>"


@pytest.mark.parametrize(("features", "declared"), [(["8BITMIME"], " BODY=8BITMIME"), ([], "")])
def test_8_bit_content_is_declared_where_that_is_offered(features: list[str], declared: str) -> None:
    with SmtpServer(features=features) as server:
        send(server, mail(content=CONTENT + "Grüße\r\n".encode()))
        assert server.lines[1] == f"MAIL FROM:<anna@example.org>{declared}"


def test_the_null_sender_is_written_as_such() -> None:
    with SmtpServer(features=[]) as server:
        send(server, Mail("", (A,), Content.of(CONTENT), "<1@x>"))
        assert server.lines[1] == "MAIL FROM:<>"


def test_dots_and_line_ends_arrive_as_they_were_meant() -> None:
    content = b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\nbare\n.\nend\r.\r"
    with SmtpServer() as server:
        send(server, mail(content=content))
        assert server.messages == [b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\nbare\r\n.\r\nend\r\n.\r\n"]


def test_a_server_that_is_slow_everywhere_cannot_hold_a_caller_beyond_the_messages_time() -> None:
    """Each answer is within the time for a command, all together are not within that for the message."""
    slow = [drip(b"250-x\r\n", 0.05)] * 3
    with SmtpServer({"RCPT": slow}) as server:
        error = failure(server, timeouts=Timeouts(connect=5, command=60, message=0.5))
    assert error.fault.kind is Kind.TIMEOUT


def test_an_interrupted_call_does_not_leave_a_session_in_the_middle() -> None:
    with SmtpServer() as server, opened(smtp_route(server.port)) as transport:
        with pytest.raises(TypeError):
            transport.send(replace(mail(), content=Content(b"", (5,))))  # type: ignore[arg-type]  # what the test is about
        assert transport.send(mail()).answer
        assert server.messages == [CONTENT]


NOISE = st.one_of(
    st.binary(max_size=12),
    st.lists(
        st.sampled_from([b"220", b"250", b"354", b"421", b"550", b"-", b" ", b"x", b"\r\n", b"\n", b"\x15\x03"]),
        max_size=6,
    ).map(b"".join),
)


@settings(max_examples=40, deadline=None)
@given(
    moment=st.sampled_from(["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "BODY", "DOT"]), said=NOISE, ends=st.booleans()
)
def test_whatever_a_server_says_a_message_is_sent_surely_not_sent_or_unsure(
    moment: str, said: bytes, ends: bool
) -> None:
    """Never anything but a MailError, and never "surely not sent" for a message that the server has whole,
    unless it refused it in words."""
    quick = Timeouts(connect=1, command=0.05, message=0.2, final=0.05)
    with pytest.MonkeyPatch.context() as patch, SmtpServer({moment: [raw(said, then_close=ends)]}) as server:
        patch.setattr(limits, "QUIT_SECONDS", 0.05)
        try:
            send(server, timeouts=quick)
        except MailError as error:
            if error.fault.maybe_sent:
                assert moment in ("BODY", "DOT")  # what is said at BODY may arrive after the dot has left
            elif server.messages:
                assert error.fault.smtp_code is not None
                assert error.fault.smtp_code >= 400
        else:
            server.sessions[0].ended.wait(5)
            # A small message leaves with its end: a good answer to it is an acceptance, however early it is said.
            assert server.messages == [CONTENT] or moment == "BODY"


@pytest.mark.parametrize("script", [{"DATA": ["554 5.5.1 no valid recipients"]}, {"DATA": ["451 4.3.0 not now"]}])
def test_a_message_refused_at_data_leaves_no_recipient_behind_for_the_next(script: dict[str, list[str]]) -> None:
    with SmtpServer(script) as server, opened(smtp_route(server.port)) as transport:
        with pytest.raises(MailError):
            transport.send(mail(A))
        transport.send(mail(B))
        verbs = server.sessions[0].verbs()
    assert verbs[verbs.index("DATA") + 1 :][:2] == ["RSET", "MAIL"]

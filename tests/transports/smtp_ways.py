"""The ways in which a message can go over a session, for tests that hold for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import DeliveryUnsure, MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import Timeouts
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp.session import SmtpSession
from mailadmin.transports.smtp.transaction import Round, hand_over
from tests.fakes.smtp_actions import Action, close, drip, raw, reset, silent
from tests.fakes.smtp_routes import CONTENT, mail, smtp_route
from tests.fakes.smtp_server import SmtpServer

A, B, C = "a@example.net", "b@example.net", "c@example.net"
BIG = CONTENT + b"x" * 70 + (b"\r\n" + b"y" * 70) * 60_000 + b"\r\n"
QUICK = Timeouts(connect=2, command=0.3, message=1, final=0.3)
WAYS = {
    "plain": [],
    "plain-chunk": ["CHUNKING"],
    "pipelined": ["PIPELINING"],
    "chunked": ["PIPELINING", "CHUNKING"],
    "at-once": ["PIPELINING", "CHUNKING"],
}
DATA_WAYS = ["plain", "pipelined"]
Script = dict[str, list[str | Action | None]]
# How a line can be lost instead of an answer, and answers that are none.
LOST = [(close, Kind.CLOSED), (reset, Kind.CLOSED), (silent, Kind.TIMEOUT), (drip(b"250-x\r\n", 0.02), Kind.TIMEOUT)]
NOT_SMTP: list[tuple[str | Action, Kind]] = [
    (raw(b"what?\r\n"), Kind.OUT_OF_STEP),
    (raw(b"\xff\xfe\r\n"), Kind.OUT_OF_STEP),
    ("354 go on", Kind.OUT_OF_STEP),
]


@contextmanager
def session_to(server: SmtpServer, **changes: Any) -> Iterator[SmtpSession]:
    session = SmtpSession(smtp_route(server.port, **changes), NetworkPolicy())
    session.start()
    try:
        yield session
    finally:
        session.quit()


@contextmanager
def going(
    way: str, script: Script | None = None, *, timeouts: Timeouts | None = None, **changes: Any
) -> Iterator[tuple[SmtpServer, SmtpSession]]:
    """A server that follows `script`, and a session that will send to it in this `way`; `timeouts` hold for messages
    only, so that a busy machine has time for the way in."""
    with pytest.MonkeyPatch.context() as patch:
        if way != "at-once":
            patch.setattr(limits, "SESSION_FRESH_SECONDS", -1)
        offered = ["SIZE 10000000", "8BITMIME", *WAYS[way]]
        with SmtpServer(script, features=offered) as server, session_to(server, **changes) as session:
            session.route = replace(session.route, timeouts=timeouts or session.route.timeouts)
            session.start_clock()
            yield server, session


def failure(session: SmtpSession, message: Mail | None = None) -> MailError:
    message = message or mail()
    with pytest.raises(MailError) as caught:
        hand_over(session, message, message.recipients)
    assert str(caught.value)
    return caught.value


def sent(session: SmtpSession, message: Mail | None = None) -> Round:
    message = message or mail()
    return hand_over(session, message, message.recipients)


def surely_not_sent(error: MailError, phase: Phase, kind: Kind) -> Fault:
    assert (error.fault.phase, error.fault.kind, error.fault.maybe_sent) == (phase, kind, False)
    assert not isinstance(error, DeliveryUnsure)
    return error.fault


def unsure(error: MailError) -> Fault:
    assert isinstance(error, DeliveryUnsure)
    assert error.fault.maybe_sent
    return error.fault

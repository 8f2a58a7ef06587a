"""Whole sessions without a network: the phases, single messages (`hand_over`) and lists (`Conveyor`), against a server
that knows what it answered."""

from __future__ import annotations

import random

from mailadmin.core.errors import MailError
from mailadmin.core.settings import RouteKey, RouteKind, Security, SessionRules, SmtpRoute, Timeouts
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp.conveyor import Conveyor
from mailadmin.transports.smtp.rounds import shared
from mailadmin.transports.smtp.session import SmtpSession
from mailadmin.transports.smtp.transaction import hand_over

from . import mails
from .case import Case
from .checks import Outcome, Violation, judge, well_formed
from .memory import MemoryLine
from .server import Knowing

_FEATURES = (
    b"PIPELINING",
    b"PIPELINING",
    b"CHUNKING",
    b"8BITMIME",
    b"8BITMIME",
    b"SMTPUTF8",
    b"DSN",
    b"ENHANCEDSTATUSCODES",
    b"SIZE",
    b"SIZE 50000",
    b"SIZE 10240000",
    b"SIZE 0",
    b"SIZE -1",
    b"SIZE x 7 " + b"9" * 400,
    "SIZE ٣".encode(),
    b"AUTH",
    b"AUTH=LOGIN PLAIN",
    b"",
    b"-",
    b"=",
    "Größe 5".encode(),
    b"\xff\x00\x07",
    b"250 8BITMIME",
    b"X-" + b"y" * 600,
)
_LAST = 24  # most sessions are over, one way or another, after so many replies


def feed(case: Case) -> None:
    """Walk through a session, and send one message after the other, or a list."""
    rng = case.rng
    server = Knowing(rng, features(rng), odd_replies(rng))
    case.fed = server.told
    session = SmtpSession(route(rng), NetworkPolicy(), keep_dialogue=rng.random() < 0.2)
    session.wire.attach(MemoryLine(rng, server, fails=rng.random() < 0.1).as_socket())
    messages = [mails.mail(rng, number) for number in range(rng.choice((1, 2, 3, 6)))]
    try:
        session.greet()
        session.secure()
    except MailError as error:
        well_formed(error)
        case.tally["no session"] += 1
        messages = []
    listed = rng.random() < 0.4
    outcomes = _list(session, messages) if listed else _singles(session, messages)
    judge_all(case, messages, outcomes, [server], strong=_is_strong(session, server, listed))
    session.quit()
    case.replies += server.count


def features(rng: random.Random) -> list[bytes]:
    """Return what EHLO offers."""
    return [feature for feature in _FEATURES if rng.random() < (0.7 if len(feature) in (8, 10) else 0.15)]


def odd_replies(rng: random.Random) -> frozenset[int]:
    """Return which replies of a session are spoiled: most often one or two, after a good beginning."""
    first = 2 if rng.random() < 0.9 else 0
    return frozenset(rng.randrange(first, _LAST) for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 8))))


def route(rng: random.Random, port: int = 25, timeouts: Timeouts | None = None, **more: object) -> SmtpRoute:
    """Return a connection to loopback with some rules of sessions."""
    rules = SessionRules(
        keep_open=rng.random() < 0.8,
        messages=rng.choice((1, 2, 100)),
        parallel=rng.choice((1, 2, 4)),
        pipelining=rng.random() < 0.8,
        chunking=rng.random() < 0.7,
    )
    values: dict[str, object] = {"host": "127.0.0.1", "port": port, "security": Security.NONE}
    values |= {"sessions": rules, "timeouts": timeouts or Timeouts()} | more
    return SmtpRoute(RouteKey(RouteKind.SMTP, "fuzz"), "Fuzz", **values)  # type: ignore[arg-type]  # by name


def judge_all(
    case: Case, messages: list[Mail], outcomes: dict[int, Outcome], servers: list[Knowing], *, strong: bool
) -> None:
    """Judge each message, and that nothing else arrived."""
    deliveries = [delivery for server in servers for delivery in server.deliveries]
    numbers = [mails.number_of(delivery.content) for delivery in deliveries]
    if strange := set(numbers) - set(range(len(messages))):
        raise Violation(f"Something arrived that nobody sent: {strange}.")
    if missing := set(range(len(messages))) - set(outcomes):
        raise Violation(f"Nothing is said about {missing}.")
    for number, mail in enumerate(messages):
        mine = [delivery for delivery, of in zip(deliveries, numbers, strict=True) if of == number]
        case.tally[judge(mail, outcomes[number], mine, strong=strong)] += 1


def _is_strong(session: SmtpSession, server: Knowing, listed: bool) -> bool:
    """Tell whether the replies of `server` could be matched: always in turn; in groups, when there were not more or
    fewer than commands. A single message finds one such mistake by its end, but no surplus when it is a chunk that
    left together with its commands."""
    if not server.unmatched or not session.pipelining:
        return True
    return not listed and server.unmatched == 1 and (server.in_step or not session.chunking)


def _singles(session: SmtpSession, messages: list[Mail]) -> dict[int, Outcome]:
    """Send each by itself, in as many transactions as the server wants."""
    outcomes: dict[int, Outcome] = {}
    for number, mail in enumerate(messages):
        refused: dict[str, MailError] = {}
        waiting = mail.recipients
        session.start_clock()
        while waiting:
            try:
                done = hand_over(session, mail, waiting)
            except MailError as error:
                if waiting == mail.recipients:
                    outcomes[number] = error
                else:
                    refused |= shared(error, waiting)
                break
            if len(done.waiting) >= len(waiting):
                raise Violation("The same recipients wait for ever.")
            refused, waiting = refused | done.refused, done.waiting
        outcomes.setdefault(number, refused)
    return outcomes


def _list(session: SmtpSession, messages: list[Mail]) -> dict[int, Outcome]:
    """Send them in a row."""
    conveyor = Conveyor(session)
    fates = [fate for number, mail in enumerate(messages) for fate in conveyor.push(number, mail)]
    fates += conveyor.finish()
    outcomes: dict[int, Outcome] = {}
    for fate in fates:
        if fate.ticket in outcomes or (fate.accepted is None) is (fate.error is None):
            raise Violation(f"Message {fate.ticket} has two fates, or none.")
        if fate.elsewhere and fate.error is not None and fate.error.fault.maybe_sent:
            raise Violation("A message that may have been taken is to be sent elsewhere.")
        outcomes[fate.ticket] = fate.error or (fate.accepted.refused if fate.accepted else {})
    return outcomes

"""Lists on one session, for tests."""

from __future__ import annotations

from mailadmin.transports.base import Mail
from mailadmin.transports.smtp.conveyor import Conveyor, Fate
from mailadmin.transports.smtp.session import SmtpSession
from tests.fakes.smtp_routes import CONTENT, mail

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

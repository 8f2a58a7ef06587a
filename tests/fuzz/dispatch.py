"""From a generated message to the wire: `delivery.convert`, then a session with a server that keeps every rule and
looks at every byte."""

from __future__ import annotations

import random
import re

from mailadmin.conf import ConfigurationError
from mailadmin.core.errors import BadMessage, MailError
from mailadmin.core.fault import Phase
from mailadmin.core.settings import RouteKey, RouteKind, SenderPolicy, SenderRules, SmtpRoute
from mailadmin.delivery.convert import convert, dress
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp.conveyor import Conveyor
from mailadmin.transports.smtp.session import SmtpSession
from mailadmin.transports.smtp.transaction import hand_over

from . import messages, sessions
from .case import Case
from .checks import Outcome, Violation, judge, well_formed
from .memory import MemoryLine
from .server import Knowing

_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")  # RFC 5322 section 2.2; a blank before the colon is the obsolete form
_ADDRESS = re.compile(" at 0x[0-9a-f]+")  # of an object in memory, which changes from run to run
_OFFERED = (b"PIPELINING", b"CHUNKING", b"8BITMIME", b"SMTPUTF8", b"SIZE", b"DSN")


def feed(case: Case) -> None:
    """Build one message, and send it if it can be built."""
    rng = case.rng
    message = messages.message(rng)
    case.fed.append(_ADDRESS.sub("", repr(vars(message))).encode("utf-8", "backslashreplace"))
    case.replies += 1
    try:
        draft = convert(message)
        mail = dress(draft, _route(rng), draft.addresses).mail
    except (BadMessage, ConfigurationError) as error:
        case.tally[f"refused: {error.fault.kind if isinstance(error, MailError) else 'configuration'}"] += 1
        return
    except MailError as error:
        well_formed(error)
        case.tally[f"not for this route: {error.fault.kind}"] += 1
        return
    _well_built(mail)
    _send(case, mail)


def _route(rng: random.Random) -> SmtpRoute:
    """Return a connection with rules for the sender."""
    rules = SenderRules(
        address=rng.choice(("", "own@example.org", "ö@example.org")),
        name=rng.choice(("", "Größe, Ltd.", "x" * 200)),
        policy=rng.choice(tuple(SenderPolicy)),
        envelope=rng.choice(("", "bounce@example.org")),
        subject_prefix=rng.choice(("", "", "[Test] ", "Größe " * 30)),
    )
    return SmtpRoute(RouteKey(RouteKind.SMTP, "fuzz"), "Fuzz", sender=rules, host="127.0.0.1")


def _well_built(mail: Mail) -> None:
    """Check the header block: fields and their folds only, nothing slipped in, nobody blind named."""
    head = mail.content.head
    for line in head.removesuffix(b"\r\n").split(b"\r\n")[:-1]:
        if not (_FIELD.match(line) or line[:1] in (b" ", b"\t")):
            raise Violation(f"This is no header field: {line[:200]!r}.")
        if line.lower().startswith(messages.INJECTED.lower().encode()):
            raise Violation("A header was slipped in.")
    if b"@hidden.example" in bytes(mail.content):
        raise Violation("A blind recipient is named.")


def _send(case: Case, mail: Mail) -> None:
    """Send `mail` by one of the ways of a session; a server that says yes to everything must get and take it."""
    rng = case.rng
    server = Knowing(rng, [feature for feature in _OFFERED if rng.random() < 0.7])
    session = SmtpSession(sessions.route(rng), NetworkPolicy(), keep_dialogue=False)
    session.wire.attach(MemoryLine(rng, server).as_socket())
    session.greet()
    outcome = _handed_over(session, mail) if rng.random() < 0.7 else _in_a_row(session, mail)
    case.tally[judge(mail, outcome, server.deliveries, strong=True)] += 1
    if isinstance(outcome, MailError) and outcome.fault.phase is not Phase.MESSAGE:
        raise Violation(f"A server that takes everything did not get it: {outcome.fault}.")
    session.quit()


def _handed_over(session: SmtpSession, mail: Mail) -> Outcome:
    try:
        return hand_over(session, mail, mail.recipients).refused
    except MailError as error:
        return error


def _in_a_row(session: SmtpSession, mail: Mail) -> Outcome:
    conveyor = Conveyor(session)
    (fate,) = [*conveyor.push(0, mail), *conveyor.finish()]
    return fate.error or (fate.accepted.refused if fate.accepted else {})

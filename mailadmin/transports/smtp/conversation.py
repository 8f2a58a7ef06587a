"""The conversation with one server: its state, and commands with their replies and errors.

Every failure is a MailError that names its phase.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import SmtpRoute
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail

from . import payload
from .dialogue import Dialogue
from .reply import Reply
from .wire import SERVICE_CLOSING, Wire, WireError

_AFTER_SIGN_IN = (Phase.MESSAGE, Phase.SENDER, Phase.RECIPIENT, Phase.DATA)


class Conversation:
    """What the phases of a session are made of: `ask` and `hear`, and errors by `phase`, `refusal` and `fault`."""

    def __init__(self, route: SmtpRoute, policy: NetworkPolicy, *, keep_dialogue: bool = True) -> None:
        """Dial nothing yet. Only who shows the dialogue needs to keep it."""
        self.route = route
        self.policy = policy
        self.host = route.host
        self.port = route.effective_port
        self.dialogue = Dialogue(kept=keep_dialogue)
        self.wire = Wire(self.dialogue)
        self.in_transaction = False  # whether the server may still hold a sender and recipients
        self.start_clock()

    # -- state --------------------------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Tell whether the connection stands, as far as we know."""
        return self.wire.sock is not None

    @property
    def features(self) -> dict[str, str]:
        """Return what EHLO offered: names in lower case, with their parameters."""
        return self.wire.esmtp_features

    @property
    def pipelining(self) -> bool:
        """Tell whether commands go in groups (RFC 2920)."""
        return self.route.sessions.pipelining and "pipelining" in self.features

    @property
    def chunking(self) -> bool:
        """Tell whether content goes as a chunk (RFC 3030)."""
        return self.route.sessions.chunking and "chunking" in self.features

    @property
    def fresh(self) -> bool:
        """Tell whether the server answered so lately that the line is surely alive."""
        return time.monotonic() - self.wire.answered_at < limits.SESSION_FRESH_SECONDS

    @property
    def size_limit(self) -> int:
        """Return the largest message (bytes) that the server says it takes, 0 when it says nothing."""
        return payload.size_limit(self.features)

    @property
    def exposed(self) -> bool:
        """Tell whether somebody on the way could read along: no encryption, and not to this very machine. Behind a
        proxy nobody knows how the way goes on."""
        direct = self.wire.to_loopback and self.route.proxy is None
        return not (self.wire.encrypted or direct)

    @property
    def connect_seconds(self) -> float:
        """Return the time for opening a connection, or what the message's total leaves of it."""
        return min(self.route.timeouts.connect, self.wire.seconds_left)

    def final_seconds(self, mail: Mail) -> float:
        """Return how long the answer to the end of `mail` may take."""
        timeouts = self.route.timeouts
        return timeouts.final_background if mail.in_background else timeouts.final

    def start_clock(self) -> None:
        """Give the next message its whole time anew."""
        self.wire.allow_total(self.route.timeouts.message)

    def close(self) -> None:
        """Close at once. Never raises."""
        self.wire.close()

    # -- commands and errors --------------------------------------------------------------------------

    def hear(self, phase: Phase, final: float = 0) -> Reply:
        """Return the next reply, whatever it says, within the command time; once the end of the message has left,
        within `final` seconds instead, which all its replies together may be late. Raises MailError when none comes."""
        self.wire.allow(final or self.route.timeouts.command, beyond_total=final)
        try:
            return self.wire.read_reply()
        except WireError as error:
            raise self._broken(phase, error) from None

    def ask(self, phase: Phase, line: str | Secret, *, shown: str = "", recipient: str = "") -> Reply:
        """Send a command within the command time and return its reply: 2xx, or 3xx in a sign-in; `shown` as in
        `Wire.command`. Raises MailError for any other."""
        with self.phase(phase):
            self.wire.allow(self.route.timeouts.command)
            reply = self.wire.command(line, shown)
        if not (reply.positive or (phase is Phase.AUTH and not reply.negative)):
            raise self.refusal(phase, reply, recipient)
        return reply

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        """Turn what happens to the line into a MailError of this phase."""
        try:
            yield
        except WireError as error:
            raise self._broken(phase, error) from None

    def refusal(self, phase: Phase, reply: Reply, recipient: str = "") -> MailError:
        """Return the error for a reply that is not what was hoped for. 421 ends the session, so that it
        concerns no recipient; so does a reply that fits nothing."""
        if reply.code == SERVICE_CLOSING or not reply.negative:
            self.close()
            recipient = ""
        kind = Kind.REPLY if reply.negative else Kind.OUT_OF_STEP
        return self.fault(phase, kind, reply=reply, recipient=recipient)

    def fault(
        self,
        phase: Phase,
        kind: Kind,
        text: str = "",
        *,
        reply: Reply | None = None,
        recipient: str = "",
        field: str = "",
    ) -> MailError:
        """Return the error for a failure of this session, with the server's cleaned words if it said any."""
        # What was offered before the wanted encryption may be anybody's, and would send big messages elsewhere.
        limit = self.size_limit if phase in _AFTER_SIGN_IN else 0
        known = Fault(phase, kind, text, host=self.host, port=self.port, recipient=recipient, field=field)
        fault = replace(known, size_limit=limit)
        if reply:
            fault = replace(fault, smtp_code=reply.code, enhanced=reply.enhanced, text=self.words(reply))
        return MailError(fault)

    def words(self, reply: Reply) -> str:
        """Return a reply as one cleaned line."""
        return f"{reply.code} {self.dialogue.clean(reply.text)}".rstrip()

    def _broken(self, phase: Phase, error: WireError) -> MailError:
        error.__traceback__ = None  # its frames may have been sending a secret
        return self.refusal(phase, error.reply) if error.reply else self.fault(phase, error.kind, error.text)

"""The envelope of one message in a session with PIPELINING (RFC 2920): commands in groups, each reply matched to its
command, all of them read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.transports.base import Mail

from . import payload
from .data import CONTENT_WANTED
from .payload import END_OF_DATA
from .reply import Reply
from .rounds import Round, all_refused

if TYPE_CHECKING:
    from .session import SmtpSession

_RESET = "RSET"


class Envelope:
    """MAIL, a RCPT for each recipient and, with `ask_data`, DATA. `begin` sends the first group, or `first_group`
    returns it for whoever sends it with something else; then `finish` reads all replies (and sends what follows the
    first group), and `require_content` tells whether the content is wanted.

    `after_another` stands for an envelope that leaves before the message before it is answered: it begins with RSET,
    because that message may be refused in a way that leaves its recipients behind.
    """

    def __init__(
        self,
        session: SmtpSession,
        mail: Mail,
        recipients: Sequence[str],
        *,
        ask_data: bool,
        after_another: bool = False,
    ) -> None:
        """Make the commands for fitted `mail`. Raises MailError when the server cannot take it, before anything is
        sent."""
        self._session = session
        features, notices = session.features, session.route.notices
        self.commands = [(Phase.SENDER, "", payload.mail_line(mail, features, notices))]
        if after_another or session.in_transaction:
            self.commands.insert(0, (Phase.SENDER, "", _RESET))
        for recipient in recipients:
            line = payload.rcpt_line(recipient, mail.needs_utf8, features, notices)
            self.commands.append((Phase.RECIPIENT, recipient, line))
        if ask_data:
            self.commands.append((Phase.DATA, "", "DATA"))
        self._named = len(recipients)
        self._taken: list[str] = []
        self._refused: dict[str, MailError] = {}
        self._not_this_sender: MailError | None = None
        self._data: Reply | None = None

    # -- out and in -------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Send the first group, if the server owes and says nothing. Raises MailError."""
        self._begin_group(0)

    def first_group(self) -> bytes:
        """Return the first group as bytes."""
        return self._group(0)

    def finish(self, final: float = 0) -> None:
        """Read every reply, and send the groups that follow the first; `final` as in `Conversation.hear`. Refusals are
        kept for `failure` and `round`. Raises MailError when the session is over."""
        try:
            for start in range(0, len(self.commands), limits.PIPELINE_COMMANDS):
                if start:
                    self._begin_group(start)
                for phase, recipient, line in self.commands[start : start + limits.PIPELINE_COMMANDS]:
                    self._take(phase, recipient, line, self._session.hear(phase, final))
                if self._not_this_sender:
                    return
        except MailError as error:
            raise self.failure or error from None  # what was refused in words says more

    def require_content(self) -> None:
        """Raise MailError unless somebody was taken and the server wants the content.

        Where it wants it for nobody, it gets a lone dot (RFC 2920 section 3.1).
        """
        failure, reply = self.failure, self._data
        if reply and reply.code == CONTENT_WANTED:
            if failure:
                self._send_nothing()
        elif reply:
            failure = failure or self._session.refusal(Phase.DATA, reply)
            if not reply.negative:
                self._session.close()
        if failure:
            raise failure

    # -- what came of it ----------------------------------------------------------------------------------

    @property
    def failure(self) -> MailError | None:
        """Return the error when nobody can get the message: the sender's, or that of all recipients."""
        if self._not_this_sender:
            return self._not_this_sender
        return all_refused(self._refused) if len(self._refused) == self._named else None

    @property
    def taken(self) -> tuple[str, ...]:
        """Return whom the server took."""
        return tuple(self._taken)

    @property
    def refused(self) -> Mapping[str, MailError]:
        """Return whom the server refused, and why."""
        return self._refused

    def round(self, reply: Reply) -> Round:
        """Return the result of a transaction that the server answered with the acceptance `reply`."""
        return Round.of(self._taken, self._refused, self._session.words(reply))

    def _take(self, phase: Phase, recipient: str, line: str, reply: Reply) -> None:
        """Match a reply to its command. Raises MailError when no other can follow."""
        if phase is Phase.DATA:
            self._data = reply
            return
        refusal = None if reply.positive else self._session.refusal(phase, reply, recipient)
        if refusal and not self._session.open:
            raise refusal
        if line == _RESET:
            if refusal:  # the transaction before stands, so that nothing after it means what it says
                self._session.close()
                raise self._session.fault(phase, Kind.OUT_OF_STEP, reply=reply)
        elif phase is Phase.SENDER:
            self._session.in_transaction = reply.positive
            self._not_this_sender = refusal
        elif self._not_this_sender:
            return  # whatever is said about recipients of no message
        elif refusal:
            self._refused[recipient] = refusal
        else:
            self._taken.append(recipient)

    def _begin_group(self, start: int) -> None:
        with self._session.phase(self.commands[start][0]):
            self._session.wire.check_in_step()
            self._send(self._group(start))

    def _group(self, start: int) -> bytes:
        lines = (line for _, _, line in self.commands[start : start + limits.PIPELINE_COMMANDS])
        return self._session.wire.group(lines)

    def _send(self, group: bytes) -> None:
        self._session.wire.allow(self._session.route.timeouts.command)
        self._session.wire.write(group)  # a broken line shows in the replies

    def _send_nothing(self) -> None:
        """Answer 354 for a message without recipients."""
        try:
            with self._session.phase(Phase.DATA):
                self._send(END_OF_DATA)
            if not self._session.hear(Phase.DATA).negative:
                self._session.close()
        except MailError:
            pass  # the refusal that led here says more

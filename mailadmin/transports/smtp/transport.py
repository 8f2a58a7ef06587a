"""The SMTP transport: one message over one session, each recipient with its own fate.

What happens after an error is not decided here but in `core.policy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.settings import SmtpRoute
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Accepted, Handed, Mail

from .envelope import check
from .many import spread
from .pace import await_turn
from .pool import KeptSession
from .rounds import Round, session_lost, shared
from .supply import Supply
from .transaction import hand_over


class SmtpTransport:
    """Sends by the connection `route`; `version` is that of the settings it was read from.

    A session comes from the process's pool, or is opened, and goes back after each message. With `hold` it stays with
    this transport from the first message to `close()`, which ends it: what Django means by `open()` and `close()`.
    Without a version (values that were never saved) there is no pool, so that the transport always holds.
    """

    def __init__(self, route: SmtpRoute, policy: NetworkPolicy, version: str = "", *, hold: bool = False) -> None:
        self._supply = Supply(route, policy, version, hold=hold)
        self._session: KeptSession | None = None  # in use, or None between two messages

    def send(self, mail: Mail) -> Accepted:
        """Hand over one message; see `Transport.send`.

        When the server takes only so many recipients at a time, the rest follow in transactions of their
        own; should those fail, the message is sent all the same, and the rest are among the refused. The rate of
        the route is kept before.
        """
        check(mail, self._supply.route)
        await_turn(self._supply.route, mail.patience)
        self._session = self._supply.kept()
        if self._session:
            self._session.start_clock()
        try:
            return self._send(mail)
        finally:
            session, self._session = self._session, None
            if session:
                self._supply.back(session)

    def send_many(self, mails: Iterable[tuple[int, Mail]]) -> Iterator[Handed]:
        """Hand over many messages, over several sessions when there are enough; see `Transport.send_many`, `spread`."""
        return spread(self._supply, mails)

    def close(self) -> None:
        """End the session that is held, if there is one."""
        self._supply.close()

    def _send(self, mail: Mail) -> Accepted:
        """Send in as many transactions as the server wants."""
        done = self._transact(mail, mail.recipients)
        refused, answer = dict(done.refused), done.answer
        size_limit = self._session.size_limit if self._session else 0
        while done.waiting:
            mail.watch.taken(done.taken, done.answer)
            try:
                done = self._transact(mail, done.waiting)
            except MailError as error:
                refused |= shared(error, done.waiting)
                break
            refused |= done.refused
            answer = done.answer
        return Accepted(answer, refused, size_limit)

    def _transact(self, mail: Mail, recipients: tuple[str, ...]) -> Round:
        """Send to as many of `recipients` as the server takes at once: by the session that was kept, or once more
        by a new one when the kept one was lost and the message was surely not taken."""
        kept = self._session
        if kept and kept.open:
            try:
                return self._hand_over(kept, mail, recipients)
            except MailError as error:
                if not _lost(error):
                    raise
                kept.close()
        self._session = None
        self._session = self._supply.new()
        return self._hand_over(self._session, mail, recipients)

    def _hand_over(self, session: KeptSession, mail: Mail, recipients: tuple[str, ...]) -> Round:
        try:
            return hand_over(session, mail, recipients)
        finally:
            session.used()


def _lost(error: MailError) -> bool:
    """Tell whether the session is over and the message surely was not taken: servers end idle sessions, and those
    that had messages enough. Silence counts only where nothing was answered: a server that falls silent later was
    alive, and is not waited for twice."""
    fault = error.fault
    alive = fault.kind is Kind.TIMEOUT and fault.phase is not Phase.SENDER
    return session_lost(error) and not (fault.maybe_sent or fault.recipient or alive)

"""Sending by Microsoft Graph, behind the contract of `transports.base`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import clean
from mailadmin.core.settings import OAuthRoute
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.base import Accepted, Handed, Mail, one_by_one
from mailadmin.transports.entra.sign_in import Note, silent

from .client import GraphClient
from .mime import graph_mime


class GraphTransport:
    """Sends the messages of one OAuth service. The client is made with the first message."""

    def __init__(self, route: OAuthRoute, policy: NetworkPolicy, note: Note = silent) -> None:
        self._route, self._policy, self._note = route, policy, note
        self._client: GraphClient | None = None

    def send(self, mail: Mail) -> Accepted:
        """Hand over one message. Raises MailError; DeliveryUnsure when it may have been taken."""
        refuse_unfit(mail)
        if self._client is None:
            self._client = GraphClient(self._route, self._policy, self._note)
        answer = self._client.send_mime(graph_mime(mail))
        request_id = clean(answer.headers.get("request-id", ""), limit=100)
        return Accepted(f"202 Accepted, request-id {request_id}" if request_id else "202 Accepted")

    def send_many(self, mails: Iterable[tuple[int, Mail]]) -> Iterator[Handed]:
        """Hand over many messages; see `Transport.send_many`."""
        return one_by_one(self, mails)

    def close(self) -> None:
        """Close the connections."""
        if self._client:
            self._client.close()
            self._client = None


def refuse_unfit(mail: Mail) -> None:
    """Refuse what Graph cannot carry. Raises MailError; another route may do it.

    Graph sends to whom the headers name, so it cannot serve only the rest of the recipients; and Exchange
    Online has no mailboxes with letters beyond ASCII before the @ to take such a message (RFC 6531).
    """
    if not mail.complete:
        text = "Some recipients were served already, and Microsoft Graph would send to all of them again."
        raise MailError(Fault(Phase.MESSAGE, Kind.ENVELOPE_UNSUPPORTED, text))
    if not mail.recipients:
        raise MailError(Fault(Phase.MESSAGE, Kind.NO_RECIPIENTS))
    if mail.needs_utf8:
        text = "Microsoft Graph takes no address with letters beyond ASCII before the @."
        raise MailError(Fault(Phase.MESSAGE, Kind.UTF8_UNSUPPORTED, text))

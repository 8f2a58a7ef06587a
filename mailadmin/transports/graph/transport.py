"""Sending by Microsoft Graph, behind the contract of `transports.base`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from mailadmin.core.errors import DeliveryUnsure, MailError, mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import clean
from mailadmin.core.settings import OAuthRoute
from mailadmin.core.texts import _
from mailadmin.net.http import Answer
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.base import Accepted, Handed, Mail
from mailadmin.transports.entra.sign_in import Note, silent
from mailadmin.transports.spreading import spread

from .client import GraphClient
from .draft import send_draft
from .manners import Rest, await_turn
from .many import Crew
from .plan import DraftPlan, JsonPlan, MimePlan, plan_for
from .settle import look_for


class GraphTransport:
    """Sends the messages of one OAuth service. Nothing is opened before the first message, and what is opened belongs
    to the pool of the process."""

    def __init__(self, route: OAuthRoute, policy: NetworkPolicy, note: Note = silent) -> None:
        self._route, self._policy, self._note = route, policy, note

    def send(self, mail: Mail) -> Accepted:
        """Hand over one message. Raises MailError; DeliveryUnsure when it may have been taken."""
        return self._send(mail, time.sleep)

    def send_many(self, mails: Iterable[tuple[int, Mail]]) -> Iterator[Handed]:
        """Hand over many messages, as many at once as the app may ask for; see `Transport.send_many`, `spread`."""
        most = self._route.app.requests_at_once if self._route.app else 1
        return spread(lambda: Crew(self._send, most), mails)

    def close(self) -> None:
        """Do nothing: between two messages a transport holds no connection."""

    def _send(self, mail: Mail, rest: Rest) -> Accepted:
        return hand_over(GraphClient(self._route, self._policy, self._note, rest), mail)


def hand_over(client: GraphClient, mail: Mail) -> Accepted:
    """Send `mail` in the form that its size and content ask for, when its mailbox has its turn.

    Raises MailError; DeliveryUnsure when the message may have been taken, after a look into the mailbox where the
    service allows that.
    """
    refuse_unfit(mail)
    mailbox = mail.mailbox or client.route.identity
    mail = replace(mail, mailbox=mailbox)
    plan = plan_for(mail, client.route)
    until = time.monotonic() + mail.patience
    await_turn(client.route, client.app, mailbox, mail.patience, client.rest)
    try:
        if isinstance(plan, DraftPlan):
            answer = send_draft(client, mail, plan)
        else:
            answer = _send_mail(client, mail, plan, max(until - time.monotonic(), 0))
    except DeliveryUnsure as unsure:
        keeps_no_copy = isinstance(plan, JsonPlan) and not client.route.save_to_sent
        if keeps_no_copy or not client.route.settle:
            raise
        found, words = look_for(client, mailbox, mail.message_id)
        if not found:
            raise _still(unsure, words) from None
        return Accepted(_joined(words, plan.remark))
    return Accepted(_joined(_words(answer), plan.remark))


def refuse_unfit(mail: Mail) -> None:
    """Refuse what Graph cannot carry. Raises MailError; another route may do it.

    Graph sends to whom the headers name, so it cannot serve only the rest of the recipients; and Exchange
    Online has no mailboxes with letters beyond ASCII before the @ to take such a message (RFC 6531).
    """
    if not mail.complete:
        text = _("Some recipients were served already, and Microsoft Graph would send to all of them again.")
        raise MailError(Fault(Phase.MESSAGE, Kind.ENVELOPE_UNSUPPORTED, text))
    if not mail.recipients:
        raise MailError(Fault(Phase.MESSAGE, Kind.NO_RECIPIENTS))
    if mail.needs_utf8:
        text = _("Microsoft Graph takes no address with letters beyond ASCII before the @.")
        raise MailError(Fault(Phase.MESSAGE, Kind.UTF8_UNSUPPORTED, text))


def _send_mail(client: GraphClient, mail: Mail, plan: MimePlan | JsonPlan, patience: float) -> Answer:
    """Send in one request. Raises MailError."""
    answer = client.request(
        "POST",
        "/sendMail",
        mailbox=mail.mailbox,
        content_type="text/plain" if isinstance(plan, MimePlan) else "application/json",
        body=plan.body,
        unsure_after_body=True,
        patience=patience,
        leaving=partial(mail.watch.leaving, mail.recipients),
    )
    if fault := client.fault(answer):
        raise mail_error(fault)
    return answer


def _still(unsure: DeliveryUnsure, words: str) -> DeliveryUnsure:
    """Return the same outcome, and what the look into the mailbox brought."""
    return DeliveryUnsure(replace(unsure.fault, text=f"{unsure.fault.text} {words}".strip()))


def _words(answer: Answer) -> str:
    request_id = clean(answer.headers.get("request-id", ""), limit=100)
    return f"202 Accepted, request-id {request_id}" if request_id else "202 Accepted"


def _joined(words: str, remark: str) -> str:
    return f"{words}; {remark}" if remark else words

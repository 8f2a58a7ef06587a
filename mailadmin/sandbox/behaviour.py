"""What the sandbox asks of whoever runs it: where messages go, and which fault to rehearse now.

One more fault is one more entry in a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

NO_FAULT = ""


class Inbox(Protocol):
    """Where the sandbox puts what arrived. Called from threads of the sandbox, never from an event loop."""

    def keep(self, via: str, envelope_sender: str, recipients: Sequence[str], raw: bytes) -> None:
        """Keep one message that came `via` "smtp" or "graph"; `raw` is as the recipients get it."""


class Behaviour(Protocol):
    """Says which fault to rehearse: a name from the tables below, or NO_FAULT. Read for each message."""

    def smtp(self) -> str:
        """Return the name of an SMTP fault."""

    def graph(self) -> str:
        """Return the name of a Graph fault."""


@dataclass(frozen=True)
class SmtpFault:
    """An SMTP fault: where it strikes ("auth", "recipient", "data") and the reply; without a reply the
    message is taken and the connection cut."""

    label: str
    at: str
    reply: str = ""


@dataclass(frozen=True)
class GraphFault:
    """A fault of Entra (`at` "token") or Graph (`at` "graph"): status, code and text of the error body.
    Status 0 takes the message and cuts the connection."""

    label: str
    at: str
    status: int
    code: str = ""
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


SMTP_FAULTS: Mapping[str, SmtpFault] = {
    "535": SmtpFault(
        "535 5.7.139: sign-in is switched off",
        "auth",
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.",
    ),
    "550-recipient": SmtpFault(
        "550 5.1.1: no such recipient", "recipient", "550 5.1.1 The mailbox does not exist here."
    ),
    "send-as-denied": SmtpFault(
        "554 5.2.252: may not send as this sender",
        "data",
        "554 5.2.252 SendAsDenied; the signed-in mailbox may not send as this sender.",
    ),
    "452": SmtpFault("452 4.3.1: try again later", "data", "452 4.3.1 No room at the moment."),
    "timeout-after-data": SmtpFault("Connection lost after the message (maybe delivered)", "data"),
}

GRAPH_FAULTS: Mapping[str, GraphFault] = {
    "403": GraphFault(
        "403 ErrorAccessDenied: permission missing",
        "graph",
        403,
        "ErrorAccessDenied",
        "Access is denied.",
    ),
    "429": GraphFault(
        "429: throttled, come back in 30 s",
        "graph",
        429,
        "ApplicationThrottled",
        "Application is over its MailboxConcurrency limit.",
        {"Retry-After": "30"},
    ),
    "send-as-denied": GraphFault(
        "403 ErrorSendAsDenied: may not send as this sender",
        "graph",
        403,
        "ErrorSendAsDenied",
        "The mailbox may not send as this sender.",
    ),
    "404": GraphFault("404: no such mailbox", "graph", 404, "ErrorInvalidUser", "The requested user is invalid."),
    "504": GraphFault("504: no clear answer (maybe delivered)", "graph", 504, "UnknownError", ""),
    "secret-expired": GraphFault(
        "AADSTS7000222: client secret expired",
        "token",
        401,
        "invalid_client",
        "AADSTS7000222: The provided client secret keys for the app are expired.",
    ),
    "timeout-after-data": GraphFault("Connection lost after the message (maybe delivered)", "graph", 0),
}

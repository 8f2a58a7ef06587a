"""What the sandbox asks of whoever runs it: where messages go, and which fault to rehearse now.

One more fault is one more entry in a table: `smtp_faults`, `entra_faults`, `graph_faults` or
`mailbox_faults`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from .entra_faults import ENTRA_FAULTS
from .faults import GraphFault, SmtpFault
from .graph_faults import MESSAGE_FAULTS
from .mailbox_faults import MAILBOX_FAULTS
from .smtp_faults import SMTP_FAULTS

__all__ = ["GRAPH_FAULTS", "NO_FAULT", "SMTP_FAULTS", "Behaviour", "GraphFault", "Inbox", "SmtpFault"]

NO_FAULT = ""

GRAPH_FAULTS: Mapping[str, GraphFault] = {**MESSAGE_FAULTS, **MAILBOX_FAULTS, **ENTRA_FAULTS}


class Inbox(Protocol):
    """Where the sandbox puts what arrived. Called from threads of the sandbox, never from an event loop."""

    def keep(self, via: str, envelope_sender: str, recipients: Sequence[str], raw: bytes) -> None:
        """Keep one message that came `via` "smtp" or "graph"; `raw` is as the recipients get it."""


class Behaviour(Protocol):
    """Says which fault to rehearse: a name from the tables, or NO_FAULT. Read for each request."""

    def smtp(self) -> str:
        """Return the name of an SMTP fault."""

    def graph(self) -> str:
        """Return the name of a fault of Entra or Graph."""

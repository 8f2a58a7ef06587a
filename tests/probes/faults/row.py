"""One row of the table of faults."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from mailadmin.core.report import StepState
from mailadmin.core.terms import Failover, Owner
from mailadmin.probes.recorder import Recorder

YOU, ADMIN, PROVIDER = Owner.YOU, Owner.MICROSOFT_365_ADMIN, Owner.MAIL_PROVIDER
NETWORK, DEVELOPER = Owner.NETWORK, Owner.DEVELOPER
NEXT, LATER, FAIL, UNSURE = Failover.NEXT, Failover.LATER, Failover.FAIL, Failover.UNSURE

PATIENT = 5.0  # seconds that the routes of the table give to a peer that answers
QUICK = 0.4  # ... and to one that does not

Stage = Callable[[], Recorder]
"""Plays the fault, walks the real ladder through it, and returns what the ladder wrote down."""

_CODE = re.compile(
    r"(?P<smtp>[2-5]\d\d)(?: (?P<enhanced>[245]\.\d+\.\d+))?(?: |$)|(?P<aadsts>AADSTS\d+)|(?P<graph>\w+):"
)


@dataclass(frozen=True)
class Row:
    """A fault and what the product must say of it: at which `step` (its key), by which entry of the knowledge base,
    whose job it is, and what becomes of a message. `what` tells the fault in words, `said` what the peer says ("" when
    it says nothing); `seconds` is the limit of the phase in which it fails."""

    what: str
    said: str
    step: str
    entry: str
    owner: Owner
    failover: Failover
    stage: Stage
    retry: bool = False
    state: StepState = StepState.FAILED
    seconds: float = PATIENT

    @property
    def code(self) -> str:
        """Return the code in what the peer says, as titles show it; "" when there is none."""
        found = _CODE.match(self.said)
        if not found:
            return ""
        if found["smtp"]:
            return f"{found['smtp']} {found['enhanced'] or ''}".strip()
        return found["aadsts"] or found["graph"]

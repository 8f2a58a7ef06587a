"""What the answer of a webhook means (pure): whether the alert was taken, whether it is worth another try, and what to
tell the administrator. Nothing of the answer but its status is ever used.

The statuses are those of Slack ("Error conditions for incoming webhooks": 400, 403, 404, 410), of the Workflows
webhook of Teams (202 when it was taken, 401 and 404 when the flow is off or gone) and of HTTP itself (RFC 9110, 6585).
"""

from __future__ import annotations

from dataclasses import dataclass

from . import limits
from .alerts import ChannelKind
from .fault import Fault, Kind, Phase
from .knowledge import explain

_AGAIN = frozenset({408, 425, 429})  # of the 4xx: the same request may be taken later
_GONE = frozenset({401, 403, 404, 410})
_NETWORK = frozenset({Phase.DNS, Phase.TCP, Phase.PROXY})


@dataclass(frozen=True)
class Answered:
    """What came of one try: `ok` when it was taken, and `way` by what; else `problem` and `remedy` in sentences,
    whether it is tried `again`, and in how many seconds at the earliest if the other side named a time. `log_id` is of
    the message in the delivery log, "" where there is none."""

    ok: bool = False
    again: bool = False
    way: str = ""
    problem: str = ""
    remedy: tuple[str, ...] = ()
    seconds: float = 0.0
    log_id: str = ""

    @property
    def text(self) -> str:
        """Return in one text how it went, or problem and remedy."""
        return " ".join((self.way, self.problem, *self.remedy)).strip()


def of_status(kind: ChannelKind, host: str, status: int, retry_after: float | None = None) -> Answered:
    """Return what the HTTP `status` means that `host` answered to a channel of `kind`."""
    if 200 <= status < 300:
        return Answered(ok=True, way=f"{host} took it.")
    said = f"{host} answered HTTP {status}"
    if 300 <= status < 400:
        return Answered(
            problem=f"{said}, which leads to another address.",
            remedy=("A redirect is never followed: type the address that it leads to.",),
        )
    if status in _GONE:
        return Answered(
            problem=f"{said}: the webhook does not exist any more, or does not let us post.", remedy=(_RENEW[kind],)
        )
    if status == 429:
        wait = min(retry_after or 0.0, float(limits.ALERT_RETRY_SECONDS[-1]))
        return Answered(again=True, problem=f"{said}: it gets too many messages.", remedy=(_LATER,), seconds=wait)
    if status >= 500 or status in _AGAIN:
        return Answered(again=True, problem=f"{said}: it is out of order for now.", remedy=(_LATER,))
    return Answered(problem=f"{said}: it does not take this kind of message.", remedy=(_KIND[kind],))


def of_fault(fault: Fault) -> Answered:
    """Return what it means that no whole answer came; `fault` is what `net` found."""
    where = fault.where or "the other side"
    if fault.phase is Phase.TLS or fault.kind in _CERTIFICATES:
        return Answered(
            again=True,
            problem=f"{explain(fault).title} The alert was not sent.",
            remedy=("Check the host in the webhook address; else ask whoever runs it about its certificate.",),
        )
    if fault.kind in (Kind.ADDRESS_REFUSED, Kind.PORT_REFUSED):
        return Answered(
            problem=f"{fault.text} The settings of this deployment forbid it.",
            remedy=('Use another webhook, or ask whoever deploys this site to allow it (MAILADMIN["NETWORK"]).',),
        )
    if fault.phase in _NETWORK:
        return Answered(
            again=True,
            problem=explain(fault).title,
            remedy=(f"Check the host in the webhook address, and that this server may open connections to {where}.",),
        )
    if fault.kind is Kind.TIMEOUT:
        return Answered(
            again=True, problem=f"{where} did not answer within {limits.ALERT_SECONDS} seconds.", remedy=(_LATER,)
        )
    if fault.kind is Kind.CLOSED:
        return Answered(again=True, problem=f"{where} closed the connection without an answer.", remedy=(_LATER,))
    if fault.phase is Phase.SETTINGS:
        return Answered(problem=fault.text, remedy=("Type the webhook address and the signing secret again.",))
    return Answered(again=True, problem=f"What {where} answered is not HTTP.", remedy=("Check the webhook address.",))


_LATER = "Try again in some minutes; an alert is tried several times by itself."
_RENEW = {
    ChannelKind.SLACK: "Make a new incoming webhook in Slack and type its address here.",
    ChannelKind.TEAMS: "Look in Teams, under Workflows, whether the flow is switched on and has an owner; else make a "
    "new one and type its address here.",
    ChannelKind.WEBHOOK: "Check the address with whoever runs the receiver, and type it again.",
    ChannelKind.EMAIL: "",
}
_KIND = {
    ChannelKind.SLACK: "Check that the address is that of an incoming webhook of Slack, and that the kind is right.",
    ChannelKind.TEAMS: "Check that the flow begins with “When a Teams webhook request is received” and posts an "
    "Adaptive Card, and that the kind is right.",
    ChannelKind.WEBHOOK: "The receiver refuses our JSON: docs/alerts.md tells what is sent.",
    ChannelKind.EMAIL: "",
}
_CERTIFICATES = frozenset(kind for kind in Kind if kind.startswith("cert-"))

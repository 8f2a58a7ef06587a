"""What the answer of a webhook means (pure): whether the alert was taken, whether it is worth another try, and what to
tell the administrator. Nothing of the answer but its status is ever used.

The statuses are those of Slack ("Error conditions for incoming webhooks": 400, 403, 404, 410), of the Workflows
webhook of Teams (202 when it was taken, 401 and 404 when the flow is off or gone) and of HTTP itself (RFC 9110, 6585).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from . import limits
from .alerts import ChannelKind
from .fault import Fault, Kind, Phase
from .knowledge import explain
from .texts import N_, _

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
        return Answered(ok=True, way=_("{host} took it.").format(host=host))
    if 300 <= status < 400:
        problem = _("{host} answered HTTP {status}, which leads to another address.")
        answer = Answered(remedy=(_("A redirect is never followed: type the address that it leads to."),))
    elif status in _GONE:
        problem = _("{host} answered HTTP {status}: the webhook does not exist any more, or does not let us post.")
        answer = Answered(remedy=(_(_RENEW[kind]),))
    elif status == 429:
        problem = _("{host} answered HTTP {status}: it gets too many messages.")
        wait = min(retry_after or 0.0, float(limits.ALERT_RETRY_SECONDS[-1]))
        answer = Answered(again=True, remedy=(_(_LATER),), seconds=wait)
    elif status >= 500 or status in _AGAIN:
        problem = _("{host} answered HTTP {status}: it is out of order for now.")
        answer = Answered(again=True, remedy=(_(_LATER),))
    else:
        problem = _("{host} answered HTTP {status}: it does not take this kind of message.")
        answer = Answered(remedy=(_(_KIND[kind]),))
    return replace(answer, problem=problem.format(host=host, status=status))


def of_fault(fault: Fault) -> Answered:
    """Return what it means that no whole answer came; `fault` is what `net` found."""
    where = fault.where or _("the other side")
    if fault.phase is Phase.TLS or fault.kind in _CERTIFICATES:
        return Answered(
            again=True,
            problem=_("{title} The alert was not sent.").format(title=explain(fault).title),
            remedy=(_("Check the host in the webhook address; else ask whoever runs it about its certificate."),),
        )
    if fault.kind in (Kind.ADDRESS_REFUSED, Kind.PORT_REFUSED):
        return Answered(
            problem=_("{text} The settings of this deployment forbid it.").format(text=fault.text),
            remedy=(_('Use another webhook, or ask whoever deploys this site to allow it (MAILADMIN["NETWORK"]).'),),
        )
    if fault.phase in _NETWORK:
        return Answered(
            again=True,
            problem=explain(fault).title,
            remedy=(
                _(
                    "Check the host in the webhook address, and that this server may open connections to {where}."
                ).format(where=where),
            ),
        )
    if fault.kind is Kind.TIMEOUT:
        return Answered(
            again=True,
            problem=_("{where} did not answer within {seconds} seconds.").format(
                where=where, seconds=limits.ALERT_SECONDS
            ),
            remedy=(_(_LATER),),
        )
    if fault.kind is Kind.CLOSED:
        return Answered(
            again=True,
            problem=_("{where} closed the connection without an answer.").format(where=where),
            remedy=(_(_LATER),),
        )
    if fault.phase is Phase.SETTINGS:
        return Answered(problem=fault.text, remedy=(_("Type the webhook address and the signing secret again."),))
    return Answered(
        again=True,
        problem=_("What {where} answered is not HTTP.").format(where=where),
        remedy=(_("Check the webhook address."),),
    )


_LATER = N_("Try again in some minutes; an alert is tried several times by itself.")
_RENEW = {
    ChannelKind.SLACK: N_("Make a new incoming webhook in Slack and type its address here."),
    ChannelKind.TEAMS: N_(
        "Look in Teams, under Workflows, whether the flow is switched on and has an owner; else make a "
        "new one and type its address here."
    ),
    ChannelKind.WEBHOOK: N_("Check the address with whoever runs the receiver, and type it again."),
    ChannelKind.EMAIL: "",
}
_KIND = {
    ChannelKind.SLACK: N_(
        "Check that the address is that of an incoming webhook of Slack, and that the kind is right."
    ),
    ChannelKind.TEAMS: N_(
        "Check that the flow begins with “When a Teams webhook request is received” and posts an "
        "Adaptive Card, and that the kind is right."
    ),
    ChannelKind.WEBHOOK: N_("The receiver refuses our JSON: docs/alerts.md tells what is sent."),
    ChannelKind.EMAIL: "",
}
_CERTIFICATES = frozenset(kind for kind in Kind if kind.startswith("cert-"))

"""What the answer to a Done event means (pure): whether it was taken, whether it is worth another try, and what to tell
the administrator. Nothing of the answer but its status is ever used (RFC 9110, RFC 6585 for 429)."""

from __future__ import annotations

from dataclasses import dataclass

from . import limits
from .fault import Fault, Kind, Phase
from .knowledge import explain
from .texts import _

_AGAIN = frozenset({408, 425, 429})  # of the 4xx: the same request may be taken later
_FINAL = frozenset({Kind.ADDRESS_REFUSED, Kind.PORT_REFUSED})


@dataclass(frozen=True)
class Answered:
    """What came of one try: `ok` when the receiver took it, else whether it is tried `again`; `text` is for people.
    `rest` is for how many seconds the receiver is to be left alone with other events, too."""

    text: str
    ok: bool = False
    again: bool = False
    rest: float = 0.0


def of_status(host: str, status: int, retry_after: float | None = None) -> Answered:
    """Return what the HTTP `status` means that `host` answered."""
    if 200 <= status < 300:
        return Answered(_("{host} took it.").format(host=host), ok=True)
    said = _("{host} answered HTTP {status}").format(host=host, status=status)
    if 300 <= status < 400:
        text = _("{said}, which leads to another address. A redirect is never followed: type the address it leads to.")
        return Answered(text.format(said=said))
    if status == 429:
        rest = min(max(retry_after or 0.0, limits.DONE_RETRY_SECONDS[0]), float(limits.DONE_RETRY_SECONDS[-1]))
        return Answered(_("{said}: it gets too many events.").format(said=said), again=True, rest=rest)
    if status >= 500 or status in _AGAIN:
        return Answered(_("{said}: it is out of order for now.").format(said=said), again=True)
    text = _("{said}: it does not take this event. Check the address and the signing secret with whoever runs it.")
    return Answered(text.format(said=said))


def of_fault(fault: Fault) -> Answered:
    """Return what it means that no whole answer came; `fault` is what `net` found."""
    where = fault.where or _("the receiver")
    if fault.kind in _FINAL:
        text = _("{problem} The settings of this deployment forbid it.").format(problem=fault.text)
        return Answered(text)
    if fault.phase is Phase.SETTINGS:
        return Answered(fault.text)
    rest = float(limits.DONE_RETRY_SECONDS[0])
    if fault.kind is Kind.TIMEOUT:
        text = _("{where} did not answer within {seconds} seconds.").format(where=where, seconds=limits.DONE_SECONDS)
    elif fault.kind is Kind.CLOSED:
        text = _("{where} closed the connection without an answer.").format(where=where)
    elif fault.phase is Phase.GRAPH:
        text = _("What {where} answered is not HTTP.").format(where=where)
    else:
        text = explain(fault).title
    return Answered(text, again=True, rest=rest)

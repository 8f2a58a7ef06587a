"""What is wrong with the mail itself: nothing gets through, the outbox is not drained, somebody must decide."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from mailadmin.core import limits
from mailadmin.core.alerts import Event
from mailadmin.core.outcome import DeliveryState
from mailadmin.core.settings import RouteKey, RouteKind
from mailadmin.core.texts import _, ngettext

from .finding import ERROR, WARNING, Finding, Link, link
from .outbox import Counted, verdict
from .reading import Reading
from .waiting import Why, lasting

_LOG = "mailadmin.view_delivery"


def mail_findings(found: Reading) -> Iterator[Finding]:
    """Yield what is wrong with the mail as a whole."""
    yield from _silence(found)
    yield from _outbox(found)
    yield from _unsure(found)
    yield from _fallback(found)


def _silence(found: Reading) -> Iterator[Finding]:
    if found.silent_since:
        lasted = lasting((found.now - found.silent_since).total_seconds())
        yield Finding(
            ERROR,
            "mail:silence",
            "silence",
            _("No message got through for {time}, although some were due.").format(time=lasted),
            _("Every try has failed since then. The log says why, message by message."),
            Event.SILENCE,
            links=(link(_("See what failed"), "log-list", query={"state": "problem"}, permission=_LOG),),
        )


def _outbox(found: Reading) -> Iterator[Finding]:
    outbox = found.outbox
    if outbox.late:
        title, text = _("The outbox is not drained."), verdict(outbox)[1]
        links = (_open_outbox(Why.DUE),)
        yield Finding(ERROR, "outbox:late", "outbox", title, text, Event.FAILING, links=links)
    if unsure := outbox.counts.get(Why.UNSURE):
        title = unsure.told(
            lambda number: ngettext(
                "{number} message may have been delivered, and somebody must decide.",
                "{number} messages may have been delivered, and somebody must decide.",
                number,
            )
        )
        text = _("Sending again could deliver a second copy, so nothing happens by itself. Ask who should have got it.")
        links = (_open_outbox(Why.UNSURE),)
        yield Finding(WARNING, "outbox:unsure", "outbox", title, text, Event.UNSURE, links=links)
    if crashed := outbox.counts.get(Why.CRASHED):
        title = crashed.told(
            lambda number: ngettext(
                "{number} message held: workers ended while they had it.",
                "{number} messages held: workers ended while they had them.",
                number,
            )
        )
        text = _("The outbox shows what happened at the end; release what shall be tried again, or cancel it.")
        links = (_open_outbox(Why.CRASHED),)
        yield Finding(WARNING, "outbox:crashed", "outbox", title, text, Event.FAILING, links=links)


def _unsure(found: Reading) -> Iterator[Finding]:
    if found.unsure:
        title = Counted(found.unsure, found.unsure >= limits.OUTBOX_COUNTED).told(
            lambda number: ngettext(
                "{number} message of the last day may have arrived.",
                "{number} messages of the last day may have arrived.",
                number,
            )
        )
        text = _(
            "The server did not confirm in time, and sending again could deliver a second copy. Ask who should have "
            "got it."
        )
        links = (link(_("See which"), "log-list", query={"state": str(DeliveryState.UNSURE)}, permission=_LOG),)
        yield Finding(WARNING, "mail:unsure", "unsure", title, text, Event.UNSURE, links=links)


def _fallback(found: Reading) -> Iterator[Finding]:
    """Tell while the newest message that is over went by the fallback, until every route before that was tested well
    since."""
    latest = found.latest
    if latest is None or latest.state != DeliveryState.FALLBACK:
        return
    before = takewhile(lambda seen: seen.row.pk != latest.route_id, found.routes)
    doubtful = [seen.row for seen in before if not seen.well_since(latest.created_at)]
    if not doubtful:
        return
    first = doubtful[0] if len(doubtful) == 1 else None
    text = _("A preferred route did not take the latest message, so “{other}” sent it.")
    if first:
        text = _("“{name}” did not take the latest message, so “{other}” sent it.")
    text = text.format(name=first.name if first else "", other=latest.route_name)
    query = {"state": str(DeliveryState.FALLBACK)}
    yield Finding(
        WARNING,
        "mail:fallback",
        "fallback",
        _("Mail goes by fallback now."),
        text,
        Event.FALLBACK,
        route=RouteKey(RouteKind(first.kind), str(first.pk)) if first else None,
        name=first.name if first else "",
        links=(link(_("See these messages"), "log-list", query=query, permission=_LOG),),
    )


def _open_outbox(why: Why) -> Link:
    return link(_("Open the outbox"), "outbox", query={"why": str(why)}, permission=_LOG)

"""Keeping to Microsoft's limits by ourselves: requests at once, the pace of a mailbox, and the pauses it asks for.

Light on purpose: the delivery chooses a mailbox for each message without loading msal or requests. The counts are
those that processes share (`transports.shared`), under names without secrets.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

from mailadmin.core import limits
from mailadmin.core.durations import in_words
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import EntraApp, OAuthRoute
from mailadmin.core.texts import _
from mailadmin.transports.shared import NotNow, Pace, shared

Rest = Callable[[float], object]  # how to let some seconds pass

_MINUTE = 60
_PAUSES_ALONE = Pace(1.0, 1_000_000)  # so many may come at once that only a pause counts
_rotation = count()


def choose_mailbox(route: OAuthRoute) -> str:
    """Return the mailbox of `route` whose turn to send comes first; of equals one after the other."""
    app, mailboxes = route.app, route.identities
    if app is None or len(mailboxes) == 1:
        return route.identity
    first = next(_rotation) % len(mailboxes)
    in_turn = (*mailboxes[first:], *mailboxes[:first])
    return min(in_turn, key=lambda mailbox: shared().until_free(_mailbox_name(app, mailbox), _pace(route)))


def until_turn(route: OAuthRoute) -> float:
    """Return after how many seconds the first of the mailboxes of `route` could send, without taking its turn."""
    app = route.app
    if app is None:
        return 0.0
    waits = (shared().until_free(_mailbox_name(app, mailbox), _pace(route)) for mailbox in route.identities)
    return max(min(waits, default=0.0), shared().until_free(_app_name(app), _PAUSES_ALONE))


def await_turn(route: OAuthRoute, app: EntraApp, mailbox: str, patience: float, rest: Rest = time.sleep) -> None:
    """Take the next turn of `mailbox` to send a message, and let the time until then pass.

    Raises MailError (PACED), and takes no turn, when that is longer than `patience` seconds.
    """
    pause = _pause_left(app, patience)
    name, pace = _mailbox_name(app, mailbox), _pace(route)
    try:
        # Without a pace no turn is taken: those of an earlier setting would still be counted.
        wait = shared().until_free(name, pace) if pace is _PAUSES_ALONE else shared().book(name, pace, patience)
        if wait > patience:
            raise NotNow(wait)
    except NotNow as refusal:
        text = _("The next turn of {mailbox} comes in {time}.").format(mailbox=mailbox, time=in_words(refusal.seconds))
        raise MailError(_paced(app, text, refusal.seconds)) from None
    if (longest := max(wait, pause)) > 0:
        rest(longest)


def await_pause_end(app: EntraApp, patience: float, rest: Rest = time.sleep) -> None:
    """Let the time pass for which Microsoft asked this app to pause, if it did.

    Raises MailError (PACED) when that is longer than `patience` seconds.
    """
    if (pause := _pause_left(app, patience)) > 0:
        rest(pause)


@contextmanager
def place(app: EntraApp) -> Iterator[None]:
    """Be one of the requests that may be under way for `app` at once, while the block runs.

    Raises MailError (BUSY) when no place became free within limits.GRAPH_BUSY_SECONDS.
    """
    with ExitStack() as stack:
        lease = shared().lease(_app_name(app), max(app.requests_at_once, 1), limits.GRAPH_BUSY_SECONDS)
        try:
            stack.enter_context(lease)
        except NotNow as refusal:
            text = _("None of {number} became free within {time}.").format(
                number=app.requests_at_once, time=in_words(refusal.seconds)
            )
            raise MailError(Fault(Phase.GRAPH, Kind.BUSY, text, host=app.cloud.graph_host)) from None
        yield


def hold_back(app: EntraApp, mailbox: str, seconds: float) -> None:
    """Let nobody send by `app`, or from `mailbox` ("" when none is meant), for so long."""
    for name in (_app_name(app), _mailbox_name(app, mailbox) if mailbox else ""):
        if name and seconds > 0:
            shared().pause(name, seconds)


def _pace(route: OAuthRoute) -> Pace:
    number = route.messages_per_minute
    return Pace(_MINUTE / number, min(limits.GRAPH_BURST, number)) if number > 0 else _PAUSES_ALONE


def _app_name(app: EntraApp) -> str:
    """Microsoft counts requests for an application in a tenant, whatever row of ours it stands in."""
    return "graph:" + _digest(app.cloud.graph_host, app.tenant, app.client_id)


def _mailbox_name(app: EntraApp, mailbox: str) -> str:
    """Exchange counts messages for a mailbox, whatever app sends them."""
    return "mailbox:" + _digest(app.cloud.graph_host, mailbox)


def _digest(*parts: str) -> str:
    text = "\n".join(part.strip().lower() for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _pause_left(app: EntraApp, patience: float) -> float:
    """Return for how long Microsoft wants nothing from this app. Raises MailError when that is too long."""
    seconds = shared().until_free(_app_name(app), _PAUSES_ALONE)
    if seconds > patience:
        text = _("Microsoft asked for a pause, which ends in {time}.").format(time=in_words(seconds))
        raise MailError(_paced(app, text, seconds, "pause"))
    return seconds


def _paced(app: EntraApp, text: str, seconds: float, field: str = "") -> Fault:
    return Fault(Phase.GRAPH, Kind.PACED, text, host=app.cloud.graph_host, retry_after=seconds, field=field)

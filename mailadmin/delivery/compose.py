"""Sending without a Django backend in between: `mailadmin.send`, the HTTP API, the console's form and the command line.

Here a route's default recipients apply, which Django itself cannot reach: it sends nothing when a message
names nobody.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mailadmin.core.outcome import SendResult
from mailadmin.core.settings import RouteKey

from . import last_resort, routes
from .clients import allowed_routes
from .message import Message
from .options import SendOptions
from .send import send_message


def send(*args: Any, asked_by: Any = None, is_test: bool = False, **kwargs: Any) -> SendResult:
    """Make a Message of these arguments, send or queue it, and return what became of it.

    Without any recipient the default recipients of the route are used. Where the project has a last resort, that one
    sends until the first route exists, and raises what it raises. `asked_by` is the user who sends by hand
    (primary key), `is_test` marks a test in the log. Raises BadMessage, MailError, ConfigurationError as `send_message`
    does.
    """
    return send_made(Message(*args, **kwargs), asked_by=asked_by, is_test=is_test)


def send_made(message: Message, *, asked_by: Any = None, is_test: bool = False) -> SendResult:
    """Send or queue `message` as `send` does, by the last resort where that one serves."""
    return _by_last_resort(message) or send_built(message, asked_by=asked_by, is_test=is_test)


def send_built(
    message: Message, *, asked_by: Any = None, is_test: bool = False, client: Any = None, label: str = ""
) -> SendResult:
    """Send or queue `message`, and return what became of it; `client` is the application that handed it over by the
    HTTP API (primary key), `label` that of a message without one. Raises as `send` does."""
    if not message.recipients():
        message.to = list(default_recipients(_asked_for(message), among=allowed_routes(client)))
    return send_message(message, SendOptions(label=label, asked_by=asked_by, is_test=is_test, client=client))


def _by_last_resort(message: Message) -> SendResult | None:
    """Send by the last resort and return what became of `message`, None where our own routes are to send it."""
    resort = last_resort.of_project()
    need = last_resort.need() if resort else None
    if need is None or not message.recipients() or last_resort.is_ours(message, need):
        return None
    last_resort.hand_over([message], resort, need, SendOptions(), quiet=False)
    found: SendResult = message.mailadmin  # type: ignore[attr-defined]  # the documented place for the result
    return found


def default_recipients(route: RouteKey | None = None, *, among: Collection[RouteKey] | None = None) -> tuple[str, ...]:
    """Return the default recipients of `route`, or of the first enabled route (`among` these, None for any) that has
    any."""
    for candidate in routes.current().routes:
        if among is not None and candidate.key not in among:
            continue
        if route in (None, candidate.key) and candidate.default_recipients:
            return candidate.default_recipients
    return ()


def _asked_for(message: Message) -> RouteKey | None:
    """Return the route that `message` asks for, None when it asks for none; an unknown one is refused when it is
    sent."""
    wanted = message.mailadmin_route
    return routes.current().named(wanted) if wanted and isinstance(wanted, str) else wanted or None

"""Sending without a Django backend in between: `mailadmin.send`, the HTTP API, the console's form and the command line.

Here a route's default recipients apply, which Django itself cannot reach: it sends nothing when a message
names nobody.
"""

from __future__ import annotations

from typing import Any

from mailadmin.core.outcome import SendResult
from mailadmin.core.settings import RouteKey

from . import routes
from .message import Message
from .options import SendOptions
from .send import send_message


def send(*args: Any, asked_by: Any = None, is_test: bool = False, **kwargs: Any) -> SendResult:
    """Make a Message of these arguments, send or queue it, and return what became of it.

    Without any recipient the default recipients of the route are used. `asked_by` is the user who sends by hand
    (primary key), `is_test` marks a test in the log. Raises BadMessage, MailError, ConfigurationError as `send_message`
    does.
    """
    return send_built(Message(*args, **kwargs), asked_by=asked_by, is_test=is_test)


def send_built(
    message: Message, *, asked_by: Any = None, is_test: bool = False, client: Any = None, label: str = ""
) -> SendResult:
    """Send or queue `message`, and return what became of it; `client` is the application that handed it over by the
    HTTP API (primary key), `label` that of a message without one. Raises as `send` does."""
    if not message.recipients():
        message.to = list(default_recipients(_asked_for(message)))
    return send_message(message, SendOptions(label=label, asked_by=asked_by, is_test=is_test, client=client))


def default_recipients(route: RouteKey | None = None) -> tuple[str, ...]:
    """Return the default recipients of `route`, or of the first enabled route that has any."""
    for candidate in routes.current().routes:
        if route in (None, candidate.key) and candidate.default_recipients:
            return candidate.default_recipients
    return ()


def _asked_for(message: Message) -> RouteKey | None:
    """Return the route that `message` asks for, None when it asks for none; an unknown one is refused when it is
    sent."""
    wanted = message.mailadmin_route
    return routes.current().named(wanted) if wanted and isinstance(wanted, str) else wanted or None

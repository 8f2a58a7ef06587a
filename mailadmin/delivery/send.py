"""The path of one message, in direct mode: the caller waits, and gets Django's usual result or an error."""

from __future__ import annotations

from django.core.mail import EmailMessage

from mailadmin.conf import ConfigurationError
from mailadmin.core.errors import BadMessage, MailError
from mailadmin.core.outcome import DeliveryState, SendResult

from . import attempts, health, log, routes
from .attempts import Sessions
from .convert import convert
from .log import SendOptions

__all__ = ["SendOptions", "Sessions", "send_message"]


def send_message(
    message: EmailMessage, options: SendOptions | None = None, sessions: Sessions | None = None
) -> SendResult:
    """Send `message` by the first route that takes it and return what became of it, also set as
    `message.mailadmin`.

    Raises BadMessage when the message itself is wrong, MailError (DeliveryUnsure among them) when nobody
    got it, and ConfigurationError when nothing is set up to send. `sessions` keeps connections open for
    the caller's next message; without it they are closed at the end.
    """
    options = options or SendOptions()
    own_sessions = sessions is None
    sessions = sessions or Sessions()
    try:
        return _send(message, options, sessions)
    finally:
        if own_sessions:
            sessions.close()


def _send(message: EmailMessage, options: SendOptions, sessions: Sessions) -> SendResult:
    snapshot = routes.current()
    try:
        draft = convert(message)
        plan = routes.plan(snapshot, draft, options.route)
    except (BadMessage, ConfigurationError) as error:
        _fail(message, log.refuse(message, options, error), str(error))
        raise
    first = plan.routes[0] if plan.routes else None
    entry = log.begin(draft, options, draft.label or options.label or (first.label if first else ""))
    try:
        if not plan.routes:
            raise routes.no_route(plan)
        run = attempts.run(draft, plan, lambda route: sessions.transport(route, snapshot.version))
    except (MailError, ConfigurationError) as error:
        _fail(message, log.abandon(entry, DeliveryState.FAILED, error), str(error))
        raise
    except BaseException as error:  # the caller is being ended: nobody knows how far a server got
        log.abandon(entry, DeliveryState.INTERRUPTED, error)
        raise
    result = attempts.result_of(run, draft, plan.passed_over)
    log.finish(entry, draft, run, result, health.changes(run.health, snapshot.states))
    message.mailadmin = result  # type: ignore[attr-defined]  # the documented place for the result
    if not result.sent and run.last_error:
        raise run.last_error
    return result


def _fail(message: EmailMessage, delivery_id: str | None, reason: str) -> None:
    message.mailadmin = SendResult(  # type: ignore[attr-defined]  # the documented place for the result
        state=DeliveryState.FAILED, reason=reason, delivery_id=delivery_id
    )

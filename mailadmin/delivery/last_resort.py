"""The last resort: another of the project's own mailers, which sends while this one cannot yet, or not now.

It serves until the first route exists, and while the database cannot be read or take a queued message. It is no route:
a route that fails, rests, is paused or switched off never leads here, nor does mail that is held or redirected on
purpose. Where the database is down and this process never read its settings, nobody can say whether mail is held, so
an installation that holds mail (a copy for staging) has no last resort.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from mailadmin import conf
from mailadmin.conf import ConfigurationError
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind
from mailadmin.core.outcome import DeliveryState, RecipientOutcome, RecipientState, SendResult
from mailadmin.core.preferences import Sending
from mailadmin.models import OAuthService, SmtpConnection

from . import announce, database, log, routes
from .attempts import Run
from .convert import Draft, convert
from .log import Entry
from .options import DIRECT, OPTION_PREFIX, SendOptions, options_for
from .outbox.enqueue import reserve_key
from .telling import tell

_RECIPIENTS = {DeliveryState.SENT: RecipientState.SENT, DeliveryState.INTERRUPTED: RecipientState.UNSURE}


def name(option: str = "") -> str:
    """Return the name of the last resort: `option` of the mailer, else `MAILADMIN["LAST_RESORT"]`; "" for none."""
    return option or str(conf.setting("LAST_RESORT"))


def of_project() -> str:
    """Return the last resort where no mailer is asked: that of the setting, else the option of the default mailer."""
    default: dict[str, Any] = (conf.mailers() or {}).get("default", {})
    return name() or str(default.get("OPTIONS", {}).get("last_resort", ""))


@dataclass(frozen=True)
class Need:
    """Why the last resort must serve, in a sentence, and whether the log can be written meanwhile."""

    reason: str
    logged: bool = False


def need() -> Need | None:
    """Return why the last resort must serve now, None when our own routes do. It costs one statement, and two more
    where no route is enabled."""
    try:
        snapshot = routes.current()
        held = snapshot.preferences.held or snapshot.preferences.sending is not Sending.ON
        if snapshot.routes or snapshot.broken or held or database.read(_any_route):
            return None
    except (MailError, *database.UNREACHABLE):
        return Need(_("The mail settings cannot be read from the database."))
    return Need(_("No SMTP connection or OAuth service is set up yet."), logged=True)


def is_cut_off(error: Exception) -> bool:
    """Tell whether `error` is that of a queued message which the database did not take because it is down; one that the
    caller's own broken transaction refused goes with that transaction."""
    unavailable = isinstance(error, MailError) and error.fault.kind is Kind.QUEUE_UNAVAILABLE
    return unavailable and isinstance(error.__cause__, (OperationalError, InterfaceError, TimeoutError))


def hand_over(messages: Iterable[EmailMessage], resort: str, why: Need, options: SendOptions, *, quiet: bool) -> int:
    """Send `messages` by the last resort called `resort`, one by one, and return how many it took. Each gets its result
    as `message.mailadmin`, and a row in the log where that can be written. Messages without recipients are skipped.

    Raises ConfigurationError when there is no such mailer, and what that mailer raises, unless `quiet`: then its
    OSErrors are not; MailError when an idempotency key cannot be kept.
    """
    backend, taken = mailer(resort), 0
    for message in messages:
        if not message.recipients():
            continue
        entry = _entry(message, options) if why.logged else None
        if entry and entry[0].values["idempotency_key"] and (known := reserve_key(entry[0])):
            message.mailadmin = known  # type: ignore[attr-defined]  # the documented place for the result
            taken += 1
            continue
        state, problem = DeliveryState.INTERRUPTED, ""  # the caller is being ended: nobody knows how far it got
        try:
            state = DeliveryState.SENT if backend.send_messages([message]) else DeliveryState.FAILED
        except Exception as error:
            state, problem = DeliveryState.FAILED, type(error).__name__
            if not (quiet and isinstance(error, OSError)):
                raise
        finally:
            _note(message, resort, f"{why.reason} {problem}".strip(), entry, state)
        taken += state.accepted
    return taken


def forget_earlier(messages: Sequence[EmailMessage]) -> None:
    """Take the results of an earlier sending from `messages`: one that is sent again is in nobody's hands yet."""
    for message in messages:
        vars(message).pop("mailadmin", None)


def open_ones(messages: Sequence[EmailMessage], *, begun: bool = False) -> Iterator[EmailMessage]:
    """Yield those of `messages` that are in nobody's hands: the outbox could not take them, or (unless only those are
    asked for that were `begun`) a list ended before them. What failed otherwise, or is unsure, has had its turn."""
    for message in messages:
        result = getattr(message, "mailadmin", None)
        if result.cut_off if isinstance(result, SendResult) else not begun:
            yield message


def is_ours(message: EmailMessage, why: Need) -> bool:
    """Tell whether `message` is for our own routes all the same: one that is to leave later, which the outbox keeps
    until there is a route, and one with an idempotency key where nobody can look the key up."""
    given = vars(message).get(OPTION_PREFIX + "send_at")
    later = isinstance(given, datetime) and timezone.is_aware(given) and given > timezone.now()
    return later or (not why.logged and bool(getattr(message, OPTION_PREFIX + "idempotency_key", "")))


def mailer(resort: str) -> BaseEmailBackend:
    """Return the backend called `resort`: an alias of MAILERS where the project has them (Django 6.1), else the path of
    a class, which reads the EMAIL_* settings. Raises ConfigurationError."""
    try:
        found: Any = mail.mailers[resort] if conf.mailers() is not None else import_string(resort)()
    except (ImportError, ImproperlyConfigured) as error:
        raise ConfigurationError(
            _("The last resort “{name}” cannot be used: {reason}").format(name=resort, reason=error)
        ) from error
    if getattr(found, "sends_by_routes", False) or not isinstance(found, BaseEmailBackend):
        raise ConfigurationError(
            _("The last resort “{name}” must be another e-mail backend than mailadmin's own.").format(name=resort)
        )
    return found


def _any_route() -> bool:
    return SmtpConnection.objects.exists() or OAuthService.objects.exists()


def _entry(message: EmailMessage, options: SendOptions) -> tuple[Entry, Draft] | None:
    """Return the row of `message` in the log; None where our own rules refuse it, which the other mailer may not do."""
    try:
        options = replace(options_for(message, options), delivery=DIRECT)
        draft = convert(message)
    except MailError:
        return None
    return log.entry(draft, options, draft.label or options.label), draft


def _note(
    message: EmailMessage, resort: str, reason: str, entry: tuple[Entry, Draft] | None, state: DeliveryState
) -> None:
    """Say what became of `message`: in the log, on the message, and in a line that no roll-back removes."""
    outcome = RecipientOutcome(_RECIPIENTS.get(state, RecipientState.PENDING))
    result = SendResult(
        state=state, route=resort, reason=reason, recipients=dict.fromkeys(message.recipients(), outcome)
    )
    if entry:
        row, draft = entry
        row.values["route_name"] = resort[:80]
        result.recipients = dict.fromkeys(draft.addresses, outcome)
        log.finish(row, draft, Run(result.recipients), result)
    else:
        tell(logging.WARNING, "A message went to the last resort %r (%s): %s", resort, state, reason)
    message.mailadmin = result  # type: ignore[attr-defined]  # the documented place for the result
    announce.message(result.delivery_id, result, str(entry[0].values["label"]) if entry else "")

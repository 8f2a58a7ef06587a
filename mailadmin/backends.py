"""Django's door in: `mailadmin.backends.EmailBackend`, for `MAILERS` (Django 6.1) and `EMAIL_BACKEND` (5.2)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from .conf import ConfigurationError
from .core.errors import MailError
from .core.settings import RouteKey
from .delivery import last_resort, routes
from .delivery.many import send_list
from .delivery.options import SendOptions, mailer_options
from .delivery.send import Sessions


class EmailBackend(BaseEmailBackend):
    """Sends by the routes of the console.

    Options: `route` is the name of the one route to use, `label` goes with every message into the log; `delivery`
    is "direct" (the caller waits) or "queued" (a worker sends), and `priority` is "urgent", "normal" or "non-urgent".
    `last_resort` names another mailer of the project that sends until the first route exists, and while the database is
    down (an alias of MAILERS; the path of a backend before Django 6.1).
    `username` and `password` are accepted, as Django passes them on 5.2, and not used: the credentials
    are in the console. Making an instance does no I/O.
    """

    sends_by_routes = True  # by which a last resort knows that it would be its own

    def __init__(
        self,
        fail_silently: bool = False,
        *,
        route: str = "",
        label: str = "",
        delivery: str = "",
        priority: str = "",
        last_resort: str = "",
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alias: str | None = getattr(self, "alias", None)
        self.fail_silently = fail_silently
        self.route = route
        self.label = label
        self.delivery = delivery
        self.priority = priority
        self.last_resort = last_resort
        self._lock = threading.RLock()
        self._sessions: Sessions | None = None

    def open(self) -> bool | None:
        """Hold connections for this backend until `close()`. Returns True when that is new, else False, as Django's
        do. Without it the process's pool of sessions is used, which needs no care."""
        if self._sessions is not None:
            return False
        self._sessions = Sessions(hold=True)
        return True

    def close(self) -> None:
        """End what `open()` held; what another thread is sending by it goes first."""
        with self._lock:
            sessions, self._sessions = self._sessions, None
            if sessions:
                sessions.close()

    def send_messages(self, email_messages: Iterable[EmailMessage]) -> int:
        """Send each message, or queue it; return how many were taken by a server or by the outbox. Messages without
        recipients are skipped.

        Raises the first MailError unless `fail_silently`; BadMessage and ConfigurationError always.
        """
        if not email_messages:
            return 0
        resort = last_resort.name(self.last_resort)
        return self._with(resort, list(email_messages)) if resort else self._by_routes(email_messages)

    def _with(self, resort: str, messages: list[EmailMessage]) -> int:
        """Send by our own routes, or by the last resort where they cannot."""
        if need := last_resort.need():
            ours: list[EmailMessage] = []
            others: list[EmailMessage] = []
            for message in messages:
                (ours if last_resort.is_ours(message, need) else others).append(message)
            return self._hand_over(others, resort, need) + (self._by_routes(ours) if ours else 0)
        last_resort.forget_earlier(messages)
        try:
            sent = self._by_routes(messages)
        except MailError as error:
            if not last_resort.is_cut_off(error):
                raise
            left = list(last_resort.open_ones(messages))
            return len(messages) - len(left) + self._hand_over(left, resort, last_resort.Need(error.summary))
        left = list(last_resort.open_ones(messages, begun=True))  # those whose errors were to be silent
        if left:
            why = left[0].mailadmin.reason  # type: ignore[attr-defined]  # the documented place for the result
            sent += self._hand_over(left, resort, last_resort.Need(why))
        return sent

    def _hand_over(self, messages: list[EmailMessage], resort: str, need: last_resort.Need) -> int:
        options = SendOptions(mailer=self.alias or "", label=self.label)
        return last_resort.hand_over(messages, resort, need, options, quiet=self.fail_silently)

    def _by_routes(self, email_messages: Iterable[EmailMessage]) -> int:
        with self._lock:
            try:
                options = self._options()
            except MailError:  # the settings cannot be read
                if self.fail_silently:
                    return 0
                raise
            if self._sessions:
                return send_list(email_messages, options, self._sessions, self.fail_silently)
            with contextlib.closing(Sessions()) as sessions:
                return send_list(email_messages, options, sessions, self.fail_silently)

    def _options(self) -> SendOptions:
        own = mailer_options(self.delivery, self.priority)
        return SendOptions(mailer=self.alias or "", label=self.label, route=self._chosen_route(), **own)

    def _chosen_route(self) -> RouteKey | None:
        if not self.route:
            return None
        chosen = routes.current().named(self.route)
        if chosen is None:
            text = f"The mailer asks for the route “{self.route}”, which is not enabled in the console."
            raise ConfigurationError(text)
        return chosen
